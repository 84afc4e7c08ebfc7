//! The two agents: child processes of this same binary, each with its own wallet, ports and log.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand_core::{OsRng, RngCore};
use tokio::process::{Child, ChildStdin, Command};

use super::DemoError;
use crate::cli::STOP_WITH_STDIN;

/// Who an agent is in this story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Issuer,
    Holder,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Holder => "holder",
        }
    }

    /// DIDComm and admin port, as in ACA-Py's guides.
    fn usual_ports(self) -> [u16; 2] {
        match self {
            Self::Issuer => [8030, 8031],
            Self::Holder => [8040, 8041],
        }
    }

    fn automatic_options(self) -> &'static [&'static str] {
        match self {
            Self::Issuer => &["--auto-accept-requests", "--auto-respond-credential-request"],
            Self::Holder => {
                &["--auto-accept-invites", "--auto-respond-credential-offer", "--auto-store-credential"]
            }
        }
    }
}

/// A running agent. Dropping it kills the process; [`AgentProcess::stop`] ends it gently.
pub(super) struct AgentProcess {
    pub(super) role: Role,
    pub(super) log: PathBuf,
    admin_port: u16,
    child: Child,
    /// Closing it tells the process to end. Kept apart: waiting for a [`Child`] closes the one inside.
    lifeline: Option<ChildStdin>,
}

impl AgentProcess {
    pub(super) fn start(role: Role, folder: &Path, auto: bool) -> Result<Self, DemoError> {
        let name = role.name();
        let fault = |what: &str| {
            let what = format!("can't start the {name}: {what}");
            move |source| DemoError::System { what, source }
        };
        let [port, admin_port] = free_ports(role).map_err(fault("no free port"))?;
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(fault("no log file"))?;
        let errors = output.try_clone().map_err(fault("no log file"))?;
        let binary = std::env::current_exe().map_err(fault("where is this program?"))?;
        let mut command = Command::new(binary);
        command
            .arg("start")
            .args(["--label", name, "--endpoint", &format!("http://127.0.0.1:{port}")])
            .args(["--inbound-transport", "http", "127.0.0.1", &port.to_string()])
            .args(["--outbound-transport", "http"])
            .args(["--admin", "127.0.0.1", &admin_port.to_string(), "--admin-insecure-mode"])
            .args(["--no-ledger", "--auto-provision", "--preserve-exchange-records"])
            .args(["--wallet-type", "askar", "--wallet-name", name, "--wallet-key-derivation-method", "raw"]);
        if auto {
            command.args(role.automatic_options());
        }
        for (variable, _) in std::env::vars_os() {
            // Settings of an agent that somebody else runs from this shell are not ours.
            if variable.to_string_lossy().starts_with("ACAPY_") || variable == "WEBHOOK_URL" {
                command.env_remove(&variable);
            }
        }
        command
            .env("ACAPY_HOME", folder.join(name))
            .env("ACAPY_WALLET_KEY", raw_key())
            .env(STOP_WITH_STDIN, "1")
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C reaches the whole foreground group: the parent decides when the agents end.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(fault("no process"))?;
        let lifeline = child.stdin.take();
        Ok(Self { role, log, admin_port, child, lifeline })
    }

    pub(super) fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until the process ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> DemoError {
        match self.child.wait().await {
            Ok(status) => DemoError::Ended(self.role.name(), status),
            Err(source) => DemoError::System { what: format!("lost the {}", self.role.name()), source },
        }
    }

    /// Closes the process's input, which it takes as the sign to end; kills it when it does not.
    pub(super) async fn stop(mut self) {
        drop(self.lifeline.take());
        if tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await.is_err() {
            // It is gone already when this fails.
            let _ = self.child.kill().await;
        }
    }
}

fn free_ports(role: Role) -> io::Result<[u16; 2]> {
    let usual = role.usual_ports();
    let all_free = usual.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    if all_free {
        return Ok(usual);
    }
    // Both are held at once, so that they differ.
    let held = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [port, admin] = held.each_ref().map(|listener| listener.local_addr().map(|address| address.port()));
    Ok([port?, admin?])
}

/// A random wallet key. It needs no derivation: that would cost a second and 128 MB for each agent.
fn raw_key() -> String {
    let mut key = [0; 32];
    OsRng.fill_bytes(&mut key);
    bs58::encode(key).into_string()
}
