//! The controllers of both agents are away while exchanges go on; once they are back they hear everything, in order.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{report, size};
use crate::support::{AUTOMATIC, Ledger, Pair, offer};

#[tokio::test]
async fn a_controller_that_was_away_is_told_everything_in_order() {
    // With the default pauses it would be told up to as long after its return as it was away.
    let (away, longest) = size((20, "2s"), (600, "30s"));
    let begun = Instant::now();
    let options: Vec<&str> = AUTOMATIC.iter().copied().chain(["--outbound-longest-pause", longest]).collect();
    let mut pair = Pair::connected(&options, &options).await;
    let did = pair.issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&pair.issuer, "issuer"), Ledger::of(&pair.holder, "holder"));
    pair.issuer.controller.down().await;
    pair.holder.controller.down().await;
    issued.read();
    held.read();

    let mut exchanges = 0;
    while begun.elapsed() < Duration::from_secs(away) {
        pair.issuer
            .post("/issue-credential-2.0/send-offer", offer(&pair.to_holder, &did, "Ed25519Signature2020"))
            .await;
        exchanges += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The exchanges needed no controller.
    loop {
        let done = pair.issuer.get("/issue-credential-2.0/records?state=done&limit=10000").await;
        if done["results"].as_array().unwrap().len() == exchanges {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    issued.read();
    held.read();
    assert_eq!((issued.exchanges().len(), held.exchanges().len()), (0, 0), "nobody was there to be told");

    let back = Instant::now();
    pair.issuer.controller.up();
    pair.holder.controller.up();
    issued.wait_for(exchanges, Duration::from_secs(90)).await;
    held.wait_for(exchanges, Duration::from_secs(90)).await;
    issued.each_went_through(&["offer-sent", "request-received", "credential-issued", "done"]);
    held.each_went_through(&["offer-received", "request-sent", "credential-received", "done"]);
    for agent in [&pair.issuer, &pair.holder] {
        assert_eq!(agent.get("/chancery/dead-letters").await, json!({"results": []}));
    }
    let figures = [
        ("seconds away", away),
        ("exchanges", exchanges as u64),
        ("webhooks", (issued.deliveries + held.deliveries) as u64),
        ("of them again", (issued.repeats + held.repeats) as u64),
        ("ms until all were told", back.elapsed().as_millis() as u64),
    ];
    report("controller_away", begun, &figures);
}
