//! The binary's rooms: the only place that names a socket, a database, a clock.

pub mod cli;
pub mod config;
pub mod delivery;
pub mod door;
pub mod inbound;
pub mod ledger;
pub mod limits;
pub mod live;
pub mod memory;
pub mod offload;
mod operations;
pub mod outbound;
pub mod resolve;
pub mod store;
pub mod telemetry;
pub mod webhooks;
pub mod wiring;
pub mod work;
pub mod world;
