//! Resolution of `did:web`: the document is fetched from the host that the DID names.

use async_trait::async_trait;
use chancery_did::methods::web;

use crate::ports::fetch::{FetchError, Purpose};
use crate::unit::{AgentError, Kind, Resolved, Resolver, Unit};

/// The resolver of `did:web`.
pub struct Web;

#[async_trait]
impl Resolver for Web {
    fn method(&self) -> &str {
        web::METHOD.name
    }

    async fn resolve(&self, unit: &mut Unit<'_>, did: &str) -> Result<Resolved, AgentError> {
        let url = web::url(did)
            .map_err(|e| AgentError::unprocessable("did", e.to_string()).with_kind(Kind::Unprocessable))?;
        let body = unit.fetch(&url, Purpose::DidDocument).await.map_err(|e| match e {
            FetchError::NotFound(_) => AgentError::not_found(format!("DID not found: {did}")),
            FetchError::Busy(text) => AgentError::unavailable(text),
            FetchError::Refused(text) | FetchError::Failed(text) => AgentError::third_party(
                Kind::Internal,
                "did-unreachable",
                format!("the document of {did} could not be fetched from {url}: {text}"),
            ),
        })?;
        let bad = |e: String| {
            AgentError::third_party(
                Kind::Internal,
                "did-document-invalid",
                format!("the document at {url}: {e}"),
            )
        };
        let value = chancery_did::json::from_slice_strict(&body).map_err(|e| bad(e.to_string()))?;
        let document = web::document(did, value).map_err(|e| bad(e.to_string()))?;
        Ok(Resolved { document, resolver: web::METHOD.resolver })
    }
}
