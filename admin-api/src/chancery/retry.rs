//! `POST /chancery/dead-letters/{seq}/retry`

use chancery_agent::delivery;

use crate::operation::{Operation, command};

pub(super) static OPERATION: Operation =
    Operation::post("/chancery/dead-letters/{seq}/retry", super::TAG, command!(delivery::retry))
        .summary("Deliver a dead letter again")
        .about(
            "A message goes to the end of its queue and is tried as if it were new; an event is sent to its webhook target \
             again, with its old id and number. The letter leaves the list.",
        )
        .path(&super::LETTER);
