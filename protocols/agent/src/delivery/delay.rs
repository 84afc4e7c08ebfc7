//! Tells the controller when messages are not getting through.

use serde_json::{Value, json};

use super::letter::describe_message;
use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::store::{Item, Op, Queue, Space};
use crate::transact;
use crate::unit::{AgentError, Outbound};

/// Topic of the event about messages that wait for long.
pub const DELAY_TOPIC: &str = "chancery_outbox_delayed";

/// What is remembered as long as an episode lasts.
const EPISODE: &str = "outbox-delayed";

/// Rows read from the store at once, and most rows looked at: those without an endpoint, which wait to be fetched, may stand
/// in front of the others.
const CHUNK: usize = 50;
const MOST: usize = 5_000;

/// Looks how old the oldest message is that waits for its endpoint. Beyond `most_seconds` the controller is told once; again
/// only after there was none so old. The episode is remembered across restarts.
///
/// Errors: those of the store.
pub async fn notice_delay(agent: &Agent, tenant: &Tenant, most_seconds: i64) -> Result<(), AgentError> {
    let oldest = oldest(agent, tenant).await?;
    let age = |item: &Item| (agent.clock().now().0 - item.created.0) / 1_000_000;
    let late = oldest.filter(|(item, _)| age(item) >= most_seconds);
    let told = agent.store().recall(tenant, Space::Setting, EPISODE).await?.is_some();
    match late {
        None if told => {
            agent.store().lazily(tenant, vec![Op::Forget(Space::Setting, EPISODE.to_owned())]);
            Ok(())
        }
        Some((item, outbound)) if !told => {
            let described = describe(&item, &outbound, age(&item));
            tracing::warn!(
                %tenant, seq = item.seq, endpoint = outbound.target.endpoint, thread = outbound.thread_id,
                connection = outbound.connection_id, seconds = age(&item), "a message has been waiting for long"
            );
            transact!(agent, tenant, |unit| {
                unit.remember(Space::Setting, EPISODE, item.seq.to_string().into_bytes(), None);
                unit.notify(DELAY_TOPIC, EPISODE, &described);
                Ok::<_, AgentError>(())
            })
        }
        _ => Ok(()),
    }
}

/// The oldest message of the tenant that is to be sent to an endpoint.
async fn oldest(agent: &Agent, tenant: &Tenant) -> Result<Option<(Item, Outbound)>, AgentError> {
    let (mut after, mut seen) = (0, 0);
    while seen < MOST {
        let items = agent.store().items(Queue::Outbound, after, CHUNK).await?;
        let Some(last) = items.last() else { return Ok(None) };
        after = last.seq;
        seen += items.len();
        let whole = items.len() == CHUNK;
        for item in items.into_iter().filter(|item| item.tenant == *tenant) {
            match Agent::read_outbound(&item) {
                Ok(outbound) if outbound.target.endpoint.is_some() => return Ok(Some((item, outbound))),
                // Without an endpoint it waits to be fetched; unreadable, it is on its way to the dead letters.
                _ => {}
            }
        }
        if !whole {
            return Ok(None);
        }
    }
    Ok(None)
}

fn describe(item: &Item, outbound: &Outbound, age: i64) -> Value {
    let mut described = describe_message(outbound);
    for (name, value) in [
        ("seq", json!(item.seq)),
        ("endpoint", json!(outbound.target.endpoint)),
        ("attempts", json!(item.attempts)),
        ("created", json!(item.created.to_text())),
        ("age_seconds", json!(age)),
    ] {
        described.insert(name.to_owned(), value);
    }
    Value::Object(described)
}
