//! `GET /settings`

use super::table::shown;
use crate::operation::{Answer, Call, Operation};

pub(super) static OPERATION: Operation =
    Operation::get("/settings", super::TAG, |call: Call| Box::pin(async move { Ok(shown(&call)) }))
        .summary("Fetch the settings")
        .about(
            "The members of the answer are the settings, by their names; switches that are off are left out.",
        )
        .answers(Answer::Free);
