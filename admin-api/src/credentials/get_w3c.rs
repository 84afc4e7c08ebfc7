//! `GET /credential/w3c/{credential_id}`

use chancery_agent::credential;

use crate::operation::{Answer, Operation, command};

pub(super) static OPERATION: Operation =
    Operation::get("/credential/w3c/{credential_id}", super::TAG, command!(credential::get_w3c))
        .summary("Fetch one W3C credential of the wallet")
        .path(&super::ID)
        .answers(Answer::One(&super::record::RECORD));
