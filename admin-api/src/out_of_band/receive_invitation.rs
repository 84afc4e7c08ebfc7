//! `POST /out-of-band/receive-invitation`

use chancery_agent::out_of_band;

use super::record::{INVITATION, RECORD, mediation_id};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, boolean, text};

static QUERY: [Field; 4] = [
    text("alias").about("The controller's name for the connection").example("Barry"),
    boolean("auto_accept").about("Send the request without being asked (default: --auto-accept-invites)"),
    boolean("use_existing_connection").about("Use a connection that there is already").default("true"),
    mediation_id(),
];

pub(super) static OPERATION: Operation =
    Operation::post("/out-of-band/receive-invitation", super::TAG, command!(out_of_band::receive_invitation))
        .summary("Take an invitation")
        .about(
            "Waits up to 15 seconds for the answer when an existing connection is reused, and up to 7 for the connection \
             that an attached message needs.",
        )
        .query(&[&QUERY])
        .body_as("invitation", &INVITATION)
        .answers(Answer::One(&RECORD));
