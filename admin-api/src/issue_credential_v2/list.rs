//! `GET /issue-credential-2.0/records`

use chancery_agent::issue_credential_v2;

use super::record::{DETAIL, ROLES, STATES};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, PAGING, one_of, text};

static FILTERS: [Field; 4] = [
    text("connection_id")
        .about("Only exchanges over this connection")
        .example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    one_of("role", ROLES).about("Only exchanges with us on this side"),
    one_of("state", STATES).about("Only exchanges in this state"),
    text("thread_id")
        .about("Only the exchange with this thread")
        .example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
];

pub(super) static OPERATION: Operation =
    Operation::get("/issue-credential-2.0/records", super::TAG, command!(issue_credential_v2::list))
        .summary("List credential exchanges")
        .query(&[&PAGING, &FILTERS])
        .answers(Answer::Results(&DETAIL));
