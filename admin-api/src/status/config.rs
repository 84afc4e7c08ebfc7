//! `GET /status/config`

use serde_json::json;

use crate::auth::Access;
use crate::operation::{Answer, Call, Operation};
use crate::schema::{Schema, map};

static ANSWER: Schema = Schema {
    name: "AdminConfig",
    parts: &[&[map("config").about("Settings, without secrets")]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::get("/status/config", super::TAG, |call: Call| {
    Box::pin(async move { Ok(json!({ "config": call.state.api.operations.config() })) })
})
.summary("Fetch the settings of the process")
.access(Access::Admin)
.answers(Answer::One(&ANSWER));
