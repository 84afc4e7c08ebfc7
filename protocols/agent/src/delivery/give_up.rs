//! What can't be delivered becomes a dead letter, and the controller is told.

use std::sync::{Arc, OnceLock};

use super::{Content, Letter};
use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::store::{Guard, NewItem, Op, Queue, Seq};
use crate::transact;
use crate::unit::{AgentError, Unit};

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

/// Makes it a dead letter; its row, or its target's claim to the event, goes in the same commit, and whoever waits for a job is
/// told in it. Then tells the controller: after the commit that numbers the letter, so that a crash in between costs the event and
/// never the letter. An event about a dead letter that can't be delivered either is dropped: letters about letters would never end.
///
/// Errors: those of the store; what was to be delivered still waits then, for the next start.
pub async fn give_up(agent: &Agent, tenant: &Tenant, given_up: GivenUp) -> Result<Option<Seq>, AgentError> {
    let number: Arc<OnceLock<Seq>> = Arc::default();
    let mut attempts = 0;
    let letter = transact!(agent, tenant, |unit| async {
        attempts += 1;
        if attempts > 1 && !waits(&unit, given_up.row).await? {
            return Ok(None);
        }
        let letter = bury(agent, &mut unit, given_up.clone(), number.clone()).await?;
        Ok::<_, AgentError>(Some(letter))
    }
    .await)?;
    let (Some(letter), Some(seq)) = (letter, number.get().copied()) else { return Ok(None) };
    transact!(agent, tenant, |unit| {
        unit.notify(TOPIC, &seq.to_string(), &letter.describe(seq));
        Ok::<_, AgentError>(())
    })?;
    Ok(Some(seq))
}

/// Whether nobody else has taken the row meanwhile.
async fn waits(unit: &Unit<'_>, row: Option<Seq>) -> Result<bool, AgentError> {
    let Some(seq) = row else { return Ok(true) };
    let found = unit.context().store().item(seq).await?;
    Ok(found.is_some_and(|item| item.queue != Queue::Dead))
}

async fn bury(
    agent: &Agent,
    unit: &mut Unit<'_>,
    GivenUp { mut letter, row }: GivenUp,
    number: Arc<OnceLock<Seq>>,
) -> Result<Letter, AgentError> {
    let (mut kept, mut queue) = (true, Queue::Outbound);
    match &mut letter.content {
        Content::Message(_) => {}
        Content::Work(work) => {
            queue = Queue::Work;
            work.job = agent.gave_up(unit, work, &letter.reason).await?;
        }
        Content::Webhook(webhook) => {
            unit.op(Op::Delivered { number: webhook.event, target: webhook.target.clone() });
            kept = webhook.topic != TOPIC;
        }
    }
    if let Some(seq) = row {
        unit.guard(Guard::Queued(seq, queue));
        unit.op(Op::Dequeue(seq));
    }
    if kept {
        let value = serde_json::to_vec(&letter)
            .map_err(|e| AgentError::internal("record-unwritable", format!("a dead letter: {e}")))?;
        let lane = letter.endpoint.clone().unwrap_or_default();
        unit.op(Op::Enqueue(NewItem { queue: Queue::Dead, lane, due: unit.now(), value, owner: None }));
        unit.on_commit(move |committed| {
            let _ = committed.items.first().map(|seq| number.set(*seq));
        });
    }
    Ok(letter)
}
