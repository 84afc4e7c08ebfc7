//! Two agents of the built binary, talking over real HTTP, driven through their admin APIs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod acapys_manners;
mod answers;
mod attacks;
mod bench;
mod dead_letters;
mod demo;
mod edges;
mod events;
mod fetched;
mod flows;
mod guards;
mod guide;
mod idempotency;
mod limits;
mod logs;
mod metrics;
mod older;
mod owl;
mod page;
mod races;
mod restart;
mod secrets;
mod small_protocols;
mod starts;
mod strangers;
mod support;
mod traces;
mod trust;
mod webhooks;
