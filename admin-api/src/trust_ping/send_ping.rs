//! `POST /connections/{conn_id}/send-ping`

use chancery_agent::trust_ping;

use crate::connection;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Schema, text};

static BODY: Schema =
    Schema { name: "PingRequest", parts: &[&[text("comment").nullable().about("Sent along")]], whole: None };

static ANSWER: Schema = Schema {
    name: "PingRequestResponse",
    parts: &[&[text("thread_id").about("Thread of the ping")]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/connections/{conn_id}/send-ping", super::TAG, command!(trust_ping::send_ping))
        .summary("Send a trust ping")
        .path(&connection::ID)
        .needed_body(&BODY)
        .answers(Answer::One(&ANSWER));
