//! `GET /out-of-band/invitations`

use chancery_agent::out_of_band;

use super::record::RECORD;
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::UUID4;
use crate::schema::{Field, matching};

static QUERY: [Field; 1] = [matching("oob_id", &UUID4).required().about("Id of the out-of-band record")];

pub(super) static OPERATION: Operation =
    Operation::get("/out-of-band/invitations", super::TAG, command!(out_of_band::invitation))
        .summary("Fetch one invitation")
        .query(&[&QUERY])
        .answers(Answer::One(&RECORD));
