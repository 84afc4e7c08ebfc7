//! `POST /connections/{conn_id}/send-message`

use chancery_agent::basic_message;

use crate::connection;
use crate::operation::{Operation, command};
use crate::schema::{Schema, text};

static BODY: Schema = Schema {
    name: "SendMessage",
    parts: &[&[text("content").required().about("The text").example("Hello")]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/connections/{conn_id}/send-message", super::TAG, command!(basic_message::send_message))
        .summary("Send a text to the other side's controller")
        .about("Nothing is sent while the connection is not ready.")
        .path(&connection::ID)
        .body(&BODY);
