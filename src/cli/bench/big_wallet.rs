//! `bench big-wallet`: the same work in wallets with much in them and in empty ones, by turns.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::figures::{millis, percentile, rounded};
use super::filled::{Amount, fill};
use super::pair::{self, Home, Pair, PairOptions, RAW};
use super::report::{JSON, tell};
use super::session::{Session, Shape, invitation, multi_use};
use crate::cli::admin_api::{AdminApi, text};
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench big-wallet [OPTIONS]

Two pairs of agents, one with empty wallets, one with wallets full of connections and exchange records (copies of what the agents
write; about 6 GB on the disk meanwhile). By turns, each exchanges credentials, one at a time, and makes invitations.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--connections", "K", "Connections in each full wallet").default_value("100000"),
    OptionSpec::value("--records", "R", "Exchange records in each full wallet").default_value("200000"),
    OptionSpec::value("--exchanges", "N", "How many exchanges, invitations and requests, with each pair")
        .short("-n")
        .default_value("1000"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

/// Exchanges, invitations or requests before it is the other pair's turn.
const TURN: usize = 50;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `chancery bench big-wallet …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let options = PairOptions::of(&usage)?;
    let amount = Amount {
        connections: usage.parsed("--connections")?.unwrap_or(100_000),
        records: usage.parsed("--records")?.unwrap_or(200_000),
    };
    let exchanges: usize = usage.parsed("--exchanges")?.unwrap_or(1000).max(1);
    let figures = block_on_one_thread(alone(&options, amount, exchanges))?.map_err(failed)?;
    tell(&usage, "big-wallet", figures)
}

async fn alone(options: &PairOptions, amount: Amount, exchanges: usize) -> Result<Value, BenchError> {
    let (small, big) = (Home::make(options)?, Home::make(options)?);
    let filled = fill(options, &big, &["issuer", "holder"], amount).await?;
    let small = Pair::start(options, &small, RAW).await?;
    let begun = Instant::now();
    let big = Pair::start(options, &big, RAW).await?;
    let invited = filled.iter().map(|contents| &contents.invitation).next();
    let outcome = by_turns(&small, &big, invited, exchanges, begun).await;
    let figures = small.end(big.end(outcome).await).await;
    let mut figures = figures?;
    figures["connections"] = amount.connections.into();
    figures["records"] = amount.records.into();
    let megabytes = filled.iter().map(|contents| contents.bytes / 1_000_000);
    figures["wallets_mb"] = megabytes.collect::<Vec<_>>().into();
    let took = filled.iter().map(|contents| contents.took).max().unwrap_or_default();
    figures["filling_s"] = rounded(took.as_secs_f64());
    Ok(figures)
}

/// What one pair has shown.
struct Seen {
    session: Session,
    issuer: AdminApi,
    holder: AdminApi,
    /// May be used any number of times.
    invitation: Value,
    exchanges: Vec<Duration>,
    invitations: Vec<Duration>,
    requests: Vec<Duration>,
}

impl Seen {
    /// `invited`: an invitation that the wallet has had before, when the agent was elsewhere.
    async fn of(pair: &Pair, invited: Option<&Value>) -> Result<Self, BenchError> {
        let session = pair.session(&Shape::default()).await?;
        let mut issuer = AdminApi::new("issuer", &pair.issuer.admin_url(), None)?;
        let holder = AdminApi::new("holder", &pair.holder.admin_url(), None)?;
        let mut invitation = multi_use(&mut issuer).await?;
        if let Some(invited) = invited {
            let endpoint = invitation["services"][0]["serviceEndpoint"].take();
            invitation = invited.clone();
            invitation["services"][0]["serviceEndpoint"] = endpoint;
        }
        let (exchanges, invitations, requests) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { session, issuer, holder, invitation, exchanges, invitations, requests })
    }

    async fn turn(&mut self) -> Result<(), BenchError> {
        let round = self.session.round(TURN, 1).await?;
        if round.errors > 0 {
            return Err(BenchError::Lost(round.errors));
        }
        self.exchanges.extend(round.latencies);
        for _ in 0..TURN {
            let begun = Instant::now();
            self.issuer.post("/out-of-band/create-invitation?auto_accept=true", &invitation()).await?;
            self.invitations.push(begun.elapsed());
        }
        for _ in 0..TURN {
            let begun = Instant::now();
            self.request().await?;
            self.requests.push(begun.elapsed());
        }
        Ok(())
    }

    /// The holder uses the invitation; over when it has the response.
    async fn request(&mut self) -> Result<(), BenchError> {
        let path = "/out-of-band/receive-invitation?auto_accept=true&use_existing_connection=false";
        let received = self.holder.post(path, &self.invitation).await?;
        let path = format!("/connections/{}", text(&received, "/connection_id")?);
        let end = Instant::now() + PATIENCE;
        // Without a pause between two looks: it would be longer than what is measured.
        while self.holder.get(&path).await?["rfc23_state"] != "completed" {
            if Instant::now() > end {
                return Err(BenchError::Lost(1));
            }
        }
        Ok(())
    }
}

async fn by_turns(
    small: &Pair,
    big: &Pair,
    invited: Option<&Value>,
    exchanges: usize,
    begun: Instant,
) -> Result<Value, BenchError> {
    let mut figures = json!({"n": exchanges});
    let big = Seen::of(big, invited).await?;
    figures["big_started_and_connected_ms"] = rounded(begun.elapsed().as_secs_f64() * 1e3);
    let mut both = [("small", Seen::of(small, None).await?), ("big", big)];
    for _ in 0..exchanges.div_ceil(TURN) {
        for (_, seen) in &mut both {
            seen.turn().await?;
        }
    }
    for (name, seen) in &mut both {
        seen.exchanges.sort_unstable();
        seen.invitations.sort_unstable();
        seen.requests.sort_unstable();
        for percent in [50, 99] {
            figures[format!("{name}_exchange_p{percent}_ms")] = millis(&seen.exchanges, percent);
            figures[format!("{name}_invitation_p{percent}_ms")] = millis(&seen.invitations, percent);
            figures[format!("{name}_request_p{percent}_ms")] = millis(&seen.requests, percent);
        }
    }
    let [(_, small), (_, big)] = &both;
    figures["exchange_p50_ratio"] = ratio(&big.exchanges, &small.exchanges, 50);
    figures["invitation_p99_ratio"] = ratio(&big.invitations, &small.invitations, 99);
    figures["request_p50_ratio"] = ratio(&big.requests, &small.requests, 50);
    Ok(figures)
}

fn ratio(big: &[Duration], small: &[Duration], percent: usize) -> Value {
    match (percentile(big, percent), percentile(small, percent)) {
        (Some(big), Some(small)) => rounded(big.as_secs_f64() / small.as_secs_f64().max(1e-9)),
        _ => Value::Null,
    }
}
