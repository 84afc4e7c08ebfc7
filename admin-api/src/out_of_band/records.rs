//! `GET /out-of-band/records`

use chancery_agent::out_of_band;

use super::record::{RECORD, ROLES, STATES};
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::UUID4;
use crate::schema::{Field, PAGING, matching, one_of};

static FILTERS: [Field; 4] = [
    one_of("state", STATES).about("Only records in this state"),
    one_of("role", ROLES).about("Only records with us on this side"),
    matching("connection_id", &UUID4).about("Only those of this connection"),
    matching("invi_msg_id", &UUID4).about("Only those of this invitation"),
];

pub(super) static OPERATION: Operation =
    Operation::get("/out-of-band/records", super::TAG, command!(out_of_band::records))
        .summary("List invitations, sent and received")
        .query(&[&PAGING, &FILTERS])
        .answers(Answer::Results(&RECORD));
