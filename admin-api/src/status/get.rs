//! `GET /status`

use serde_json::json;

use crate::auth::Access;
use crate::operation::{Answer, Call, Operation};
use crate::schema::{Schema, map, text};
use crate::texts;

static ANSWER: Schema = Schema {
    name: "AdminStatus",
    parts: &[&[
        text("version")
            .about("The ACA-Py release that this API is compatible with")
            .example(texts::COMPATIBLE_WITH),
        text("chancery").about("Version of the agent itself"),
        text("label").about("The agent's label"),
        map("conductor").about("Counters of messages and tasks"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::get("/status", super::TAG, |call: Call| {
    Box::pin(async move {
        let label = &call.agent().settings(&call.tenant).label;
        let counts = call.state.api.operations.conductor();
        Ok(json!({ "version": texts::COMPATIBLE_WITH, "chancery": call.state.api.version, "label": label, "conductor": {
            "in_sessions": counts.in_sessions,
            "out_encode": counts.out_encode,
            "out_deliver": counts.out_deliver,
            "task_active": counts.task_active,
            "task_done": counts.task_done,
            "task_failed": counts.task_failed,
            "task_pending": counts.task_pending,
        }}))
    })
})
.summary("Fetch versions, label and counters")
.access(Access::Admin)
.answers(Answer::One(&ANSWER));
