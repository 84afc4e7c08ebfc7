//! `GET /connections/{conn_id}`

use chancery_agent::connection;

use crate::operation::{Answer, Operation, command};

pub(super) static OPERATION: Operation =
    Operation::get("/connections/{conn_id}", super::TAG, command!(connection::get))
        .summary("Fetch one connection")
        .path(&super::ID)
        .answers(Answer::One(&super::RECORD));
