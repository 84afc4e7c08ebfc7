//! Peers that are down, answer 500, hang, reset, answer slowly or lose answers: each gets everything once it is well
//! again, and the others notice nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{report, size};
use crate::support::{AUTOMATIC, Agent, Fault, FaultyPeer, Ledger, Surroundings, connect, free_port, offer};

const FAULTS: [Fault; 5] =
    [Fault::Says500, Fault::Hangs, Fault::Resets, Fault::AnswersSlowly, Fault::LosesAnswers];
/// A try that hangs ends after 30 s; the next may come 8 s later.
const PATIENCE: Duration = Duration::from_secs(90);

struct Sick {
    agent: Agent,
    peer: FaultyPeer,
    connection: String,
    fault: Fault,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sick_peers_get_everything_and_hold_up_nobody() {
    let exchanges = size(10, 200);
    let begun = Instant::now();
    let issuer = Agent::start("issuer", AUTOMATIC).await;
    let did = issuer.did("ed25519").await;
    let well = Agent::start("well", AUTOMATIC).await;
    let (to_well, _) = connect(&issuer, &well).await;
    let mut down = Agent::start("down", AUTOMATIC).await;
    let (to_down, _) = connect(&issuer, &down).await;
    let mut sick = Vec::new();
    for fault in FAULTS {
        let (admin, didcomm) = (free_port(), free_port());
        let peer = FaultyPeer::before(didcomm).await;
        let surroundings = Surroundings { endpoint: Some(peer.endpoint.clone()), ..Surroundings::default() };
        let agent = Agent::start_in(surroundings, &format!("{fault:?}"), admin, didcomm, AUTOMATIC).await;
        let (connection, _) = connect(&issuer, &agent).await;
        sick.push(Sick { agent, peer, connection, fault });
    }

    sick.iter().for_each(|s| s.peer.now(s.fault));
    down.kill();
    let mut ill: Vec<&String> = sick.iter().map(|s| &s.connection).collect();
    ill.push(&to_down);
    for _ in 0..exchanges {
        for connection in &ill {
            issuer
                .post("/issue-credential-2.0/send-offer", offer(connection, &did, "Ed25519Signature2020"))
                .await;
        }
    }
    let mut well_ledger = Ledger::of(&well, "well");
    let healthy = Instant::now();
    for _ in 0..exchanges {
        issuer.post("/issue-credential-2.0/send-offer", offer(&to_well, &did, "Ed25519Signature2020")).await;
    }
    // Before any of the others is well again.
    well_ledger.wait_for(exchanges, PATIENCE).await;
    let healthy = healthy.elapsed();

    // What answers slowly works all the same.
    let slow = sick.iter().find(|s| s.fault == Fault::AnswersSlowly).unwrap();
    Ledger::of(&slow.agent, "slow").wait_for(exchanges, PATIENCE).await;
    let waiting = issuer.get("/chancery/outbox?limit=1000").await["results"].as_array().unwrap().len();
    assert!(waiting >= 4 * exchanges, "what can't be delivered waits: {waiting}");
    sick.iter().filter(|s| s.fault != Fault::AnswersSlowly).for_each(|s| s.peer.now(Fault::None));
    down.spawn().await;

    let mut repeats = 0;
    for (agent, name) in
        sick.iter().map(|s| (&s.agent, format!("{:?}", s.fault))).chain([(&down, "down".into())])
    {
        if name != "AnswersSlowly" {
            let mut ledger = Ledger::of(agent, &name);
            ledger.wait_for(exchanges, PATIENCE).await;
            ledger.each_went_through(&["offer-received", "request-sent", "credential-received", "done"]);
            repeats += ledger.repeats;
        }
        let stored = agent.post("/credentials/w3c", json!({"max_results": 1000})).await;
        assert_eq!(stored["results"].as_array().unwrap().len(), exchanges, "{name}: one credential each");
    }
    let mut ledger = Ledger::of(&issuer, "issuer");
    ledger.wait_for(exchanges * 7, PATIENCE).await;
    ledger.each_went_through(&["offer-sent", "request-received", "credential-issued", "done"]);
    assert_eq!(issuer.get("/chancery/dead-letters").await, json!({"results": []}));
    for Sick { peer, fault, .. } in &sick {
        println!("attack peers: {fault:?}: {} requests", peer.requests());
    }
    let figures = [
        ("peers", 7),
        ("exchanges", exchanges as u64 * 7),
        ("webhooks again", repeats as u64),
        ("ms for those of the well peer", healthy.as_millis() as u64),
    ];
    report("peers", begun, &figures);
}
