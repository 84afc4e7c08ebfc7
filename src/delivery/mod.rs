//! Delivery of rows that are already durable: in order where order is promised, many at a time where not, again and again with
//! backoff until it works or is given up. Outbound messages and webhooks share it.

mod backoff;
mod burial;
pub mod delay;
mod dispatcher;
mod post;

pub use backoff::Backoff;
pub use burial::Burial;
pub use dispatcher::{Courier, Dispatcher, Failure, Figures, Job, Outcome, Settled, Standing};
pub use post::{FieldError, Fields, PostError, Poster};
