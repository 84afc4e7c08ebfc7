//! Unqualified nyms: DIDs of `did:sov` without their prefix.

use crate::base58::is_base58;

/// Whether the text is an unqualified nym: 21 or 22 base58 characters.
pub fn is_nym(text: &str) -> bool {
    matches!(text.len(), 21 | 22) && is_base58(text)
}

/// The DID, or DID URL, with `did:sov:` where it has no prefix.
pub fn qualified(did_or_url: &str) -> String {
    if did_or_url.starts_with("did:") { did_or_url.to_owned() } else { format!("did:sov:{did_or_url}") }
}

/// The nym of a DID, with or without `did:sov:`. Others are returned as they are.
pub fn unqualified(did: &str) -> &str {
    did.strip_prefix("did:sov:").unwrap_or(did)
}
