//! What an answer gives away.

use chancery_did::{KeyType, PublicKey, SecretKey};
use rand_core::OsRng;
use serde_json::{Value, json};

use crate::support::Agent;
use crate::support::credential;
use crate::support::peer::{
    Address, Peer, basic_message, credential_offer, invite, of_unknown_type, pack, ping, with_return_route,
    with_service,
};

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

#[tokio::test]
async fn envelopes_for_keys_that_are_held_and_that_are_not_are_answered_alike() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, stranger) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let invited = Address::of_invitation(&invite(&agent, 0, json!({})).await);
    let did = PublicKey::from_did_key(&agent.did("ed25519").await).unwrap();
    let held = [link.to.keys[0].clone(), invited.keys[0].clone(), did];
    let foreign = SecretKey::generate(KeyType::Ed25519, &mut OsRng).as_public().clone();
    let key = stranger.key();
    let offered = credential_offer(&credential(&key.as_public().did_key()));
    let malformed = json!({"@type": "https://didcomm.org/trust_ping/1.0/ping"});
    for message in [ping(), basic_message("x"), of_unknown_type(), malformed, offered] {
        for message in [message.clone(), with_service(message, key.as_public(), &stranger.endpoint)] {
            let message = with_return_route(message);
            for from in [None, Some(&key)] {
                let envelope = |to: &PublicKey| pack(&message, from, std::slice::from_ref(to), &[]);
                let expected = answer(&agent, &link.to.endpoint, envelope(&foreign)).await;
                assert_eq!((expected.0, &*expected.2), (200, ""));
                assert_eq!(answer(&agent, &link.to.endpoint, broken(&envelope(&foreign))).await, expected);
                for to in &held {
                    assert_eq!(answer(&agent, &link.to.endpoint, envelope(to)).await, expected, "{message}");
                    let broken = broken(&envelope(to));
                    assert_eq!(answer(&agent, &link.to.endpoint, broken).await, expected, "{message}");
                }
            }
        }
    }
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    // Whom the key was given gets an answer on the same way.
    let answered = peer.send(&link.to, Some(link.key()), &with_return_route(ping())).await;
    assert!(answered.letter.is_some());
}
