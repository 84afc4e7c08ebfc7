//! One module per target: `run` takes an input, `WORDS` are strings worth trying.

pub mod admin_body;
pub mod credential;
pub mod did;
pub mod envelope;
pub mod jsonld;
pub mod message;
