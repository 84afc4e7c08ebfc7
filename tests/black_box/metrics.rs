//! What an operator's graphs are made of.

use serde_json::Value;

use crate::support::{AUTOMATIC, Agent, MANUAL, Pair, offer};

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
    let done = "{protocol=\"issue_credential_v2_0\",role=\"issuer\",state=\"done\"}";
    assert_eq!(value(&text, &format!("chancery_transitions_total{done}")), 1.0);
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

#[tokio::test]
async fn exchanges_are_counted_by_where_they_stand() {
    let mut pair = Pair::connected(MANUAL, AUTOMATIC).await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    pair.issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
    pair.issuer.controller.state("issue_credential_v2_0", "request-received").await;
    let gauge = |protocol: &str, role: &str, state: &str| {
        format!("chancery_exchanges{{protocol=\"{protocol}\",role=\"{role}\",state=\"{state}\"}}")
    };
    let waiting = gauge("issue_credential_v2_0", "issuer", "request-received");
    let text = metrics(&pair.issuer).await;
    assert_eq!(value(&text, &waiting), 1.0);
    assert_eq!(value(&text, &gauge("connections", "invitee", "active")), 1.0);
    let came = "chancery_transitions_total{protocol=\"connections\",role=\"invitee\",state=\"active\"}";
    assert!(value(&text, came) >= 1.0);
    // It is there, however often the agent has been started since; one that is over is not in its old state.
    let records = pair.issuer.get("/issue-credential-2.0/records").await;
    let id = records["results"][0]["cred_ex_record"]["cred_ex_id"].as_str().unwrap();
    pair.issuer.post(&format!("/issue-credential-2.0/records/{id}/issue"), serde_json::json!({})).await;
    pair.issuer.controller.state("issue_credential_v2_0", "done").await;
    pair.issuer.restart().await;
    let text = metrics(&pair.issuer).await;
    assert_eq!(value(&text, &gauge("issue_credential_v2_0", "issuer", "done")), 1.0);
    assert!(!text.contains(&waiting), "{text}");
}
