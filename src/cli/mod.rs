//! The commands: `start`, `provision`, `demo`, `bench`.
//!
//! Exit codes: 0 done, 1 it went wrong, 2 the command line (or the configuration) is at fault.

mod admin_api;
mod agent_process;
mod bench;
mod demo;
mod http;
mod usage;

use std::io::Read;
use std::process::ExitCode;

use crate::config::{self, Config, ConfigError, Purpose};
use crate::wiring;

const SHORT_HELP: &str = "\
Chancery: a DIDComm agent that issues, holds and verifies credentials, with
ACA-Py's options and admin API.

Usage: chancery COMMAND [OPTIONS]

  start       run the agent; takes ACA-Py's options
  provision   create the wallet, then end
  demo        two agents on this machine, and a credential from one to the other
  bench       measure: exchanges of any ACA-Py-shaped agents; memory, start, big
              wallets of ours

`chancery COMMAND --help` or `chancery help COMMAND` shows a command's options,
`chancery --version` the version.
Try `chancery demo`.
";

/// Set by a parent that wants this process to end when its standard input is closed, however the parent ended.
const STOP_WITH_STDIN: &str = "CHANCERY_STOP_WITH_STDIN";

/// Why a command ended without success.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The operator's command line or configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A command line that this command does not understand.
    #[error("{0}")]
    Usage(String),
    /// It was understood, and went wrong.
    #[error("{0}")]
    Failed(String),
}

/// Runs the process's command line.
pub fn main() -> ExitCode {
    let mut arguments = Vec::new();
    for (at, word) in std::env::args_os().skip(1).enumerate() {
        let Ok(word) = word.into_string() else {
            eprintln!("chancery: word {} of the command line is not UTF-8", at + 1);
            return ExitCode::from(2);
        };
        arguments.push(word);
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chancery: {failure}");
            match failure {
                Failure::Config(_) | Failure::Usage(_) => ExitCode::from(2),
                Failure::Failed(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{SHORT_HELP}");
        return Ok(());
    };
    match command.as_str() {
        "help" if !rest.is_empty() => run(&[rest[0].clone(), "--help".to_owned()])?,
        "--help" | "-h" | "help" => print!("{SHORT_HELP}"),
        "--version" | "-V" => println!("chancery {}", env!("CARGO_PKG_VERSION")),
        "start" | "provision" if asks_for_help(rest) => print!("{}", config::help(command)),
        "start" => start(Config::from_process(rest, Purpose::Start)?)?,
        "provision" => {
            let config = Config::from_process(rest, Purpose::Provision)?;
            block_on(wiring::provision(config))?.map_err(failed)?;
        }
        "demo" => demo::run(rest)?,
        "bench" => bench::run(rest)?,
        option if option.starts_with('-') => {
            return Err(Failure::Usage(
                "options come behind the command, such as `chancery start --label NAME`; `chancery --help` lists the commands".into(),
            ));
        }
        other => {
            return Err(Failure::Usage(format!(
                "there is no command `{other}`; `chancery --help` lists them"
            )));
        }
    }
    Ok(())
}

fn asks_for_help(arguments: &[String]) -> bool {
    arguments.iter().any(|word| word == "--help" || word == "-h")
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

fn start(config: Config) -> Result<(), Failure> {
    let parent_ended = stdin_closed();
    block_on(async {
        tokio::select! {
            ended = wiring::start(config) => ended.map_err(failed),
            () = parent_ended => Ok(()),
        }
    })?
}

/// Ends when a parent that asked for it closes our standard input; otherwise never.
///
/// A closed pipe is the one sign that reaches a child also when the parent was killed.
fn stdin_closed() -> impl Future<Output = ()> {
    let (closed, watch) = tokio::sync::oneshot::channel();
    if std::env::var_os(STOP_WITH_STDIN).is_some() {
        std::thread::spawn(move || {
            let mut ignored = [0; 64];
            while matches!(std::io::stdin().read(&mut ignored), Ok(read) if read > 0) {}
            // The receiver is gone when the process ends by itself first.
            let _ = closed.send(());
        });
    }
    async {
        if watch.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Delivery takes a third of the work, the servers' own threads the rest; more threads than that only wake each other.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, 8)
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build();
    Ok(runtime.map_err(|e| Failure::Failed(format!("can't start worker threads: {e}")))?.block_on(future))
}

/// Runs a command that drives agents: one thread, so that it takes little from them.
fn block_on_one_thread<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Failed(format!("can't start an event loop: {e}")))?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, future))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_words(words: &[&str]) -> Result<(), Failure> {
        run(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn help_and_version_are_no_failures() {
        for words in [
            &[][..],
            &["--help"],
            &["--version"],
            &["start", "--help"],
            &["demo", "-h"],
            &["bench"],
            &["help", "start"],
        ] {
            assert!(run_words(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn faults_of_the_command_line_are_told_apart_from_failures() {
        for words in [
            &["begin"][..],
            &["bench", "all"],
            &["bench", "exchange", "--holder", "http://a"],
            &["bench", "sign", "-n", "x"],
        ] {
            assert!(matches!(run_words(words), Err(Failure::Usage(_))), "{words:?}");
        }
        for words in
            [&["start", "--nope"][..], &["provision", "--wallet-nmae", "w"], &["demo", "--automatic"]]
        {
            assert!(matches!(run_words(words), Err(Failure::Config(_))), "{words:?}");
        }
        let nobody = ["--issuer", "http://a", "--holder", "http://b", "--webhook-port", "0"];
        let nowhere = [&["bench", "exchange", "--wallet-dir", "/nowhere"], &nobody[..]].concat();
        assert!(matches!(run_words(&nowhere), Err(Failure::Failed(_))));
    }
}
