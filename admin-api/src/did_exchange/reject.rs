//! `POST /didexchange/{conn_id}/reject`

use chancery_agent::did_exchange;

use crate::connection;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Schema, text};

static BODY: Schema = Schema {
    name: "DIDXRejectRequest",
    parts: &[&[text("reason").about("Why; becomes the connection's error_msg").example("Request rejected")]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/didexchange/{conn_id}/reject", super::TAG, command!(did_exchange::reject))
        .summary("Abandon a handshake")
        .path(&connection::ID)
        .needed_body(&BODY)
        .answers(Answer::One(&connection::RECORD));
