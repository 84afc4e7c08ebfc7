//! Who may end what by a problem report, and who is told of one.

use serde_json::json;

use super::{connection, exchange, exchanges, heard};
use crate::support::peer::{
    Address, Identity, Peer, at_rest, credential_ack, credential_offer, credential_report,
    credential_request, handshake_report, invitation, invitation_to, invite, of_unknown_type, reuse_answer,
    with_parent, with_return_route, with_service,
};
use crate::support::{Agent, credential, offer};

const CODES: [&str; 6] = [
    "invitation_not_accepted",
    "request_not_accepted",
    "request_processing_error",
    "response_not_accepted",
    "response_processing_error",
    "complete_not_accepted",
];

#[tokio::test]
async fn nobodys_report_undoes_a_handshake_that_is_complete() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let inviter = peer.key();
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let invited = peer.connect_as(&agent, &me).await;
    let asked = peer.invite(&agent, invitation(1, inviter.as_public(), &peer.endpoint)).await;
    let me = Identity::peer4(&peer.key(), &peer.endpoint).signed_by(&[&inviter]);
    peer.answer(&asked, &me).await;
    let inviting = peer.confirmed(&agent, &asked, &me).await;
    let elsewhere = attacker.connect(&agent).await;
    let stranger = attacker.key();
    for link in [&invited, &inviting] {
        for code in CODES {
            let report = handshake_report(&link.handshake, code);
            // A stranger, another party, nobody, the invitation's key, the party itself.
            for (key, to) in [
                (Some(&stranger), &link.to),
                (Some(elsewhere.key()), &elsewhere.to),
                (Some(elsewhere.key()), &link.to),
                (None, &link.to),
                (Some(&inviter), &link.to),
                (Some(link.key()), &link.to),
            ] {
                attacker.send(to, key, &report).await;
            }
            attacker.post(&link.to.endpoint, report.to_string().into_bytes()).await;
        }
        at_rest(&agent).await;
        let record = connection(&agent, &link.connection_id).await;
        assert_eq!((&record["state"], &record["error_msg"]), (&json!("active"), &json!(null)));
        peer.is_served(&agent, link).await;
    }
}

#[tokio::test]
async fn before_the_response_a_report_counts_from_the_invitations_key_alone() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let inviter = peer.key();
    let elsewhere = attacker.connect(&agent).await;
    let asked = peer.invite(&agent, invitation(1, inviter.as_public(), &peer.endpoint)).await;
    let to = Address::of_handshake(&asked.request);
    let report = handshake_report(asked.thid(), "request_not_accepted");
    for (key, to) in [
        (Some(&attacker.key()), &to),
        (Some(elsewhere.key()), &elsewhere.to),
        (Some(elsewhere.key()), &to),
        (None, &to),
        // From the right key, to a key that it was never told of.
        (Some(&inviter), &elsewhere.to),
    ] {
        attacker.send(to, key, &report).await;
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
    }
    attacker.is_served(&agent, &elsewhere).await;
    peer.send(&to, Some(&inviter), &report).await;
    at_rest(&agent).await;
    let record = connection(&agent, &asked.connection_id).await;
    assert_eq!(record["rfc23_state"], "abandoned");
    assert!(record["error_msg"].as_str().unwrap().contains("request_not_accepted"), "{record}");
}

#[tokio::test]
async fn a_requester_may_refuse_the_response_and_nobody_else_may() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let elsewhere = attacker.connect(&agent).await;
    let invitation = invite(&agent, 1, json!({})).await;
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let thid = peer.ask(&invitation, &me).await;
    let response = peer.answer_on("response", &thid).await;
    let to = Address::of_handshake(&response);
    at_rest(&agent).await;
    let found = agent.get("/connections?state=response").await;
    let id = found["results"][0]["connection_id"].as_str().unwrap().to_owned();
    let report = handshake_report(&thid, "response_not_accepted");
    for (key, to) in [(&attacker.key(), &to), (elsewhere.key(), &elsewhere.to), (elsewhere.key(), &to)] {
        attacker.send(to, Some(key), &report).await;
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &id).await["state"], "response");
    }
    peer.send(&to, Some(&me.key), &report).await;
    at_rest(&agent).await;
    assert_eq!(connection(&agent, &id).await["rfc23_state"], "abandoned");
}

#[tokio::test]
async fn an_exchange_is_ended_by_its_party_alone() {
    let agent = Agent::start("agent", &["--preserve-exchange-records"]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let (link, elsewhere) = (peer.connect(&agent).await, attacker.connect(&agent).await);
    let did = agent.did("ed25519").await;
    let sent = agent
        .post("/issue-credential-2.0/send-offer", offer(&link.connection_id, &did, "Ed25519Signature2020"))
        .await;
    let received = credential_offer(&credential(&link.key().as_public().did_key()));
    peer.say(&link, &received).await;
    at_rest(&agent).await;
    for (thread, state) in [
        (sent["thread_id"].as_str().unwrap(), "offer-sent"),
        (received["@id"].as_str().unwrap(), "offer-received"),
    ] {
        let report = credential_report(thread);
        let stranger = attacker.key();
        for (key, to) in [
            (Some(&stranger), &link.to),
            (Some(elsewhere.key()), &elsewhere.to),
            (Some(elsewhere.key()), &link.to),
            (None, &link.to),
        ] {
            attacker.send(to, key, &report).await;
            let with_service = with_service(report.clone(), stranger.as_public(), &attacker.endpoint);
            attacker.send(to, key, &with_service).await;
        }
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, thread).await.unwrap()["state"], state);
        peer.say(&link, &report).await;
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, thread).await.unwrap()["state"], "abandoned");
    }
    attacker.is_served(&agent, &elsewhere).await;
}

#[tokio::test]
async fn a_report_undoes_no_exchange_that_is_done() {
    let options = ["--preserve-exchange-records", "--auto-respond-credential-request"];
    let agent = Agent::start("agent", &options).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let did = agent.did("ed25519").await;
    let body = offer(&link.connection_id, &did, "Ed25519Signature2020");
    agent.post("/issue-credential-2.0/send-offer", body).await;
    let offered = peer.letter("the offer", |l| l.is("offer-credential")).await;
    let thread = offered.thread();
    peer.say(&link, &credential_request(&offered.message)).await;
    peer.answer_on("issue-credential", thread).await;
    peer.say(&link, &credential_ack(thread)).await;
    at_rest(&agent).await;
    assert_eq!(exchange(&agent, thread).await.unwrap()["state"], "done");
    peer.say(&link, &credential_report(thread)).await;
    at_rest(&agent).await;
    let record = exchange(&agent, thread).await.unwrap();
    assert_eq!((&record["state"], &record["error_msg"]), (&json!("done"), &json!(null)));
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn what_nobody_understands_is_reported_to_parties_alone() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, stranger) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let waits = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    let key = stranger.key();
    let mut malformed = credential_report("x");
    malformed["description"] = json!(7);
    for to in [&link.to, &Address::of_invitation(&waits)] {
        for message in [
            of_unknown_type(),
            malformed.clone(),
            json!({"@type": "https://didcomm.org/trust_ping/0.1/ping"}),
        ] {
            for message in [message.clone(), with_service(message, key.as_public(), &stranger.endpoint)] {
                for message in [message.clone(), with_parent(message, "11111111-1111-4111-8111-111111111111")]
                {
                    let answer = stranger.send(to, Some(&key), &with_return_route(message)).await;
                    assert!(answer.letter.is_none(), "{answer:?}");
                }
            }
        }
    }
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    // The text for the operator is in the log.
    assert!(agent.log_text().contains("Unrecognized message type"), "{}", agent.log_text());
    let unknown = of_unknown_type();
    peer.say(&link, &unknown).await;
    let report = peer.answer_on("problem-report", unknown["@id"].as_str().unwrap()).await;
    assert_eq!(report.message["description"]["code"], "message-parse-failure");
    let answer = peer.send(&link.to, Some(link.key()), &with_return_route(of_unknown_type())).await;
    assert!(answer.letter.unwrap().is("problem-report"));
    assert_eq!(heard(&agent, &stranger, &link.to, &key).await, None);
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_response_that_nobody_asked_for_is_answered_with_nothing() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, stranger) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let key = stranger.key();
    for me in [Identity::nym(&key, &stranger.endpoint), Identity::peer4(&key, &stranger.endpoint)] {
        for thid in ["11111111-1111-4111-8111-111111111111", &link.handshake] {
            let response = me.response(thid, "22222222-2222-4222-8222-222222222222");
            let answer = stranger.send(&link.to, Some(&key), &with_return_route(response)).await;
            assert!(answer.letter.is_none());
        }
    }
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn an_exchange_is_moved_by_its_party_alone() {
    let agent = Agent::start("agent", &["--preserve-exchange-records"]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let (link, elsewhere) = (peer.connect(&agent).await, attacker.connect(&agent).await);
    let did = agent.did("ed25519").await;
    let body = offer(&link.connection_id, &did, "Ed25519Signature2020");
    agent.post("/issue-credential-2.0/send-offer", body).await;
    let offered = peer.letter("the offer", |l| l.is("offer-credential")).await;
    let thread = offered.thread();
    let state = async || exchanges(&agent, &link.connection_id).await.remove(0)["state"].clone();
    let intrude = async |message: &serde_json::Value| {
        for (key, to) in [(elsewhere.key(), &elsewhere.to), (elsewhere.key(), &link.to)] {
            attacker.send(to, Some(key), message).await;
        }
        at_rest(&agent).await;
    };
    intrude(&credential_request(&offered.message)).await;
    assert_eq!(state().await, "offer-sent");
    peer.say(&link, &credential_request(&offered.message)).await;
    at_rest(&agent).await;
    assert_eq!(state().await, "request-received");
    let record = exchanges(&agent, &link.connection_id).await.remove(0);
    let path = format!("/issue-credential-2.0/records/{}/issue", record["cred_ex_id"].as_str().unwrap());
    agent.post(&path, json!({})).await;
    peer.answer_on("issue-credential", thread).await;
    intrude(&credential_request(&offered.message)).await;
    intrude(&credential_ack(thread)).await;
    assert_eq!(state().await, "credential-issued");
    assert!(!attacker.heard("issue-credential"));
    peer.say(&link, &credential_ack(thread)).await;
    at_rest(&agent).await;
    assert_eq!(state().await, "done");
    attacker.is_served(&agent, &elsewhere).await;
}

#[tokio::test]
async fn a_reuse_is_accepted_or_refused_by_whom_it_was_asked_of() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let link = super::forwarded::inviter(&agent, &peer).await;
    let elsewhere = attacker.connect(&agent).await;
    let invitation = invitation_to(1, json!(link.me.did));
    let pthid = invitation["@id"].as_str().unwrap();
    let answered = async {
        let reuse = peer.letter("the reuse", |l| l.is("handshake-reuse")).await;
        let stranger = attacker.key();
        for name in ["problem_report", "handshake-reuse-accepted"] {
            let answer = reuse_answer(name, reuse.thread(), pthid);
            for (key, to) in
                [(&stranger, &link.to), (elsewhere.key(), &elsewhere.to), (elsewhere.key(), &link.to)]
            {
                attacker.send(to, Some(key), &answer).await;
            }
        }
        at_rest(&agent).await;
        let told = agent.controller.events();
        assert!(told.iter().all(|e| e.topic != "connection_reuse_accepted"));
        peer.say(&link, &reuse_answer("handshake-reuse-accepted", reuse.thread(), pthid)).await;
    };
    let taken = agent.post("/out-of-band/receive-invitation", invitation.clone());
    let (record, ()) = tokio::join!(taken, answered);
    assert_eq!(record["state"], "reuse-accepted");
    assert_eq!(record["connection_id"], json!(link.connection_id));
    peer.is_served(&agent, &link).await;
    attacker.is_served(&agent, &elsewhere).await;
}
