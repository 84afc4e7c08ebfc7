//! A credential without a connection is for the one who took the offer.

use serde_json::{Value, json};

use super::exchange;
use crate::support::peer::{
    Address, Letter, Link, Peer, at_rest, credential_ack, credential_report, credential_request, with_parent,
    with_service,
};
use crate::support::{Agent, offer};

/// An offer in an invitation: the invitation and the offer.
async fn offered(agent: &Agent) -> (Value, Value) {
    let did = agent.did("ed25519").await;
    let mut body = offer("unused", &did, "Ed25519Signature2020");
    body.as_object_mut().unwrap().remove("connection_id");
    let made = agent.post("/issue-credential-2.0/create-offer", body).await;
    let body = json!({"attachments": [{"id": made["cred_ex_id"], "type": "credential-offer"}]});
    let invitation = agent.post("/out-of-band/create-invitation", body).await["invitation"].take();
    let offer = invitation["requests~attach"][0]["data"]["json"].clone();
    (invitation, offer)
}

fn issuer() -> [&'static str; 2] {
    ["--preserve-exchange-records", "--auto-respond-credential-request"]
}

fn issued(peer: &Peer) -> usize {
    peer.letters().iter().filter(|l| l.is("issue-credential")).count()
}

/// Takes the offer without a connection.
async fn take(peer: &Peer, invitation: &Value, offer: &Value) -> (chancery_did::SecretKey, Value) {
    let key = peer.key();
    let pthid = invitation["@id"].as_str().unwrap();
    let request = with_parent(credential_request(offer), pthid);
    let request = with_service(request, key.as_public(), &peer.endpoint);
    peer.send(&Address::of_invitation(invitation), Some(&key), &request).await;
    (key, request)
}

/// Asks for the same credential over a connection, in every way.
async fn ask_over(peer: &Peer, link: &Link, invitation: &Value, offer: &Value) {
    let pthid = invitation["@id"].as_str().unwrap();
    let service = |message: Value| with_service(message, link.key().as_public(), &peer.endpoint);
    for to in [&link.to, &Address::of_invitation(invitation)] {
        for message in [
            credential_request(offer),
            with_parent(credential_request(offer), pthid),
            service(credential_request(offer)),
            service(with_parent(credential_request(offer), pthid)),
        ] {
            peer.send(to, Some(link.key()), &message).await;
        }
    }
}

#[tokio::test]
async fn an_issued_connectionless_credential_goes_to_no_connected_peer_that_knows_the_thread() {
    let agent = Agent::start("agent", &issuer()).await;
    let (holder, attacker) = (Peer::start(), Peer::start());
    let link = attacker.connect(&agent).await;
    let (invitation, offer) = offered(&agent).await;
    let thread = offer["@id"].as_str().unwrap();
    let (key, request) = take(&holder, &invitation, &offer).await;
    let credential = holder.answer_on("issue-credential", thread).await;
    assert_eq!(credential.packed_for, [key.as_public().base58()]);
    ask_over(&attacker, &link, &invitation, &offer).await;
    at_rest(&agent).await;
    assert_eq!(issued(&attacker), 0, "{:?}", attacker.letters());
    let record = exchange(&agent, thread).await.unwrap();
    assert_eq!((&record["state"], &record["connection_id"]), (&json!("credential-issued"), &json!(null)));
    // The party repeats its request: it is answered again, and alone.
    holder.send(&Address::of_invitation(&invitation), Some(&key), &request).await;
    let twice = |l: &Letter| l.is("issue-credential");
    at_rest(&agent).await;
    assert_eq!(holder.letters().iter().filter(|l| twice(l)).count(), 2);
    assert_eq!(issued(&attacker), 0);
    let ack = with_service(
        with_parent(credential_ack(thread), invitation["@id"].as_str().unwrap()),
        key.as_public(),
        &holder.endpoint,
    );
    holder.send(&Address::of_invitation(&invitation), Some(&key), &ack).await;
    at_rest(&agent).await;
    assert_eq!(exchange(&agent, thread).await.unwrap()["state"], "done");
    ask_over(&attacker, &link, &invitation, &offer).await;
    at_rest(&agent).await;
    assert_eq!(issued(&attacker), 0);
    attacker.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_connectionless_offer_is_taken_once() {
    let agent = Agent::start("agent", &["--preserve-exchange-records"]).await;
    let (holder, second) = (Peer::start(), Peer::start());
    let (invitation, offer) = offered(&agent).await;
    let thread = offer["@id"].as_str().unwrap();
    let (key, _) = take(&holder, &invitation, &offer).await;
    at_rest(&agent).await;
    let record = exchange(&agent, thread).await.unwrap();
    assert_eq!(record["state"], "request-received");
    // Somebody else: without a connection, and over one.
    take(&second, &invitation, &offer).await;
    let link = second.connect(&agent).await;
    ask_over(&second, &link, &invitation, &offer).await;
    at_rest(&agent).await;
    assert_eq!(exchange(&agent, thread).await.unwrap()["connection_id"], Value::Null);
    let path = format!("/issue-credential-2.0/records/{}/issue", record["cred_ex_id"].as_str().unwrap());
    agent.post(&path, json!({})).await;
    let credential = holder.answer_on("issue-credential", thread).await;
    assert_eq!(credential.packed_for, [key.as_public().base58()]);
    at_rest(&agent).await;
    assert_eq!((issued(&holder), issued(&second)), (1, 0));
    second.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_connected_peer_takes_a_connectionless_offer_only_with_the_invitations_id() {
    let agent = Agent::start("agent", &["--preserve-exchange-records"]).await;
    let (peer, invited) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let (invitation, offer) = offered(&agent).await;
    let thread = offer["@id"].as_str().unwrap();
    let id = exchange(&agent, thread).await.unwrap()["cred_ex_id"].as_str().unwrap().to_owned();
    let path = format!("/issue-credential-2.0/records/{id}");
    let record = async || agent.get(&path).await["cred_ex_record"].clone();
    peer.say(&link, &credential_request(&offer)).await;
    at_rest(&agent).await;
    assert_eq!(record().await["state"], "offer-sent");
    // Who was let in by the invitation is served over its connection.
    let invited_link = invited.connect(&agent).await;
    let request = with_parent(credential_request(&offer), invitation["@id"].as_str().unwrap());
    invited.say(&invited_link, &request).await;
    at_rest(&agent).await;
    assert_eq!(record().await["state"], "request-received");
    // Once taken it is nobody else's, with the id or without.
    ask_over(&peer, &link, &invitation, &offer).await;
    take(&peer, &invitation, &offer).await;
    agent.post(&format!("{path}/issue"), json!({})).await;
    invited.answer_on("issue-credential", thread).await;
    ask_over(&peer, &link, &invitation, &offer).await;
    take(&peer, &invitation, &offer).await;
    at_rest(&agent).await;
    assert_eq!(issued(&peer), 0);
    assert_eq!(record().await["connection_id"], json!(invited_link.connection_id));
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_strangers_report_ends_no_connectionless_exchange() {
    let agent = Agent::start("agent", &issuer()).await;
    let (holder, attacker) = (Peer::start(), Peer::start());
    let link = attacker.connect(&agent).await;
    let (invitation, offer) = offered(&agent).await;
    let thread = offer["@id"].as_str().unwrap();
    let pthid = invitation["@id"].as_str().unwrap();
    let stranger = attacker.key();
    let reports = async |state: &str| {
        for report in [credential_report(thread), with_parent(credential_report(thread), pthid)] {
            for (key, to) in [
                (Some(&stranger), &Address::of_invitation(&invitation)),
                (Some(link.key()), &link.to),
                (None, &Address::of_invitation(&invitation)),
            ] {
                attacker.send(to, key, &report).await;
                let report = with_service(report.clone(), stranger.as_public(), &attacker.endpoint);
                attacker.send(to, key, &report).await;
            }
        }
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, thread).await.unwrap()["state"], state);
    };
    reports("offer-sent").await;
    let (key, _) = take(&holder, &invitation, &offer).await;
    let credential = holder.answer_on("issue-credential", thread).await;
    assert_eq!(credential.packed_for, [key.as_public().base58()]);
    reports("credential-issued").await;
    attacker.is_served(&agent, &link).await;
}

#[tokio::test]
async fn the_party_of_a_connectionless_exchange_may_end_it() {
    let agent = Agent::start("agent", &issuer()).await;
    let holder = Peer::start();
    let (invitation, offer) = offered(&agent).await;
    let thread = offer["@id"].as_str().unwrap();
    let (key, _) = take(&holder, &invitation, &offer).await;
    holder.answer_on("issue-credential", thread).await;
    let report = with_parent(credential_report(thread), invitation["@id"].as_str().unwrap());
    let report = with_service(report, key.as_public(), &holder.endpoint);
    holder.send(&Address::of_invitation(&invitation), Some(&key), &report).await;
    at_rest(&agent).await;
    assert_eq!(exchange(&agent, thread).await.unwrap()["state"], "abandoned");
}

#[tokio::test]
async fn a_connectionless_credential_is_packed_for_the_key_that_asked_alone() {
    let agent = Agent::start("agent", &issuer()).await;
    let (holder, other) = (Peer::start(), Peer::start());
    let (invitation, offer) = offered(&agent).await;
    let (key, listed) = (holder.key(), other.key());
    let mut request = with_parent(credential_request(&offer), invitation["@id"].as_str().unwrap());
    request = with_service(request, key.as_public(), &holder.endpoint);
    request["~service"]["recipientKeys"] = json!([listed.as_public().base58(), key.as_public().base58()]);
    // Whom it lists first did not ask.
    let to = Address::of_invitation(&invitation);
    holder.send(&to, Some(&key), &request).await;
    let credential = holder.answer_on("issue-credential", offer["@id"].as_str().unwrap()).await;
    assert_eq!(credential.packed_for, [key.as_public().base58()]);
}
