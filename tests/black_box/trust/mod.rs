//! What peers and strangers say of keys, threads and invitations has no effect beyond what they have shown; the honest
//! party beside them is served as before.

mod budget;
mod connectionless;
mod deletion;
mod documents;
mod forwarded;
mod invitations;
mod keys;
mod lengths;
mod nyms;
mod peers;
mod proofs;
mod queues;
mod reports;
mod response;
mod reviewed;
mod rotation;
mod sockets;
pub mod web;

use chancery_did::SecretKey;
use serde_json::{Value, json};

use crate::support::Agent;
use crate::support::peer::{Address, Peer, at_rest, basic_message, new_id};

/// The agent's record of a connection.
async fn connection(agent: &Agent, id: &str) -> Value {
    agent.get(&format!("/connections/{id}")).await
}

/// How many connections of the agent's are in a state.
async fn count(agent: &Agent, state: &str) -> usize {
    let found = agent.get(&format!("/connections?state={state}&limit=100")).await;
    found["results"].as_array().unwrap().len()
}

/// The connection whose other side the agent takes for the author of a text, or nobody.
async fn author(agent: &Agent, text: &str) -> Option<String> {
    at_rest(agent).await;
    let events = agent.controller.events();
    let mut heard = events.iter().filter(|e| e.topic == "basicmessages" && e.body["content"] == text);
    let author = heard.next().map(|e| e.body["connection_id"].as_str().unwrap().to_owned());
    assert!(heard.next().is_none(), "{text} was heard twice");
    author
}

/// Says something with a key: the connection that the agent takes it to come over.
async fn heard(agent: &Agent, peer: &Peer, to: &Address, key: &SecretKey) -> Option<String> {
    let text = new_id();
    peer.send(to, Some(key), &basic_message(&text)).await;
    author(agent, &text).await
}

/// A DID of the agent's with a service.
async fn own_did(agent: &Agent, method: &str) -> String {
    let made = agent.post("/wallet/did/create", json!({"method": method})).await;
    made["result"]["did"].as_str().unwrap().to_owned()
}

/// The exchanges that the agent has on a connection.
async fn exchanges(agent: &Agent, connection_id: &str) -> Vec<Value> {
    let found = agent.get(&format!("/issue-credential-2.0/records?connection_id={connection_id}")).await;
    found["results"].as_array().unwrap().iter().map(|r| r["cred_ex_record"].clone()).collect()
}

/// The exchange of a thread.
async fn exchange(agent: &Agent, thread_id: &str) -> Option<Value> {
    let found = agent.get(&format!("/issue-credential-2.0/records?thread_id={thread_id}")).await;
    let mut found = found["results"].as_array().unwrap().iter();
    let one = found.next().map(|r| r["cred_ex_record"].clone());
    assert!(found.next().is_none());
    one
}
