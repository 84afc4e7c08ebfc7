//! `DELETE /connections/{conn_id}`

use chancery_agent::connection;

use crate::operation::{Operation, command};

pub(super) static OPERATION: Operation =
    Operation::delete("/connections/{conn_id}", super::TAG, command!(connection::remove))
        .summary("Remove a connection")
        .about("The other side is not told.")
        .path(&super::ID);
