//! `GET /status/ready`

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::auth::Access;
use crate::failure::Failure;
use crate::operation::{Answer, Call, Operation};
use crate::schema::{Kind, Schema, boolean, list};
use crate::texts;

static ANSWER: Schema = Schema {
    name: "AdminStatusReadiness",
    parts: &[&[
        boolean("ready").example("true"),
        list("warnings", &Kind::Text).about("What an operator should look at; absent when there is nothing"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::get("/status/ready", super::TAG, |call| Box::pin(ready(call)))
        .summary("Find out whether the agent can work")
        .about("Goes through to the store. 503 with the reasons when it can't.")
        .access(Access::Open)
        .answers(Answer::One(&ANSWER));

async fn ready(call: Call) -> Result<Value, Failure> {
    let operations = &call.state.api.operations;
    let mut reasons = operations.not_ready().await;
    if operations.stopping() {
        reasons.push(texts::STOPPING.to_owned());
    }
    if !reasons.is_empty() {
        let reason = format!("{}: {}", texts::NOT_READY, reasons.join("; "));
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", reason));
    }
    let warnings = operations.warnings();
    Ok(if warnings.is_empty() {
        json!({ "ready": true })
    } else {
        json!({ "ready": true, "warnings": warnings })
    })
}
