//! Work that holds a processor for about a millisecond or longer: it would keep others waiting where it was asked for.

use async_trait::async_trait;

/// Work that waits for nothing.
pub type Heavy = Box<dyn FnOnce() + Send>;

/// Too much of it waits already; nothing was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much heavy work waits for a processor")]
pub struct Busy;

/// Threads for it.
#[async_trait]
pub trait Offload: Send + Sync {
    /// Ends when the work has been done, or has panicked. Who waits no longer stops nothing that has begun.
    async fn run(&self, heavy: Heavy) -> Result<(), Busy>;
}
