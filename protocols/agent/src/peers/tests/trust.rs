//! Who is believed about a DID, and which connection a key's messages come over.

use chancery_did::methods::{peer, sov};
use chancery_did::{KeyType, PublicKey, SecretKey};
use chancery_didcomm::Message;
use chancery_didcomm::message::Attachment;
use serde_json::{Value, json};

use super::super::{Claim, Connection, Distrust, INVITEE, State, learn};
use super::protocols;
use crate::peers::own;
use crate::ports::store::{NewRow, Query, RowKey, Space, Tag};
use crate::testing::{Party, World, now};

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[n; 32]).unwrap()
}

fn document(nym: &str, keys: &[&SecretKey]) -> Value {
    let first = keys[0].as_public();
    let mut document = sov::build_for(nym, first, &["http://peer.example"], &[]);
    for (n, more) in keys.iter().enumerate().skip(1) {
        let id = format!("did:sov:{nym}#{}", n + 1);
        document["publicKey"].as_array_mut().unwrap().push(json!({
            "id": id, "type": "Ed25519VerificationKey2018", "controller": format!("did:sov:{nym}"),
            "publicKeyBase58": more.public().base58(),
        }));
        document["service"][0]["recipientKeys"].as_array_mut().unwrap().push(json!(more.public().base58()));
    }
    document
}

fn signed(content: &Value, by: &SecretKey) -> Attachment {
    let mut attachment = Attachment::json_base64("doc", content);
    attachment.sign(by).unwrap();
    attachment
}

/// A request that names `did` with a document, signed and sent; what it is refused with. Committed when it is not.
fn request(
    party: &Party,
    did: &str,
    content: &Value,
    signer: &SecretKey,
    sender: &SecretKey,
) -> Result<(), String> {
    let attachment = signed(content, signer);
    believe(party, did, Some(&attachment), None, sender, None)
}

fn believe(
    party: &Party,
    did: &str,
    document: Option<&Attachment>,
    rotation: Option<&Attachment>,
    sender: &SecretKey,
    invited_by: Option<&SecretKey>,
) -> Result<(), String> {
    let mut unit = party.agent.unit(&party.tenant);
    let inviter = invited_by.map(|key| key.public().base58());
    let claim =
        Claim { did, document, rotation, sender: Some(sender.as_public()), invited_by: inviter.as_deref() };
    match now(learn(&mut unit, &claim)) {
        Ok(()) => {
            now(unit.commit()).unwrap();
            Ok(())
        }
        Err(Distrust::Refused(text)) => Err(text),
        Err(Distrust::Failed(error)) => panic!("{error}"),
    }
}

fn keys_of(party: &Party, did: &str) -> Vec<String> {
    let mut unit = party.agent.unit(&party.tenant);
    let rows = now(unit.find_rows(&Query::tagged("did_key", "did", did), false)).unwrap();
    rows.into_iter().map(|row| String::from_utf8(row.value).unwrap()).collect()
}

fn nym(of: &SecretKey) -> String {
    sov::nym_from_verkey(of.as_public())
}

#[test]
fn a_nym_is_that_of_the_key_that_sends_it() {
    let (one, two, three) = (key(1), key(2), key(3));
    let did = nym(&one);
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let plain = document(&did, &[&one]);
    // Unknown: the nym must come from the key that sent it, and that key stand in the document, which it or another of it signed.
    assert!(
        request(agent, &did, &document(&did, &[&two]), &two, &two)
            .unwrap_err()
            .contains("not that of the key")
    );
    assert!(
        request(agent, &did, &document(&did, &[&two]), &two, &one)
            .unwrap_err()
            .contains("not that of the key")
    );
    assert!(
        request(agent, &did, &document(&did, &[&one, &two]), &two, &two)
            .unwrap_err()
            .contains("not that of the key")
    );
    assert!(
        request(agent, &did, &plain, &three, &one).unwrap_err().contains("not signed by a key of its own")
    );
    assert!(request(agent, &nym(&two), &plain, &one, &one).unwrap_err().contains("does not match"));
    assert!(keys_of(agent, &did).is_empty());
    request(agent, &format!("did:sov:{did}"), &plain, &one, &one).unwrap();
    assert_eq!(keys_of(agent, &did), [one.public().base58()]);
    // Known: the same again by a key of it, or another that a key of the known one has signed.
    request(agent, &did, &plain, &one, &one).unwrap();
    assert!(request(agent, &did, &plain, &one, &two).unwrap_err().contains("not sent by a key"));
    let other = document(&did, &[&two]);
    assert!(request(agent, &did, &other, &two, &two).unwrap_err().contains("already known"));
    assert!(request(agent, &did, &other, &two, &one).unwrap_err().contains("already known"));
    assert_eq!(keys_of(agent, &did), [one.public().base58()]);
    request(agent, &did, &other, &one, &two).unwrap();
    assert_eq!(keys_of(agent, &did), [two.public().base58()]);
    // The replaced key has no say any more.
    assert!(request(agent, &did, &plain, &one, &one).unwrap_err().contains("already known"));
}

#[test]
fn what_a_peer_attached_serves_no_proof() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let one = key(1);
    let did = nym(&one);
    request(agent, &did, &document(&did, &[&one]), &one, &one).unwrap();
    let mut unit = agent.agent.unit(&agent.tenant);
    assert!(now(crate::peers::service::resolve_peer(&mut unit, &did)).is_ok());
    for form in [did.clone(), format!("did:sov:{did}"), format!("did:sov:{did}#1")] {
        let error = now(unit.resolve(&form)).unwrap_err();
        assert!(error.message.contains("No resolver supporting DID") && error.hint.is_some(), "{error}");
    }
}

#[test]
fn a_did_that_says_its_document_itself_gets_no_attached_one() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let (one, two, inviter) = (key(1), key(2), key(3));
    let long = peer::four::build_for_connection(one.as_public(), &["http://peer.example"], &[]).unwrap();
    let agreement = one.to_x25519().unwrap();
    let peer2 = peer::two::build_for_connection(
        one.as_public(),
        agreement.as_public(),
        &["http://peer.example"],
        &[],
    );
    for did in [long, peer2, one.public().did_key()] {
        let mut false_document = document(&nym(&two), &[&two]);
        false_document["id"] = json!(did);
        assert!(request(agent, &did, &false_document, &two, &two).unwrap_err().contains("not sent by a key"));
        request(agent, &did, &false_document, &two, &one).unwrap();
        assert!(!keys_of(agent, &did).contains(&two.public().base58()), "{did}");
        // A response: only the signature of the attachment counts, and what it is about.
        let attachment = signed(&false_document, &inviter);
        believe(agent, &did, Some(&attachment), None, &one, Some(&inviter)).unwrap();
        assert!(!keys_of(agent, &did).contains(&two.public().base58()), "{did}");
        let by_another = signed(&false_document, &two);
        assert!(believe(agent, &did, Some(&by_another), None, &one, Some(&inviter)).is_err());
        let about_another = signed(&document(&nym(&one), &[&one]), &inviter);
        assert!(believe(agent, &did, Some(&about_another), None, &one, Some(&inviter)).is_err());
        let mut rotation = Attachment::text("rotate", &did);
        assert!(believe(agent, &did, None, Some(&rotation), &one, Some(&inviter)).is_err(), "unsigned");
        rotation.sign(&inviter).unwrap();
        believe(agent, &did, None, Some(&rotation), &one, Some(&inviter)).unwrap();
        assert!(believe(agent, &did, None, None, &one, Some(&inviter)).is_err(), "signed by nobody");
    }
}

#[test]
fn our_own_dids_and_keys_are_no_peers() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let mut unit = agent.agent.unit(&agent.tenant);
    let own = own::new_nym(&mut unit).unwrap();
    let secret = now(unit.secret(&own.verkey)).unwrap().unwrap();
    now(unit.commit()).unwrap();
    let error = request(agent, &own.did, &document(&own.did, &[&secret]), &secret, &secret).unwrap_err();
    assert!(error.contains("one of our own"), "{error}");
    let one = key(1);
    let listed = document(&nym(&one), &[&one, &secret]);
    let error = request(agent, &nym(&one), &listed, &one, &one).unwrap_err();
    assert!(error.contains("one of our own"), "{error}");
    assert!(keys_of(agent, &nym(&one)).is_empty());
}

/// An agent with a DID of its own that all its connections run on, as a public DID may be.
fn with_shared_did(world: &World) -> (&Party, SecretKey, String) {
    let agent = world.party("agent");
    let mut unit = agent.agent.unit(&agent.tenant);
    let own = own::new_nym(&mut unit).unwrap();
    let secret = now(unit.secret(&own.verkey)).unwrap().unwrap();
    now(unit.commit()).unwrap();
    (agent, secret, own.did)
}

fn connection(party: &Party, my_did: &str, their_did: &str, state: State) -> String {
    let mut unit = party.agent.unit(&party.tenant);
    let mut connection = Connection::new(&unit, state, INVITEE, true);
    connection.my_did = Some(my_did.to_owned());
    connection.their_did = Some(their_did.to_owned());
    unit.insert(&connection).unwrap();
    now(unit.commit()).unwrap();
    connection.connection_id
}

fn message(thread: Option<&str>) -> Message {
    let mut json = json!({"@type": "https://didcomm.org/basicmessage/1.0/message", "@id": "m"});
    if let Some(thread) = thread {
        json["~thread"] = json!({"thid": thread});
    }
    Message::from_json(json).unwrap()
}

/// The connection of a message from `sender` to `ours`; what it changed is committed.
fn route(party: &Party, sender: &SecretKey, ours: &PublicKey, message: &Message) -> Option<String> {
    let mut unit = party.agent.unit(&party.tenant);
    let found = crate::peers::connection(&mut unit, sender.as_public(), ours, message, &party.agent);
    let found = now(found).unwrap();
    now(unit.commit()).unwrap();
    found.map(|connection| connection.connection_id)
}

fn recipients(party: &Party, connection_id: &str) -> Vec<String> {
    let mut unit = party.agent.unit(&party.tenant);
    let connection = now(unit.peek::<Connection>(connection_id)).unwrap().unwrap();
    now(crate::peers::target(&mut unit, &connection)).unwrap().unwrap().recipient_keys
}

#[test]
fn a_listed_key_takes_nothing_from_whoever_uses_it() {
    let world = World::new(&["agent"], protocols);
    let (agent, ours, my_did) = with_shared_did(&world);
    let (honest, liar) = (key(1), key(2));
    // The liar comes first and lists the other's key before its own.
    let mut false_document = document(&nym(&liar), &[&liar, &honest]);
    false_document["service"][0]["recipientKeys"] = json!([honest.public().base58(), liar.public().base58()]);
    request(agent, &nym(&liar), &false_document, &liar, &liar).unwrap();
    let of_liar = connection(agent, &my_did, &nym(&liar), State::Completed);
    let mut unit = agent.agent.unit(&agent.tenant);
    let mut own = now(unit.load::<own::OwnDid>(&my_did)).unwrap().unwrap();
    own.metadata.insert("posted".into(), json!(true));
    unit.save(&own).unwrap();
    now(unit.commit()).unwrap();
    assert_eq!(route(agent, &honest, ours.as_public(), &message(None)), None, "a stranger, as yet");
    request(agent, &nym(&honest), &document(&nym(&honest), &[&honest]), &honest, &honest).unwrap();
    let of_honest = connection(agent, &my_did, &nym(&honest), State::Completed);
    for _ in 0..2 {
        assert_eq!(route(agent, &honest, ours.as_public(), &message(None)).as_ref(), Some(&of_honest));
        assert_eq!(route(agent, &liar, ours.as_public(), &message(None)).as_ref(), Some(&of_liar));
    }
    assert_eq!(recipients(agent, &of_liar), [liar.public().base58()]);
    assert_eq!(recipients(agent, &of_honest), [honest.public().base58()]);
}

#[test]
fn a_further_key_joins_when_it_is_used_where_only_its_holder_can_be() {
    let world = World::new(&["agent"], protocols);
    let agent = world.party("agent");
    let mut unit = agent.agent.unit(&agent.tenant);
    let own = own::new_peer4(&mut unit, &["http://agent.example"], own::Purpose::Connection).unwrap();
    now(unit.commit()).unwrap();
    let ours = own.public_key().unwrap();
    let (one, two) = (key(1), key(2));
    request(agent, &nym(&one), &document(&nym(&one), &[&one, &two]), &one, &one).unwrap();
    let id = connection(agent, &own.did, &nym(&one), State::Completed);
    assert_eq!(recipients(agent, &id), [one.public().base58()]);
    let request_to_connect =
        Message::from_json(json!({"@type": "https://didcomm.org/didexchange/1.1/request", "@id": "r"}))
            .unwrap();
    assert_eq!(route(agent, &two, &ours, &request_to_connect), None, "anybody may ask for a connection");
    assert_eq!(recipients(agent, &id).len(), 1);
    assert_eq!(route(agent, &two, &ours, &message(None)).as_ref(), Some(&id));
    assert_eq!(recipients(agent, &id), [one.public().base58(), two.public().base58()]);
    assert_eq!(route(agent, &key(3), &ours, &message(None)), None);
}

#[test]
fn of_two_connections_the_thread_decides_then_the_newest_that_is_ready() {
    let world = World::new(&["agent"], protocols);
    let (agent, ours, my_did) = with_shared_did(&world);
    let one = key(1);
    request(agent, &nym(&one), &document(&nym(&one), &[&one]), &one, &one).unwrap();
    let first = connection(agent, &my_did, &nym(&one), State::Completed);
    assert_eq!(route(agent, &one, ours.as_public(), &message(None)).as_ref(), Some(&first));
    request(agent, &nym(&one), &document(&nym(&one), &[&one]), &one, &one).unwrap();
    let second = connection(agent, &my_did, &nym(&one), State::Completed);
    let _third = connection(agent, &my_did, &nym(&one), State::Request);
    let mut unit = agent.agent.unit(&agent.tenant);
    let mut asked = now(unit.load::<Connection>(&first)).unwrap().unwrap();
    asked.request_id = Some("thread-of-first".into());
    unit.save(&asked).unwrap();
    now(unit.commit()).unwrap();
    assert_eq!(
        route(agent, &one, ours.as_public(), &message(Some("thread-of-first"))).as_ref(),
        Some(&first)
    );
    assert_eq!(route(agent, &one, ours.as_public(), &message(Some("other"))).as_ref(), Some(&second));
    assert_eq!(route(agent, &one, ours.as_public(), &message(None)).as_ref(), Some(&second));
}

#[test]
fn a_replaced_key_counts_for_what_began_before_and_for_a_while() {
    for window in [600, 0] {
        let world = World::with(&["agent"], protocols, |_, settings| settings.replaced_key_seconds = window);
        let (agent, ours, my_did) = with_shared_did(&world);
        let (old, new) = (key(1), key(2));
        let did = nym(&old);
        request(agent, &did, &document(&did, &[&old]), &old, &old).unwrap();
        let id = connection(agent, &my_did, &did, State::Completed);
        let mut unit = agent.agent.unit(&agent.tenant);
        let mut asked = now(unit.load::<Connection>(&id)).unwrap().unwrap();
        asked.request_id = Some("before".into());
        unit.save(&asked).unwrap();
        now(unit.commit()).unwrap();
        assert_eq!(route(agent, &old, ours.as_public(), &message(None)).as_ref(), Some(&id));

        request(agent, &did, &document(&did, &[&new]), &old, &new).unwrap();
        assert_eq!(route(agent, &old, ours.as_public(), &message(None)), None, "nothing new");
        let of_before = route(agent, &old, ours.as_public(), &message(Some("before")));
        assert_eq!(of_before.is_some(), window > 0);
        assert_eq!(route(agent, &new, ours.as_public(), &message(None)).as_ref(), Some(&id));
        world.advance(std::time::Duration::from_secs(601));
        assert_eq!(route(agent, &old, ours.as_public(), &message(Some("before"))), None);
    }
}

#[test]
fn our_old_key_is_good_until_the_new_one_was_used() {
    let world = World::new(&["agent"], protocols);
    let (agent, old, my_did) = with_shared_did(&world);
    let one = key(1);
    request(agent, &nym(&one), &document(&nym(&one), &[&one]), &one, &one).unwrap();
    let id = connection(agent, &my_did, &nym(&one), State::Completed);
    let rotate = || {
        let command = serde_json::from_value(json!({"did": my_did})).unwrap();
        now(crate::wallet::rotate_keypair(&agent.agent, &agent.tenant, command)).unwrap();
        let own = now(agent.agent.unit(&agent.tenant).peek::<own::OwnDid>(&my_did)).unwrap().unwrap();
        own.public_key().unwrap()
    };
    let (first, second) = (rotate(), rotate());
    for ours in [old.as_public(), &first, &first] {
        assert_eq!(route(agent, &one, ours, &message(None)).as_ref(), Some(&id));
    }
    assert_eq!(route(agent, &one, old.as_public(), &message(None)), None, "it knows a newer one");
    assert_eq!(route(agent, &one, &second, &message(None)).as_ref(), Some(&id));
    assert_eq!(route(agent, &one, &first, &message(None)), None);
    assert_eq!(route(agent, &one, &second, &message(None)).as_ref(), Some(&id));
}

#[test]
fn a_deleted_connection_takes_its_keys_along_unless_another_names_them() {
    let world = World::new(&["agent"], protocols);
    let (agent, ours, my_did) = with_shared_did(&world);
    let one = key(1);
    let long = peer::four::build_for_connection(one.as_public(), &["http://peer.example"], &[]).unwrap();
    let short = peer::four::short_form(&long).unwrap().to_owned();
    let rows = |category: &str| agent.store.dump(category).len();
    for did in [nym(&one), long.clone()] {
        if did == long {
            believe(agent, &did, None, None, &one, None).unwrap();
        } else {
            request(agent, &did, &document(&did, &[&one]), &one, &one).unwrap();
        }
        let first = connection(agent, &my_did, &did, State::Completed);
        let second = connection(agent, &my_did, if did == long { &short } else { &did }, State::Completed);
        let delete = |id: &str| {
            let command = super::named(id);
            now(super::remove(&agent.agent, &agent.tenant, command)).unwrap();
        };
        delete(&second);
        assert_eq!(route(agent, &one, ours.as_public(), &message(None)).as_ref(), Some(&first), "{did}");
        delete(&first);
        assert_eq!(route(agent, &one, ours.as_public(), &message(None)), None, "{did}");
        assert_eq!((rows("did_key"), rows("did_doc"), rows("long_peer_did_4_doc")), (0, 0, 0), "{did}");
        let marks = now(agent.agent.store().weigh(&agent.tenant, Space::Used, 9)).unwrap();
        assert_eq!(marks, (0, 0), "{did}");
        assert_eq!(agent.store.dump("did").len(), 1, "our own stay");
    }
}

#[test]
fn keys_of_an_older_wallet_count_unless_two_claim_them() {
    let world = World::new(&["agent"], protocols);
    let (agent, ours, my_did) = with_shared_did(&world);
    let (one, two, both) = (key(1), key(2), key(3));
    let mut unit = agent.agent.unit(&agent.tenant);
    for (n, (holder, listed)) in
        [(&one, &one), (&one, &both), (&two, &two), (&two, &both)].into_iter().enumerate()
    {
        unit.insert_row(NewRow {
            key: RowKey::new("did_key", n.to_string()),
            value: listed.public().base58().into_bytes(),
            tags: vec![Tag::new("did", nym(holder)), Tag::new("key", listed.public().base58())],
        });
    }
    now(unit.commit()).unwrap();
    let of_one = connection(agent, &my_did, &nym(&one), State::Completed);
    let of_two = connection(agent, &my_did, &nym(&two), State::Request);
    assert_eq!(route(agent, &one, ours.as_public(), &message(None)), None, "two connections share our key");
    now(super::super::count_known_keys(&agent.agent, &agent.tenant)).unwrap();
    assert_eq!(route(agent, &one, ours.as_public(), &message(None)).as_ref(), Some(&of_one));
    assert_eq!(route(agent, &two, ours.as_public(), &message(None)), None, "{of_two} is not ready");
    assert_eq!(route(agent, &both, ours.as_public(), &message(None)), None, "two DIDs claim it");
}
