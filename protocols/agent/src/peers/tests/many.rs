//! Look-ups among very many rows that have something in common: what is found, and how little is read for it.

use chancery_did::{KeyType, PublicKey, SecretKey};

use serde_json::json;

use super::protocols;
use crate::peers::keys::{self, MOST_UNUSED_LISTINGS};
use crate::peers::route::MOST_CANDIDATES;
use crate::peers::{
    Connection, INVITEE, INVITER, OobRecord, State, asked, note_waiting_invitations, their_did, waiting,
};
use crate::ports::Store as _;
use crate::ports::store::{NewRow, RowKey, Space, Tag};
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

/// Connections between DIDs: theirs, ours, and the alias.
fn between(party: &Party, dids: impl Iterator<Item = (String, String, Option<String>)>) {
    let mut unit = party.agent.unit(&party.tenant);
    for (their_did, my_did, alias) in dids {
        let mut connection = Connection::new(&unit, State::Completed, INVITER, true);
        (connection.their_did, connection.my_did) = (Some(their_did), Some(my_did));
        connection.alias = alias;
        unit.insert(&connection).unwrap();
    }
    now(unit.commit()).unwrap();
}

/// The alias of the connection over which a message from the key to ours comes; the key counts for `theirs`.
fn routed(party: &Party, key: &SecretKey, theirs: &str, my_key: &PublicKey) -> Option<String> {
    let mut unit = party.agent.unit(&party.tenant);
    unit.put_row(NewRow {
        key: RowKey::new("did_key", "listed"),
        value: key.public().base58().into_bytes(),
        tags: vec![Tag::new("did", theirs), Tag::new("key", key.public().base58())],
    });
    keys::count(&mut unit, theirs, key.as_public());
    now(unit.commit()).unwrap();
    let message = json!({"@type": "https://didcomm.org/trust_ping/1.0/ping", "@id": "ping"});
    let message = chancery_didcomm::Message::from_json(message).unwrap();
    let mut unit = party.agent.unit(&party.tenant);
    let found = party.store.on_the_way(|| {
        now(crate::peers::connection(&mut unit, key.as_public(), my_key, &message, &party.agent)).unwrap()
    });
    found.and_then(|connection| connection.alias)
}

#[test]
fn a_peer_with_many_connections_is_routed_by_both_dids() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let key = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap();
    let theirs = "did:peer:many";
    let (mine, my_key) = own_did(agent);
    let dids = (0..200).map(|n| match n {
        150 => (theirs.to_owned(), mine.clone(), Some("this one".to_owned())),
        _ => (theirs.to_owned(), format!("other-{n}"), None),
    });
    between(agent, dids);
    assert_eq!(routed(agent, &key, theirs, &my_key).as_deref(), Some("this one"));
}

#[test]
fn strangers_make_any_number_of_connections_with_a_did_of_ours_and_a_peer_with_many_is_found_at_it() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let key = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap();
    let (theirs, strangers) = ("did:peer:many", MOST_CANDIDATES + 1);
    let (mine, my_key) = own_did(agent);
    between(agent, (0..strangers).map(|n| (format!("did:peer:stranger-{n}"), mine.clone(), None)));
    between(agent, (0..200).map(|n| (theirs.to_owned(), format!("other-{n}"), None)));
    between(agent, std::iter::once((theirs.to_owned(), mine.clone(), Some("this one".to_owned()))));
    assert_eq!(routed(agent, &key, theirs, &my_key).as_deref(), Some("this one"));
}

/// Connections of a multi-use invitation of ours that has no out-of-band record; perhaps one that waits.
fn invitation(party: &Party, id: &str, count: usize, waits: bool) {
    let mut unit = party.agent.unit(&party.tenant);
    for n in 0..count {
        let waits = waits && n == count / 2;
        let state = if waits { State::Invitation } else { State::Completed };
        let mut connection = Connection::new(&unit, state, INVITEE, true);
        connection.invitation_msg_id = Some(id.to_owned());
        connection.invitation_mode = if waits { "multi" } else { "once" }.to_owned();
        unit.insert(&connection).unwrap();
    }
    now(unit.commit()).unwrap();
}

/// The connection that waits for a request to the invitation; looked for as when a message has come.
fn awaited(party: &Party, id: &str) -> Option<String> {
    party.store.on_the_way(|| {
        let mut unit = party.agent.unit(&party.tenant);
        let found = now(waiting::with(&mut unit, id)).unwrap();
        now(unit.commit()).unwrap();
        found.map(|connection| connection.connection_id)
    })
}

#[test]
fn an_invitation_without_its_record_is_noted_while_its_connections_are_few() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    invitation(agent, "used", 3, false);
    assert_eq!(awaited(agent, "used"), None);
    invitation(agent, "open", 3, true);
    let id = awaited(agent, "open").unwrap();
    invitation(agent, "open", 100, false);
    assert_eq!(awaited(agent, "open").as_ref(), Some(&id));
    now(super::remove(&agent.agent, &agent.tenant, super::named(&id))).unwrap();
    assert_eq!(awaited(agent, "open"), None);
    let noted = now(agent.store.weigh(&agent.tenant, Space::Waiting, 9)).unwrap();
    assert_eq!(noted, (0, 0));
}

#[test]
fn invitations_of_an_older_wallet_that_have_no_record_are_noted_at_its_first_start() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    invitation(agent, "recorded", 1, true);
    let mut unit = agent.agent.unit(&agent.tenant);
    let record = OobRecord {
        oob_id: unit.new_id(),
        state: "await-response".to_owned(),
        role: "sender".to_owned(),
        invi_msg_id: "recorded".to_owned(),
        connection_id: Some(agent.store.dump("connection").remove(0).0),
        ..OobRecord::default()
    };
    unit.insert(&record).unwrap();
    now(unit.commit()).unwrap();
    invitation(agent, "open", 100, true);
    invitation(agent, "closed", 100, false);
    assert_eq!((awaited(agent, "open"), awaited(agent, "closed")), (None, None));
    for _ in 0..2 {
        now(note_waiting_invitations(&agent.agent, &agent.tenant)).unwrap();
    }
    assert!(awaited(agent, "open").is_some());
    assert_eq!(awaited(agent, "closed"), None);
    let noted = now(agent.store.weigh(&agent.tenant, Space::Waiting, 9)).unwrap();
    assert_eq!(noted.0, 1, "the out-of-band record names the connection of the other");
    assert!(awaited(agent, "recorded").is_some());
}
