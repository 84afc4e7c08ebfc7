//! A call sent again with its key is answered again and not carried out again.

use serde_json::{Value, json};

use crate::support::{Agent, Pair, offer};

async fn send(agent: &Agent, key: &str, body: &Value) -> (u16, bool, Value) {
    let request = agent.http.post(format!("{}/issue-credential-2.0/send-offer", agent.admin)).json(body);
    let response = request.header("idempotency-key", key).send().await.unwrap();
    let (status, replayed) =
        (response.status().as_u16(), response.headers().contains_key("idempotency-replayed"));
    let text = response.text().await.unwrap();
    (status, replayed, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn exchanges(agent: &Agent) -> usize {
    agent.get("/issue-credential-2.0/records").await["results"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_offer_sent_again_with_its_key_is_sent_once() {
    let mut pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let (status, replayed, first) = send(&pair.issuer, "key-1", &body).await;
    assert_eq!((status, replayed), (200, false), "{first}");
    assert_eq!(send(&pair.issuer, "key-1", &body).await, (200, true, first.clone()));
    // Not even a crash makes it happen twice.
    pair.issuer.kill();
    pair.issuer.spawn().await;
    assert_eq!(send(&pair.issuer, "key-1", &body).await, (200, true, first));
    assert_eq!(exchanges(&pair.issuer).await, 1);
    let mut other = body.clone();
    other["comment"] = json!("another");
    let (status, _, text) = send(&pair.issuer, "key-1", &other).await;
    assert_eq!((status, text), (422, json!("422: This Idempotency-Key came with another request before.")));
    assert_eq!(send(&pair.issuer, "key-2", &other).await.0, 200);
    assert_eq!(exchanges(&pair.issuer).await, 2);
    assert_eq!(send(&pair.issuer, &"k".repeat(256), &body).await.0, 400);
}

#[tokio::test]
async fn of_many_at_once_one_is_carried_out() {
    let pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let calls = (0..16).map(|_| send(&pair.issuer, "key", &body));
    let answers = futures_util::future::join_all(calls).await;
    let carried_out = answers.iter().filter(|(status, replayed, _)| *status == 200 && !replayed).count();
    assert_eq!(carried_out, 1, "{answers:?}");
    assert!(answers.iter().all(|(status, _, _)| matches!(status, 200 | 409)), "{answers:?}");
    assert_eq!(exchanges(&pair.issuer).await, 1);
}

#[tokio::test]
async fn a_refused_call_gives_its_key_back() {
    let pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let wrong = offer("no-such-connection", &did, "Ed25519Signature2020");
    assert!(send(&pair.issuer, "key", &wrong).await.0 >= 400);
    let right = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let (status, replayed, answer) = send(&pair.issuer, "key", &right).await;
    assert_eq!((status, replayed), (200, false), "{answer}");
}
