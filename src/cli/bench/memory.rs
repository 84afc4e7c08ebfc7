//! `bench memory`: resident memory of both agents, idle and after many exchanges.

use std::time::Duration;

use serde_json::{Value, json};

use super::BenchError;
use super::figures::rounded;
use super::pair::{self, Home, Pair, PairOptions};
use super::process::memory_mb;
use super::report::{JSON, tell};
use super::session::Shape;
use crate::cli::admin_api::AdminApi;
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench memory [OPTIONS]

Resident memory in MiB. The wallets' keys are derived with Argon2, as they are unless an operator gives raw ones: that takes 128 MB for a
moment, which must be given back.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--exchanges", "N", "How many exchanges").short("-n").default_value("10000"),
    OptionSpec::value("--concurrency", "C", "How many at once, over as many connections")
        .short("-c")
        .default_value("32"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

/// How long an agent is left alone before it counts as idle.
const QUIET: Duration = Duration::from_secs(3);
const READY: Duration = Duration::from_secs(60);

/// Runs `chancery bench memory …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let options = PairOptions::of(&usage)?;
    let exchanges: usize = usage.parsed("--exchanges")?.unwrap_or(10_000).max(1);
    let concurrency: usize = usage.parsed("--concurrency")?.unwrap_or(32).max(1);
    let figures = block_on_one_thread(alone(&options, exchanges, concurrency))?.map_err(failed)?;
    tell(&usage, "memory", figures)
}

async fn alone(options: &PairOptions, exchanges: usize, concurrency: usize) -> Result<Value, BenchError> {
    let home = Home::make(options)?;
    // Argon2 is what there is without an option.
    let pair = Pair::start(options, &home, &[]).await?;
    let outcome = measure(&pair, exchanges, concurrency).await;
    pair.end(outcome).await
}

async fn measure(pair: &Pair, exchanges: usize, concurrency: usize) -> Result<Value, BenchError> {
    for agent in [&pair.issuer, &pair.holder] {
        AdminApi::new(agent.name, &agent.admin_url(), None)?.wait_ready(READY).await?;
    }
    let mut figures = json!({"n": exchanges, "concurrency": concurrency});
    let mut note = |when: &str| {
        for agent in [&pair.issuer, &pair.holder] {
            let pid = agent.process().to_string();
            for (what, field) in [("rss", "VmRSS"), ("anonymous", "RssAnon"), ("peak", "VmHWM")] {
                let seen = memory_mb(&pid, field).map_or(Value::Null, rounded);
                figures[format!("{}_{when}_{what}_mb", agent.name)] = seen;
            }
        }
    };
    tokio::time::sleep(QUIET).await;
    note("idle");
    let session = pair.session(&Shape { connections: concurrency, ..Shape::default() }).await?;
    let round = session.round(exchanges, concurrency).await?;
    note("after");
    tokio::time::sleep(QUIET).await;
    note("later");
    match round.errors {
        0 => Ok(figures),
        errors => Err(BenchError::Lost(errors)),
    }
}
