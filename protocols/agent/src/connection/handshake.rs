//! How out-of-band starts a handshake without knowing its protocol.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::engine::{AgentError, Unit, Work};

/// Registered name of the handshake protocol.
pub const DID_EXCHANGE: &str = "did_exchange";

/// Work for the handshake protocol: send the request of a connection in state `invitation`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accept {
    /// The connection.
    pub connection_id: String,
}

/// Has the handshake protocol accept an invitation, within this unit.
///
/// Errors: 501 when no handshake protocol is registered; those of the protocol.
pub async fn accept_invitation(unit: &mut Unit<'_>, connection_id: &str) -> Result<(), AgentError> {
    let agent = unit.agent();
    let protocol = agent
        .protocols()
        .iter()
        .find(|p| p.name() == DID_EXCHANGE)
        .ok_or_else(|| AgentError::not_supported("this agent speaks no handshake protocol"))?;
    let detail = json!(Accept { connection_id: connection_id.to_owned() });
    let work = Work { protocol: DID_EXCHANGE.to_owned(), detail, cause: None, owner: None, trace: None };
    protocol.work(unit, &work).await
}
