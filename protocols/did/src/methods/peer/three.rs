//! `did:peer:3`: the hash of a `did:peer:2`, which must be known.

use crate::methods::{Properties, is_sha256_multihash, sha256_multihash};
use crate::{DidDocument, DidError};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "did:peer:3",
    resolver: "PeerDID3Resolver",
    immutable: true,
    stored: None,
    creatable: None,
    rotatable: false,
    understands: Some("did:peer:2"),
};

/// Whether the text has the form `did:peer:3zQm…`.
pub fn check(did: &str) -> Result<(), DidError> {
    match did.strip_prefix("did:peer:3") {
        Some(hash) if is_sha256_multihash(hash) => Ok(()),
        _ => Err(DidError::malformed(did, "peer:3", "not zQm and 44 base58 characters")),
    }
}

/// The `did:peer:3` of a `did:peer:2`.
pub fn from_two(did2: &str) -> Result<String, DidError> {
    super::two::check(did2)?;
    let elements = did2.get(10..).unwrap_or_default();
    Ok(format!("did:peer:3{}", sha256_multihash(elements.as_bytes())))
}

/// Resolve `did3` with the `did:peer:2` that it stands for; `alsoKnownAs` names that.
pub fn resolve(did3: &str, did2: &str) -> Result<DidDocument, DidError> {
    check(did3)?;
    let computed = from_two(did2)?;
    if computed != did3 {
        return Err(DidError::WrongDocument { expected: did3.to_owned(), found: computed });
    }
    super::two::document(did2, did3, did2)
}
