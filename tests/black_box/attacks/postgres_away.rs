//! PostgreSQL stopped and started under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{not_run, report, size};
use crate::support::{
    AUTOMATIC, Agent, Ledger, Postgres, Surroundings, connect, eventually, free_port, offer,
};

const PATIENCE: Duration = Duration::from_secs(60);

async fn agent(postgres: &Arc<Postgres>, name: &str) -> Agent {
    let surroundings = Surroundings { postgres: Some(postgres.clone()), ..Surroundings::default() };
    Agent::start_in(surroundings, name, free_port(), free_port(), AUTOMATIC).await
}

/// Alive, not ready, and why; commands that write are told to come again.
async fn refuses(agent: &Agent) {
    assert_eq!(agent.get("/status/live").await, json!({"alive": true}));
    let (status, text) = agent.try_get("/status/ready").await;
    assert_eq!(status, 503, "{text}");
    assert!(text.as_str().unwrap().contains("PostgreSQL at 127.0.0.1"), "{text}");
    assert!(text.as_str().unwrap().contains("does not answer"), "{text}");
    let response = agent
        .http
        .post(format!("{}/wallet/did/create", agent.admin))
        .json(&json!({"method": "key", "options": {"key_type": "ed25519"}}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_stops_and_starts_under_load() {
    let Some(postgres) = Postgres::start() else {
        return not_run("PostgreSQL (install the package postgresql)");
    };
    let begun = Instant::now();
    let (issuer, holder) = (Arc::new(agent(&postgres, "issuer").await), agent(&postgres, "holder").await);
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&issuer, "issuer"), Ledger::of(&holder, "holder"));
    let stop = Arc::new(AtomicBool::new(false));
    let (taken, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let load = {
        let (issuer, stop, taken, refused) = (issuer.clone(), stop.clone(), taken.clone(), refused.clone());
        let body = offer(&to_holder, &did, "Ed25519Signature2020");
        tokio::spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // A controller that is told to come again does, with the same key: the outcome of the first try may be unknown.
                loop {
                    let sent = issuer
                        .http
                        .post(format!("{}/issue-credential-2.0/send-offer", issuer.admin))
                        .header("Idempotency-Key", format!("offer-{number}"))
                        .json(&body)
                        .send();
                    match sent.await.unwrap().status().as_u16() {
                        200 => {
                            taken.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        503 => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                        other => panic!("{other}"),
                    }
                }
            }
        })
    };
    let times: usize =
        std::env::var("CHANCERY_POSTGRES_STOPS").ok().and_then(|n| n.parse().ok()).unwrap_or(size(1, 20));
    for time in 0..times {
        let before = taken.load(Ordering::Relaxed);
        eventually("the load flows", async || (taken.load(Ordering::Relaxed) >= before + 3).then_some(()))
            .await;
        postgres.order(if time % 2 == 0 { "stop" } else { "kill" }).await;
        refuses(&issuer).await;
        refuses(&holder).await;
        postgres.order("start").await;
        for agent in [&*issuer, &holder] {
            eventually("ready again", async || (agent.try_get("/status/ready").await.0 == 200).then_some(()))
                .await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let sent = taken.load(Ordering::Relaxed);
    issued.wait_for(sent, PATIENCE).await;
    held.wait_for(sent, PATIENCE).await;
    assert_eq!((issued.exchanges().len(), held.exchanges().len()), (sent, sent));
    let held_credentials = holder.post("/credentials/w3c?count=10000", json!({})).await;
    assert_eq!(held_credentials["results"].as_array().unwrap().len(), sent);
    for agent in [&*issuer, &holder] {
        assert!(agent.get("/chancery/dead-letters").await["results"].as_array().unwrap().is_empty());
        assert!(!agent.log_text().contains("panicked"), "{}", agent.log_text());
    }
    let figures = [
        ("stops", times as u64),
        ("exchanges", sent as u64),
        ("refusals", refused.load(Ordering::Relaxed) as u64),
        ("webhooks again", (issued.repeats + held.repeats) as u64),
    ];
    report("PostgreSQL away", begun, &figures);
}

/// The other agent's database is not ours: it keeps the message until it is taken.
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_not_taken_while_the_database_is_away() {
    let Some(postgres) = Postgres::start() else {
        return not_run("PostgreSQL (install the package postgresql)");
    };
    let sender = Agent::start("sender", AUTOMATIC).await;
    let away = agent(&postgres, "away").await;
    let (to_away, _) = connect(&sender, &away).await;
    postgres.order("stop").await;
    sender.post(&format!("/connections/{to_away}/send-message"), json!({"content": "are you there?"})).await;
    let waiting = eventually("a refusal", async || {
        let waiting = sender.get("/chancery/outbox").await["results"][0].take();
        waiting["last_failure"]["reason"].is_string().then_some(waiting)
    })
    .await;
    assert!(waiting["last_failure"]["reason"].as_str().unwrap().contains("503"), "{waiting}");
    postgres.order("start").await;
    let heard = away.controller.state("basicmessages", "received").await;
    assert_eq!(heard["content"], "are you there?");
    eventually("an empty outbox", async || {
        (sender.get("/chancery/outbox").await["results"] == json!([])).then_some(())
    })
    .await;
}
