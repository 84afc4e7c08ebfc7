//! What has happened, by number: for controllers that were away, or that poll instead of being called.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::store::{Event, EventNo};
use crate::unit::AgentError;

/// Which events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Events {
    /// Those with a number above this.
    pub after: Option<EventNo>,
    /// Those of this topic.
    pub topic: Option<String>,
    /// Most events; 100 when not given.
    pub limit: Option<usize>,
}

/// Events in the order of their numbers: `{"results": [...], "next": the cursor to go on from}`.
pub async fn events(agent: &Agent, tenant: &Tenant, which: Events) -> Result<Value, AgentError> {
    let after = which.after.unwrap_or(0);
    let topic = which.topic.as_deref();
    let limit = which.limit.unwrap_or(100);
    let found = agent.store().events(Some(tenant), after, topic, false, limit).await?;
    let next = found.last().map_or(after, |event| event.number);
    Ok(json!({ "results": found.iter().map(describe).collect::<Vec<_>>(), "next": next }))
}

/// Number, id, topic, record, time and payload.
pub fn describe(event: &Event) -> Value {
    json!({
        "number": event.number,
        "id": event.id,
        "topic": event.topic,
        "record": event.record,
        "created": event.created.to_text(),
        "payload": event.payload_json(),
    })
}
