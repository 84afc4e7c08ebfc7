//! What an operator's graphs are made of.

use serde_json::Value;

use crate::support::{Agent, Pair, offer};

async fn metrics(agent: &Agent) -> String {
    match agent.try_get("/metrics").await {
        (200, Value::String(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// The value of a line.
fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line} in\n{text}")).parse().unwrap()
}

#[tokio::test]
async fn figures_follow_an_exchange() {
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    pair.issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
    pair.issuer.controller.state("issue_credential_v2_0", "done").await;
    let text = metrics(&pair.issuer).await;
    let done = "chancery_events_total{topic=\"issue_credential_v2_0\",role=\"issuer\",state=\"done\"}";
    assert_eq!(value(&text, done), 1.0);
    assert!(value(&text, "chancery_inbound_total{outcome=\"accepted\"}") >= 2.0);
    assert!(value(&text, "chancery_delivery_tries_total{worker=\"outbound\",outcome=\"delivered\"}") >= 2.0);
    assert!(value(&text, "chancery_store_commit_seconds_count") >= 4.0);
    assert!(value(&text, "chancery_store_commit_seconds_sum") > 0.0);
    assert!(value(&text, "chancery_store_commit_seconds_bucket{le=\"+Inf\"}") >= 4.0);
    assert!(value(&text, "chancery_store_read_seconds_count") >= 1.0);
    assert!(value(&text, "chancery_store_connections") >= 1.0);
    assert_eq!(value(&text, "chancery_store_connections_busy"), 0.0);
    assert!(value(&text, "chancery_step_seconds_count{step=\"message\"}") >= 2.0);
    assert!(value(&text, "chancery_step_seconds_count{step=\"command\"}") >= 2.0);
    assert!(value(&text, "chancery_step_seconds_bucket{step=\"message\",le=\"10\"}") >= 2.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(value(&text, "process_cpu_seconds_total") >= 0.0);
    // A peer that is down shows.
    pair.holder.kill();
    pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let text = metrics(&pair.issuer).await;
    assert_eq!(value(&text, "chancery_delivery_waiting{worker=\"outbound\"}"), 1.0);
    assert!(value(&text, "chancery_queue_oldest_seconds{queue=\"outbound\"}") > 0.0);
    assert_eq!(value(&text, "chancery_queue_rows{queue=\"outbound\"}"), 1.0);
    assert_eq!(value(&text, "chancery_queue_rows{queue=\"dead\"}"), 0.0);
}
