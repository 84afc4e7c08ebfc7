//! `GET /plugins`

use serde_json::json;

use crate::auth::Access;
use crate::groups::GROUPS;
use crate::operation::{Answer, Call, Operation};
use crate::schema::{Kind, Schema, list};

static ANSWER: Schema = Schema {
    name: "AdminModules",
    parts: &[&[
        list("result", &Kind::Text).about("What there is, in ACA-Py's module names"),
        list("external", &Kind::Map).about("Always empty"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::get("/plugins", super::TAG, |_: Call| {
    Box::pin(async {
        let mut modules: Vec<_> =
            GROUPS.iter().map(|group| group.module).filter(|name| *name != super::GROUP.module).collect();
        modules.sort_unstable();
        Ok(json!({ "result": modules, "external": [] }))
    })
})
.summary("List what the agent can do")
.access(Access::Admin)
.answers(Answer::One(&ANSWER));
