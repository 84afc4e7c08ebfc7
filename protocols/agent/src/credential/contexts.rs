//! JSON-LD contexts that were fetched and are kept: what the operator sees of them, and may remove.

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::store::Space;
use crate::transact;
use crate::unit::AgentError;

/// `GET /chancery/contexts`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ListContexts {
    /// Contexts to skip.
    #[serde(default)]
    pub offset: usize,
    /// Most contexts.
    #[serde(default = "page")]
    pub limit: usize,
}

fn page() -> usize {
    100
}

/// `DELETE /chancery/contexts`.
#[derive(Clone, Debug, Deserialize)]
pub struct ForgetContext {
    /// The context's URL.
    pub url: String,
}

/// The kept contexts: `{"results": [{"url", "bytes", "sha256"}]}`.
pub async fn contexts(agent: &Agent, tenant: &Tenant, command: ListContexts) -> Result<Value, AgentError> {
    let kept = agent.store().remembered(tenant, Space::Context, command.offset, command.limit).await?;
    let shown: Vec<Value> = kept
        .iter()
        .map(|(url, body)| {
            let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"url": url, "bytes": body.len(), "sha256": hash})
        })
        .collect();
    Ok(json!({"results": shown}))
}

/// Removes a kept context: `{}`. The next step that needs it fetches it anew, and takes what its server says then.
///
/// Errors: 404.
pub async fn forget_context(
    agent: &Agent,
    tenant: &Tenant,
    command: ForgetContext,
) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| {
        match unit.recall(Space::Context, &command.url).await? {
            Some(_) => {
                unit.forget(Space::Context, &command.url);
                unit.keep_answer(&json!({}));
                Ok::<_, AgentError>(())
            }
            None => Err(AgentError::not_found("No such context is kept.")),
        }
    })?;
    Ok(json!({}))
}
