//! The configuration: ACA-Py 1.7's start options, its `ACAPY_*` variables and `--arg-file`, and a few of our own,
//! read into one struct per concern.
//!
//! Precedence: command line, environment, `--arg-file`, default. A secret option is also read from the file that
//! the variable `<its variable>_FILE` names. An option that this version lacks ends the start; one that changes
//! nothing is named in [`Config::notices`].

mod admin;
mod agent;
mod arg_file;
mod arguments;
mod error;
mod given;
mod help;
mod limits;
mod logging;
pub mod options;
mod protocol;
mod secret;
mod status;
mod transport;
mod wallet;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::path::PathBuf;

pub use admin::{Admin, AdminAccess, WebhookTarget, Webhooks};
pub use agent::{Agent, StartupInvitation};
pub use arguments::parse as parse_arguments;
pub use error::ConfigError;
pub use given::Sources;
pub use help::{help, wrapped, write_options};
pub use limits::{Contexts, Limits, Retention};
pub use logging::{LogFormat, LogLevel, Logging, Traces};
pub use protocol::{Automation, Protocol};
pub use secret::{Secret, without_passwords};
pub use transport::{Delivery, InboundTransport, Scheme, Transport};
pub use wallet::{Account, Database, KeyDerivation, PassKey, Seed, Storage, Wallet, WalletType};

use given::Given;

/// What the configuration is for: provisioning needs no transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `chancery start`.
    Start,
    /// `chancery provision`.
    Provision,
}

/// Everything that can be set from outside, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name, endpoints, picture.
    pub agent: Agent,
    /// The admin API; none without `--admin`.
    pub admin: Option<Admin>,
    /// Where events go.
    pub webhooks: Webhooks,
    /// Inbound and outbound DIDComm transports.
    pub transport: Transport,
    /// How long outbound messages are tried.
    pub delivery: Delivery,
    /// The wallet and its keys.
    pub wallet: Wallet,
    /// What the agent answers by itself.
    pub automation: Automation,
    /// Rules of the protocols.
    pub protocol: Protocol,
    /// Invitation to print after the start.
    pub invitation: Option<StartupInvitation>,
    /// Log lines.
    pub logging: Logging,
    /// JSON-LD contexts.
    pub contexts: Contexts,
    /// How long finished things are kept.
    pub retention: Retention,
    /// How much is taken from outside.
    pub limits: Limits,
    /// Sentences for the log, once it is open: options without effect, secrets in sight.
    pub notices: Vec<String>,
    /// What an operator should look at: for the log, and for `/status/ready`.
    pub warnings: Vec<String>,
    status: serde_json::Map<String, serde_json::Value>,
}

impl Config {
    /// Reads the process's environment and these arguments (those after the command's name).
    ///
    /// # Errors
    /// The first fault found, as a sentence for the operator.
    pub fn from_process(arguments: &[String], purpose: Purpose) -> Result<Self, ConfigError> {
        let environment: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::load(&Sources { arguments, environment: &environment }, purpose)
    }

    /// Reads and checks all sources.
    ///
    /// # Errors
    /// The first fault found, as a sentence for the operator.
    pub fn load(sources: &Sources<'_>, purpose: Purpose) -> Result<Self, ConfigError> {
        let given = Given::gather(sources)?;
        let home = home(sources.environment)?;
        let agent = Agent::read(&given, purpose)?;
        let webhooks = Webhooks::read(&given, sources.environment)?;
        let transport = Transport::read(&given, purpose)?;
        let status = status::build(&given, &webhooks, &transport);
        let mut notices = given.notices();
        if !given.flag("--no-ledger") {
            notices.push("no ledger is configured: starting without one, as with --no-ledger".to_owned());
        }
        let admin = Admin::read(&given)?;
        if purpose == Purpose::Start && admin.is_none() && given.flag("--no-transport") {
            return Err(ConfigError::Combination(
                "--no-transport without --admin leaves an agent that nobody can reach: give --admin HOST PORT, or \
                 transports instead of --no-transport"
                    .into(),
            ));
        }
        let wallet = Wallet::read(&given, &home)?;
        let warnings = agent.warnings().into_iter().chain(given.absent()).chain(wallet.warning()).collect();
        Ok(Self {
            admin,
            webhooks,
            transport,
            delivery: Delivery::read(&given)?,
            wallet,
            automation: Automation::read(&given),
            protocol: Protocol::read(&given)?,
            invitation: StartupInvitation::read(&given)?,
            logging: Logging::read(&given, sources.environment)?,
            contexts: Contexts::read(&given)?,
            retention: Retention::read(&given)?,
            limits: Limits::read(&given)?,
            agent,
            notices,
            warnings,
            status,
        })
    }

    /// `GET /status/config`: ACA-Py's dotted names in its order, without secrets and without the keys of webhooks.
    pub fn status_config(&self) -> serde_json::Map<String, serde_json::Value> {
        self.status.clone()
    }
}

/// `$ACAPY_HOME`, else `~/.acapy_agent`: a wallet made by ACA-Py is found where it lies.
fn home(environment: &HashMap<String, String>) -> Result<PathBuf, ConfigError> {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("ACAPY_HOME").or_else(|| variable("HOME").map(|home| home.join(".acapy_agent"))).ok_or_else(
        || {
            ConfigError::Combination(
                "neither ACAPY_HOME nor HOME is set: set ACAPY_HOME to the folder for wallets".into(),
            )
        },
    )
}
