//! `GET /connections/{conn_id}/endpoints`

use chancery_agent::connection;

use crate::operation::{Answer, Operation, command};
use crate::schema::{Schema, text};

static ANSWER: Schema = Schema {
    name: "EndpointsResult",
    parts: &[&[
        text("my_endpoint").about("Where we get the other side's messages"),
        text("their_endpoint").about("Where our messages go"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::get("/connections/{conn_id}/endpoints", super::TAG, command!(connection::endpoints))
        .summary("Fetch the endpoints of both sides")
        .path(&super::ID)
        .answers(Answer::One(&ANSWER));
