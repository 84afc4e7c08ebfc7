//! The agent under attack. Small by default; in full with `CHANCERY_ATTACK=full` (see `docs/reliability.md`).

mod at_once;
mod controller_away;
mod garbage;
mod killed;
mod machine;
mod peers;
mod postgres_away;
mod terminated;
mod twice;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Agent;

/// A number for the small run, and one for the full one.
fn size<T>(small: T, full: T) -> T {
    if in_full() { full } else { small }
}

fn in_full() -> bool {
    std::env::var("CHANCERY_ATTACK").is_ok_and(|size| size == "full")
}

/// The figures of an attack, on one line.
fn report(attack: &str, begun: Instant, figures: &[(&str, u64)]) {
    let figures: Vec<String> = figures.iter().map(|(name, number)| format!("{name} {number}")).collect();
    println!("attack {attack}: {}; {:.1} s", figures.join(", "), begun.elapsed().as_secs_f64());
}

/// This machine lacks what the attack needs.
fn not_run(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "not run: {why}");
    println!("not run: {why}");
}

/// No dead letter, and nothing that waits to be sent.
async fn nothing_given_up(agent: &Agent) {
    assert_eq!(agent.get("/chancery/dead-letters").await, json!({"results": []}));
    let waiting = async {
        while agent.get("/chancery/outbox").await["results"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the outbox empties");
    assert!(!agent.log_text().contains("panicked"), "{}", agent.log_text());
}
