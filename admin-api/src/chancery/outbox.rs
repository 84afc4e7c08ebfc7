//! `GET /chancery/outbox`

use chancery_agent::delivery;

use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Schema, integer, text};

static ROW: [Field; 5] = [
    integer("seq", None).about("Its number in the queue"),
    integer("attempts", None).about("How often it was tried"),
    text("due").about("Not tried before this time"),
    text("created").about("When it was sent"),
    text("endpoint").about("Where it goes; null: it waits to be fetched").nullable(),
];

static ANSWER: Schema = Schema { name: "Waiting", parts: &[&ROW, &super::MESSAGE], whole: None };

pub(super) static OPERATION: Operation =
    Operation::get("/chancery/outbox", super::TAG, command!(delivery::outbox))
        .summary("List the messages that wait to be delivered")
        .about("Oldest first. What they say is not shown.")
        .query(&[&super::PAGE])
        .answers(Answer::Results(&ANSWER));
