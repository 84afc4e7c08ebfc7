//! `bench exchange`: offers through the issuer's admin API; the agents do the rest by themselves, and their
//! webhooks say when both records are done.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::figures::{Gauge, Measured, rounded};
use super::instructions::Instructions;
use super::pair::{self, Home, Pair, PairOptions, RAW};
use super::process::{Whose, fsync_ms};
use super::report::{JSON, tell};
use super::session::{Agents, Session, Shape};
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench exchange [OPTIONS]

Without --issuer and --holder it starts two agents of its own. Agents that run already, ours or ACA-Py's, need these options:
  issuer: --webhook-url http://127.0.0.1:PORT/issuer
  holder: --webhook-url http://127.0.0.1:PORT/holder --auto-respond-credential-offer --auto-store-credential";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--issuer", "URL", "Admin API of a running issuer, http://HOST:PORT"),
    OptionSpec::value("--holder", "URL", "Admin API of a running holder, http://HOST:PORT"),
    OptionSpec::value("--webhook-port", "PORT", "Where the webhooks of both are taken, on 127.0.0.1"),
    OptionSpec::value("--exchanges", "N", "How many exchanges").short("-n").default_value("1000"),
    OptionSpec::value("--concurrency", "C", "How many at once").short("-c").default_value("16"),
    OptionSpec::value("--connections", "K", "Over how many connections").default_value("1"),
    OptionSpec::value("--proof-type", "TYPE", "Proof of the credential")
        .default_value("Ed25519Signature2020"),
    OptionSpec::value(
        "--pid-issuer",
        "PID",
        "Process of a running issuer, for its memory and processor time",
    ),
    OptionSpec::value("--pid-holder", "PID", "Process of a running holder, for the same"),
    OptionSpec::value("--api-key", "KEY", "X-API-Key of both running agents"),
    OptionSpec::value(
        "--wallet-dir",
        "DIR",
        "Where to time fsync; the folder for temporary files if not given",
    ),
    OptionSpec::value("--timeout", "SECONDS", "An exchange that takes longer has failed").default_value("60"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

/// What is asked of one run.
pub(super) struct Plan {
    pub(super) exchanges: usize,
    pub(super) concurrency: usize,
    pub(super) shape: Shape,
    pub(super) wallet_dir: PathBuf,
}

/// Runs `chancery bench exchange …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let pair = PairOptions::of(&usage)?;
    let plan = Plan {
        exchanges: usage.parsed("--exchanges")?.unwrap_or(1000).max(1),
        concurrency: usage.parsed("--concurrency")?.unwrap_or(16).max(1),
        shape: Shape {
            connections: usage.parsed("--connections")?.unwrap_or(1).max(1),
            proof_type: usage.text("--proof-type").unwrap_or("Ed25519Signature2020").to_owned(),
            timeout: Duration::from_secs(usage.parsed("--timeout")?.unwrap_or(60)),
            ..Shape::default()
        },
        wallet_dir: usage.parsed("--wallet-dir")?.unwrap_or_else(|| pair.parent()),
    };
    // A folder that won't do is noticed before any agent is bothered.
    fsync(&plan.wallet_dir).map_err(failed)?;
    let given = ["--issuer", "--holder", "--webhook-port"].map(|name| usage.text(name).is_some());
    let outcome = match given {
        [false, false, false] => block_on_one_thread(alone(&plan, &pair))?,
        _ => {
            let agents = Agents {
                issuer: usage.required("--issuer")?,
                holder: usage.required("--holder")?,
                api_key: usage.text("--api-key").map(str::to_owned),
                processes: [usage.parsed("--pid-issuer")?, usage.parsed("--pid-holder")?],
            };
            let port = usage.required("--webhook-port")?;
            block_on_one_thread(async {
                measure(&plan, Session::listen(agents, port, &plan.shape).await?).await
            })?
        }
    };
    let (figures, errors) = outcome.map_err(failed)?;
    tell(&usage, "exchange", figures)?;
    match errors {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!("{errors} exchanges failed"))),
    }
}

/// A run with two agents of its own.
pub(super) async fn alone(plan: &Plan, options: &PairOptions) -> Result<(Value, usize), BenchError> {
    let home = Home::make(options)?;
    let pair = Pair::start(options, &home, RAW).await?;
    let outcome = match pair.session(&plan.shape).await {
        Ok(session) => measure(plan, session).await,
        Err(error) => Err(error),
    };
    pair.end(outcome).await
}

/// All figures of the exchanges of a session, and how many exchanges failed.
pub(super) async fn measure(plan: &Plan, session: Session) -> Result<(Value, usize), BenchError> {
    let before = fsync(&plan.wallet_dir)?;
    let whose = session.processes().map(|pid| pid.map(|pid| Whose::Process(pid.to_string())));
    let [issuer, holder] = whose.map(Gauge::start);
    let driver = Gauge::start(Some(Whose::ThisThread));
    let [first, second] = session.processes();
    let counted = Instructions::start([first, second, Some(std::process::id())]);
    let begun = Instant::now();
    let round = session.round(plan.exchanges, plan.concurrency).await?;
    let wall = begun.elapsed();
    let done = round.latencies.len();
    let errors = round.errors;
    let asked = json!({
        "n": plan.exchanges, "concurrency": plan.concurrency, "connections": plan.shape.connections
    });
    let measured = Measured { wall, connect: session.connect, latencies: round.latencies, errors };
    let mut figures = measured.into_json(asked, &issuer, &holder, &driver);
    let names = ["issuer", "holder", "driver"];
    for (name, counted) in names.iter().zip(counted.finish(done).await) {
        figures[format!("{name}_minstructions_per_exchange")] = counted;
    }
    figures["fsync_ms"] = rounded((before + fsync(&plan.wallet_dir)?) / 2.0);
    Ok((figures, errors))
}

fn fsync(folder: &Path) -> Result<f64, BenchError> {
    fsync_ms(folder).map_err(|source| BenchError::Folder { folder: folder.to_owned(), source })
}
