//! A peer whose DID is a did:web: no message's turn waits for its site.

use std::time::Duration;

use chancery_did::{KeyType, SecretKey};
use serde_json::{Value, json};

use super::protocols;
use crate::engine::Agent;
use crate::peers::{Claim, Connection, INVITER, State, learn};
use crate::ports::Store as _;
use crate::ports::store::Queue;
use crate::testing::{Party, World, now};
use crate::unit::Kind;

const DID: &str = "did:web:peer.example";
const URL: &str = "https://peer.example/.well-known/did.json";

fn key() -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap()
}

fn document(endpoint: &str) -> Vec<u8> {
    let id = format!("{DID}#1");
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1"], "id": DID,
        "verificationMethod": [{"id": id, "type": "Ed25519VerificationKey2018", "controller": DID,
            "publicKeyBase58": key().public().base58()}],
        "authentication": [id],
        "service": [{"id": format!("{DID}#didcomm"), "type": "did-communication", "priority": 0,
            "recipientKeys": [id], "routingKeys": [], "serviceEndpoint": endpoint}],
    });
    document.to_string().into_bytes()
}

/// A connection with the peer, as a handshake leaves it.
fn connect(party: &Party, learnt: bool) -> Connection {
    let mut unit = party.agent.unit(&party.tenant);
    let mut connection = Connection::new(&unit, State::Completed, INVITER, true);
    let own = crate::peers::own::new_nym(&mut unit).unwrap();
    connection.my_did = Some(own.did.clone());
    connection.their_did = Some(DID.to_owned());
    if learnt {
        let sender = key();
        let claim = Claim {
            did: DID,
            document: None,
            rotation: None,
            sender: Some(sender.as_public()),
            invited_by: None,
        };
        now(learn(&mut unit, &claim)).unwrap();
        assert!(now(crate::peers::has_service(&mut unit, DID)).unwrap());
    }
    unit.insert(&connection).unwrap();
    now(unit.commit()).unwrap();
    connection
}

/// Where a message's turn would answer to; how many look-ups it left for later.
fn answered_to(party: &Party, agent: &Agent, connection: &Connection) -> Result<(String, usize), Kind> {
    let work = || now(party.store.items(Queue::Work, 0, 100)).unwrap().len();
    let before = work();
    let mut unit = agent.unit(&party.tenant);
    unit.take_turn();
    let target = now(crate::peers::target(&mut unit, connection)).map_err(|error| error.kind)?;
    now(unit.commit()).unwrap();
    Ok((target.unwrap().endpoint.unwrap(), work() - before))
}

#[test]
fn a_turn_answers_to_the_services_that_were_last_seen_and_leaves_the_site_to_a_worker() {
    let world = World::new(&["agent"], protocols);
    let party = world.party("agent");
    party.publish(URL, &document("http://old.example"));
    let connection = connect(party, true);
    let old = "http://old.example".to_owned();
    assert_eq!(answered_to(party, &party.agent, &connection), Ok((old.clone(), 0)));
    party.publish(URL, &document("http://new.example"));
    world.advance(Duration::from_secs(3601));
    assert_eq!(answered_to(party, &party.agent, &connection), Ok((old.clone(), 1)));
    // One look-up is enough for a while.
    assert_eq!(answered_to(party, &party.agent, &connection), Ok((old.clone(), 0)));
    // A process that has just started knows them too, and that the site is to be looked up.
    let next = Agent::new(party.parts(), protocols());
    assert_eq!(answered_to(party, &next, &connection), Ok((old, 0)));
    assert_eq!(party.work(), 1);
    assert_eq!(answered_to(party, &party.agent, &connection), Ok(("http://new.example".to_owned(), 0)));
    let found = now(party.store.items(Queue::Work, 0, 100)).unwrap();
    assert!(found.is_empty());
}

#[test]
fn a_site_that_was_never_seen_is_looked_up_while_the_sender_tries_again() {
    let world = World::new(&["agent"], protocols);
    let party = world.party("agent");
    let connection = connect(party, false);
    assert_eq!(answered_to(party, &party.agent, &connection), Err(Kind::Unavailable));
    assert_eq!(party.work(), 1);
    assert_eq!(answered_to(party, &party.agent, &connection), Err(Kind::Unavailable));
    party.publish(URL, &document("http://peer.example"));
    assert_eq!(party.work(), 1);
    let (endpoint, _) = answered_to(party, &party.agent, &connection).unwrap();
    assert_eq!(endpoint, "http://peer.example");
}

#[test]
fn what_was_seen_of_a_site_goes_with_the_last_connection() {
    let world = World::new(&["agent"], protocols);
    let party = world.party("agent");
    party.publish(URL, &document("http://peer.example"));
    let connection = connect(party, true);
    let seen = || {
        let mut unit = party.agent.unit(&party.tenant);
        now(unit.recall(crate::ports::store::Space::Published, DID)).unwrap()
    };
    assert!(seen().is_some_and(|value| serde_json::from_slice::<Value>(&value).is_ok()));
    let mut unit = party.agent.unit(&party.tenant);
    now(connection.delete(&mut unit)).unwrap();
    now(unit.commit()).unwrap();
    assert!(seen().is_none());
}
