//! Nyms say nothing of their documents: who may say what one stands for.

use chancery_did::methods::sov;
use chancery_did::{KeyType, SecretKey};
use rand_core::OsRng;
use serde_json::json;

use super::{connection, count, heard};
use crate::support::Agent;
use crate::support::peer::{Address, Identity, Peer, at_rest, invitation, invite, tell};

#[tokio::test]
async fn a_request_that_names_a_nym_of_another_key_is_refused_and_told_to_whom_was_invited_only() {
    let agent = Agent::start("agent", &[]).await;
    let (attacker, honest) = (Peer::start(), Peer::start());
    let foreign = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
    let nym = sov::nym_from_verkey(foreign.as_public());
    let key = attacker.key();
    let invitation = invite(&agent, 0, json!({"use_did_method": "did:peer:4"})).await;
    for did in [nym.clone(), format!("did:sov:{nym}")] {
        let me = Identity::stolen(&did, &key, &attacker.endpoint);
        // A stranger hears nothing, whether it names no invitation or one that isn't ours.
        let to = Address::of_invitation(&invitation);
        for pthid in [None, Some("11111111-1111-4111-8111-111111111111")] {
            attacker.ask_with(&to, &me, pthid).await;
            at_rest(&agent).await;
            assert!(attacker.letters().is_empty(), "{:?}", attacker.letters());
        }
    }
    for did in [nym.clone(), format!("did:sov:{nym}")] {
        let me = Identity::stolen(&did, &key, &attacker.endpoint);
        let thid = attacker.ask(&invitation, &me).await;
        let report = attacker.answer_on("problem_report", &thid).await;
        assert_eq!(report.message["description"]["code"], "request_not_accepted");
        assert_eq!(report.packed_for, [key.as_public().base58()]);
        // Whose document lists the owner's key beside its own is no better.
        let mut document = sov::build_for(&did, key.as_public(), &[&attacker.endpoint], &[]);
        let listed = json!({"id": format!("{}#2", sov::qualified(&did)), "type": "Ed25519VerificationKey2018",
            "controller": sov::qualified(&did), "publicKeyBase58": foreign.as_public().base58()});
        document["publicKey"].as_array_mut().unwrap().push(listed);
        let thid = attacker.ask(&invitation, &Identity::named(&did, &key, document)).await;
        attacker.answer_on("problem_report", &thid).await;
    }
    at_rest(&agent).await;
    assert!(!attacker.heard("response"));
    assert_eq!(count(&agent, "invitation").await, 1);
    let (status, answer) = agent.try_get(&format!("/resolver/resolve/did:sov:{nym}")).await;
    assert!(status >= 400 && !answer.to_string().contains(&key.as_public().base58()), "{status} {answer}");
    let me = Identity::nym(&honest.key(), &honest.endpoint);
    let link = honest.join(&agent, &invitation, &me).await;
    honest.is_served(&agent, &link).await;
}

#[tokio::test]
async fn an_inviter_that_answers_with_the_nym_of_another_peer_gets_nothing_of_that_peers() {
    let agent = Agent::start("agent", &[]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let link = victim.connect(&agent).await;
    let (inviter, key) = (attacker.key(), attacker.key());
    for did in [link.me.did.clone(), format!("did:sov:{}", link.me.did)] {
        let asked = attacker.invite(&agent, invitation(0, inviter.as_public(), &attacker.endpoint)).await;
        for me in [
            Identity::stolen(&did, &inviter, &attacker.endpoint),
            Identity::stolen(&did, &key, &attacker.endpoint).signed_by(&[&inviter]),
            // The victim's own document, sent by somebody else.
            Identity::named(&did, &inviter, link.me.document.clone().unwrap()),
        ] {
            attacker.answer(&asked, &me).await;
        }
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
        for key in [&inviter, &key] {
            assert_eq!(heard(&agent, &attacker, &link.to, key).await, None);
        }
    }
    let text = tell(&agent, &link.connection_id).await;
    let letter = victim.letter("the text", |l| l.message["content"] == text.as_str()).await;
    assert_eq!(letter.packed_for, [link.key().as_public().base58()]);
    at_rest(&agent).await;
    assert!(attacker.letters().iter().all(|l| l.is("request")), "{:?}", attacker.letters());
    victim.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_document_of_a_request_is_signed_by_a_key_of_its_own() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let (key, other) = (peer.key(), peer.key());
    let honest = Identity::nym(&key, &peer.endpoint);
    let invitation = invite(&agent, 0, json!({})).await;
    for signers in [&[][..], &[&other]] {
        let thid = peer.ask(&invitation, &honest.clone().signed_by(signers)).await;
        peer.answer_on("problem_report", &thid).await;
    }
    // Changed after it was signed.
    let mut request = honest.request(invitation["@id"].as_str());
    let changed = Identity::stolen(&honest.did, &other, &peer.endpoint).request(None);
    request["did_doc~attach"]["data"]["base64"] = changed["did_doc~attach"]["data"]["base64"].clone();
    peer.send(&Address::of_invitation(&invitation), Some(&key), &request).await;
    at_rest(&agent).await;
    assert!(!peer.heard("response"));
    let link = peer.join(&agent, &invitation, &honest).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_known_nym_gets_a_new_document_from_whoever_has_its_key_and_from_nobody_else() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let nym = link.me.did.clone();
    let thief = attacker.key();
    let stolen = Identity::stolen(&nym, &thief, &attacker.endpoint);
    let multi = invite(&agent, 0, json!({"multi_use": true})).await;
    let thid = attacker.ask(&multi, &stolen).await;
    attacker.answer_on("problem_report", &thid).await;
    // The known document itself, but sent by somebody else.
    let copied = Identity { key: thief.clone(), ..link.me.clone() };
    attacker
        .send(&Address::of_invitation(&multi), Some(&thief), &copied.request(multi["@id"].as_str()))
        .await;
    at_rest(&agent).await;
    assert!(!attacker.heard("response"));
    assert_eq!(heard(&agent, &attacker, &link.to, &thief).await, None);
    peer.is_served(&agent, &link).await;

    // Equal to the known one, sent by a key of it: another connection.
    let again = peer.join(&agent, &multi, &link.me).await;
    assert_ne!(again.connection_id, link.connection_id);
    peer.is_served(&agent, &again).await;

    // A new key, signed for by the known one.
    let new = peer.key();
    let renewed = Identity::stolen(&nym, &new, &peer.endpoint).signed_by(&[link.key()]);
    let renewed = peer.join(&agent, &multi, &renewed).await;
    peer.is_served(&agent, &renewed).await;
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [new.as_public().base58()]);
}

#[tokio::test]
async fn a_response_may_bring_a_nyms_next_document_when_a_known_key_signed_it_too() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let (inviter, new) = (peer.key(), peer.key());
    let asked = peer.invite(&agent, invitation(0, inviter.as_public(), &peer.endpoint)).await;
    let renewed = Identity::stolen(&link.me.did, &new, &peer.endpoint);
    // By the new key and the inviter's alone: not by anybody whom the agent knows for this nym.
    peer.answer(&asked, &renewed.clone().signed_by(&[&inviter, &new])).await;
    at_rest(&agent).await;
    assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
    peer.is_served(&agent, &link).await;
    let renewed = renewed.signed_by(&[&inviter, link.key()]);
    peer.answer(&asked, &renewed).await;
    let renewed = peer.confirmed(&agent, &asked, &renewed).await;
    peer.is_served(&agent, &renewed).await;
}
