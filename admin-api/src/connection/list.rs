//! `GET /connections`

use chancery_agent::connection;

use super::record::{PROTOCOLS, RECORD};
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::{DID, VERKEY};
use crate::schema::{Field, PAGING, matching, one_of, text};

static FILTERS: [Field; 9] = [
    text("alias").about("Only connections with this name").example("Barry"),
    matching("invitation_key", &VERKEY)
        .about("Only those made with this invitation key")
        .example("H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV"),
    matching("my_did", &DID).about("Only those with this DID of ours"),
    one_of(
        "state",
        &["abandoned", "active", "completed", "error", "init", "invitation", "request", "response", "start"],
    )
    .about("Only those in this state; synonyms match each other"),
    matching("their_did", &DID).about("Only those with this DID of the other side"),
    matching("their_public_did", &DID).about("Only those whose invitation has this DID"),
    one_of("their_role", &["invitee", "requester", "inviter", "responder"])
        .about("Only those in which the other side has this role"),
    one_of("connection_protocol", PROTOCOLS).about("Only those made by this handshake"),
    text("invitation_msg_id")
        .about("Only those made by this invitation")
        .example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
];

pub(super) static OPERATION: Operation =
    Operation::get("/connections", super::TAG, command!(connection::list))
        .summary("List connections")
        .query(&[&PAGING, &FILTERS])
        .answers(Answer::Results(&RECORD));
