//! A key counts once its holder has used it: listing somebody's key takes none of their messages.

use chancery_did::PublicKey;
use serde_json::{Value, json};

use super::{author, connection, exchanges, heard, own_did};
use crate::support::peer::{
    Address, Identity, Link, Peer, at_rest, basic_message, credential_offer, invitation, invitation_to,
    invite, new_id, pack, proposal, with_parent,
};
use crate::support::{Agent, credential, offer};

/// Two peers on one DID of the agent's; the attacker's document lists the victim's key beside its own.
struct Scene {
    agent: Agent,
    victim: Peer,
    attacker: Peer,
    to_victim: Link,
    to_attacker: Link,
}

pub type Listing = fn(&chancery_did::SecretKey, &[PublicKey], &str) -> Identity;

async fn scene(list: Listing, attacker_first: bool, own_key_first: bool) -> Scene {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let shared = own_did(&agent, "did:peer:2").await;
    let (key, their) = (attacker.key(), victim.key());
    let mut keys = vec![key.public(), their.public()];
    if !own_key_first {
        keys.reverse();
    }
    let me = list(&key, &keys, &attacker.endpoint);
    let honest = Identity::nym(&their, &victim.endpoint);
    let (to_victim, to_attacker) = if attacker_first {
        let to_attacker = attacker.host_to(&agent, &me, Some(&shared)).await;
        (victim.host_to(&agent, &honest, Some(&shared)).await, to_attacker)
    } else {
        let to_victim = victim.host_to(&agent, &honest, Some(&shared)).await;
        (to_victim, attacker.host_to(&agent, &me, Some(&shared)).await)
    };
    assert_eq!(to_victim.to.keys, to_attacker.to.keys, "one key of the agent's for both");
    Scene { agent, victim, attacker, to_victim, to_attacker }
}

async fn listing_takes_nothing(list: Listing) {
    for attacker_first in [false, true] {
        for own_key_first in [true, false] {
            let s = scene(list, attacker_first, own_key_first).await;
            let (agent, victim, attacker) = (&s.agent, &s.victim, &s.attacker);
            // What the victim says is the victim's, more than once.
            for _ in 0..2 {
                let author = heard(agent, victim, &s.to_victim.to, s.to_victim.key()).await;
                assert_eq!(author.as_deref(), Some(&*s.to_victim.connection_id));
                let author = heard(agent, attacker, &s.to_attacker.to, s.to_attacker.key()).await;
                assert_eq!(author.as_deref(), Some(&*s.to_attacker.connection_id));
            }
            // What goes to the attacker is packed for nobody else: who shares a content key can pack in our name.
            let letter = attacker.told(agent, &s.to_attacker.connection_id).await;
            assert_eq!(letter.packed_for, [s.to_attacker.key().as_public().base58()]);
            let letter = victim.told(agent, &s.to_victim.connection_id).await;
            assert_eq!(letter.packed_for, [s.to_victim.key().as_public().base58()]);
            // An offer of the victim's is the victim's, and a proposal.
            let wanted = credential(&s.to_victim.key().as_public().did_key());
            victim.say(&s.to_victim, &credential_offer(&wanted)).await;
            victim.say(&s.to_victim, &proposal(&wanted)).await;
            at_rest(agent).await;
            assert_eq!(exchanges(agent, &s.to_victim.connection_id).await.len(), 2);
            assert_eq!(exchanges(agent, &s.to_attacker.connection_id).await.len(), 0);
            victim.is_served(agent, &s.to_victim).await;
        }
    }
}

#[tokio::test]
async fn whose_nym_lists_another_peers_key_gets_none_of_its_messages() {
    listing_takes_nothing(Identity::nym_listing).await;
}

#[tokio::test]
async fn whose_did_peer_lists_another_peers_key_gets_none_of_its_messages() {
    listing_takes_nothing(Identity::peer4_listing).await;
}

/// With the keys' other form among the document's methods.
pub fn listing_for_agreement(key: &chancery_did::SecretKey, keys: &[PublicKey], endpoint: &str) -> Identity {
    let mut me = Identity::peer4_listing(key, &[key.public()], endpoint);
    let mut document = Value::Object(chancery_did::methods::peer::four::decode(&me.did).unwrap());
    for (at, key) in keys.iter().enumerate() {
        let id = format!("#agreement-{at}");
        let multikey = key.to_x25519().unwrap().multikey();
        let method = json!({"id": id, "type": "Multikey", "publicKeyMultibase": multikey});
        document["verificationMethod"].as_array_mut().unwrap().push(method);
        document["keyAgreement"].as_array_mut().unwrap().push(json!(id));
    }
    me.did = chancery_did::methods::peer::four::build(&document).unwrap();
    me
}

#[tokio::test]
async fn whose_did_peer_lists_another_peers_key_in_its_other_form_gets_none_of_its_messages() {
    listing_takes_nothing(listing_for_agreement).await;
}

#[tokio::test]
async fn a_credential_goes_to_whom_it_was_made_for_whatever_keys_another_peer_lists() {
    let s = scene(Identity::nym_listing, false, true).await;
    let did = s.agent.did("ed25519").await;
    let body = offer(&s.to_victim.connection_id, &did, "Ed25519Signature2020");
    s.agent.post("/issue-credential-2.0/send-offer", body).await;
    let offered = s.victim.letter("the offer", |l| l.is("offer-credential")).await;
    assert_eq!(offered.packed_for, [s.to_victim.key().as_public().base58()]);
    s.victim.say(&s.to_victim, &crate::support::peer::credential_request(&offered.message)).await;
    at_rest(&s.agent).await;
    let record = exchanges(&s.agent, &s.to_victim.connection_id).await.remove(0);
    assert_eq!(record["state"], "request-received");
    let path = format!("/issue-credential-2.0/records/{}/issue", record["cred_ex_id"].as_str().unwrap());
    s.agent.post(&path, json!({})).await;
    let issued = s.victim.letter("the credential", |l| l.is("issue-credential")).await;
    assert_eq!(issued.packed_for, [s.to_victim.key().as_public().base58()]);
    at_rest(&s.agent).await;
    assert!(!s.attacker.heard("offer-credential") && !s.attacker.heard("issue-credential"));
    assert_eq!(exchanges(&s.agent, &s.to_attacker.connection_id).await.len(), 0);
}

#[tokio::test]
async fn a_key_that_is_used_first_towards_an_invitations_key_speaks_on_no_connection_that_lists_it() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let shared = own_did(&agent, "did:peer:2").await;
    let (key, their) = (attacker.key(), victim.key());
    let me = Identity::peer4_listing(&key, &[key.public(), their.public()], &attacker.endpoint);
    let to_attacker = attacker.host_to(&agent, &me, Some(&shared)).await;
    // The victim is invited with the same DID; its first messages are not the attacker's.
    let invitation = invite(&agent, 1, json!({"use_did": shared})).await;
    let to = Address::of_invitation(&invitation);
    assert_eq!(heard(&agent, &victim, &to, &their).await, None);
    let honest = Identity::peer4(&their, &victim.endpoint);
    let link = victim.join(&agent, &invitation, &honest).await;
    victim.is_served(&agent, &link).await;
    assert_eq!(heard(&agent, &victim, &to, &their).await, None);
    let author = heard(&agent, &attacker, &to_attacker.to, &key).await;
    assert_eq!(author.as_deref(), Some(&*to_attacker.connection_id));
    let letter = attacker.told(&agent, &to_attacker.connection_id).await;
    assert_eq!(letter.packed_for, [key.as_public().base58()]);
}

#[tokio::test]
async fn a_further_key_joins_when_its_holder_uses_it() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    for list in [Identity::nym_listing as Listing, Identity::peer4_listing] {
        let (first, second) = (peer.key(), peer.key());
        let me = list(&first, &[first.public(), second.public()], &peer.endpoint);
        let link = peer.connect_as(&agent, &me).await;
        let letter = peer.told(&agent, &link.connection_id).await;
        assert_eq!(letter.packed_for, [first.as_public().base58()]);
        let author = heard(&agent, &peer, &link.to, &second).await;
        assert_eq!(author.as_deref(), Some(&*link.connection_id));
        let mut both = [first.as_public().base58(), second.as_public().base58()];
        let mut packed_for = peer.told(&agent, &link.connection_id).await.packed_for;
        both.sort();
        packed_for.sort();
        assert_eq!(packed_for, both);
        let author = heard(&agent, &peer, &link.to, &first).await;
        assert_eq!(author.as_deref(), Some(&*link.connection_id));
    }
}

#[tokio::test]
async fn who_sends_need_not_be_who_receives() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let (sender, recipient) = (peer.key(), peer.key());
    let mut me = Identity::peer4_listing(&sender, &[recipient.public(), sender.public()], &peer.endpoint);
    // Only the other key is one that messages are packed for.
    let mut document = Value::Object(chancery_did::methods::peer::four::decode(&me.did).unwrap());
    document["service"][0]["recipientKeys"] = json!(["#key-0"]);
    me.did = chancery_did::methods::peer::four::build(&document).unwrap();
    let link = peer.connect_as(&agent, &me).await;
    let author = heard(&agent, &peer, &link.to, &sender).await;
    assert_eq!(author.as_deref(), Some(&*link.connection_id));
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [recipient.as_public().base58()]);
}

#[tokio::test]
async fn before_any_key_is_proven_a_message_is_packed_for_one_key_only() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let (first, second) = (peer.key(), peer.key());
    let keys = [first.public(), second.public()];
    let listing = Identity::peer4_listing(&first, &keys, &peer.endpoint);
    let inline = json!({"id": "#inline", "type": "did-communication", "serviceEndpoint": peer.endpoint,
        "recipientKeys": [first.as_public().did_key_url(), second.as_public().did_key_url()]});
    for service in [inline, json!(listing.did)] {
        let asked = peer.invite(&agent, invitation_to(1, service)).await;
        assert_eq!(asked.request.packed_for, [first.as_public().base58()]);
        // The other key, though the invitation lists it, authenticates nothing yet.
        let to = Address::of_handshake(&asked.request);
        assert_eq!(heard(&agent, &peer, &to, &second).await, None);
        let me = Identity::peer4(&first, &peer.endpoint);
        peer.answer(&asked, &me).await;
        let link = peer.confirmed(&agent, &asked, &me).await;
        peer.is_served(&agent, &link).await;
    }
}

#[tokio::test]
async fn a_did_that_we_address_authenticates_nothing_before_its_key_was_used() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    // The attacker's connection is to a DID of its own that lists the victim's key alone for receiving.
    let (key, their) = (attacker.key(), victim.key());
    let shared = own_did(&agent, "did:peer:2").await;
    let honest = Identity::nym(&their, &victim.endpoint);
    let to_victim = victim.host_to(&agent, &honest, Some(&shared)).await;
    let me = Identity::peer4_listing(&key, &[their.public(), key.public()], &attacker.endpoint);
    let inviter = attacker.key();
    let offered = invitation(1, inviter.as_public(), &attacker.endpoint);
    let asked = attacker.invite_to(&agent, offered, Some(&shared)).await;
    attacker.answer(&asked, &me.clone().signed_by(&[&inviter])).await;
    at_rest(&agent).await;
    let author = heard(&agent, &victim, &to_victim.to, &their).await;
    assert_eq!(author.as_deref(), Some(&*to_victim.connection_id));
    victim.is_served(&agent, &to_victim).await;
}

#[tokio::test]
async fn two_connections_of_one_key_both_stay_and_messages_go_by_thread_else_to_the_newest() {
    let agent = Agent::start("agent", &["--preserve-exchange-records"]).await;
    let peer = Peer::start();
    let shared = own_did(&agent, "did:peer:2").await;
    let me = Identity::nym(&peer.key(), &peer.endpoint);
    let older = peer.host_to(&agent, &me, Some(&shared)).await;
    let offered = credential_offer(&credential(&me.key.as_public().did_key()));
    peer.say(&older, &offered).await;
    at_rest(&agent).await;
    assert_eq!(exchanges(&agent, &older.connection_id).await.len(), 1);
    let newer = peer.host_to(&agent, &me, Some(&shared)).await;
    assert_ne!(older.connection_id, newer.connection_id);
    // A message of no thread that is known is the newest's, one of the offer's thread the older's.
    let author = heard(&agent, &peer, &older.to, &me.key).await;
    assert_eq!(author.as_deref(), Some(&*newer.connection_id));
    let thread = offered["@id"].as_str().unwrap();
    peer.say(&newer, &crate::support::peer::credential_report(thread)).await;
    at_rest(&agent).await;
    assert_eq!(exchanges(&agent, &older.connection_id).await[0]["state"], "abandoned");
    for link in [&older, &newer] {
        assert_eq!(connection(&agent, &link.connection_id).await["state"], "active");
        peer.told(&agent, &link.connection_id).await;
    }
}

#[tokio::test]
async fn a_stranger_with_the_right_thread_and_invitation_speaks_on_no_connection() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, stranger) = (Peer::start(), Peer::start());
    let invitation = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    let me = Identity::peer4(&victim.key(), &victim.endpoint);
    let link = victim.join(&agent, &invitation, &me).await;
    let key = stranger.key();
    for to in [&link.to, &Address::of_invitation(&invitation)] {
        let text = new_id();
        let mut message = with_parent(basic_message(&text), invitation["@id"].as_str().unwrap());
        message["~thread"]["thid"] = json!(link.handshake);
        stranger.send(to, Some(&key), &message).await;
        stranger.send(to, None, &message).await;
        // Not packed at all.
        let answer = stranger.post(&to.endpoint, message.to_string().into_bytes()).await;
        assert_eq!((answer.status, answer.letter.is_none()), (200, true));
        // An envelope for the agent and others shares its content with them: it is its sender's all the same.
        let body = pack(&message, Some(&key), &[to.keys[0].clone(), me.key.public()], &[]);
        stranger.post(&to.endpoint, body).await;
        assert_eq!(author(&agent, &text).await, None);
    }
    assert!(stranger.letters().is_empty());
    victim.is_served(&agent, &link).await;
}

#[tokio::test]
async fn nothing_is_packed_for_a_key_that_only_another_peer_has_used() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let shared = own_did(&agent, "did:peer:2").await;
    let (key, their) = (attacker.key(), victim.key());
    let honest = Identity::nym(&their, &victim.endpoint);
    let to_victim = victim.host_to(&agent, &honest, Some(&shared)).await;
    // The attacker sends with its own key and would have everything packed for the victim's: what comes to its endpoint it
    // could hand to the victim, who has to take it for the agent's word on its own connection.
    let mut me = Identity::peer4_listing(&key, &[key.public(), their.public()], &attacker.endpoint);
    let mut document = Value::Object(chancery_did::methods::peer::four::decode(&me.did).unwrap());
    document["service"][0]["recipientKeys"] = json!(["#key-1"]);
    me.did = chancery_did::methods::peer::four::build(&document).unwrap();
    let inviter = attacker.key();
    let offered = invitation(1, inviter.as_public(), &attacker.endpoint);
    let asked = attacker.invite_to(&agent, offered, Some(&shared)).await;
    attacker.answer(&asked, &me.clone().signed_by(&[&inviter])).await;
    at_rest(&agent).await;
    let path = format!("/connections/{}/send-message", asked.connection_id);
    agent.try_post(&path, json!({"content": "for the attacker"})).await;
    at_rest(&agent).await;
    for letter in attacker.letters() {
        assert!(!letter.packed_for.contains(&their.as_public().base58()), "{letter:?}");
    }
    victim.is_served(&agent, &to_victim).await;
}

/// A wallet as an earlier version has left it: what it lists is there, what counts is not.
async fn as_of_an_earlier_version(agent: &mut Agent) {
    assert!(agent.stop().await.success());
    let path = agent.home.join("wallet/agent/sqlite.db");
    let wallet = rusqlite::Connection::open(path).unwrap();
    let marks = wallet.execute("DELETE FROM chancery_memory WHERE space = 'used'", []).unwrap();
    assert!(marks >= 2);
    wallet.execute("DELETE FROM chancery_memory WHERE space = 'setting'", []).unwrap();
    drop(wallet);
    agent.spawn().await;
}

#[tokio::test]
async fn keys_of_a_wallet_of_an_earlier_version_count_but_for_those_that_two_connections_claim() {
    if std::env::var("CHANCERY_TEST_STORE").is_ok_and(|store| store == "postgres") {
        return; // It is an SQLite file that is taken back in time.
    }
    let mut s = scene(Identity::nym_listing, false, true).await;
    let third = Peer::start();
    let shared = s.to_victim.their_did.clone();
    let honest = Identity::nym(&third.key(), &third.endpoint);
    let to_third = third.host_to(&s.agent, &honest, Some(&shared)).await;
    as_of_an_earlier_version(&mut s.agent).await;
    let agent = &s.agent;
    for (peer, link) in [(&third, &to_third), (&s.attacker, &s.to_attacker)] {
        let author = heard(agent, peer, &link.to, link.key()).await;
        assert_eq!(author.as_deref(), Some(&*link.connection_id));
    }
    // The victim's and the attacker's document list this one: nobody can tell whose it is.
    assert_eq!(heard(agent, &s.victim, &s.to_victim.to, s.to_victim.key()).await, None);
    third.is_served(agent, &to_third).await;
    // A new handshake shows it.
    let again = s.victim.connect(agent).await;
    s.victim.is_served(agent, &again).await;
}
