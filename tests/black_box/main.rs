//! Two agents of the built binary, talking over real HTTP, driven through their admin APIs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod attacks;
mod bench;
mod dead_letters;
mod edges;
mod events;
mod fetched;
mod flows;
mod guards;
mod idempotency;
mod limits;
mod logs;
mod metrics;
mod races;
mod restart;
mod secrets;
mod small_protocols;
mod support;
mod traces;
mod webhooks;
