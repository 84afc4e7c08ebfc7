//! Tag `chancery`: what ACA-Py has no calls for, all under one prefix.

mod contexts;
mod dead_letters;
mod discard;
mod events;
mod jobs;
mod outbox;
mod retry;
mod stream;

use crate::groups::Group;
use crate::schema::{Field, integer, text};

const TAG: &str = "chancery";

/// Part of a list of queue rows.
static PAGE: [Field; 2] = [
    integer("after", Some((0, None))).about("Only those with a number above this").default("0"),
    integer("limit", Some((1, Some(1000)))).about("Most results to return").default("100"),
];

/// The dead letter in the path.
static LETTER: [Field; 1] = [integer("seq", Some((0, None))).about("Number of the letter").example("17")];

/// What is shown of a message.
static MESSAGE: [Field; 4] = [
    text("type").about("Its type"),
    text("message_id").about("Its `@id`"),
    text("thread_id").about("Its thread"),
    text("connection_id").about("The connection that it is for").nullable(),
];

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "What waits, what was given up, what has happened; not in ACA-Py",
    // The same module as the probes: `GET /plugins` has names of ACA-Py only.
    module: "acapy_agent.admin",
    operations: &[
        &outbox::OPERATION,
        &dead_letters::OPERATION,
        &retry::OPERATION,
        &discard::OPERATION,
        &events::OPERATION,
        &contexts::LIST,
        &contexts::FORGET,
        &jobs::LIST,
        &jobs::GET,
        &jobs::RETRY,
    ],
};
