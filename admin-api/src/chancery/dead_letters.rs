//! `GET /chancery/dead-letters`

use chancery_agent::delivery;

use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Schema, integer, one_of, text};

static LETTER: [Field; 13] = [
    integer("seq", None).about("Its number"),
    one_of("kind", &["message", "webhook", "work", "unreadable"])
        .about("What could not be delivered or done"),
    text("reason").about("Why it was given up"),
    text("endpoint").about("Where it was to go").nullable(),
    integer("attempts", None).about("How often it was tried"),
    text("created").about("When it was first to be delivered"),
    text("given_up").about("When it was given up"),
    integer("event", None).about("Webhook: the event's number"),
    text("event_id").about("Webhook: the event's id"),
    text("topic").about("Webhook: the event's topic"),
    text("record").about("Webhook: the record that it is about"),
    text("protocol").about("Work: the job's name"),
    text("job_id").about("Work: the job's id, if it has one").nullable(),
];

static ANSWER: Schema = Schema { name: "DeadLetter", parts: &[&LETTER, &super::MESSAGE], whole: None };

pub(super) static OPERATION: Operation =
    Operation::get("/chancery/dead-letters", super::TAG, command!(delivery::dead_letters))
        .summary("List what could not be delivered")
        .about("Oldest first: messages, webhooks, and automatic answers. What messages say is not shown.")
        .query(&[&super::PAGE])
        .answers(Answer::Results(&ANSWER));
