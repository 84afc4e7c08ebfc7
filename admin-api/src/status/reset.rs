//! `POST /status/reset`

use serde_json::json;

use crate::auth::Access;
use crate::operation::{Call, Operation};

pub(super) static OPERATION: Operation = Operation::post("/status/reset", super::TAG, |call: Call| {
    Box::pin(async move {
        call.state.api.operations.reset();
        Ok(json!({}))
    })
})
.summary("Set the counters to zero")
.access(Access::Admin);
