//! What can't be delivered is seen, and can be delivered again.

use serde_json::{Value, json};

use crate::support::{AUTOMATIC, Agent, Event, Events, Pair, eventually, offer};

const TOPIC: &str = "chancery_dead_letter";

async fn letters(agent: &Agent) -> Vec<Value> {
    agent.get("/chancery/dead-letters").await["results"].as_array().unwrap().clone()
}

async fn retry(agent: &Agent, seq: &Value) -> u16 {
    agent.try_post(&format!("/chancery/dead-letters/{seq}/retry"), json!({})).await.0
}

#[tokio::test]
async fn a_message_given_up_is_delivered_once_its_peer_is_back() {
    // One repeat.
    let impatient: Vec<&str> = AUTOMATIC.iter().copied().chain(["--max-outbound-retry", "1"]).collect();
    let mut pair = Pair::connected(&impatient, AUTOMATIC).await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let about = |e: &Event| e.topic == TOPIC && e.body["thread_id"] == sent["thread_id"];
    let told = pair.issuer.controller.event("a dead letter", about).await.body;
    let listed = letters(&pair.issuer).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    for member in
        ["seq", "kind", "reason", "endpoint", "attempts", "created", "type", "message_id", "connection_id"]
    {
        assert_eq!(listed[0][member], told[member], "{member}");
    }
    assert_eq!((&told["kind"], &told["attempts"]), (&json!("message"), &json!(2)));
    assert_eq!(told["endpoint"], pair.holder.endpoint);
    assert!(!listed[0].to_string().contains("Lovelace"), "what it says is not shown");
    // Not even a crash loses the letter.
    pair.issuer.kill();
    pair.issuer.spawn().await;
    pair.holder.spawn().await;
    assert_eq!(retry(&pair.issuer, &told["seq"]).await, 200);
    assert_eq!(retry(&pair.issuer, &told["seq"]).await, 404, "only once");
    assert!(letters(&pair.issuer).await.is_empty());
    let done = |e: &Event| e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"];
    pair.holder.controller.event("the holder's exchange done", done).await;
    pair.issuer.controller.event("the issuer's exchange done", done).await;
    assert_eq!(pair.issuer.get("/chancery/outbox").await["results"], json!([]));
}

#[tokio::test]
async fn what_waits_is_in_the_outbox_and_a_letter_can_be_discarded() {
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let waiting = pair.issuer.get("/chancery/outbox").await["results"].clone();
    let offer = waiting.as_array().unwrap().iter().find(|m| m["thread_id"] == sent["thread_id"]).unwrap();
    assert!(offer["type"].as_str().unwrap().ends_with("offer-credential"));
    assert_eq!(
        (&offer["connection_id"], &offer["endpoint"]),
        (&json!(pair.to_holder), &json!(pair.holder.endpoint))
    );
    assert!(!waiting.to_string().contains("Lovelace"));
    // Why it waits, since when, until when.
    let failed = eventually("a failed try", async || {
        let waiting = pair.issuer.get("/chancery/outbox").await["results"][0].take();
        (!waiting["last_failure"].is_null() && waiting["under_way"] == false).then_some(waiting)
    });
    let failed = failed.await;
    let down = &failed["endpoint_down"];
    assert!(failed["last_failure"]["reason"].as_str().unwrap().contains("refused"), "{failed}");
    assert!(down["failures"].as_u64().unwrap() >= 1 && down["reason"] == failed["last_failure"]["reason"]);
    assert!(down["since"].as_str() <= failed["last_failure"]["at"].as_str(), "{failed}");
    assert!(failed["last_failure"]["at"].as_str() < failed["next_try"].as_str(), "{failed}");
    let nothing = pair.issuer.try_get("/chancery/dead-letters").await;
    assert_eq!(nothing, (200, json!({"results": []})));
    // A message that waits is no dead letter.
    let path = format!("{}/chancery/dead-letters/{}", pair.issuer.admin, offer["seq"]);
    assert_eq!(pair.issuer.http.delete(path).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_webhook_given_up_comes_again_with_its_id() {
    let pair = Pair::manual().await;
    let mut stream = Events::open(&pair.issuer, 0).await;
    // Five refusals.
    pair.issuer.controller.answer(400);
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let about_exchange = |e: &Value| e["topic"] == TOPIC && e["payload"]["record"] == sent["cred_ex_id"];
    let told = stream.until(about_exchange).await["payload"].clone();
    pair.issuer.controller.answer(200);
    assert_eq!((&told["kind"], &told["attempts"]), (&json!("webhook"), &json!(5)));
    assert_eq!(told["topic"], "issue_credential_v2_0");
    let refused = pair.issuer.controller.turned_away();
    assert_eq!(refused.iter().filter(|e| told["event_id"] == *e.id).count(), 5);
    assert!(letters(&pair.issuer).await.iter().any(|l| l["seq"] == told["seq"]));
    assert_eq!(retry(&pair.issuer, &told["seq"]).await, 200);
    let again = pair.issuer.controller.event("the event again", |e| told["event_id"] == *e.id).await;
    assert_eq!((&again.body["thread_id"], &json!(again.sequence)), (&sent["thread_id"], &told["event"]));
    assert!(letters(&pair.issuer).await.iter().all(|l| l["seq"] != told["seq"]));
    // The controller was told of the letter too, once it took webhooks again.
    pair.issuer.controller.event("the letter", |e| e.topic == TOPIC && e.body["seq"] == told["seq"]).await;
}

#[tokio::test]
async fn the_controller_hears_once_of_messages_that_wait() {
    const DELAYED: &str = "chancery_outbox_delayed";
    let watching: Vec<&str> = AUTOMATIC.iter().copied().chain(["--outbound-delay-notice", "1s"]).collect();
    let mut pair = Pair::connected(&watching, AUTOMATIC).await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let delayed = |e: &Event| e.topic == DELAYED;
    let told = pair.issuer.controller.event("a delay", delayed).await.body;
    assert_eq!(
        (&told["thread_id"], &told["connection_id"], &told["endpoint"]),
        (&sent["thread_id"], &json!(pair.to_holder), &json!(pair.holder.endpoint))
    );
    assert!(told["age_seconds"].as_i64().unwrap() >= 1);
    // Not even a restart makes a second one of it.
    pair.issuer.restart().await;
    pair.holder.spawn().await;
    pair.issuer.controller.state("issue_credential_v2_0", "done").await;
    assert_eq!(pair.issuer.controller.events().iter().filter(|e| e.topic == DELAYED).count(), 1);
}

#[tokio::test]
async fn a_webhook_to_be_sent_again_keeps_its_age_across_a_restart() {
    let options = ["--preserve-exchange-records", "--outbound-max-age", "5s"];
    let mut pair = Pair::connected(&options, &[]).await;
    let mut stream = Events::open(&pair.issuer, 0).await;
    pair.issuer.controller.answer(500);
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let about_exchange = |e: &Value| e["topic"] == TOPIC && e["payload"]["record"] == sent["cred_ex_id"];
    let told = stream.until(about_exchange).await["payload"].clone();
    assert_eq!(retry(&pair.issuer, &told["seq"]).await, 200);
    pair.issuer.kill();
    let tries =
        |agent: &Agent| agent.controller.turned_away().iter().filter(|e| told["event_id"] == *e.id).count();
    let before = tries(&pair.issuer);
    pair.issuer.spawn().await;
    // The event is older than five seconds, but it has five from the retry on: one more failure does not end it.
    eventually("another try", async || (tries(&pair.issuer) > before).then_some(())).await;
    pair.issuer.controller.answer(200);
    pair.issuer.controller.event("the event again", |e| told["event_id"] == *e.id).await;
}

#[tokio::test]
async fn letters_and_events_go_when_their_time_is_over() {
    let options = [
        AUTOMATIC,
        &["--max-outbound-retry", "1", "--dead-letter-retention", "1s", "--event-retention", "1s"],
    ];
    let mut pair = Pair::connected(&options.concat(), AUTOMATIC).await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    pair.issuer.controller.event("a dead letter", |e| e.topic == TOPIC).await;
    let gone = async |path: &str| pair.issuer.get(path).await["results"] == json!([]);
    for path in ["/chancery/dead-letters", "/chancery/events"] {
        eventually("an empty list", async || gone(path).await.then_some(())).await;
    }
    // What they were about is still there.
    assert!(!gone("/issue-credential-2.0/records").await && !gone("/connections").await);
}

#[tokio::test]
async fn what_nobody_polls_for_is_given_up_while_the_agent_runs() {
    let agent = Agent::start("patient", &["--return-route-retention", "1s"]).await;
    let key = agent.did("ed25519").await;
    let invitation = json!({
        "@type": "https://didcomm.org/out-of-band/1.1/invitation",
        "@id": "7c9d2d2c-5e5a-4a5e-9d0c-6c1f0d8d7f11",
        "handshake_protocols": ["https://didcomm.org/didexchange/1.1"],
        "services": [{"id": "#inline", "type": "did-communication", "recipientKeys": [key],
            "serviceEndpoint": "didcomm:transport/queue"}]
    });
    agent.post("/out-of-band/receive-invitation?auto_accept=true", invitation).await;
    // The request has nowhere to go.
    let told = agent.controller.event("a dead letter", |e: &Event| e.topic == TOPIC).await.body;
    assert!(told["type"].as_str().unwrap().ends_with("/request"), "{told}");
    assert_eq!(told["endpoint"], Value::Null);
    assert!(told["reason"].as_str().unwrap().contains("did not poll for it within 1 s"), "{told}");
    assert_eq!(agent.get("/chancery/outbox").await["results"], json!([]));
    let metrics = agent.get("/metrics").await;
    for line in ["chancery_delivery_held 0", "chancery_queue_rows{queue=\"outbound\"} 0"] {
        assert!(metrics.as_str().unwrap().contains(line), "{metrics}");
    }
}
