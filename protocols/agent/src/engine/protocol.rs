//! What the engine knows of a protocol.

use async_trait::async_trait;
use chancery_didcomm::message::Message;
use serde_json::Value;

use super::{Agent, AgentError, Outbound, Received, Unit, Work};
use crate::ports::{Tenant, Timestamp};

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
    /// Stable name, for queued work.
    fn name(&self) -> &'static str;
    /// What it speaks.
    fn speaks(&self) -> &'static [Spoken];
    /// A message of this protocol.
    async fn receive(&self, unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError>;
    /// Looks at every authenticated message before its handler does: a connection that becomes active by any message,
    /// an out-of-band exchange that a message belongs to.
    async fn accompany(&self, _unit: &mut Unit<'_>, _received: &mut Received) -> Result<(), HandlerError> {
        Ok(())
    }
    /// The message that an out-of-band invitation attaches for `{type, id}`; `None`: not this protocol's type.
    async fn attachment(
        &self,
        _unit: &mut Unit<'_>,
        _kind: &str,
        _id: &str,
    ) -> Result<Option<Message>, AgentError> {
        Ok(None)
    }
    /// An invitation to connect with us, within this unit, for another protocol to hand on; `None`: this protocol invites
    /// nobody.
    async fn invite(&self, _unit: &mut Unit<'_>) -> Result<Option<Value>, AgentError> {
        Ok(None)
    }
    /// Takes an invitation that another protocol was handed; false: this protocol takes none. May wait for the other side
    /// and commits by itself: for queued work.
    async fn take_invitation(
        &self,
        _agent: &Agent,
        _tenant: &Tenant,
        _invitation: &Value,
    ) -> Result<bool, AgentError> {
        Ok(false)
    }
    /// Whether the other side's answer to a message of this protocol, queued at `since`, has been taken. Only what the
    /// records prove counts: a message that was answered isn't sent again.
    async fn answered(
        &self,
        _unit: &mut Unit<'_>,
        _sent: &Outbound,
        _since: Timestamp,
    ) -> Result<bool, AgentError> {
        Ok(false)
    }
    /// When a thread of this protocol began on a connection, as the records write times; `None`: it runs no such thread there.
    async fn began(
        &self,
        _unit: &mut Unit<'_>,
        _connection_id: &str,
        _thread_id: &str,
    ) -> Result<Option<String>, AgentError> {
        Ok(None)
    }
    /// Queued work of this protocol.
    async fn work(&self, _unit: &mut Unit<'_>, _work: &Work) -> Result<(), AgentError> {
        Ok(())
    }
}
