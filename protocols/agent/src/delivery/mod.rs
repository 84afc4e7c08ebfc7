//! For those who run the agent: what waits to be delivered, what was given up and may be tried again, what has happened.

mod delay;
mod events;
mod give_up;
mod jobs;
mod letter;
mod operations;
#[cfg(test)]
mod tests;

pub use delay::{DELAY_TOPIC, notice_delay};
pub use events::{Events, describe as describe_event, events};
pub use give_up::{GivenUp, TOPIC, give_up};
pub use jobs::{JobId, Jobs, job, jobs, retry_job};
pub use letter::{Content, Letter, Webhook};
pub use operations::{DeadLetter, Page, dead_letters, discard, outbox, retry, waiting_since};
