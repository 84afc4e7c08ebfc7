//! Which keys belong to which connection, and where a connection's messages go.

use chancery_did::PublicKey;

use super::Connection;
use crate::engine::{AgentError, Target, Unit};

/// Look-ups that every message needs.
#[derive(Debug, Default)]
pub struct Directory {}

impl Directory {
    /// The connection that a message from `sender` packed for `recipient` belongs to.
    pub async fn connection(
        &self,
        _unit: &mut Unit<'_>,
        _sender: &PublicKey,
        _recipient: &PublicKey,
    ) -> Result<Option<Connection>, AgentError> {
        Err(AgentError::not_supported("connection look-up"))
    }

    /// Where messages of this connection go: the first service of the other side's DID that we have a transport for.
    pub async fn target(&self, _unit: &mut Unit<'_>, _connection: &Connection) -> Result<Option<Target>, AgentError> {
        Err(AgentError::not_supported("connection target"))
    }

    /// Whether a key of ours belongs to a connection that isn't ready yet.
    pub async fn awaits_connection(&self, _unit: &mut Unit<'_>, _recipient: &PublicKey) -> Result<bool, AgentError> {
        Err(AgentError::not_supported("connection look-up"))
    }
}
