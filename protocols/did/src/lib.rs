//! Keys and DID methods, without I/O: parse, build, resolve what needs no network and no store.
//!
//! [`resolve_local`] answers with a document, or with what it [`Needed`]: the caller fetches that and hands it to
//! the method's own function (`methods::web::document`, `methods::peer::four::resolve_short`, …).

pub mod base58;
pub mod document;
pub mod json;
pub mod key;
pub mod methods;

mod did;
mod error;
mod nym;
mod resolve;

pub use did::{Did, DidUrl, Method, parse};
pub use document::{DidCommService, DidDocument, VerificationMethod};
pub use error::DidError;
pub use key::{KeyError, KeyType, PublicKey, SecretKey};
pub use resolve::{Needed, Resolution, resolve_local};
