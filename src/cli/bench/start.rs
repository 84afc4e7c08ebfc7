//! `bench start`: how soon an agent is ready, and how soon two agents are connected.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::figures::millis;
use super::pair::{self, Home, Pair, PairOptions, RAW, start_one};
use super::report::{JSON, tell};
use super::session::{Shape, invitation};
use crate::cli::admin_api::{AdminApi, CallError, text};
use crate::cli::agent_process::AgentProcess;
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench start [OPTIONS]

From starting the process until /status/ready answers 200, with a raw wallet key: the first time, when the wallet is made, and later
times. Then new connections one after another: from asking for an invitation until both sides have told that they are connected.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--times", "N", "How many starts").short("-n").default_value("20"),
    OptionSpec::value("--connections", "K", "How many connections").default_value("200"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

const READY: Duration = Duration::from_secs(60);
const CONNECTED: Duration = Duration::from_secs(30);

/// Runs `chancery bench start …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let options = PairOptions::of(&usage)?;
    let starts: usize = usage.parsed("--times")?.unwrap_or(20).max(1);
    let connections: usize = usage.parsed("--connections")?.unwrap_or(200).max(1);
    let figures = block_on_one_thread(alone(&options, starts, connections))?.map_err(failed)?;
    tell(&usage, "start", figures)
}

async fn alone(options: &PairOptions, starts: usize, connections: usize) -> Result<Value, BenchError> {
    let home = Home::make(options)?;
    let first = ready_after(options, &home).await?;
    let mut later = Vec::new();
    for _ in 0..starts {
        later.push(ready_after(options, &home).await?);
    }
    later.sort_unstable();
    let pair = Pair::start(options, &home, RAW).await?;
    let outcome = connect(&pair, connections).await;
    let mut connected = pair.end(outcome).await?;
    connected.sort_unstable();
    Ok(json!({
        "starts": starts,
        "connections": connections,
        "new_wallet_ready_ms": millis(&[first], 50),
        "ready_p50_ms": millis(&later, 50),
        "ready_max_ms": millis(&later, 100),
        "connection_p50_ms": millis(&connected, 50),
        "connection_p99_ms": millis(&connected, 99),
    }))
}

/// Starts an agent, waits until it is ready, and ends it.
async fn ready_after(options: &PairOptions, home: &Home) -> Result<Duration, BenchError> {
    let begun = Instant::now();
    // Nobody listens on the port of the webhooks: there is nothing to tell.
    let agent: AgentProcess = start_one(options, home, "issuer", 9, RAW)?;
    let mut api = AdminApi::new(agent.name, &agent.admin_url(), None)?;
    let ready = api.wait_ready_every(Duration::from_millis(1), READY).await;
    let took = begun.elapsed();
    agent.stop().await;
    ready?;
    Ok(took)
}

/// The times of so many new connections.
async fn connect(pair: &Pair, connections: usize) -> Result<Vec<Duration>, BenchError> {
    let session = pair.session(&Shape::default()).await?;
    let agents = pair.agents();
    let mut issuer = AdminApi::new("issuer", &agents.issuer, None)?;
    let mut holder = AdminApi::new("holder", &agents.holder, None)?;
    let mut taken = Vec::new();
    for _ in 0..connections {
        let begun = Instant::now();
        let created = issuer.post("/out-of-band/create-invitation?auto_accept=true", &invitation()).await?;
        let connected = pair.exchanges.outcome(&text(&created, "/invi_msg_id")?);
        holder.post("/out-of-band/receive-invitation?auto_accept=true", &created["invitation"]).await?;
        match tokio::time::timeout(CONNECTED, connected).await {
            Ok(Ok(Ok(()))) => taken.push(begun.elapsed()),
            Ok(Ok(Err(why))) => return Err(CallError(format!("no connection: {why}")).into()),
            Ok(Err(_)) | Err(_) => return Err(BenchError::Lost(1)),
        }
    }
    drop(session);
    Ok(taken)
}
