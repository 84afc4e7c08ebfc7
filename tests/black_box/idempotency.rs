//! A call sent again with its key is answered again and not carried out again.

use serde_json::{Value, json};

use crate::support::{Agent, Pair, offer};

/// Status, whether it is an answer given before, and the answer; `None`: the agent died meanwhile.
async fn try_send(http: &reqwest::Client, url: &str, key: &str, body: &Value) -> Option<(u16, bool, Value)> {
    let response = http.post(url).json(body).header("idempotency-key", key).send().await.ok()?;
    let (status, replayed) =
        (response.status().as_u16(), response.headers().contains_key("idempotency-replayed"));
    let text = response.text().await.ok()?;
    Some((status, replayed, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

async fn send(agent: &Agent, key: &str, body: &Value) -> (u16, bool, Value) {
    let url = format!("{}/issue-credential-2.0/send-offer", agent.admin);
    try_send(&agent.http, &url, key, body).await.unwrap()
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

#[tokio::test]
async fn killed_at_any_moment_a_call_takes_effect_once_and_is_answered_alike() {
    const ROUNDS: usize = 24;
    let mut pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let mut answers = Vec::new();
    for round in 0..ROUNDS {
        let (path, body) = match round % 3 {
            0 => ("/wallet/did/create", json!({"method": "key"})),
            1 => ("/out-of-band/create-invitation", json!({"handshake_protocols": ["didexchange/1.1"]})),
            _ => ("/issue-credential-2.0/send-offer", offer(&pair.to_holder, &did, "Ed25519Signature2020")),
        };
        let (url, key) = (format!("{}{path}", pair.issuer.admin), format!("key-{round}"));
        let (http, call) = (pair.issuer.http.clone(), (url.clone(), key.clone(), body.clone()));
        let first = tokio::spawn(async move { try_send(&http, &call.0, &call.1, &call.2).await });
        // From before it arrives to after it was answered.
        tokio::time::sleep(std::time::Duration::from_micros(400 * round as u64)).await;
        pair.issuer.kill();
        let first = first.await.unwrap();
        pair.issuer.spawn().await;
        let (status, replayed, answer) = try_send(&pair.issuer.http, &url, &key, &body).await.unwrap();
        assert_eq!(status, 200, "round {round}: {answer}");
        if let Some((200, _, heard)) = first {
            assert!(replayed && heard == answer, "round {round}: {heard} and then {answer}");
        }
        let again = try_send(&pair.issuer.http, &url, &key, &body).await.unwrap();
        assert_eq!(again, (200, true, answer.clone()), "round {round}");
        answers.push(answer);
    }
    let count = async |path: &str, list: &str| pair.issuer.get(path).await[list].as_array().unwrap().len();
    assert_eq!(count("/wallet/did?method=key", "results").await, 1 + ROUNDS / 3);
    assert_eq!(exchanges(&pair.issuer).await, ROUNDS / 3);
    // That of the pair itself stayed behind as a connection only.
    assert_eq!(count("/out-of-band/records", "results").await, ROUNDS / 3);
}

#[tokio::test]
async fn an_answer_that_was_waited_for_is_kept_too() {
    let pair = Pair::manual().await;
    let made = pair
        .issuer
        .post("/out-of-band/create-invitation", json!({"handshake_protocols": ["didexchange/1.1"]}));
    let invitation = made.await["invitation"].clone();
    let url = format!("{}/out-of-band/receive-invitation?auto_accept=true", pair.holder.admin);
    let (status, replayed, first) = try_send(&pair.holder.http, &url, "key", &invitation).await.unwrap();
    assert_eq!((status, replayed), (200, false), "{first}");
    assert_eq!(try_send(&pair.holder.http, &url, "key", &invitation).await.unwrap(), (200, true, first));
}
