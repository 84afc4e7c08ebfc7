//! Look-ups among very many rows that have something in common: what is found, and how little is read for it.

use chancery_did::{KeyType, PublicKey, SecretKey};

use super::protocols;
use crate::peers::keys::{self, MOST_UNUSED_LISTINGS};
use crate::peers::{Connection, INVITER, State};
use crate::peers::{asked, their_did};
use crate::ports::store::{NewRow, RowKey, Tag};
use crate::testing::{Party, World, now};

/// Connections of ours with `my_did`, in this state.
fn connections(party: &Party, count: usize, my_did: &str, state: State) -> Vec<String> {
    let mut unit = party.agent.unit(&party.tenant);
    let ids = (0..count).map(|_| {
        let mut connection = Connection::new(&unit, state, INVITER, true);
        connection.my_did = Some(my_did.to_owned());
        unit.insert(&connection).unwrap();
        connection.connection_id
    });
    let ids = ids.collect();
    now(unit.commit()).unwrap();
    ids
}

fn own_did(party: &Party) -> (String, PublicKey) {
    let mut unit = party.agent.unit(&party.tenant);
    let own = crate::peers::own::new_nym(&mut unit).unwrap();
    now(unit.commit()).unwrap();
    (own.did.clone(), own.public_key().unwrap())
}

fn awaits(party: &Party, key: &PublicKey) -> bool {
    let mut unit = party.agent.unit(&party.tenant);
    party.store.on_the_way(|| now(crate::peers::awaiting(&mut unit, key))).unwrap().is_some()
}

#[test]
fn a_request_with_a_did_of_many_connections_is_awaited_and_what_was_answered_is_not() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let (did, key) = own_did(agent);
    connections(agent, 3, &did, State::Completed);
    assert!(!awaits(agent, &key));
    let few = connections(agent, 1, &did, State::Request);
    assert!(awaits(agent, &key));
    connections(agent, 100, &did, State::Completed);
    assert!(!awaits(agent, &key), "{few:?} is one of many, asked for before requests were noted");
    let asked_for = connections(agent, 1, &did, State::Request).remove(0);
    let mut unit = agent.agent.unit(&agent.tenant);
    now(asked::note(&mut unit, &did, &asked_for)).unwrap();
    now(unit.commit()).unwrap();
    assert!(awaits(agent, &key));
    let mut unit = agent.agent.unit(&agent.tenant);
    let mut answered: Connection = now(unit.require(&asked_for)).unwrap();
    answered.advance(&mut unit, State::Completed).unwrap();
    now(unit.commit()).unwrap();
    assert!(!awaits(agent, &key));
}

#[test]
fn strangers_list_a_key_for_so_many_dids_and_its_holder_is_found_all_the_same() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let key = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap();
    let list = |did: &str, holder: Option<&PublicKey>| {
        let mut unit = agent.agent.unit(&agent.tenant);
        let listed = [key.as_public().clone()];
        now(their_did::write(&mut unit, did, None, &listed, holder)).unwrap();
        now(unit.commit()).unwrap();
        let mut unit = agent.agent.unit(&agent.tenant);
        now(keys::listings(&mut unit, key.as_public())).unwrap()
    };
    for n in 0..2 * MOST_UNUSED_LISTINGS {
        list(&format!("did:peer:stranger-{n}"), None);
    }
    let rows = list("did:peer:holder", Some(key.as_public()));
    assert_eq!(rows.len(), MOST_UNUSED_LISTINGS + 1);
    assert!(rows.iter().any(|row| keys::listed_did(row) == Some("did:peer:holder")));
}

#[test]
fn a_peer_with_many_connections_is_routed_by_both_dids() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let key = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap();
    let theirs = "did:peer:many";
    let mut unit = agent.agent.unit(&agent.tenant);
    let (mine, my_key) = own_did(agent);
    for n in 0..200 {
        let mut connection = Connection::new(&unit, State::Completed, INVITER, true);
        connection.their_did = Some(theirs.to_owned());
        connection.my_did = Some(if n == 150 { mine.clone() } else { format!("other-{n}") });
        if n == 150 {
            connection.alias = Some("this one".into());
        }
        unit.insert(&connection).unwrap();
    }
    unit.put_row(NewRow {
        key: RowKey::new("did_key", "listed"),
        value: key.public().base58().into_bytes(),
        tags: vec![Tag::new("did", theirs), Tag::new("key", key.public().base58())],
    });
    keys::count(&mut unit, theirs, key.as_public());
    now(unit.commit()).unwrap();
    let message = serde_json::json!({"@type": "https://didcomm.org/trust_ping/1.0/ping", "@id": "ping"});
    let message = chancery_didcomm::Message::from_json(message).unwrap();
    let mut unit = agent.agent.unit(&agent.tenant);
    let found = agent.store.on_the_way(|| {
        now(crate::peers::connection(&mut unit, key.as_public(), &my_key, &message, &agent.agent)).unwrap()
    });
    assert_eq!(found.and_then(|connection| connection.alias).as_deref(), Some("this one"));
}
