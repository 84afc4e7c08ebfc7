//! Trust ping 1.0 (Aries RFC 0048).

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

/// `POST /connections/{conn_id}/send-ping`.
#[derive(Clone, Debug, Deserialize)]
pub struct SendPing {
    /// The connection.
    pub conn_id: String,
    /// Sent along.
    pub comment: Option<String>,
}

/// `POST /connections/{conn_id}/send-ping` -> `{"thread_id"}`. 404 unknown, 400 not ready.
pub async fn send_ping(_agent: &Agent, _tenant: &Tenant, _command: SendPing) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /connections/{conn_id}/send-ping"))
}
