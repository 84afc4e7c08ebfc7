//! What the controller has looked at is what is acted on; whatever else changes a record is told to it.

use serde_json::{Value, json};

use super::{exchange, exchanges};
use crate::support::peer::{
    Letter, Link, Peer, at_rest, credential_ack, credential_offer, credential_report, credential_request,
    new_id, on_thread, proposal, thread_of,
};
use crate::support::{Agent, credential};

const KEPT: &[&str] = &["--preserve-exchange-records"];

/// The same message with another content, on the same thread.
fn changed(message: &Value, to: &Value) -> Value {
    let mut other = on_thread(to.clone(), thread_of(message));
    other["@id"] = json!(new_id());
    other
}

fn named(issuer: &str, name: &str) -> Value {
    let mut credential = credential(issuer);
    credential["credentialSubject"]["givenName"] = json!(name);
    credential
}

/// The states and errors that the controller heard of an exchange.
fn heard_of(agent: &Agent, thread: &str) -> Vec<(String, Option<String>)> {
    let events = agent.controller.events();
    let of_it =
        |e: &&crate::support::Event| e.topic == "issue_credential_v2_0" && e.body["thread_id"] == thread;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    events
        .iter()
        .filter(of_it)
        .map(|e| (text(&e.body["state"]).unwrap(), text(&e.body["error_msg"])))
        .collect()
}

async fn is_ended(agent: &Agent, peer: &Peer, thread: &str) {
    let report = |l: &Letter| l.is("problem-report") && l.thread() == thread;
    peer.letter("the report", report).await;
    at_rest(agent).await;
    let record = exchange(agent, thread).await.unwrap();
    assert_eq!(record["state"], "abandoned");
    let (state, error) = heard_of(agent, thread).pop().unwrap();
    assert_eq!(state, "abandoned");
    assert!(error.unwrap().contains("another"));
    let path = format!("/issue-credential-2.0/records/{}/send-offer", record["cred_ex_id"].as_str().unwrap());
    assert_eq!(agent.try_post(&path, json!({})).await.0, 400);
}

async fn path(agent: &Agent, thread: &str, act: &str) -> String {
    let record = exchange(agent, thread).await.unwrap();
    format!("/issue-credential-2.0/records/{}/{act}", record["cred_ex_id"].as_str().unwrap())
}

/// A new thread goes all the way to a signed credential.
async fn is_issued_to(agent: &Agent, peer: &Peer, link: &Link, issuer: &str) {
    let asked = proposal(&named(issuer, "Ada"));
    peer.say(link, &asked).await;
    at_rest(agent).await;
    let thread = thread_of(&asked).to_owned();
    agent.post(&path(agent, &thread, "send-offer").await, json!({})).await;
    let offered = peer.letter("the offer", |l| l.is("offer-credential") && l.thread() == thread).await;
    peer.say(link, &credential_request(&offered.message)).await;
    at_rest(agent).await;
    agent.post(&path(agent, &thread, "issue").await, json!({})).await;
    peer.letter("the credential", |l| l.is("issue-credential") && l.thread() == thread).await;
}

#[tokio::test]
async fn a_proposal_that_changes_while_it_is_looked_at_ends_the_exchange() {
    let agent = Agent::start("agent", KEPT).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let issuer = agent.did("ed25519").await;
    let first = proposal(&named(&issuer, "Ada"));
    peer.say(&link, &first).await;
    at_rest(&agent).await;
    // The same content under another id is the same proposal.
    peer.say(&link, &changed(&first, &first)).await;
    at_rest(&agent).await;
    let thread = thread_of(&first);
    assert_eq!(exchange(&agent, thread).await.unwrap()["state"], "proposal-received");
    assert_eq!(heard_of(&agent, thread).len(), 1);
    peer.say(&link, &changed(&first, &proposal(&named(&issuer, "Eve")))).await;
    is_ended(&agent, &peer, thread).await;
    is_issued_to(&agent, &peer, &link, &issuer).await;
}

#[tokio::test]
async fn an_offer_that_changes_while_it_is_looked_at_ends_the_exchange() {
    let agent = Agent::start("agent", KEPT).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let did = link.key().as_public().did_key();
    let first = credential_offer(&named(&did, "Ada"));
    peer.say(&link, &first).await;
    at_rest(&agent).await;
    peer.say(&link, &changed(&first, &first)).await;
    at_rest(&agent).await;
    let thread = thread_of(&first);
    assert_eq!(heard_of(&agent, thread).len(), 1, "the same offer under another id is no event");
    peer.say(&link, &changed(&first, &credential_offer(&named(&did, "Eve")))).await;
    is_ended(&agent, &peer, thread).await;
    // Another thread is served.
    let again = credential_offer(&named(&did, "Ada"));
    peer.say(&link, &again).await;
    at_rest(&agent).await;
    agent.post(&path(&agent, thread_of(&again), "send-request").await, json!({})).await;
    peer.letter("the request", |l| l.is("request-credential") && l.thread() == thread_of(&again)).await;
}

#[tokio::test]
async fn after_an_offer_a_proposal_is_negotiation_and_a_late_copy_of_an_earlier_one_is_nothing() {
    let agent = Agent::start("agent", KEPT).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let issuer = agent.did("ed25519").await;
    let first = proposal(&named(&issuer, "Ada"));
    let thread = thread_of(&first).to_owned();
    // Once with an id of its own, once, as Credo does, with the thread's.
    let second = changed(&first, &proposal(&named(&issuer, "Eve")));
    let mut third = changed(&first, &proposal(&named(&issuer, "Kim")));
    third["@id"] = json!(thread);
    for (n, round) in [&first, &second, &third].into_iter().enumerate() {
        peer.say(&link, round).await;
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, &thread).await.unwrap()["state"], "proposal-received", "{n}");
        for earlier in [&first, &second].into_iter().take(n) {
            peer.say(&link, earlier).await;
        }
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, &thread).await.unwrap()["state"], "proposal-received", "{n}");
        agent.post(&path(&agent, &thread, "send-offer").await, json!({})).await;
        let offers = |l: &Letter| l.is("offer-credential") && l.thread() == thread;
        peer.letter("the offer", offers).await;
        for earlier in [&first, &second].into_iter().take(n) {
            peer.say(&link, earlier).await;
        }
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, &thread).await.unwrap()["state"], "offer-sent", "{n}");
    }
    let offered = peer.letters().into_iter().rfind(|l| l.is("offer-credential")).unwrap();
    peer.say(&link, &credential_request(&offered.message)).await;
    at_rest(&agent).await;
    agent.post(&path(&agent, &thread, "issue").await, json!({})).await;
    peer.letter("the credential", |l| l.is("issue-credential")).await;
}

#[tokio::test]
async fn a_further_report_is_an_event_of_its_own() {
    let agent = Agent::start("agent", KEPT).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let first = proposal(&named(&agent.did("ed25519").await, "Ada"));
    peer.say(&link, &first).await;
    let thread = thread_of(&first);
    for words in ["because I say so", "and for another reason"] {
        let mut report = credential_report(thread);
        report["description"]["en"] = json!(words);
        peer.say(&link, &report).await;
        at_rest(&agent).await;
        let (state, error) = heard_of(&agent, thread).pop().unwrap();
        assert_eq!(state, "abandoned");
        assert!(error.unwrap().contains(words));
    }
    assert_eq!(heard_of(&agent, thread).len(), 3);
}

#[tokio::test]
async fn an_automatic_answer_that_fails_is_told_to_the_controller_and_the_other_side() {
    let agent = Agent::start("agent", &[KEPT, &["--auto-respond-credential-request"]].concat()).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    // Nobody can sign in the name of this one here.
    let request = |issuer: &str| credential_request(&credential_offer(&named(issuer, "Ada")));
    let foreign = request(&peer.key().as_public().did_key());
    peer.say(&link, &foreign).await;
    let thread = thread_of(&foreign);
    let report = |l: &Letter| l.is("problem-report") && l.thread() == thread;
    peer.letter("the report", report).await;
    at_rest(&agent).await;
    let (state, error) = heard_of(&agent, thread).pop().unwrap();
    assert_eq!((state.as_str(), error.is_some()), ("abandoned", true));
    assert_eq!(exchanges(&agent, &link.connection_id).await.len(), 1);
    let ours = request(&agent.did("ed25519").await);
    peer.say(&link, &ours).await;
    peer.letter("the credential", |l| l.is("issue-credential") && l.thread() == thread_of(&ours)).await;
}

#[tokio::test]
async fn an_acknowledgement_after_that_partys_report_makes_the_exchange_done_and_nobody_elses_does() {
    let agent = Agent::start("agent", &[KEPT, &["--auto-respond-credential-request"]].concat()).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let (link, elsewhere) = (peer.connect(&agent).await, attacker.connect(&agent).await);
    let asked = credential_request(&credential_offer(&named(&agent.did("ed25519").await, "Ada")));
    let thread = thread_of(&asked).to_owned();
    peer.say(&link, &asked).await;
    peer.letter("the credential", |l| l.is("issue-credential") && l.thread() == thread).await;
    peer.say(&link, &credential_report(&thread)).await;
    attacker.say(&elsewhere, &credential_ack(&thread)).await;
    at_rest(&agent).await;
    assert_eq!(exchange(&agent, &thread).await.unwrap()["state"], "abandoned");
    peer.say(&link, &credential_ack(&thread)).await;
    at_rest(&agent).await;
    assert_eq!(exchange(&agent, &thread).await.unwrap()["state"], "done");
    let states: Vec<String> = heard_of(&agent, &thread).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["request-received", "credential-issued", "abandoned", "done"]);
}
