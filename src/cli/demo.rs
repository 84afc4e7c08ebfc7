//! `chancery demo`: an issuer and a holder on this machine, and a credential from one to the other in the five
//! steps of the usual tutorial. Each step shows the REST call that does it.

mod agents;
mod narration;
mod script;
mod steps;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::admin_api::CallError;
use super::agent_process::{AgentProcess, ProcessError, tails};
use super::usage::Usage;
use super::{Failure, block_on_one_thread};
use crate::config::options::OptionSpec;

use agents::Role;
use narration::Narration;

const TITLE: &str = "\
Usage: chancery demo [OPTIONS]

Two agents on this machine, an issuer and a holder: connect, offer, request, issue, store, and verify. Each step
prints the REST call that does it. Both agents then run on until Ctrl-C.";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::switch(
        "--auto",
        "Let the agents answer each other (--auto-* options): one call leads to the end",
    ),
    OptionSpec::switch("--exit", "End after the last step"),
];

/// Why the demonstration ended early.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    /// A call or a wait failed; the logs may tell why.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An agent could not be started, or ended while it was needed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The credential that the holder stored does not verify.
    #[error("the stored credential does not verify: {0}")]
    NotVerified(String),
    /// Ctrl-C or a termination signal before the last step.
    #[error("stopped before the last step")]
    Interrupted,
}

/// Runs `chancery demo …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let (auto, exit) = (usage.flag("--auto"), usage.flag("--exit"));
    block_on_one_thread(demonstrate(auto, exit))?.map_err(Failure::Failed)
}

async fn demonstrate(auto: bool, exit: bool) -> Result<(), String> {
    let mut stop = StopSignals::listen().map_err(|e| format!("can't listen for signals: {e}"))?;
    let folder = make_folder().map_err(|e| format!("can't make a folder for the wallets: {e}"))?;
    let narration = Narration::on_stdout();
    narration.say(&format!("Wallets and logs: {}", folder.display()));
    let mut agents = Vec::new();
    let told = tell(&narration, &folder, &mut agents, &mut stop, auto, exit).await;
    let logs: Vec<PathBuf> = agents.iter().map(|agent| agent.log.clone()).collect();
    for agent in agents {
        agent.stop().await;
    }
    match told {
        Ok(()) => {
            std::fs::remove_dir_all(&folder).map_err(|e| format!("can't remove {}: {e}", folder.display()))
        }
        Err(DemoError::Interrupted) => {
            // Nothing went wrong that the folder could explain.
            let _ = std::fs::remove_dir_all(&folder);
            Err(DemoError::Interrupted.to_string())
        }
        Err(e) => Err(format!("{e}\n{}\nWallets and logs are kept in {}", tails(&logs), folder.display())),
    }
}

async fn tell(
    narration: &Narration,
    folder: &Path,
    agents: &mut Vec<AgentProcess>,
    stop: &mut StopSignals,
    auto: bool,
    exit: bool,
) -> Result<(), DemoError> {
    for role in [Role::Issuer, Role::Holder] {
        agents.push(role.start(folder, auto)?);
    }
    let [issuer, holder] = &mut agents[..] else { return Ok(()) };
    tokio::select! {
        told = steps::all(narration, issuer, holder, auto) => told?,
        () = stop.received() => return Err(DemoError::Interrupted),
    }
    if exit {
        return Ok(());
    }
    narration.say(&format!(
        "\nBoth agents run on. Every call of their APIs can be tried at\n  issuer  {}/api/doc\n  holder  {}/api/doc\n\
         Ctrl-C stops them and removes their wallets.",
        issuer.admin_url(),
        holder.admin_url()
    ));
    tokio::select! {
        () = stop.received() => Ok(()),
        ended = issuer.ended() => Err(ended.into()),
        ended = holder.ended() => Err(ended.into()),
    }
}

/// Ctrl-C, `kill`, a closed terminal.
struct StopSignals([Signal; 3]);

impl StopSignals {
    fn listen() -> io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn received(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// A new folder that only this user can enter.
fn make_folder() -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = std::env::temp_dir().join(format!("chancery-demo-{}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// How long a step may take before it has failed: generous, since a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
