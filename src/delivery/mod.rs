//! Delivery of rows that are already durable: in order where order is promised, many at a time where not, again and again with
//! backoff until it works or is given up. Outbound messages and webhooks share it.

/// Rows read at once of what an earlier run left; as long as that takes, their contents are in memory.
pub const PAGE: usize = 64;

mod backoff;
mod burial;
pub mod delay;
mod dispatcher;
mod post;

pub use backoff::Backoff;
pub use burial::{Burial, Graves, Lost, bury_unread};
pub use dispatcher::{Courier, Dispatcher, Failure, Figures, Intake, Job, Outcome, Settled, Since, Standing};
pub use post::{FieldError, Fields, PostError, Poster};
