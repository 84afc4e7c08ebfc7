//! `GET /shutdown`

use serde_json::json;

use crate::auth::Access;
use crate::operation::{Call, Operation};

pub(super) static OPERATION: Operation = Operation::get("/shutdown", super::TAG, |call: Call| {
    Box::pin(async move {
        call.state.api.operations.shutdown();
        Ok(json!({}))
    })
})
.summary("Stop the agent")
.about("What is under way is finished first.")
.access(Access::Admin);
