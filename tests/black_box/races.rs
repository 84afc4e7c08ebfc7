//! The same command many times at once has one effect.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Pair, offer};

const TOPIC: &str = "issue_credential_v2_0";
const AT_ONCE: usize = 64;

#[tokio::test]
async fn one_effect_and_answers_that_make_sense() {
    let pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let issuer_id = sent["cred_ex_id"].as_str().unwrap();
    let received = pair.holder.controller.state(TOPIC, "offer-received").await;
    let holder_id = received["cred_ex_id"].as_str().unwrap();

    for (agent, id, step, other, next) in [
        (&pair.holder, holder_id, "send-request", &pair.issuer, "request-received"),
        (&pair.issuer, issuer_id, "issue", &pair.holder, "credential-received"),
        (&pair.holder, holder_id, "store", &pair.issuer, "done"),
    ] {
        let path = format!("/issue-credential-2.0/records/{id}/{step}");
        let calls = (0..AT_ONCE).map(|_| agent.try_post(&path, json!({})));
        let answers = join_all(calls).await;
        let done = answers.iter().filter(|(status, _)| *status == 200).count();
        assert_eq!(done, 1, "{step}: {answers:?}");
        for (status, text) in answers.iter().filter(|(status, _)| *status != 200) {
            assert_eq!(*status, 400, "{step}: {text}");
            let text = text.as_str().unwrap();
            assert!(text.contains("must be") || text.contains("called multiple times"), "{step}: {text}");
        }
        other.controller.state(TOPIC, next).await;
    }
    assert_eq!(
        pair.issuer.controller.states(TOPIC, |_| true),
        ["offer-sent", "request-received", "credential-issued", "done"]
    );
    let stored = pair.holder.post("/credentials/w3c", json!({})).await;
    assert_eq!(stored["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn many_exchanges_at_once_over_one_connection() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent =
        join_all((0..AT_ONCE).map(|_| pair.issuer.post("/issue-credential-2.0/send-offer", body.clone())))
            .await;
    for exchange in &sent {
        for agent in [&pair.issuer, &pair.holder] {
            agent
                .controller
                .event("done", |e| {
                    e.topic == TOPIC
                        && e.body["state"] == "done"
                        && e.body["thread_id"] == exchange["thread_id"]
                })
                .await;
            let states = agent.controller.states(TOPIC, |b| b["thread_id"] == exchange["thread_id"]);
            assert_eq!(states.len(), 4, "each state once, in order: {states:?}");
        }
    }
    let stored = pair.holder.post("/credentials/w3c", json!({"max_results": 1000})).await;
    assert_eq!(stored["results"].as_array().unwrap().len(), AT_ONCE);
}
