//! `GET /metrics`

use serde_json::Value;

use crate::auth::Access;
use crate::operation::{Answer, Call, Operation};

pub(super) static OPERATION: Operation = Operation::get("/metrics", super::TAG, |call: Call| {
    Box::pin(async move { Ok(Value::String(call.state.api.operations.metrics().await)) })
})
.summary("Fetch figures for Prometheus")
.about("Text format 0.0.4. The key may come as `Authorization: Bearer`, too. Not in ACA-Py.")
.access(Access::Scraper)
.answers(Answer::Text);
