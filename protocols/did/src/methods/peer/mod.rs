//! `did:peer` (<https://identity.foundation/peer-did-method-spec/>), algorithms 1 to 4.

pub mod four;
pub mod one;
pub mod three;
pub mod two;
