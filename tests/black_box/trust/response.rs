//! Whose response completes a handshake.

use serde_json::json;

use super::{author, connection, heard, own_did};
use crate::support::peer::{
    Address, Identity, Peer, at_rest, basic_message, complete, invitation, invite, new_id, on_thread, ping,
    signed_text,
};
use crate::support::{Agent, Event};

#[tokio::test]
async fn a_response_must_come_to_the_key_that_asked() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let key = peer.key();
    let asked = peer.invite(&agent, invitation(1, key.as_public(), &peer.endpoint)).await;
    let me = Identity::peer4(&key, &peer.endpoint);
    let response = me.response(asked.thid(), asked.pthid());
    // Other keys of the agent's: of an invitation, of another connection, of a DID.
    let other = attacker.connect(&agent).await;
    let offered = invite(&agent, 1, json!({})).await;
    let did = own_did(&agent, "did:peer:2").await;
    for to in [Address::of_invitation(&offered), other.to.clone(), Address::of_did(&did)] {
        peer.send(&to, Some(&key), &response).await;
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
    }
    peer.answer(&asked, &me).await;
    let link = peer.confirmed(&agent, &asked, &me).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_response_must_be_signed_by_the_invitations_key() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let (inviter, thief) = (peer.key(), attacker.key());
    for minor in [0, 1] {
        let make = if minor == 0 { Identity::nym } else { Identity::peer4 };
        let asked = peer.invite(&agent, invitation(minor, inviter.as_public(), &peer.endpoint)).await;
        let stolen = make(&thief, &attacker.endpoint);
        for signers in [&[][..], &[&thief]] {
            attacker.answer(&asked, &stolen.clone().signed_by(signers)).await;
        }
        // A signature of the inviter's over another DID.
        let mine = make(&peer.key(), &peer.endpoint);
        let mut response = stolen.response(asked.thid(), asked.pthid());
        response["did_rotate~attach"] = signed_text(&mine.did, std::slice::from_ref(&inviter));
        attacker.send(&Address::of_handshake(&asked.request), Some(&thief), &response).await;
        let mut response = stolen.response(asked.thid(), asked.pthid());
        let signed = mine.clone().signed_by(&[&inviter]).response(asked.thid(), asked.pthid());
        for member in ["did_doc~attach", "did_rotate~attach"] {
            if let Some(attached) = signed.get(member) {
                response[member] = attached.clone();
            }
        }
        attacker.send(&Address::of_handshake(&asked.request), Some(&thief), &response).await;
        // What the inviter did sign, sent by somebody else.
        attacker.send(&Address::of_handshake(&asked.request), Some(&thief), &signed).await;
        attacker.send(&Address::of_handshake(&asked.request), None, &signed).await;
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
        assert!(attacker.letters().is_empty());
        let mine = mine.signed_by(&[&inviter]);
        peer.answer(&asked, &mine).await;
        let link = peer.confirmed(&agent, &asked, &mine).await;
        peer.is_served(&agent, &link).await;
        assert_eq!(heard(&agent, &attacker, &link.to, &thief).await, None);
    }
}

#[tokio::test]
async fn a_second_response_changes_nothing() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let inviter = peer.key();
    let asked = peer.invite(&agent, invitation(1, inviter.as_public(), &peer.endpoint)).await;
    let me = Identity::peer4(&peer.key(), &peer.endpoint).signed_by(&[&inviter]);
    peer.answer(&asked, &me).await;
    let link = peer.confirmed(&agent, &asked, &me).await;
    // Even of the inviter's own: the connection is with whom it was made.
    let other = Identity::peer4(&peer.key(), &peer.endpoint).signed_by(&[&inviter]);
    peer.answer(&asked, &other).await;
    assert_eq!(heard(&agent, &peer, &link.to, &other.key).await, None);
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn nobody_but_the_requester_completes_a_handshake() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let elsewhere = attacker.connect(&agent).await;
    let invitation = invite(&agent, 1, json!({})).await;
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let thid = peer.ask(&invitation, &me).await;
    let response = peer.answer_on("response", &thid).await;
    let to = Address::of_handshake(&response);
    let pthid = invitation["@id"].as_str().unwrap();
    let stranger = attacker.key();
    for (key, to) in [
        (Some(&stranger), &to),
        (Some(elsewhere.key()), &to),
        (Some(elsewhere.key()), &elsewhere.to),
        (None, &to),
        (Some(&stranger), &Address::of_invitation(&invitation)),
    ] {
        attacker.send(to, key, &complete(1, &thid, pthid)).await;
        attacker.send(to, key, &on_thread(ping(), &thid)).await;
    }
    at_rest(&agent).await;
    let waits = agent.get("/connections?state=response").await;
    assert_eq!(waits["results"][0]["request_id"], json!(thid), "{waits}");
    let link = peer.completed(&agent, &thid, pthid, &me).await;
    peer.is_served(&agent, &link).await;
    attacker.is_served(&agent, &elsewhere).await;
}

#[tokio::test]
async fn what_a_stranger_says_before_a_connection_is_ready_is_not_heard_when_it_is() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let (inviter, stranger) = (peer.key(), attacker.key());
    let asked = peer.invite(&agent, invitation(1, inviter.as_public(), &peer.endpoint)).await;
    let to = Address::of_handshake(&asked.request);
    let me = Identity::peer4(&peer.key(), &peer.endpoint).signed_by(&[&inviter]);
    // Both are early: the key that asked may be waited at for whoever answers.
    let (early, foreign) = (new_id(), new_id());
    attacker.send(&to, Some(&stranger), &basic_message(&foreign)).await;
    peer.send(&to, Some(&me.key), &basic_message(&early)).await;
    peer.answer(&asked, &me).await;
    let link = peer.confirmed(&agent, &asked, &me).await;
    let heard = |e: &Event| e.topic == "basicmessages" && e.body["content"] == early.as_str();
    let event = agent.controller.event("the peer's early text", heard).await;
    assert_eq!(event.body["connection_id"], link.connection_id.as_str());
    assert_eq!(author(&agent, &foreign).await, None);
    peer.is_served(&agent, &link).await;
}
