//! The controller hears everything, in order per record, however often it was away.

use std::collections::HashSet;

use crate::support::{Pair, offer};

const TOPIC: &str = "issue_credential_v2_0";

#[tokio::test]
async fn a_controller_that_was_away_hears_everything_in_order() {
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    pair.issuer.controller.answer(503);
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    pair.holder.controller.state(TOPIC, "done").await;
    assert!(pair.issuer.controller.states(TOPIC, |_| true).is_empty());
    // Not even a crash loses an event.
    pair.issuer.kill();
    pair.issuer.controller.answer(200);
    pair.issuer.spawn().await;
    pair.issuer.controller.state(TOPIC, "done").await;
    let mut states = pair.issuer.controller.states(TOPIC, |b| b["thread_id"] == sent["thread_id"]);
    states.dedup();
    assert_eq!(states, ["offer-sent", "request-received", "credential-issued", "done"]);
}

#[tokio::test]
async fn every_event_names_itself() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    pair.issuer
        .post("/issue-credential-2.0/send-offer", offer(&pair.to_holder, &did, "Ed25519Signature2020"))
        .await;
    pair.issuer.controller.state(TOPIC, "done").await;
    let events = pair.issuer.controller.events();
    assert!(events.iter().all(|e| e.api_key.as_deref() == Some("hook-key")));
    let ids: HashSet<_> = events.iter().map(|e| e.id.clone()).collect();
    assert_eq!(ids.len(), events.len(), "an id of its own for each event");
    assert!(events.iter().all(|e| e.sequence > 0 && e.id.len() == 36));
    let exchange: Vec<i64> = events.iter().filter(|e| e.topic == TOPIC).map(|e| e.sequence).collect();
    assert!(exchange.is_sorted(), "{exchange:?}");
}

#[tokio::test]
async fn a_refused_event_is_tried_again_and_does_not_hold_others() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    pair.issuer.controller.answer(400);
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    pair.holder.controller.state(TOPIC, "done").await;
    pair.issuer.controller.answer(200);
    let states = || pair.issuer.controller.states(TOPIC, |b| b["thread_id"] == sent["thread_id"]);
    pair.issuer.controller.state(TOPIC, "done").await;
    assert_eq!(states(), ["offer-sent", "request-received", "credential-issued", "done"]);
    assert!(!pair.issuer.controller.turned_away().is_empty());
}

#[tokio::test]
async fn events_are_signed_when_there_is_a_secret() {
    use hmac::{Hmac, Mac};

    let signed = ["--webhook-hmac-secret", "hook-secret"];
    let pair = Pair::connected(&signed, &[]).await;
    let events = pair.issuer.controller.events();
    assert!(!events.is_empty());
    for event in events {
        let signature = event.signature.expect("a signature");
        let (time, digest) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"hook-secret").unwrap();
        mac.update(format!("{time}.{}.{}", event.id, event.raw).as_bytes());
        let expected: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, expected);
    }
    assert!(pair.holder.controller.events().iter().all(|e| e.signature.is_none()));
    let (_, config) = pair.issuer.try_get("/status/config").await;
    assert!(!config.to_string().contains("hook-secret"));
    assert!(!pair.issuer.log_text().contains("hook-secret"));
}
