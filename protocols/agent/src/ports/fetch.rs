//! Documents from the network: JSON-LD contexts and did:web documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

/// Bytes of one document.
const MOST_BYTES: usize = 1024 * 1024;

/// What a document is fetched for; guards differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Not now: too much is being fetched. Another try is worth it.
    #[error("{0}")]
    Busy(String),
}

/// What may still be fetched: documents of one kind, and bytes of all kinds.
#[derive(Debug)]
pub struct Budget {
    documents: AtomicUsize,
    bytes: Arc<AtomicUsize>,
}

impl Budget {
    /// So many documents, so many bytes.
    pub fn new(documents: usize, bytes: usize) -> Self {
        Self { documents: AtomicUsize::new(documents), bytes: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// So many documents of another kind, out of the same bytes.
    #[must_use]
    pub fn beside(&self, documents: usize) -> Self {
        Self { documents: AtomicUsize::new(documents), bytes: self.bytes.clone() }
    }

    /// One more document.
    ///
    /// Errors: there are enough.
    pub fn begin(&self, url: &str) -> Result<(), FetchError> {
        let enough = |_| FetchError::Refused(format!("{url} is not fetched: there are too many documents"));
        take(&self.documents, 1).map(|_| ()).map_err(enough)
    }

    /// So many more bytes of a document, which with them has `length`.
    ///
    /// Errors: it is too long, or all together are.
    pub fn spend(&self, url: &str, more: usize, length: usize) -> Result<(), FetchError> {
        if length > MOST_BYTES {
            return Err(FetchError::Failed(format!("{url} is larger than {MOST_BYTES} bytes")));
        }
        let enough = |_| FetchError::Failed(format!("with {url} there is more to fetch than is taken"));
        take(&self.bytes, more).map(|_| ()).map_err(enough)
    }
}

fn take(left: &AtomicUsize, some: usize) -> Result<usize, usize> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(some))
}

/// Fetches over HTTPS, guarded (DECISIONS 16, 20).
#[async_trait]
pub trait Fetch: Send + Sync {
    /// The body of the document, within the time; each part that arrives is spent from the budget.
    async fn fetch(
        &self,
        url: &str,
        purpose: Purpose,
        budget: &Budget,
        time: Duration,
    ) -> Result<Vec<u8>, FetchError>;
}
