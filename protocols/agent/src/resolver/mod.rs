//! The `resolver` tag of the admin API.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

/// `GET /resolver/resolve/{did}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Resolve {
    /// The DID.
    pub did: String,
}

/// `GET /resolver/resolve/{did}` -> `{did_document, metadata, document_metadata}`. 422 no DID, 501 no resolver for its
/// method, 404 not found, 500 a server that can't be reached.
pub async fn resolve(_: &Agent, _: &Tenant, _command: Resolve) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /resolver/resolve/{did}"))
}
