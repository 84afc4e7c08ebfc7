//! A controller that asks for events instead of being called.

use serde_json::Value;

use crate::support::{Events, Pair, offer};

fn numbers(events: &[Value]) -> Vec<i64> {
    events.iter().map(|e| e["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_catches_up_goes_on_and_resumes_without_gaps_or_doubles() {
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let send = async |pair: &Pair| {
        let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
        let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
        sent["thread_id"].clone()
    };
    let done = |thread: &Value| {
        let thread = thread.clone();
        move |e: &Value| e["payload"]["state"] == "done" && e["payload"]["thread_id"] == thread
    };
    // What was there before, and what comes while the stream is read.
    let first = send(&pair).await;
    let mut stream = Events::open(&pair.issuer, 0).await;
    let mut streamed = Vec::new();
    let second = send(&pair).await;
    while !(streamed.iter().any(done(&first)) && streamed.iter().any(done(&second))) {
        streamed.push(stream.next().await.unwrap());
    }
    let last = *numbers(&streamed).last().unwrap();
    let listed = pair.issuer.get("/chancery/events?limit=1000").await;
    let listed: Vec<Value> = listed["results"].as_array().unwrap().clone();
    let until = listed.iter().position(|e| e["number"] == last).unwrap();
    assert_eq!(streamed, listed[..=until]);
    // The stream breaks; meanwhile more happens.
    drop(stream);
    let third = send(&pair).await;
    pair.issuer
        .controller
        .event("the third exchange", |e| done(&third)(&serde_json::json!({"payload": e.body})))
        .await;
    pair.issuer.kill();
    pair.issuer.spawn().await;
    let mut stream = Events::open(&pair.issuer, last).await;
    let mut resumed = Vec::new();
    while !resumed.iter().any(done(&third)) {
        resumed.push(stream.next().await.unwrap());
    }
    let after = pair.issuer.get(&format!("/chancery/events?after={last}&limit={}", resumed.len())).await;
    assert_eq!(numbers(&resumed), numbers(after["results"].as_array().unwrap()));
    assert_eq!(after["next"], resumed.last().unwrap()["number"]);
}

#[tokio::test]
async fn a_stream_ends_when_the_agent_stops() {
    let mut pair = Pair::manual().await;
    let mut stream = Events::open(&pair.issuer, 0).await;
    assert!(stream.next().await.is_some());
    assert!(pair.issuer.stop().await.success());
    while stream.next().await.is_some() {}
}

#[tokio::test]
async fn events_of_one_topic_by_pages() {
    let pair = Pair::manual().await;
    let all = pair.issuer.get("/chancery/events?topic=connections").await;
    let all = all["results"].as_array().unwrap().clone();
    assert!(all.len() > 1 && all.iter().all(|e| e["topic"] == "connections"), "{all:?}");
    let (mut after, mut paged) = (Value::from(0), Vec::new());
    loop {
        let page =
            pair.issuer.get(&format!("/chancery/events?topic=connections&limit=1&after={after}")).await;
        let Some(event) = page["results"].get(0) else { break };
        paged.push(event.clone());
        after = page["next"].clone();
    }
    assert_eq!(paged, all);
}
