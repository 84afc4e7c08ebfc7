//! SIGTERM in the middle of many exchanges: a controller sees nothing worse than a refused connection, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{report, size};
use crate::support::{Ledger, Pair, offer};

const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(60);

/// A controller that takes only a refused connection for a reason to call again.
struct Strict {
    admin: String,
    http: reqwest::Client,
    refused: AtomicUsize,
}

impl Strict {
    async fn call(&self, request: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder) {
        loop {
            match request(&self.http, &self.admin).send().await {
                Ok(answer) => {
                    let status = answer.status();
                    let text = answer.text().await.expect("the whole answer");
                    assert_eq!(status, 200, "{text}");
                    return;
                }
                Err(error) if error.is_connect() => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("not a refused connection: {error:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_the_middle_is_no_error_and_loses_nothing() {
    let (exchanges, stops) = size((100, 4), (1_000, 20));
    let begun = Instant::now();
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&pair.issuer, "issuer"), Ledger::of(&pair.holder, "holder"));
    let http = chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap();
    let strict = Arc::new(Strict { admin: pair.issuer.admin.clone(), http, refused: AtomicUsize::new(0) });
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (strict, sent, body) = (strict.clone(), sent.clone(), body.clone());
            tokio::spawn(async move {
                while sent.fetch_add(1, Ordering::SeqCst) < exchanges {
                    let path = "/issue-credential-2.0/send-offer";
                    strict.call(|http, admin| http.post(format!("{admin}{path}")).json(&body)).await;
                    let path = "/issue-credential-2.0/records?limit=1";
                    strict.call(|http, admin| http.get(format!("{admin}{path}"))).await;
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for stop in 1..=stops {
        while sent.load(Ordering::SeqCst) < exchanges * stop / (stops + 1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let agent = if stop % 2 == 0 { &mut pair.holder } else { &mut pair.issuer };
        let asked = Instant::now();
        assert!(agent.stop().await.success(), "{}", agent.log_text());
        slowest = slowest.max(asked.elapsed());
        agent.spawn().await;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    issued.wait_for(exchanges, PATIENCE).await;
    held.wait_for(exchanges, PATIENCE).await;
    issued.each_went_through(&["offer-sent", "request-received", "credential-issued", "done"]);
    held.each_went_through(&["offer-received", "request-sent", "credential-received", "done"]);
    // Calls were made without a key: none took effect that was not answered.
    assert_eq!((issued.exchanges().len(), held.exchanges().len()), (exchanges, exchanges));
    for agent in [&pair.issuer, &pair.holder] {
        assert_eq!(agent.get("/chancery/dead-letters").await, json!({"results": []}));
    }
    let figures = [
        ("stops", stops),
        ("exchanges", exchanges),
        ("refused connections", strict.refused.load(Ordering::Relaxed)),
        ("webhooks", issued.deliveries + held.deliveries),
        ("of them again", issued.repeats + held.repeats),
        ("ms of the slowest stop", usize::try_from(slowest.as_millis()).unwrap()),
    ];
    report("terminated", begun, &figures.map(|(name, number)| (name, number as u64)));
}
