//! `GET /status/live`

use serde_json::json;

use crate::auth::Access;
use crate::operation::{Answer, Call, Operation};
use crate::schema::{Schema, boolean};

static ANSWER: Schema =
    Schema { name: "AdminStatusLiveliness", parts: &[&[boolean("alive").example("true")]], whole: None };

pub(super) static OPERATION: Operation =
    Operation::get("/status/live", super::TAG, |_: Call| Box::pin(async { Ok(json!({ "alive": true })) }))
        .summary("Find out whether the process is alive")
        .access(Access::Open)
        .answers(Answer::One(&ANSWER));
