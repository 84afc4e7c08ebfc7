//! The agent without I/O: the engine that turns messages, commands and queued work into commits, and the protocols
//! that it runs. Everything it needs of the world is a port.

pub mod basic_message;
pub mod connection;
pub mod credential;
pub mod delivery;
pub mod did_exchange;
pub mod did_web;
pub mod edge;
pub mod engine;
pub mod exchange;
mod facets;
pub mod introduction;
pub mod issue_credential_v2;
pub mod notification;
pub mod out_of_band;
pub mod peers;
pub mod ports;
pub mod quoted;
pub mod resolver;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
pub mod trust_ping;
pub mod unit;
pub mod wallet;

pub use chancery_didcomm::to_python_json;
pub use engine::Agent;
pub use facets::{counted, facets};
pub use ports::Tenant;
pub use unit::{AgentError, Settings};
