//! Documents from the network: JSON-LD contexts and did:web documents.

use async_trait::async_trait;

/// What a document is fetched for; guards differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A JSON-LD context.
    Context,
    /// A DID document.
    DidDocument,
}

/// Why a document could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// Refused by policy: scheme, address, option.
    #[error("{0}")]
    Refused(String),
    /// The server answered 404 or 410.
    #[error("not found: {0}")]
    NotFound(String),
    /// Anything else: connection, time-out, status, size.
    #[error("{0}")]
    Failed(String),
}

/// Fetches over HTTPS, guarded (DECISIONS 16, 20).
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The body of the document.
    async fn fetch(&self, url: &str, purpose: Purpose) -> Result<Vec<u8>, FetchError>;
}
