//! One step's reads and writes, and its commit: the context that a step runs in, and the unit of work. It knows records, rows and
//! messages, and neither a protocol nor a connection.

pub(crate) mod caches;
mod commit;
mod context;
mod derived;
mod error;
mod fetch;
pub mod idempotency;
pub mod job;
mod message;
mod record;
mod resolve;
mod retry;
mod seen;
mod settings;
mod work;

pub(crate) use commit::Lease;
pub use context::{Context, Parts};
pub use error::{AgentError, Fault, Kind, Lasts};
pub use fetch::Fetched;
pub use job::{Errand, Job, JobRecord, JobState, Never, Next};
pub use message::{Heading, Outbound, Plaintext, Scope, Target, Work};
pub use record::Record;
pub use resolve::{Resolved, Resolver, Resolvers};
pub use retry::Retry;
pub use settings::{PinnedContexts, Settings, Transports, scheme};
pub use work::{Slot, Unit};

/// Records returned by a list without `limit`.
pub(crate) fn default_limit() -> usize {
    100
}
