//! `chancery bench`: figures about any agent with ACA-Py's admin API, and about ours. A file per benchmark.
//!
//! ```text
//! exchange, latency, cpu, memory, start, big_wallet, lists, inside      the benchmarks
//! pair          agents of its own           session    connected agents, rounds of exchanges
//! webhooks      when an exchange is over    scan       what a webhook says, without parsing all of it
//! filled        wallets with much in them   copies     one record many times
//! figures, process, instructions, report    what is measured, and told
//! ```

mod big_wallet;
mod copies;
mod cpu;
mod exchange;
mod figures;
mod filled;
mod inside;
mod instructions;
mod latency;
mod lists;
mod memory;
mod pair;
mod process;
mod report;
mod scan;
mod session;
mod start;
mod webhooks;

use std::io;
use std::path::PathBuf;

use super::Failure;
use super::admin_api::CallError;
use super::agent_process::ProcessError;
use crate::store::OpenError;
use chancery_agent::ports::store::{CommitError, StoreError};

const HELP: &str = "\
Usage: chancery bench NAME [OPTIONS]

Whole agents; each starts an issuer and a holder of its own, in wallets that are
removed afterwards:
  exchange     credential exchanges, from the offer until both sides are done:
               rate, latency, processor time, memory. Also between agents that
               run already, ours or ACA-Py's
  latency      one exchange at a time, and the disk's fsync in the same run
  cpu          processor time and instructions (where `perf` is) of one
               exchange: issuer, holder, driver
  memory       resident memory when idle and after 10,000 exchanges, 32 at a
               time
  start        from starting the process until it is ready; a new connection
  big-wallet   exchanges and invitations with 100,000 connections and 200,000
               exchange records, against an empty wallet
  lists        100 of 200,000 exchange records, unfiltered and by each filter,
               first page and page 1,000

Without network and storage:
  sign         sign and verify one credential
  pack         pack and unpack one message

`chancery bench NAME --help` shows the options. Figures come as one JSON object
on the output; --json FILE writes them into a file, too. What they were on which
machine: docs/performance.md.
";

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("can't take webhooks on 127.0.0.1:{0}: {1}")]
    Port(u16, io::Error),
    #[error("{}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Wallet(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("{0}")]
    Fill(String),
    #[error("{0} exchanges or connections failed; figures of the others would mean nothing")]
    Lost(usize),
    #[error("{0}\n{1}")]
    Logged(Box<BenchError>, String),
    #[error(
        "the first exchange failed: {0}\n\
         Does the holder run with --auto-respond-credential-offer --auto-store-credential, and do both send their \
         webhooks to http://127.0.0.1:{1}/issuer and /holder?"
    )]
    First(String, u16),
}

/// Runs `chancery bench …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((what, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match what.as_str() {
        "exchange" => exchange::run(rest),
        "latency" => latency::run(rest),
        "cpu" => cpu::run(rest),
        "memory" => memory::run(rest),
        "start" => start::run(rest),
        "big-wallet" => big_wallet::run(rest),
        "lists" => lists::run(rest),
        "sign" => inside::sign(rest),
        "pack" => inside::pack(rest),
        "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(Failure::Usage(format!("there is no benchmark `{what}`; `chancery bench --help`"))),
    }
}
