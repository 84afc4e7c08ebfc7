//! The same command 64 times at once: one effect, and 63 answers that make sense. The steps of an exchange are in
//! `races.rs`; here are those that begin something.

use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::report;
use crate::support::{Agent, Event, Pair, offer};

const AT_ONCE: usize = 64;

async fn all(agent: &Agent, path: &str, body: &Value) -> Vec<(u16, Value)> {
    join_all((0..AT_ONCE).map(|_| agent.try_post(path, body.clone()))).await
}

/// One is carried out; the others say why they are not.
fn one_of(answers: &[(u16, Value)], refusal: &str) -> Value {
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == 200);
    assert_eq!(done.len(), 1, "{answers:?}");
    for (status, text) in refused {
        assert_eq!(*status, 400, "{text}");
        assert!(text.as_str().is_some_and(|text| text.contains(refusal)), "{text}");
    }
    done[0].1.clone()
}

#[tokio::test]
async fn an_invitation_and_a_request_are_accepted_once() {
    let begun = Instant::now();
    let inviter = Agent::start("inviter", &[]).await;
    let invitee = Agent::start("invitee", &[]).await;
    let body = json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]});
    let invitation = inviter.post("/out-of-band/create-invitation?auto_accept=false", body).await;
    let path = "/out-of-band/receive-invitation?auto_accept=false";
    let received = invitee.post(path, invitation["invitation"].clone()).await;
    let theirs = received["connection_id"].as_str().unwrap();
    let answers = all(&invitee, &format!("/didexchange/{theirs}/accept-invitation"), &json!({})).await;
    one_of(&answers, "not in");
    let requested = |e: &Event| e.topic == "connections" && e.body["rfc23_state"] == "request-received";
    let asked = inviter.controller.event("a request", requested).await.body;
    let ours = asked["connection_id"].as_str().unwrap();
    let answers = all(&inviter, &format!("/didexchange/{ours}/accept-request"), &json!({})).await;
    one_of(&answers, "not in");
    for agent in [&inviter, &invitee] {
        agent.controller.state("connections", "active").await;
        let states = agent.controller.states("connections", |_| true);
        assert_eq!(states, ["invitation", "request", "response", "active"]);
        assert_eq!(agent.get("/connections").await["results"].as_array().unwrap().len(), 1);
    }
    report("at_once", begun, &[("commands", 2), ("times", AT_ONCE as u64)]);
}

#[tokio::test]
async fn what_begins_something_begins_it_once_under_a_key() {
    let begun = Instant::now();
    let pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let invitation = json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]});
    let invitation = pair.issuer.post("/out-of-band/create-invitation?auto_accept=true", invitation).await;
    let mut proposal = body.clone();
    proposal["connection_id"] = json!(pair.to_issuer);
    for (agent, path, body) in [
        (&pair.issuer, "/issue-credential-2.0/send-offer", &body),
        (&pair.issuer, "/issue-credential-2.0/send", &body),
        (&pair.holder, "/issue-credential-2.0/send-proposal", &proposal),
        (&pair.holder, "/issue-credential-2.0/send-request", &proposal),
        (&pair.holder, "/out-of-band/receive-invitation?auto_accept=true", &invitation["invitation"]),
        (&pair.holder, "/wallet/did/create", &json!({"method": "key", "options": {"key_type": "ed25519"}})),
    ] {
        let calls = (0..AT_ONCE).map(|_| async {
            let request = agent.http.post(format!("{}{path}", agent.admin)).json(body);
            let response = request.header("idempotency-key", "the same").send().await.unwrap();
            let replayed = response.headers().contains_key("idempotency-replayed");
            (response.status().as_u16(), replayed, response.text().await.unwrap())
        });
        let answers = join_all(calls).await;
        let first: Vec<_> =
            answers.iter().filter(|(status, replayed, _)| *status == 200 && !replayed).collect();
        assert_eq!(first.len(), 1, "{path}: {answers:?}");
        for (status, _, text) in &answers {
            match status {
                200 => assert_eq!(*text, first[0].2, "{path}"),
                409 => assert!(text.contains("is being carried out"), "{path}: {text}"),
                _ => panic!("{path}: {status} {text}"),
            }
        }
    }
    let count = async |agent: &Agent, path: &str| agent.get(path).await["results"].as_array().unwrap().len();
    assert_eq!(count(&pair.issuer, "/issue-credential-2.0/records?role=issuer&state=offer-sent").await, 2);
    assert_eq!(count(&pair.holder, "/issue-credential-2.0/records?state=proposal-sent").await, 1);
    assert_eq!(count(&pair.holder, "/issue-credential-2.0/records?state=request-sent").await, 1);
    assert_eq!(count(&pair.holder, "/connections").await, 2);
    report("at_once under a key", begun, &[("commands", 6), ("times", AT_ONCE as u64)]);
}
