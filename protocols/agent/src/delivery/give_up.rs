//! What can't be delivered becomes a dead letter, and the controller is told.

use super::{Content, Letter};
use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::store::{Commit, NewItem, Op, Queue, Seq};
use crate::transact;
use crate::unit::AgentError;

/// Topic of the event about a dead letter.
pub const TOPIC: &str = "chancery_dead_letter";

/// What a delivery worker gives up.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// What, and why.
    pub letter: Letter,
    /// The queue row that goes.
    pub row: Option<Seq>,
}

/// Makes it a dead letter; its row, or its target's claim to the event, goes in the same commit. Then tells the controller:
/// after the commit that numbers the letter, so that a crash in between costs the event and never the letter. An event
/// about a dead letter that can't be delivered either is dropped: letters about letters would never end.
///
/// Errors: those of the store; what was to be delivered still waits then, for the next start.
pub async fn give_up(agent: &Agent, tenant: &Tenant, given_up: GivenUp) -> Result<Option<Seq>, AgentError> {
    let GivenUp { letter, row } = given_up;
    let mut ops: Vec<Op> = row.map(Op::Dequeue).into_iter().collect();
    let mut kept = true;
    if let Content::Webhook(webhook) = &letter.content {
        ops.push(Op::Delivered { number: webhook.event, target: webhook.target.clone() });
        kept = webhook.topic != TOPIC;
    }
    if kept {
        let value = serde_json::to_vec(&letter)
            .map_err(|e| AgentError::internal("record-unwritable", format!("a dead letter: {e}")))?;
        let lane = letter.endpoint.clone().unwrap_or_default();
        ops.push(Op::Enqueue(NewItem {
            queue: Queue::Dead,
            lane,
            due: agent.clock().now(),
            value,
            owner: None,
        }));
    }
    let committed = agent.store().commit(tenant, Commit { guards: Vec::new(), ops }).await?;
    let Some(seq) = committed.items.first().copied() else { return Ok(None) };
    transact!(agent, tenant, |unit| {
        unit.notify(TOPIC, &seq.to_string(), &letter.describe(seq));
        Ok::<_, AgentError>(())
    })?;
    Ok(Some(seq))
}
