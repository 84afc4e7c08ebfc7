//! The agent's admin API: ACA-Py's REST operations over HTTP.
//!
//! A folder per tag, a file per operation. An [`operation::Operation`] declares one operation: its route, the input that
//! it takes, what it answers, and the command of the agent that carries it out. Validation, routing and the OpenAPI
//! description all come from that declaration. There is no state, no storage and no cryptography here.

mod auth;
mod cors;
mod doors;
mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod idempotency;
mod input;
mod lacking;
mod openapi;
mod operation;
mod page;
mod rate;
mod schema;
mod seats;
mod server;
mod socket;
mod state;
#[cfg(test)]
mod tests;
mod texts;

mod basic_message;
mod chancery;
mod connection;
mod credentials;
mod did_exchange;
mod introduction;
mod issue_credential_v2;
mod out_of_band;
mod resolver;
mod settings;
mod status;
mod trust_ping;
mod vc;
mod wallet;

pub use auth::{ApiKey, Auth};
pub use openapi::description;
pub use seats::seated;
pub use server::serve;
pub use state::{AdminApi, Limits};
