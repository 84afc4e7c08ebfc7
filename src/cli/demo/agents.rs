//! The two agents of the story.

use std::path::Path;

use crate::cli::agent_process::{AgentProcess, Launch, ProcessError, free_ports, raw_key, this_program};

/// Who an agent is in this story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Issuer,
    Holder,
}

impl Role {
    fn name(self) -> &'static str {
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

    /// Starts this agent in a new wallet under `folder`.
    pub(super) fn start(self, folder: &Path, auto: bool) -> Result<AgentProcess, ProcessError> {
        let automatic = if auto { self.automatic_options() } else { &[] };
        let options = ["--preserve-exchange-records", "--wallet-key-derivation-method", "raw"];
        AgentProcess::start(&Launch {
            name: self.name(),
            folder,
            program: this_program()?,
            ports: free_ports(Some(self.usual_ports()))?,
            wallet_key: &raw_key(),
            options: options.iter().chain(automatic).map(|word| (*word).to_owned()).collect(),
        })
    }
}
