//! Nothing accepted is lost: agents stop, die and come back in the middle of everything.

use serde_json::json;

use crate::support::{AUTOMATIC, Agent, Event, MANUAL, Pair, connect, eventually, offer};

const TOPIC: &str = "issue_credential_v2_0";

#[tokio::test]
async fn both_restart_between_every_two_steps() {
    let mut pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    pair.issuer.restart().await;
    pair.holder.restart().await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let issuer_id = sent["cred_ex_id"].as_str().unwrap();
    let received = pair.holder.controller.state(TOPIC, "offer-received").await;
    let holder_id = received["cred_ex_id"].as_str().unwrap();
    pair.issuer.restart().await;
    pair.holder.restart().await;
    pair.holder.post(&format!("/issue-credential-2.0/records/{holder_id}/send-request"), json!({})).await;
    pair.issuer.controller.state(TOPIC, "request-received").await;
    pair.issuer.restart().await;
    pair.holder.restart().await;
    pair.issuer.post(&format!("/issue-credential-2.0/records/{issuer_id}/issue"), json!({})).await;
    pair.holder.controller.state(TOPIC, "credential-received").await;
    pair.issuer.restart().await;
    pair.holder.restart().await;
    pair.holder.post(&format!("/issue-credential-2.0/records/{holder_id}/store"), json!({})).await;
    pair.issuer.controller.state(TOPIC, "done").await;
}

#[tokio::test]
async fn a_message_to_a_peer_that_is_down_arrives_once_it_is_back() {
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    // The sender dies too: the message is in its queue.
    pair.issuer.kill();
    pair.issuer.spawn().await;
    pair.holder.spawn().await;
    let done =
        |e: &Event| e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"];
    pair.holder.controller.event("the holder's exchange done", done).await;
    pair.issuer.controller.event("the issuer's exchange done", done).await;
}

#[tokio::test]
async fn a_message_that_was_answered_is_not_sent_again_after_a_kill() {
    let (issuer, relay) = Agent::start_behind("issuer", AUTOMATIC).await;
    let mut holder = Agent::start("holder", AUTOMATIC).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    // The request arrives and is answered, but the holder never hears that it arrived.
    relay.silent(true);
    let sent = issuer
        .post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020"))
        .await;
    let done =
        |e: &Event| e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"];
    holder.controller.event("the holder's exchange done", done).await;
    let before = relay.passed();
    assert_eq!(
        holder.get("/chancery/outbox").await["results"].as_array().unwrap().len(),
        2,
        "request and ack"
    );
    holder.kill();
    relay.silent(false);
    holder.spawn().await;
    issuer.controller.event("the issuer's exchange done", done).await;
    assert_eq!(relay.passed() - before, 1, "the acknowledgement, and not the request again");
    nothing_waits(&holder).await;
}

/// Returns once the outbox is empty, without any further step.
async fn nothing_waits(agent: &Agent) {
    let empty = async || (agent.get("/chancery/outbox").await["results"] == json!([])).then_some(());
    eventually("an empty outbox", empty).await;
}

#[tokio::test]
async fn what_was_delivered_is_not_sent_again_after_a_kill() {
    let (issuer, relay) = Agent::start_behind("issuer", AUTOMATIC).await;
    let mut holder = Agent::start("holder", AUTOMATIC).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    let sent = issuer
        .post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020"))
        .await;
    let done =
        |e: &Event| e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"];
    issuer.controller.event("the issuer's exchange done", done).await;
    nothing_waits(&holder).await;
    let before = relay.passed();
    holder.kill();
    holder.spawn().await;
    connect(&issuer, &holder).await;
    assert_eq!(relay.passed() - before, 2, "the new connection's request and complete");
}

/// Options of an agent that is killed, with this pause for what it may have delivered.
fn with_pause(options: &[&'static str], pause: &'static str) -> Vec<&'static str> {
    [options, &["--monitor-ping", "--outbound-resend-pause", pause]].concat()
}

#[tokio::test]
async fn what_may_have_arrived_is_held_back_and_not_sent_when_its_answer_comes() {
    let (holder, relay) = Agent::start_behind("holder", MANUAL).await;
    let other = Agent::start("other", MANUAL).await;
    let mut issuer = Agent::start("issuer", &with_pause(AUTOMATIC, "1h")).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    // The offer arrives, but the issuer is killed before it hears that.
    relay.silent(true);
    let sent = issuer
        .post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020"))
        .await;
    let received = holder.controller.state(TOPIC, "offer-received").await;
    issuer.kill();
    relay.silent(false);
    issuer.spawn().await;
    let before = relay.passed();
    let waiting = issuer.get("/chancery/outbox").await["results"].clone();
    assert_eq!((waiting[0]["attempts"].as_u64(), waiting[1].is_null()), (Some(0), true), "{waiting}");
    assert!(waiting[0]["next_try"].is_string(), "held back: {waiting}");
    // Others are not: neither other connections nor other threads of this one.
    connect(&issuer, &other).await;
    let ping = issuer.post(&format!("/connections/{to_holder}/send-ping"), json!({})).await;
    let answered = |e: &Event| {
        e.topic == "ping"
            && e.body["state"] == "response_received"
            && e.body["thread_id"] == ping["thread_id"]
    };
    issuer.controller.event("the ping answered", answered).await;

    let record = format!("/issue-credential-2.0/records/{}", received["cred_ex_id"].as_str().unwrap());
    holder.post(&format!("{record}/send-request"), json!({})).await;
    holder.controller.state(TOPIC, "credential-received").await;
    holder.post(&format!("{record}/store"), json!({})).await;
    let done =
        |e: &Event| e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"];
    issuer.controller.event("the issuer's exchange done", done).await;
    assert_eq!(relay.passed() - before, 2, "the ping and the credential, and not the offer again");
    nothing_waits(&issuer).await;
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_again_after_the_pause_when_no_answer_comes() {
    let (holder, relay) = Agent::start_behind("holder", MANUAL).await;
    let mut issuer = Agent::start("issuer", &with_pause(AUTOMATIC, "2s")).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    relay.silent(true);
    issuer.post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020")).await;
    holder.controller.state(TOPIC, "offer-received").await;
    issuer.kill();
    relay.silent(false);
    let before = relay.passed();
    issuer.spawn().await;
    nothing_waits(&issuer).await;
    assert_eq!(relay.passed() - before, 1, "the offer, once more");
}

#[tokio::test]
async fn what_failed_before_a_kill_is_not_held_back_after_it() {
    let mut pair = Pair::connected(&with_pause(AUTOMATIC, "1h"), AUTOMATIC).await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let failed = async || {
        let waiting = pair.issuer.get("/chancery/outbox").await;
        (waiting["results"][0]["attempts"].as_u64() > Some(0)).then_some(())
    };
    eventually("a failed try that is noted", failed).await;
    pair.issuer.kill();
    pair.holder.spawn().await;
    pair.issuer.spawn().await;
    let done =
        |e: &Event| e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"];
    pair.issuer.controller.event("the issuer's exchange done", done).await;
}

#[tokio::test]
async fn what_was_older_than_ten_seconds_at_the_kill_is_not_held_back() {
    let (holder, relay) = Agent::start_behind("holder", MANUAL).await;
    let options = [&with_pause(MANUAL, "1h")[..], &["--outbound-delay-notice", "12s"]].concat();
    let mut issuer = Agent::start("issuer", &options).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    // Under way all the time: it can't be said whether it has arrived.
    relay.silent(true);
    issuer.post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020")).await;
    issuer.controller.event("a delay", |e| e.topic == "chancery_outbox_delayed").await;
    let waiting = issuer.get("/chancery/outbox").await["results"][0].clone();
    assert_eq!((waiting["attempts"].as_u64(), waiting["under_way"].as_bool()), (Some(0), Some(true)));
    issuer.kill();
    relay.silent(false);
    let before = relay.passed();
    issuer.spawn().await;
    nothing_waits(&issuer).await;
    assert_eq!(relay.passed() - before, 1, "the offer, once more");
}

#[tokio::test]
async fn what_was_delivered_is_noted_before_the_next_message_of_its_thread_is_acted_on() {
    let (holder, relay) = Agent::start_behind("holder", MANUAL).await;
    let mut issuer = Agent::start("issuer", &with_pause(MANUAL, "off")).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    for _ in 0..8 {
        let before = relay.passed();
        // No record proves that a ping was answered: it would be sent again.
        let ping = issuer.post(&format!("/connections/{to_holder}/send-ping"), json!({})).await;
        let answered = |e: &Event| {
            e.topic == "ping"
                && e.body["state"] == "response_received"
                && e.body["thread_id"] == ping["thread_id"]
        };
        issuer.controller.event("the ping answered", answered).await;
        issuer.kill();
        issuer.spawn().await;
        nothing_waits(&issuer).await;
        assert_eq!(relay.passed() - before, 1, "the ping, once");
    }
}

#[tokio::test]
async fn killed_under_load_every_exchange_ends_once() {
    const EXCHANGES: usize = 40;
    // Without a pause everything that may have arrived comes twice.
    let options = with_pause(AUTOMATIC, "off");
    let mut pair = Pair::connected(&options, &options).await;
    let did = pair.issuer.did("ed25519").await;
    let mut threads = Vec::new();
    for at in 0..EXCHANGES {
        let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
        let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
        threads.push(sent["thread_id"].as_str().unwrap().to_owned());
        match at % 8 {
            3 => {
                pair.issuer.kill();
                pair.issuer.spawn().await;
            }
            5 => {
                pair.holder.kill();
                pair.holder.spawn().await;
            }
            _ => {}
        }
    }
    for thread in &threads {
        let done =
            |e: &Event| e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == **thread;
        pair.issuer.controller.event("the issuer's exchange done", done).await;
        pair.holder.controller.event("the holder's exchange done", done).await;
    }
    let stored = pair.holder.post("/credentials/w3c", json!({"max_results": 1000})).await;
    assert_eq!(stored["results"].as_array().unwrap().len(), EXCHANGES, "one credential each");
    for thread in &threads {
        for agent in [&pair.issuer, &pair.holder] {
            let list = agent.get(&format!("/issue-credential-2.0/records?thread_id={thread}")).await;
            assert_eq!(list["results"].as_array().unwrap().len(), 1, "one record per side");
        }
    }
}

#[tokio::test]
async fn a_graceful_stop_ends_with_success() {
    let mut pair = Pair::automatic().await;
    assert!(pair.issuer.stop().await.success());
    let (status, _) = pair.holder.try_get("/status/live").await;
    assert_eq!(status, 200);
    let (status, _) = pair.holder.try_get("/shutdown").await;
    assert_eq!(status, 200);
}
