//! The `resolver` tag of the admin API.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Agent;
use crate::ports::Tenant;
use crate::unit::AgentError;

#[cfg(test)]
mod tests;

/// `GET /resolver/resolve/{did}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Resolve {
    /// The DID.
    pub did: String,
}

/// `GET /resolver/resolve/{did}` -> `{did_document, metadata, document_metadata}`. 422 no DID, 501 no resolver for its
/// method, 404 not found, 500 a server that can't be reached.
pub async fn resolve(agent: &Agent, tenant: &Tenant, command: Resolve) -> Result<Value, AgentError> {
    let begun = agent.clock().now();
    if chancery_did::parse(&command.did).is_err() {
        let text = format!("Value {} is not a w3c decentralized identifier (DID)", command.did);
        return Err(AgentError::unprocessable("did", text));
    }
    let resolved = agent.unit(tenant).resolve(&command.did).await?;
    let now = agent.clock().now();
    // ACA-Py writes whole seconds here.
    let retrieved = now.to_text().split('.').next().map(|text| format!("{text}Z"));
    Ok(json!({
        "did_document": resolved.document.into_json(),
        "metadata": {
            "resolver_type": "native",
            "resolver": resolved.resolver,
            "retrieved_time": retrieved,
            "duration": (now.0 - begun.0).max(0) / 1000,
        },
        "document_metadata": {},
    }))
}
