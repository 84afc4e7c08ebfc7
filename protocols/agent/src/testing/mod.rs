//! What tests run agents on: a wallet in memory, a clock that stands still, agents whose queued messages are carried to
//! each other without sockets. Time passes only when everybody waits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    missing_debug_implementations,
    reason = "the lints spare tests; benchmarks and fuzzing take this module as a feature"
)]

mod look_ups;
mod store;
mod world;

pub use store::MemoryStore;
pub use world::{Lists, Party, Sent, World};

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future that never has to wait for anything outside of it.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits for something; run it with World::run"),
    }
}
