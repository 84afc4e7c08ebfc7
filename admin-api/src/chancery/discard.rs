//! `DELETE /chancery/dead-letters/{seq}`

use chancery_agent::delivery;

use crate::operation::{Operation, command};

pub(super) static OPERATION: Operation =
    Operation::delete("/chancery/dead-letters/{seq}", super::TAG, command!(delivery::discard))
        .summary("Forget a dead letter")
        .path(&super::LETTER);
