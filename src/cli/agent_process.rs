//! Agents as child processes, each with its own wallet, ports and log.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand_core::{OsRng, RngCore};
use tokio::process::{Child, ChildStdin, Command};

use super::STOP_WITH_STDIN;

/// How long an agent may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why an agent's process is not there, or no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    /// The system refused something.
    #[error("{what}: {source}")]
    System { what: String, source: io::Error },
    /// It ended while it was needed.
    #[error("the {name} ended by itself: {status}")]
    Ended { name: &'static str, status: std::process::ExitStatus },
}

/// How an agent is to be started: what every agent on this machine needs is added.
pub(super) struct Launch<'a> {
    /// Label, name of its wallet, its home and its log.
    pub(super) name: &'static str,
    /// Where home and log are.
    pub(super) folder: &'a Path,
    /// The program, which takes ACA-Py's options.
    pub(super) program: PathBuf,
    /// DIDComm and admin port.
    pub(super) ports: [u16; 2],
    /// `--wallet-key`.
    pub(super) wallet_key: &'a str,
    /// Options beside those that all agents have.
    pub(super) options: Vec<String>,
}

/// A running agent. Dropping it kills the process; [`AgentProcess::stop`] ends it gently.
pub(super) struct AgentProcess {
    pub(super) name: &'static str,
    pub(super) log: PathBuf,
    admin_port: u16,
    child: Child,
    /// Closing it tells the process to end. Kept apart: waiting for a [`Child`] closes the one inside.
    lifeline: Option<ChildStdin>,
}

impl AgentProcess {
    /// Starts the process; it isn't ready yet when this returns.
    pub(super) fn start(launch: &Launch<'_>) -> Result<Self, ProcessError> {
        let name = launch.name;
        let fault = |what: &str| {
            let what = format!("can't start the {name}: {what}");
            move |source| ProcessError::System { what, source }
        };
        let [port, admin_port] = launch.ports;
        let log = launch.folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log).map_err(fault("no log file"))?;
        let errors = output.try_clone().map_err(fault("no log file"))?;
        let mut command = Command::new(&launch.program);
        command
            .arg("start")
            .args(["--label", name, "--endpoint", &format!("http://127.0.0.1:{port}")])
            .args(["--inbound-transport", "http", "127.0.0.1", &port.to_string()])
            .args(["--outbound-transport", "http"])
            .args(["--admin", "127.0.0.1", &admin_port.to_string(), "--admin-insecure-mode"])
            .args(["--no-ledger", "--auto-provision"])
            .args(["--wallet-type", "askar", "--wallet-name", name])
            .args(&launch.options);
        for (variable, _) in std::env::vars_os() {
            // Settings of an agent that somebody else runs from this shell are not ours.
            if variable.to_string_lossy().starts_with("ACAPY_") || variable == "WEBHOOK_URL" {
                command.env_remove(&variable);
            }
        }
        command
            .env("ACAPY_HOME", launch.folder.join(name))
            .env("ACAPY_WALLET_KEY", launch.wallet_key)
            .env(STOP_WITH_STDIN, "1")
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C reaches the whole foreground group: the parent decides when the agents end.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(fault("no process"))?;
        let lifeline = child.stdin.take();
        Ok(Self { name, log, admin_port, child, lifeline })
    }

    pub(super) fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until the process ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> ProcessError {
        match self.child.wait().await {
            Ok(status) => ProcessError::Ended { name: self.name, status },
            Err(source) => ProcessError::System { what: format!("lost the {}", self.name), source },
        }
    }

    /// Closes the process's input, which it takes as the sign to end; kills it when it does not.
    pub(super) async fn stop(mut self) {
        drop(self.lifeline.take());
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            // It is gone already when this fails.
            let _ = self.child.kill().await;
        }
    }
}

/// This program.
pub(super) fn this_program() -> Result<PathBuf, ProcessError> {
    std::env::current_exe()
        .map_err(|source| ProcessError::System { what: "where is this program?".to_owned(), source })
}

/// Two ports on 127.0.0.1 that nobody listens on: the usual ones, or any.
pub(super) fn free_ports(usual: Option<[u16; 2]>) -> Result<[u16; 2], ProcessError> {
    if let Some(usual) = usual
        && usual.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    {
        return Ok(usual);
    }
    // Both are held at once, so that they differ.
    let any = || -> io::Result<[u16; 2]> {
        let held = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [port, admin] = held.each_ref().map(|listener| listener.local_addr().map(|a| a.port()));
        Ok([port?, admin?])
    };
    any().map_err(|source| ProcessError::System { what: "no free port".to_owned(), source })
}

/// A random wallet key. It needs no derivation: that would cost a second and 128 MB for each agent.
pub(super) fn raw_key() -> String {
    let mut key = [0; 32];
    OsRng.fill_bytes(&mut key);
    bs58::encode(key).into_string()
}

const TAIL_LINES: usize = 12;

/// The last lines of these logs.
pub(super) fn tails(logs: &[PathBuf]) -> String {
    let mut text = String::new();
    for log in logs {
        let content = std::fs::read(log).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        let lines: Vec<&str> = content.lines().collect();
        let last = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
        text.push_str(&format!("\nlast lines of {}:\n  {}\n", log.display(), last.join("\n  ")));
    }
    text
}
