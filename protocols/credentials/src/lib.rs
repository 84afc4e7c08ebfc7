//! Credential formats behind one trait ([`ExchangeFormat`]): what to offer, request, issue, check and store; and ways of
//! securing claims behind another ([`securing::Securing`]), which know no exchange.
//!
//! Pure and synchronous. What a format lacks comes back as [`FormatError::Needs`]: the caller brings the DID
//! documents, keys, JSON-LD contexts and rows, and calls again. Time and randomness come in as arguments.

pub mod ld_proof;
pub mod securing;

mod equality;
mod families;
mod family;
mod format;
mod invalid;
mod need;
mod w3c;

pub use equality::json_equal;
pub use families::{ANONCREDS, INDY, VC_DI};
pub use family::{Family, Step};
pub use format::{ExchangeFormat, Formats, Made, Row, Said, Stored, Task, Turn, Weight};
pub use invalid::{Invalid, PathItem, tree};
pub use ld_proof::validate_detail;
pub use need::{Facts, FormatError, Gathered, Need};
pub use w3c::validate_credential;

impl Family {
    /// The families that are known, built or not, in the order of ACA-Py's record details.
    pub const KNOWN: &'static [&'static Self] = &[&ANONCREDS, &INDY, &ld_proof::FAMILY, &VC_DI];
}
