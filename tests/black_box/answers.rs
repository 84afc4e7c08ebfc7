//! What an answer gives away.

use chancery_did::{KeyType, PublicKey, SecretKey};
use futures_util::{SinkExt as _, StreamExt as _};
use rand_core::OsRng;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::peer::{
    Address, Link, Peer, basic_message, credential_offer, invite, of_unknown_type, pack, ping,
    with_return_route, with_service,
};
use crate::support::{Agent, credential, free_port};

/// Status, headers but for the time, and body.
async fn answer(agent: &Agent, endpoint: &str, body: Vec<u8>) -> (u16, Vec<(String, String)>, String) {
    let request = agent.http.post(endpoint).header("content-type", "application/ssi-agent-wire").body(body);
    let response = request.send().await.unwrap();
    let headers = response.headers().iter().filter(|(name, _)| *name != "date");
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    (response.status().as_u16(), headers, response.text().await.unwrap())
}

/// Another tag: the envelope is for this key, and can't be opened.
fn broken(envelope: &[u8]) -> Vec<u8> {
    let mut envelope: Value = serde_json::from_slice(envelope).unwrap();
    envelope["tag"] = json!("AAAAAAAAAAAAAAAAAAAAAA==");
    envelope.to_string().into_bytes()
}

/// A stranger's messages, each for a key that the agent does not have, for each of `held`, and for the same broken on the way.
fn strange_messages(stranger: &Peer, held: &[PublicKey]) -> Vec<(Value, Vec<Vec<u8>>)> {
    let foreign = SecretKey::generate(KeyType::Ed25519, &mut OsRng).as_public().clone();
    let key = stranger.key();
    let offered = credential_offer(&credential(&key.as_public().did_key()));
    let malformed = json!({"@type": "https://didcomm.org/trust_ping/1.0/ping"});
    let mut all = Vec::new();
    for message in [ping(), basic_message("x"), of_unknown_type(), malformed, offered] {
        for message in [message.clone(), with_service(message, key.as_public(), &stranger.endpoint)] {
            let message = with_return_route(message);
            for from in [None, Some(&key)] {
                let whole = std::iter::once(&foreign)
                    .chain(held)
                    .map(|to| pack(&message, from, std::slice::from_ref(to), &[]));
                let envelopes = whole.flat_map(|whole| [broken(&whole), whole]).collect();
                all.push((message.clone(), envelopes));
            }
        }
    }
    all
}

/// A peer with a connection, and keys of the agent's: of the connection, of an invitation, of a DID.
async fn connected(agent: &Agent) -> (Peer, Link, Vec<PublicKey>) {
    let peer = Peer::start();
    let link = peer.connect(agent).await;
    let invited = Address::of_invitation(&invite(agent, 0, json!({})).await);
    let did = PublicKey::from_did_key(&agent.did("ed25519").await).unwrap();
    let held = vec![link.to.keys[0].clone(), invited.keys[0].clone(), did];
    (peer, link, held)
}

#[tokio::test]
async fn envelopes_for_keys_that_are_held_and_that_are_not_are_answered_alike() {
    let agent = Agent::start("agent", &[]).await;
    let stranger = Peer::start();
    let (peer, link, held) = connected(&agent).await;
    for (message, envelopes) in strange_messages(&stranger, &held) {
        let expected = answer(&agent, &link.to.endpoint, envelopes[0].clone()).await;
        assert_eq!((expected.0, &*expected.2), (200, ""));
        for envelope in envelopes {
            assert_eq!(answer(&agent, &link.to.endpoint, envelope).await, expected, "{message}");
        }
    }
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    // Whom the key was given gets an answer on the same way.
    let answered = peer.send(&link.to, Some(link.key()), &with_return_route(ping())).await;
    assert!(answered.letter.is_some());
}

/// The messages of a socket are handled one after the other: what the peer hears first is the answer to its own ping, whatever a
/// stranger's envelope before it was for.
#[tokio::test]
async fn envelopes_for_keys_that_are_held_and_that_are_not_are_answered_alike_over_a_websocket() {
    let port = free_port().to_string();
    let agent = Agent::start("agent", &["-it", "ws", "127.0.0.1", &port]).await;
    let stranger = Peer::start();
    let (peer, link, held) = connected(&agent).await;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://127.0.0.1:{port}/")).await.unwrap();
    for (message, envelopes) in strange_messages(&stranger, &held) {
        for envelope in envelopes {
            let asked = with_return_route(ping());
            let own = pack(&asked, Some(link.key()), &link.to.keys, &link.to.routing);
            for body in [envelope, own] {
                socket.send(Message::binary(body)).await.unwrap();
            }
            let heard = loop {
                match socket.next().await.unwrap().unwrap() {
                    Message::Ping(_) => {}
                    Message::Binary(body) => break peer.read(&body),
                    other => panic!("{other} after {message}"),
                }
            };
            assert!(heard.is("ping_response"), "{heard:?} after {message}");
            assert_eq!(heard.thread(), asked["@id"].as_str().unwrap(), "after {message}");
        }
    }
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
}
