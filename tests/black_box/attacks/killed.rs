//! `kill -9` of the issuer, the holder or both at any moment, while exchanges are under way.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{nothing_given_up, report, size};
use crate::support::{AUTOMATIC, Agent, Caller, Dice, Ledger, Pair, offer};

const AT_ONCE: usize = 8;
/// How long nothing may come to an end. While both are killed again and again, pauses between tries grow.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_nothing_is_lost_or_doubled() {
    let (mut kills, mut exchanges) = size((30, 300), (1_000, 20_000));
    if let Some(given) = std::env::var("CHANCERY_KILLS").ok().and_then(|n| n.parse().ok()) {
        (kills, exchanges) = (given, given * 10);
    }
    let mut dice = Dice::new();
    println!("attack killed: seed {}", dice.seed);
    let begun = Instant::now();
    // Without a pause everything that may have arrived comes twice.
    let options = [AUTOMATIC, &["--outbound-resend-pause", "off"]].concat();
    let Pair { mut issuer, mut holder, to_holder, .. } = Pair::connected(&options, &options).await;
    let did = issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&issuer, "issuer"), Ledger::of(&holder, "holder"));
    let caller = Arc::new(Caller::new(&issuer));
    let (killed, pace) = watch::channel(0_usize);
    let next = Arc::new(AtomicUsize::new(0));

    // As far into the exchanges as into the kills, so that each kill finds some under way.
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (caller, next, mut pace) = (caller.clone(), next.clone(), pace.clone());
            let (to_holder, did) = (to_holder.clone(), did.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= exchanges {
                        return;
                    }
                    pace.wait_for(|killed| number * kills <= (killed + 1) * exchanges).await.unwrap();
                    send(&caller, &to_holder, &did, number).await;
                }
            })
        })
        .collect();
    let audit = tokio::spawn(async move {
        issued.wait_for(exchanges, PATIENCE).await;
        held.wait_for(exchanges, PATIENCE).await;
        (issued, held)
    });

    let mut done = 0;
    while done < kills {
        tokio::time::sleep(dice.millis(700)).await;
        done += kill(&mut dice, &mut issuer, &mut holder).await;
        killed.send_replace(done);
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let (issued, held) = audit.await.unwrap();

    issued.each_went_through(&["offer-sent", "request-received", "credential-issued", "done"]);
    held.each_went_through(&["offer-received", "request-sent", "credential-received", "done"]);
    assert_eq!((issued.exchanges().len(), held.exchanges().len()), (exchanges, exchanges));
    for agent in [&issuer, &holder] {
        all_done_once(&Caller::new(agent), exchanges).await;
        nothing_given_up(agent).await;
    }
    one_credential_each(&Caller::new(&holder), exchanges).await;
    let figures = [
        ("kills", done),
        ("exchanges", exchanges),
        ("calls repeated", caller.repeats()),
        ("webhooks", issued.deliveries + held.deliveries),
        ("of them again", issued.repeats + held.repeats),
    ];
    report("killed", begun, &figures.map(|(name, number)| (name, number as u64)));
}

/// One or two kills; now and then the process dies once more while it starts.
async fn kill(dice: &mut Dice, issuer: &mut Agent, holder: &mut Agent) -> usize {
    let mut victims: Vec<&mut Agent> = match dice.below(4) {
        0 | 1 => vec![issuer],
        2 => vec![holder],
        _ => vec![issuer, holder],
    };
    let mut kills = 0;
    for victim in &mut victims {
        victim.kill();
        kills += 1;
    }
    tokio::time::sleep(dice.millis(100)).await;
    for victim in &mut victims {
        victim.launch();
        if dice.one_in(4) {
            tokio::time::sleep(dice.millis(100)).await;
            victim.kill();
            kills += 1;
            victim.launch();
        }
    }
    for victim in &mut victims {
        victim.ready().await;
    }
    kills
}

/// Offers a credential of its own, once, whatever happens to the agent meanwhile.
async fn send(caller: &Caller, to_holder: &str, did: &str, number: usize) {
    let mut body = offer(to_holder, did, "Ed25519Signature2020");
    let name = format!("Ada {number}");
    body["filter"]["ld_proof"]["credential"]["credentialSubject"]["givenName"] = json!(name);
    for attempt in 0.. {
        let key = format!("{number}/{attempt}");
        if caller.post("/issue-credential-2.0/send-offer", &body, &key).await.is_ok() {
            return;
        }
        // The agent doesn't know whether it did: its records do.
        let records = caller.get("/issue-credential-2.0/records?limit=200&descending=true").await;
        let offered = |r: &Value| {
            let offer = &r["cred_ex_record"]["by_format"]["cred_offer"]["ld_proof"];
            offer["credential"]["credentialSubject"]["givenName"] == name
        };
        if records["results"].as_array().unwrap().iter().any(offered) {
            return;
        }
    }
}

async fn pages(caller: &Caller, path: &str) -> Vec<Value> {
    const PAGE: usize = 500;
    let mut all = Vec::new();
    loop {
        let page = caller.get(&format!("{path}?limit={PAGE}&offset={}", all.len())).await;
        let page = page["results"].as_array().unwrap();
        all.extend(page.iter().cloned());
        if page.len() < PAGE {
            return all;
        }
    }
}

async fn all_done_once(caller: &Caller, exchanges: usize) {
    let records = pages(caller, "/issue-credential-2.0/records").await;
    assert!(records.iter().all(|r| r["cred_ex_record"]["state"] == "done"));
    let threads: HashSet<&str> =
        records.iter().map(|r| r["cred_ex_record"]["thread_id"].as_str().unwrap()).collect();
    assert_eq!((records.len(), threads.len()), (exchanges, exchanges), "one record each");
}

async fn one_credential_each(caller: &Caller, exchanges: usize) {
    let body = json!({"max_results": exchanges + 1});
    let stored = caller.post("/credentials/w3c", &body, "credentials").await.unwrap();
    let stored = stored["results"].as_array().unwrap();
    let name = |credential: &Value| credential["cred_value"]["credentialSubject"]["givenName"].to_string();
    let names: HashSet<String> = stored.iter().map(name).collect();
    assert_eq!((stored.len(), names.len()), (exchanges, exchanges), "one credential each");
}
