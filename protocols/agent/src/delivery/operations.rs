//! What waits, and what becomes of dead letters.

use serde::Deserialize;
use serde_json::{Value, json};

use super::letter::{Content, Letter, Webhook, describe_message};
use crate::engine::Agent;
use crate::ports::operations::{Deliveries, Failure};
use crate::ports::store::{Event, EventNo, Guard, Item, Op, Queue, Seq, Space, StoreError};
use crate::ports::{Store, Tenant, Timestamp};
use crate::transact;
use crate::unit::{AgentError, Outbound, Unit};

/// Part of a list of queue rows.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Page {
    /// Rows with a number above this.
    pub after: Option<Seq>,
    /// Most rows; 100 when not given.
    pub limit: Option<usize>,
}

/// Names a dead letter.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct DeadLetter {
    /// Its number.
    pub seq: Seq,
}

/// How long it is remembered that an event is to be delivered again, in seconds: 90 days, longer than anybody tries.
const REDELIVERED: i64 = 90 * 86_400;

/// Rows read from the store at once.
pub(super) const CHUNK: usize = 500;

impl Page {
    /// The tenant's rows: the store gives those of all tenants.
    async fn of(self, agent: &Agent, tenant: &Tenant, queue: Queue) -> Result<Vec<Item>, AgentError> {
        let (mut after, limit) = (self.after.unwrap_or(0), self.limit.unwrap_or(100));
        let mut found = Vec::new();
        loop {
            let items = agent.store().items(queue, after, CHUNK).await?;
            let Some(last) = items.last() else { return Ok(found) };
            after = last.seq;
            let whole = items.len() == CHUNK;
            found.extend(items.into_iter().filter(|item| item.tenant == *tenant));
            found.truncate(limit);
            if found.len() == limit || !whole {
                return Ok(found);
            }
        }
    }
}

/// The messages that wait to be delivered, oldest first, without what they say, and how they stand with the worker:
/// `{"results": [...]}`.
pub async fn outbox(
    agent: &Agent,
    tenant: &Tenant,
    worker: &dyn Deliveries,
    page: Page,
) -> Result<Value, AgentError> {
    let items = page.of(agent, tenant, Queue::Outbound).await?;
    let standings =
        worker.standings(Queue::Outbound, &items.iter().map(|item| item.seq).collect::<Vec<_>>()).await;
    let describe = |item: &Item| {
        let mut described = json!({
            "seq": item.seq,
            "attempts": item.attempts,
            "due": item.due.to_text(),
            "created": item.created.to_text(),
        });
        if let Ok(outbound) = serde_json::from_slice::<Outbound>(&item.value) {
            described["endpoint"] = json!(outbound.target.endpoint);
            for (name, value) in describe_message(&outbound) {
                described[name] = value;
            }
        }
        let standing = standings.get(&item.seq).cloned().unwrap_or_default();
        described["under_way"] = json!(standing.in_flight);
        described["last_failure"] = standing.failure.as_ref().map_or(Value::Null, failure);
        described["next_try"] = json!(standing.not_before.map(Timestamp::to_text));
        described["endpoint_down"] = standing.endpoint.map_or(Value::Null, |down| {
            let mut told = failure(&down.last);
            told["failures"] = json!(down.failures);
            told["since"] = json!(down.since.to_text());
            told
        });
        described
    };
    Ok(json!({ "results": items.iter().map(describe).collect::<Vec<_>>() }))
}

fn failure(failure: &Failure) -> Value {
    json!({ "reason": failure.reason, "at": failure.at.to_text() })
}

/// The dead letters, oldest first: `{"results": [...]}`.
pub async fn dead_letters(agent: &Agent, tenant: &Tenant, page: Page) -> Result<Value, AgentError> {
    let items = page.of(agent, tenant, Queue::Dead).await?;
    let describe = |item: &Item| {
        let mut described = match Letter::read(item) {
            Some(letter) => letter.describe(item.seq),
            None => json!({ "seq": item.seq, "kind": "unreadable", "attempts": item.attempts }),
        };
        described["given_up"] = json!(item.due.to_text());
        described
    };
    Ok(json!({ "results": items.iter().map(describe).collect::<Vec<_>>() }))
}

/// Delivers a dead letter again: `{}`. A message goes to the end of its queue and is tried as if it were new; an event waits
/// for its target again, under its old number and id.
///
/// Errors: 404; 400 `letter-not-deliverable` when its target or its event is no more.
pub async fn retry(agent: &Agent, tenant: &Tenant, letter: DeadLetter) -> Result<Value, AgentError> {
    let again = transact!(agent, tenant, |unit| take_up(&mut unit, letter.seq).await)?;
    agent.redeliver(again.into_iter().collect());
    Ok(json!({}))
}

pub(super) async fn take_up(unit: &mut Unit<'_>, seq: Seq) -> Result<Option<Event>, AgentError> {
    let item = take(unit, seq).await?;
    let Some(letter) = Letter::read(&item) else {
        return Err(undeliverable("it can't be read"));
    };
    unit.keep_answer(&json!({}));
    match letter.content {
        Content::Message(outbound) => unit.queue(outbound),
        Content::Work(work) => unit.take_up(work).await?,
        Content::Webhook(webhook) => {
            let event = waiting_again(unit, &webhook).await?;
            let (id, now) = (redelivered(webhook.event, &webhook.target), unit.now().0.to_string());
            unit.remember(Space::Redelivered, &id, now.into_bytes(), Some(REDELIVERED));
            unit.op(Op::Redeliver { number: webhook.event, target: webhook.target });
            return Ok(Some(event));
        }
    }
    Ok(None)
}

/// The letter leaves the list, unless somebody else takes it meanwhile.
async fn take(unit: &mut Unit<'_>, seq: Seq) -> Result<Item, AgentError> {
    let item = unit.context().store().item(seq).await?;
    let ours = item.filter(|item| item.queue == Queue::Dead && item.tenant == *unit.tenant());
    let item = ours.ok_or_else(|| AgentError::no_record("dead_letter", &seq.to_string()))?;
    unit.guard(Guard::Queued(seq, Queue::Dead));
    unit.op(Op::Dequeue(seq));
    Ok(item)
}

fn redelivered(event: EventNo, target: &str) -> String {
    format!("{event} {target}")
}

/// Since when a target is to get an event that still waits for it: since the retry, if it was given up before.
///
/// Errors: those of the store.
pub async fn waiting_since(store: &dyn Store, event: &Event, target: &str) -> Result<Timestamp, StoreError> {
    let id = redelivered(event.number, target);
    let again = store.recall(&event.tenant, Space::Redelivered, &id).await?;
    let again = again.and_then(|micros| std::str::from_utf8(&micros).ok()?.parse().ok());
    Ok(again.map_or(event.created, Timestamp))
}

async fn waiting_again(unit: &Unit<'_>, webhook: &Webhook) -> Result<Event, AgentError> {
    if !unit.settings().webhook_targets.contains(&webhook.target) {
        return Err(undeliverable("its webhook target is no longer configured"));
    }
    let before = webhook.event - 1;
    let found = unit.context().store().events(Some(unit.tenant()), before, None, false, 1).await?;
    let event = found.into_iter().find(|event| event.number == webhook.event);
    let mut event = event.ok_or_else(|| undeliverable("its event is no longer kept"))?;
    event.targets = vec![webhook.target.clone()];
    Ok(event)
}

fn undeliverable(why: &str) -> AgentError {
    AgentError::bad_request("letter-not-deliverable", format!("The letter can't be delivered: {why}."))
        .hint("read the records it was about, then discard it")
}

/// Forgets a dead letter: `{}`.
///
/// Errors: 404.
pub async fn discard(agent: &Agent, tenant: &Tenant, letter: DeadLetter) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| take(&mut unit, letter.seq).await)?;
    Ok(json!({}))
}
