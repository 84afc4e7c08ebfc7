//! The kit of exchange protocols: what all of them do in the same way, once. It names none of them.
//!
//! A protocol is a [`Machine`] over a record ([`Kept`]): a pure step from an input to the next record and its effects, and what
//! follows by itself. Here the effects are carried out, threads found, repeats and ends remembered, automatic answers given, and
//! what needs the network is left to queued work.

mod command;
mod drive;
mod machine;
mod perform;
mod report;
#[cfg(test)]
mod tests;
mod thread;

pub use command::{List, get, list, problem_report, ready, remove};
pub use drive::{GoOn, advance, refuse_message, take};
pub use machine::{Effect, Failure, Kept, Machine, Names, Reach, Refusal, Standing, Step, Trouble};
pub use perform::carry_out;
pub use report::{read_report, report, report_received};
pub use thread::{
    DELETED, DONE, Found, Incoming, answered, began, find, id_of, look_up, remember_replaced, supersedes,
    tombstone,
};
