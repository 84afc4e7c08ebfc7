//! `GET /chancery/events`

use chancery_agent::delivery;

use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Kind, Schema, integer, objects, of, text};

static FILTERS: [Field; 3] = [
    integer("after", Some((0, None))).about("Only events with a number above this").default("0"),
    text("topic").about("Only events of this topic").example("issue_credential_v2_0"),
    integer("limit", Some((1, Some(1000))))
        .about("Most events to return; a stream has no end")
        .default("100"),
];

static EVENT: Schema = Schema {
    name: "AgentEvent",
    parts: &[&[
        integer("number", None).about("Grows with every event of the wallet"),
        text("id").about("The same as a webhook's `x-event-id`"),
        text("topic").about("The webhook's topic"),
        text("record").about("The record that it is about"),
        text("created").about("When it was committed"),
        of("payload", Kind::Json).about("The webhook's body"),
    ]],
    whole: None,
};

static ANSWER: Schema = Schema {
    name: "AgentEvents",
    parts: &[&[
        objects("results", &EVENT).about("In the order of their numbers"),
        integer("next", None).about("To be given as `after` for what follows"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::get("/chancery/events", super::TAG, command!(delivery::events))
        .summary("List what has happened")
        .about(
            "Every event that webhooks carry, from number to number. With `Accept: text/event-stream` the answer is a stream \
             of Server-Sent Events that goes on with what happens next; `Last-Event-ID` counts for `after`.",
        )
        .query(&[&FILTERS])
        .streams(super::stream::open)
        .answers(Answer::One(&ANSWER));
