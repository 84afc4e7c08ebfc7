//! `bench cpu`: what an exchange costs each of the processes.

use super::BenchError;
use super::exchange::{Plan, alone};
use super::pair::{self, PairOptions};
use super::report::{JSON, tell};
use super::session::Shape;
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench cpu [OPTIONS]

Processor time of one exchange: issuer, holder, driver. Instructions too, where `perf` may count them.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--exchanges", "N", "How many exchanges").short("-n").default_value("5000"),
    OptionSpec::value("--concurrency", "C", "How many at once").short("-c").default_value("8"),
    pair::PROGRAM,
    pair::AGENT_OPTIONS,
    pair::FOLDER,
    JSON,
];

/// Runs `chancery bench cpu …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let options = PairOptions::of(&usage)?;
    let concurrency: usize = usage.parsed("--concurrency")?.unwrap_or(8).max(1);
    let plan = Plan {
        exchanges: usage.parsed("--exchanges")?.unwrap_or(5000).max(1),
        concurrency,
        shape: Shape { connections: concurrency, ..Shape::default() },
        wallet_dir: options.parent(),
    };
    let (mut figures, errors) = block_on_one_thread(alone(&plan, &options))?.map_err(failed)?;
    if errors > 0 {
        return Err(failed(BenchError::Lost(errors)));
    }
    let of = |name: &str| figures[format!("{name}_cpu_ms_per_exchange")].as_f64();
    if let (Some(issuer), Some(holder)) = (of("issuer"), of("holder")) {
        figures["agents_cpu_ms_per_exchange"] = super::figures::rounded(issuer + holder);
    }
    tell(&usage, "cpu", figures)
}
