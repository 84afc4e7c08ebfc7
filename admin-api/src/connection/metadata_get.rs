//! `GET /connections/{conn_id}/metadata`

use chancery_agent::connection;

use super::record::METADATA;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, text};

static QUERY: [Field; 1] = [text("key").about("Only this entry's value")];

pub(super) static OPERATION: Operation =
    Operation::get("/connections/{conn_id}/metadata", super::TAG, command!(connection::metadata_get))
        .summary("Fetch what the controller keeps with a connection")
        .path(&super::ID)
        .query(&[&QUERY])
        .answers(Answer::One(&METADATA));
