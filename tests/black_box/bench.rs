//! The benchmarks that start agents of their own come to figures.

use std::process::Command;

use serde_json::Value;

fn bench(words: &[&str]) -> Value {
    let file =
        std::env::temp_dir().join(format!("chancery-figures-{}-{}.json", words[0], std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_chancery"))
        .arg("bench")
        .args(words)
        .args(["--json".as_ref(), file.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let figures: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(figures, serde_json::from_slice::<Value>(&output.stdout).unwrap());
    assert_eq!(figures["bench"], words[0]);
    figures
}

fn above_zero(figures: &Value, names: &[&str]) {
    for name in names {
        assert!(figures[name].as_f64().is_some_and(|figure| figure > 0.0), "{name}: {figures}");
    }
}

#[test]
fn exchanges_one_at_a_time() {
    above_zero(&bench(&["latency", "-n", "2"]), &["p50_ms", "fsync_ms", "goal_p50_ms"]);
}

#[test]
fn starts_and_connections() {
    let figures = bench(&["start", "-n", "1", "--connections", "2"]);
    above_zero(&figures, &["new_wallet_ready_ms", "ready_p50_ms", "connection_p99_ms"]);
}

#[test]
fn wallets_with_something_in_them() {
    let figures = bench(&["big-wallet", "--connections", "3", "--records", "10", "-n", "1"]);
    above_zero(&figures, &["exchange_p50_ratio", "invitation_p99_ratio", "request_p50_ratio"]);
}

/// Each filter finds what was put there for it: the copies are records that the agent reads.
#[test]
fn lists_by_each_filter() {
    let figures = bench(&["lists", "--records", "100", "-n", "1"]);
    let rows: Vec<_> = figures["lists"].as_array().unwrap().iter().map(|list| &list["rows"]).collect();
    // A hundred and the original: all on the busy connection and done, sixty of them of a holder, one of the thread.
    assert_eq!(rows, [100, 0, 100, 0, 100, 0, 61, 0, 1, 0], "{figures}");
}
