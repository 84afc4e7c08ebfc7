//! What ACA-Py doesn't have: figures, streams of events, keys against repeats.

use std::sync::Arc;

use super::ports::Process;
use super::{Asked, KEY, api, ask, ask_all, get, post, with_key};
use crate::Auth;

#[actix_web::test]
async fn figures_are_plain_text_for_the_operator() {
    let answer = ask(get("/metrics")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "up 1\n"));
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let process = Arc::new(Process::default());
    let asks = vec![get("/metrics"), get("/metrics").header("x-api-key", KEY)];
    let statuses: Vec<u16> =
        ask_all(api(&process, with_key()), asks).await.iter().map(|a| a.status).collect();
    assert_eq!(statuses, [401, 200]);
}

#[actix_web::test]
async fn streams_need_the_key_and_a_place() {
    let process = Arc::new(Process::default());
    let events = || get("/chancery/events").header("accept", "text/event-stream");
    let answer = ask_all(api(&process, with_key()), vec![events()]).await.remove(0);
    assert_eq!(answer.status, 401);
    let mut none_left = api(&process, Auth::Insecure);
    none_left.limits.max_concurrent = 0;
    assert_eq!(ask_all(none_left, vec![events()]).await[0].status, 503);
    // Without the media type: a list.
    let list = ask(get("/chancery/events")).await;
    assert_eq!(list.json(), serde_json::json!({"results": [], "next": 0}));
    assert_eq!(ask(get("/chancery/events?after=-1")).await.status, 422);
}

#[actix_web::test]
async fn unusable_keys_are_refused_before_anything_happens() {
    let long = "k".repeat(256);
    for key in ["", &long, "\u{e9}"] {
        let Asked { status, body, .. } = ask(post("/status/reset", "").header("idempotency-key", key)).await;
        assert_eq!((status, body.as_str()), (400, "400: The Idempotency-Key is unusable."));
    }
    // Only a POST can have one.
    assert_eq!(ask(get("/chancery/outbox").header("idempotency-key", "")).await.status, 200);
    // The store under test takes nothing. What doesn't touch it is carried out all the same.
    let process = Arc::new(Process::default());
    let asks = vec![post("/status/reset", "").header("idempotency-key", "k")];
    assert_eq!(ask_all(api(&process, Auth::Insecure), asks).await[0].status, 200);
    assert_eq!(process.resets.load(std::sync::atomic::Ordering::Relaxed), 1);
}
