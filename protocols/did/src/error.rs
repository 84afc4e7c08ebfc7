use crate::key::KeyError;

/// Why a DID or a DID document could not be used. All of these are the fault of whoever supplied it, except
/// [`Needs`](Self::Needs), which asks for more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// The text is neither `did:<method>:<id>` nor an unqualified nym.
    #[error("{0} is not a w3c decentralized identifier (DID)")]
    NotADid(String),
    /// The DID is longer than this agent reads.
    #[error("the DID has {0} characters, more than this agent reads")]
    TooLong(usize),
    /// The part after the method breaks the rules of that method.
    #[error("{did} is no valid did:{method}: {reason}")]
    Malformed {
        /// The DID, shortened to 100 characters.
        did: String,
        /// `key`, `peer:4`, …
        method: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key inside a DID or a document could not be read.
    #[error("key in the DID or its document: {0}")]
    Key(#[from] KeyError),
    /// The document is not usable.
    #[error("DID document: {0}")]
    Document(String),
    /// The document belongs to another DID than the one it was asked for.
    #[error("the document is that of {found}, not of {expected}")]
    WrongDocument {
        /// DID that was to be resolved.
        expected: String,
        /// The document's `id`.
        found: String,
    },
    /// Key references in the document point into other DIDs, whose documents must be supplied.
    #[error("keys of other DIDs are needed: {}", .0.join(", "))]
    Needs(Vec<String>),
}

impl DidError {
    pub(crate) fn malformed(did: &str, method: &'static str, reason: &'static str) -> Self {
        Self::Malformed { did: did.chars().take(100).collect(), method, reason }
    }
}
