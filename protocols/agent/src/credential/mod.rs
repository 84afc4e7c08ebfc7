//! W3C credentials that the agent holds, and verification of any.

mod commands;

pub use commands::{Id, ListW3c, VerifyVc, delete_w3c, get_w3c, list_w3c, verify};
