//! Credential formats behind one trait ([`CredentialFormat`]): what to offer, request, issue, check and store.
//!
//! Pure and synchronous. What a format lacks comes back as [`FormatError::Needs`]: the caller brings the DID
//! documents, keys and JSON-LD contexts and calls again. Time and randomness come in as arguments.

pub mod ld_proof;

mod equality;
mod family;
mod format;
mod invalid;
mod suites;
mod verify;

pub use equality::json_equal;
pub use family::{Family, Step};
pub use format::{CredentialFormat, Facts, FormatError, Gathered, Needs, Stored, format};
pub use invalid::{Invalid, PathItem, tree};
pub use ld_proof::{validate_credential, validate_detail};
pub use suites::Suite;
pub use verify::{ProofOutcome, Verification, verify, warnings};
