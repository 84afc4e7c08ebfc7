//! An issuer and a holder started for one benchmark.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::BenchError;
use super::session::{Agents, Session, Shape};
use super::webhooks::{Exchanges, listen};
use crate::cli::Failure;
use crate::cli::agent_process::{AgentProcess, Launch, free_ports, raw_key, tails, this_program};
use crate::cli::failed;
use crate::cli::usage::Usage;
use crate::config::options::OptionSpec;

/// Which program the agents are: for comparing two builds with one driver.
pub(super) const PROGRAM: OptionSpec =
    OptionSpec::value("--program", "PATH", "Program of the agents to start; this one if not given");
/// What all agents get.
pub(super) const AGENT_OPTIONS: OptionSpec = OptionSpec::value(
    "--agent-options",
    "TEXT",
    "Further options of the agents to start, separated by blanks: --agent-options='--log-level debug'",
);
/// Where the wallets are.
pub(super) const FOLDER: OptionSpec = OptionSpec::value(
    "--folder",
    "DIR",
    "Where wallets are made, and removed afterwards; the folder for temporary files if not given",
);

/// No key derivation: it would cost a second and 128 MB.
pub(super) const RAW: &[&str] = &["--wallet-key-derivation-method", "raw"];

const ISSUER: &[&str] =
    &["--auto-accept-requests", "--auto-respond-credential-proposal", "--auto-respond-credential-request"];
const HOLDER: &[&str] =
    &["--auto-accept-invites", "--auto-respond-credential-offer", "--auto-store-credential"];

/// How agents are to be started.
#[derive(Debug, Clone)]
pub(super) struct PairOptions {
    program: PathBuf,
    more: Vec<String>,
    parent: PathBuf,
}

impl PairOptions {
    pub(super) fn of(usage: &Usage) -> Result<Self, Failure> {
        let program = match usage.parsed("--program")? {
            Some(program) => program,
            None => this_program().map_err(failed)?,
        };
        let more = usage.text("--agent-options").unwrap_or_default();
        Ok(Self {
            program,
            more: more.split_ascii_whitespace().map(str::to_owned).collect(),
            parent: usage.parsed("--folder")?.unwrap_or_else(std::env::temp_dir),
        })
    }

    /// The folder on whose disk the wallets are.
    pub(super) fn parent(&self) -> PathBuf {
        self.parent.clone()
    }
}

/// A folder with the wallets of a pair, and their key. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    pub(super) key: String,
}

impl Home {
    /// A new one that only this user can enter.
    pub(super) fn make(options: &PairOptions) -> Result<Self, BenchError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = options.parent.join(format!("chancery-bench-{}-{number}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|source| BenchError::Folder { folder: folder.clone(), source })?;
        Ok(Self { folder, key: raw_key() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The wallet of the agent of this name, when it is in an SQLite file.
    pub(super) fn wallet(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("wallet").join(name).join("sqlite.db")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.folder)
            && e.kind() != io::ErrorKind::NotFound
        {
            eprintln!("can't remove {}: {e}", self.folder.display());
        }
    }
}

/// The two agents, running. Their webhooks arrive here.
pub(super) struct Pair {
    pub(super) issuer: AgentProcess,
    pub(super) holder: AgentProcess,
    pub(super) exchanges: Exchanges,
    port: u16,
}

impl Pair {
    /// Starts both; they aren't ready yet. `options` go to both, and say how the wallet key is used.
    pub(super) async fn start(how: &PairOptions, home: &Home, options: &[&str]) -> Result<Self, BenchError> {
        let exchanges = Exchanges::default();
        let port = listen(0, exchanges.clone()).await.map_err(|e| BenchError::Port(0, e))?;
        let issuer = start_one(how, home, "issuer", port, &[options, ISSUER].concat())?;
        let holder = start_one(how, home, "holder", port, &[options, HOLDER].concat())?;
        Ok(Self { issuer, holder, exchanges, port })
    }

    pub(super) fn agents(&self) -> Agents {
        Agents {
            issuer: self.issuer.admin_url(),
            holder: self.holder.admin_url(),
            api_key: None,
            processes: [Some(self.issuer.process()), Some(self.holder.process())],
        }
    }

    /// Waits until they are ready, connects them and exchanges a first credential.
    pub(super) async fn session(&self, shape: &Shape) -> Result<Session, BenchError> {
        Session::open(self.agents(), self.exchanges.clone(), self.port, shape).await
    }

    /// Ends both. A failure gets the last lines of their logs.
    pub(super) async fn end<T>(self, outcome: Result<T, BenchError>) -> Result<T, BenchError> {
        let logs = [self.issuer.log.clone(), self.holder.log.clone()];
        let outcome = outcome.map_err(|error| BenchError::Logged(Box::new(error), tails(&logs)));
        self.issuer.stop().await;
        self.holder.stop().await;
        outcome
    }
}

/// Starts one agent, whose webhooks go to `http://127.0.0.1:<port>/<name>`.
pub(super) fn start_one(
    how: &PairOptions,
    home: &Home,
    name: &'static str,
    port: u16,
    options: &[&str],
) -> Result<AgentProcess, BenchError> {
    let webhooks = format!("http://127.0.0.1:{port}/{name}");
    let mut words: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
    words.extend(["--webhook-url".to_owned(), webhooks]);
    words.extend(how.more.iter().cloned());
    Ok(AgentProcess::start(&Launch {
        name,
        folder: home.folder(),
        program: how.program.clone(),
        ports: free_ports(None)?,
        wallet_key: &home.key,
        options: words,
    })?)
}
