//! `bench latency`: one exchange at a time, with the disk's fsync timed between them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::figures::{millis, rounded};
use super::pair::{self, Home, Pair, PairOptions, RAW};
use super::process::fsync_ms;
use super::report::{JSON, tell};
use super::session::Shape;
use crate::cli::admin_api::AdminApi;
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench latency [OPTIONS]

One exchange after another over one connection. What the disk takes to make a small write durable is timed in the same run, between
the exchanges: an exchange waits for the disk several times.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--exchanges", "N", "How many exchanges").short("-n").default_value("1000"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

/// Exchanges between two looks at the disk.
const ROUND: usize = 50;
/// Calls that time HTTP itself.
const CALLS: usize = 500;

/// The goal: so many milliseconds, and so many times the fsync.
const GOAL: (f64, f64) = (3.0, 5.0);

/// Runs `chancery bench latency …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let options = PairOptions::of(&usage)?;
    let exchanges: usize = usage.parsed("--exchanges")?.unwrap_or(1000).max(1);
    let figures = block_on_one_thread(alone(&options, exchanges))?.map_err(failed)?;
    tell(&usage, "latency", figures)
}

async fn alone(options: &PairOptions, exchanges: usize) -> Result<Value, BenchError> {
    let home = Home::make(options)?;
    let pair = Pair::start(options, &home, RAW).await?;
    let outcome = measure(&pair, &home, exchanges).await;
    pair.end(outcome).await
}

async fn measure(pair: &Pair, home: &Home, exchanges: usize) -> Result<Value, BenchError> {
    let session = pair.session(&Shape::default()).await?;
    let (mut latencies, mut fsyncs) = (Vec::new(), Vec::new());
    while latencies.len() < exchanges {
        let folder = home.folder();
        let fsync =
            fsync_ms(folder).map_err(|source| BenchError::Folder { folder: folder.to_owned(), source })?;
        fsyncs.push(fsync);
        let round = session.round(ROUND.min(exchanges - latencies.len()), 1).await?;
        if round.errors > 0 {
            return Err(BenchError::Lost(round.errors));
        }
        latencies.extend(round.latencies);
    }
    let loopback = loopback(pair).await?;
    latencies.sort_unstable();
    fsyncs.sort_by(f64::total_cmp);
    let fsync = fsyncs.get(fsyncs.len() / 2).copied().unwrap_or_default();
    Ok(json!({
        "n": exchanges,
        "p50_ms": millis(&latencies, 50),
        "p95_ms": millis(&latencies, 95),
        "p99_ms": millis(&latencies, 99),
        "fsync_ms": rounded(fsync),
        "loopback_http_ms": millis(&loopback, 50),
        "goal_p50_ms": rounded(GOAL.0 + GOAL.1 * fsync),
    }))
}

/// What HTTP on this machine takes: the times of calls that do nothing.
async fn loopback(pair: &Pair) -> Result<Vec<Duration>, BenchError> {
    let mut issuer = AdminApi::new(pair.issuer.name, &pair.issuer.admin_url(), None)?;
    let mut taken = Vec::new();
    for _ in 0..CALLS {
        let begun = Instant::now();
        issuer.get("/status/live").await?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    Ok(taken)
}
