//! What the engine knows of a protocol.

use async_trait::async_trait;

use super::{Agent, Received};
use crate::unit::{AgentError, Unit};

/// One protocol version that is spoken, for dispatch and for feature discovery.
#[derive(Clone, Copy, Debug)]
pub struct Spoken {
    /// Name in the message type, e.g. `issue-credential`.
    pub name: &'static str,
    /// Major version.
    pub major: u32,
    /// Minor versions that are announced, ascending; a lower minor than the first is refused, others are handled by the newest.
    pub minors: &'static [u32],
    /// Message names and the class that ACA-Py names in `Error deserializing message: <class> schema validation failed`.
    pub messages: &'static [(&'static str, &'static str)],
    /// What its messages are about.
    pub about: About,
}

/// What the messages of a protocol are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Making connections: whoever wants one may send them, with any key; they never wait for a connection.
    MakingConnections,
    /// A connection itself.
    TheConnection,
    /// Anything else, which may have begun with an invitation.
    AnythingElse,
}

/// Why a handler did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The message is malformed: answered with `message-parse-failure`; nothing changes.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Not accepted as things stand: logged and counted under the reason; nothing changes, nothing is sent.
    #[error("dropped ({reason}): {detail}")]
    Dropped {
        /// Short stable reason, a metric label.
        reason: &'static str,
        /// For the log.
        detail: String,
    },
    /// The handler failed; a store fault is reported to the sender as 503.
    #[error(transparent)]
    Failed(#[from] AgentError),
}

impl HandlerError {
    /// A message not accepted as things stand.
    pub fn dropped(reason: &'static str, detail: impl Into<String>) -> Self {
        Self::Dropped { reason, detail: detail.into() }
    }
}

/// A protocol's handler.
#[async_trait]
pub trait Protocol: Send + Sync {
    /// What it speaks.
    fn speaks(&self) -> &'static [Spoken];
    /// A message of this protocol.
    async fn receive(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError>;
}
