//! What the agent needs of the world: small dyn-safe traits. The binary implements them.

pub mod clock;
pub mod fetch;
pub mod offload;
pub mod operations;
pub mod store;
pub mod trace;
pub mod watch;
pub mod workers;

pub use clock::{Clock, Entropy, Timestamp};
pub use fetch::{Fetch, FetchError};
pub use offload::Offload;
pub use operations::Operations;
pub use store::Store;
pub use trace::{NoTrace, Trace};
pub use watch::Watch;
pub use workers::Workers;

use std::fmt;
use std::sync::Arc;

/// Whose data: an Askar profile. Part of every port call, row, cache key and log line.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of an Askar profile's name.
    pub fn new(profile: &str) -> Self {
        Self(Arc::from(profile))
    }

    /// The profile's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
