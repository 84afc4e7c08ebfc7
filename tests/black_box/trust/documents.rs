//! Documents that are attached to DIDs which say themselves what they stand for, and DIDs and keys that are the agent's own.

use chancery_did::methods::{peer, sov};
use serde_json::{Value, json};
use sha2::Digest as _;

use super::keys::{Listing, listing_for_agreement};
use super::{connection, count, heard};
use crate::support::Agent;
use crate::support::peer::{
    Address, Identity, Peer, at_rest, invitation, invitation_to, invite, signed_json, signed_text,
};

/// The document of a did:peer, as if it had one key more and were reached elsewhere.
fn extended(did: &str, peer: &Peer, extra: &chancery_did::SecretKey) -> Value {
    sov::build_for(did, extra.as_public(), &[&format!("{}/elsewhere", peer.endpoint)], &[])
}

#[tokio::test]
async fn a_document_attached_to_a_did_that_says_its_own_is_not_read() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    for make in [Identity::peer4, Identity::peer2] {
        let (key, extra) = (peer.key(), peer.key());
        let honest = make(&key, &peer.endpoint);
        let me = honest.clone().with_document(extended(&honest.did, &peer, &extra));
        let link = peer.connect_as(&agent, &me).await;
        assert_eq!(heard(&agent, &peer, &link.to, &extra).await, None, "{}", me.did);
        // The handshake went on with what the DID says.
        peer.is_served(&agent, &link).await;
        let letter = peer.told(&agent, &link.connection_id).await;
        assert_eq!(letter.packed_for, [key.as_public().base58()]);
        assert_eq!(heard(&agent, &peer, &link.to, &extra).await, None, "{}", me.did);
    }
}

#[tokio::test]
async fn a_document_attached_to_a_response_counts_as_a_signature_only() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    for make in [Identity::peer4, Identity::peer2] {
        let (key, extra) = (peer.key(), peer.key());
        let honest = make(&key, &peer.endpoint);
        let me = honest.clone().with_document(extended(&honest.did, &peer, &extra));
        let link = peer.host(&agent, &me).await;
        assert_eq!(heard(&agent, &peer, &link.to, &extra).await, None);
        peer.is_served(&agent, &link).await;
    }
    // Without a signature of the inviter's it is nothing at all.
    let (inviter, key) = (peer.key(), peer.key());
    let honest = Identity::peer4(&key, &peer.endpoint);
    let asked = peer.invite(&agent, invitation(1, inviter.as_public(), &peer.endpoint)).await;
    let me = honest.clone().with_document(extended(&honest.did, &peer, &key)).signed_by(&[&key]);
    peer.answer(&asked, &me).await;
    at_rest(&agent).await;
    assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
    let me = honest.signed_by(&[&inviter]);
    peer.answer(&asked, &me).await;
    let link = peer.confirmed(&agent, &asked, &me).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_document_attached_to_a_did_key_gives_it_neither_keys_nor_a_service() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let (key, extra) = (peer.key(), peer.key());
    let did = key.as_public().did_key();
    let me = Identity::named(&did, &key, extended(&did, &peer, &extra));
    let invitation = invite(&agent, 1, json!({})).await;
    peer.ask(&invitation, &me).await;
    at_rest(&agent).await;
    assert!(peer.letters().iter().all(|l| !l.is("response")));
    assert_eq!(count(&agent, "active").await + count(&agent, "response").await, 0);
    assert_eq!(heard(&agent, &peer, &Address::of_invitation(&invitation), &extra).await, None);
    let (_, document) = agent.try_get(&format!("/resolver/resolve/{did}")).await;
    assert!(!document.to_string().contains(&extra.as_public().base58()), "{document}");
    let honest = Identity::peer4(&peer.key(), &peer.endpoint);
    let link = peer.connect_as(&agent, &honest).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_did_of_our_own_wallet_is_not_taken_for_a_peers() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let link = victim.connect(&agent).await;
    // The agent's nym on the victim's connection, and a did:peer of its own.
    let shared = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    let peer4 = shared["services"][0].as_str().unwrap().to_owned();
    for did in [link.their_did.clone(), format!("did:sov:{}", link.their_did), peer4] {
        let key = attacker.key();
        for me in [Identity::stolen(&did, &key, &attacker.endpoint), Identity::bare(&did, &key)] {
            let invitation = invite(&agent, me.minor(), json!({})).await;
            attacker.ask(&invitation, &me).await;
            let inviter = attacker.key();
            let offered =
                crate::support::peer::invitation(me.minor(), inviter.as_public(), &attacker.endpoint);
            let asked = attacker.invite(&agent, offered).await;
            attacker.answer(&asked, &me.clone().signed_by(&[&inviter, &key])).await;
            at_rest(&agent).await;
            assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request", "{did}");
        }
    }
    assert!(!attacker.heard("response") && !attacker.heard("complete"));
    assert_eq!(count(&agent, "active").await, 1);
    victim.is_served(&agent, &link).await;
}

/// Nobody connects with a document that lists the agent's key beside its own.
async fn our_key_is_not_taken(lists: &[Listing]) {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let link = victim.connect(&agent).await;
    let ours = link.to.keys[0].clone();
    let key = attacker.key();
    let keys = [key.public(), ours];
    for list in lists {
        let me = list(&key, &keys, &attacker.endpoint);
        let invitation = invite(&agent, me.minor(), json!({})).await;
        attacker.ask(&invitation, &me).await;
        at_rest(&agent).await;
    }
    assert!(!attacker.heard("response"));
    assert_eq!(count(&agent, "active").await, 1);
    victim.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_key_of_our_own_wallet_is_not_taken_for_a_peers() {
    our_key_is_not_taken(&[Identity::nym_listing, Identity::peer4_listing]).await;
}

#[tokio::test]
async fn the_other_form_of_a_key_of_our_own_wallet_is_not_taken_for_a_peers() {
    our_key_is_not_taken(&[listing_for_agreement]).await;
}

/// `did:peer:1` of a document's bytes.
fn peer_one(bytes: &[u8]) -> String {
    let mut hash = vec![0x12, 0x20];
    hash.extend_from_slice(&sha2::Sha256::digest(bytes));
    format!("did:peer:1z{}", bs58::encode(hash).into_string())
}

fn genesis(key: &chancery_did::SecretKey, endpoint: &str) -> Value {
    json!({
        "@context": ["https://w3id.org/did/v1"],
        "verificationMethod": [{"id": "#1", "type": "Ed25519VerificationKey2018", "controller": "#id",
            "publicKeyBase58": key.as_public().base58()}],
        "authentication": ["#1"],
        "service": [{"id": "#didcomm", "type": "did-communication", "priority": 0, "recipientKeys": ["#1"],
            "routingKeys": [], "serviceEndpoint": endpoint}],
    })
}

#[tokio::test]
async fn a_did_peer_1_is_taken_with_the_document_whose_hash_it_is() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let key = peer.key();
    let document = genesis(&key, &peer.endpoint);
    let did = peer_one(document.to_string().as_bytes());
    // Somebody else is first, with a document of its own: it has no part in what the owner does.
    let thief = attacker.key();
    let stolen = Identity::named(&did, &thief, genesis(&thief, &attacker.endpoint));
    let invitation = invite(&agent, 1, json!({})).await;
    attacker.ask(&invitation, &stolen).await;
    at_rest(&agent).await;

    let me = Identity::named(&did, &key, document);
    let link = peer.connect_as(&agent, &me).await;
    peer.is_served(&agent, &link).await;
    assert_eq!(heard(&agent, &attacker, &link.to, &thief).await, None);
    // Once it is known, nobody brings another document for it.
    let (requests, responses) = (count(&agent, "active").await, attacker.letters().len());
    let invitation = invite(&agent, 1, json!({})).await;
    attacker.ask(&invitation, &stolen).await;
    at_rest(&agent).await;
    assert_eq!(count(&agent, "active").await, requests);
    assert!(attacker.letters()[responses..].iter().all(|l| !l.is("response")));
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [key.as_public().base58()]);
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_did_peer_1_whose_hash_fits_nothing_is_taken_for_its_own_connection_and_only_while_unknown() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let key = peer.key();
    let did = peer_one(b"something else");
    let me = Identity::named(&did, &key, genesis(&key, &peer.endpoint));
    let link = peer.connect_as(&agent, &me).await;
    peer.is_served(&agent, &link).await;
    assert!(agent.log_text().contains("WARN") && agent.log_text().contains(&did), "{}", agent.log_text());

    let thief = attacker.key();
    let stolen = Identity::named(&did, &thief, genesis(&thief, &attacker.endpoint));
    // Neither signed by one of the owner's, nor when somebody else signs, nor as an inviter.
    for stolen in [stolen.clone(), stolen.clone().signed_by(&[&key, &thief])] {
        attacker.ask(&invite(&agent, 1, json!({})).await, &stolen).await;
        let inviter = attacker.key();
        let asked = attacker.invite(&agent, invitation(1, inviter.as_public(), &attacker.endpoint)).await;
        attacker.answer(&asked, &stolen.clone().signed_by(&[&inviter, &thief])).await;
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
    }
    assert!(!attacker.heard("response") && !attacker.heard("complete"));
    assert_eq!(heard(&agent, &attacker, &link.to, &thief).await, None);
    assert_eq!(count(&agent, "active").await, 1);
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn an_invitation_by_a_did_is_answered_at_what_the_did_says() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let key = peer.key();
    let me = Identity::peer4(&key, &peer.endpoint);
    let asked = peer.invite(&agent, invitation_to(1, json!(me.did))).await;
    assert_eq!(asked.request.recipient.as_ref(), Some(key.as_public()));
    // The same DID goes on, signed by its own key; an attachment on top changes nothing.
    let extra = peer.key();
    let mut response = me.response(asked.thid(), asked.pthid());
    response["did_doc~attach"] = signed_json(&extended(&me.did, &peer, &extra), std::slice::from_ref(&key));
    response["did_rotate~attach"] = signed_text(&me.did, std::slice::from_ref(&key));
    peer.send(&Address::of_handshake(&asked.request), Some(&key), &response).await;
    let link = peer.confirmed(&agent, &asked, &me).await;
    assert_eq!(heard(&agent, &peer, &link.to, &extra).await, None);
    peer.is_served(&agent, &link).await;
    // The long form of the DID stands for itself.
    assert_eq!(
        peer::four::short_form(&me.did).unwrap(),
        connection(&agent, &link.connection_id).await["their_did"]
    );
}

#[tokio::test]
async fn a_did_is_taken_from_nobody_who_has_no_key_of_it() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    for make in [Identity::peer4, Identity::peer2] {
        let link = victim.connect_as(&agent, &make(&victim.key(), &victim.endpoint)).await;
        let unknown = make(&victim.key(), &victim.endpoint);
        let (key, inviter) = (attacker.key(), attacker.key());
        for did in [&link.me.did, &unknown.did] {
            let active = count(&agent, "active").await;
            let short = peer::four::short_form(did).unwrap_or(did);
            for did in [did.as_str(), short] {
                let stolen = Identity::bare(did, &key);
                attacker.ask(&invite(&agent, 1, json!({})).await, &stolen).await;
                let offered = invitation(1, inviter.as_public(), &attacker.endpoint);
                let asked = attacker.invite(&agent, offered).await;
                for sender in [&key, &inviter] {
                    attacker.answer(&asked, &Identity::bare(did, sender).signed_by(&[&inviter])).await;
                }
                at_rest(&agent).await;
                assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request", "{did}");
            }
            assert_eq!(count(&agent, "active").await, active);
            assert_eq!(count(&agent, "response").await, 0);
        }
        for key in [&key, &inviter] {
            assert_eq!(heard(&agent, &attacker, &link.to, key).await, None);
        }
        victim.is_served(&agent, &link).await;
    }
    assert!(!attacker.heard("response") && !attacker.heard("complete"));
}
