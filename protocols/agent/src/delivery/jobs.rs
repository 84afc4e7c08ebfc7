//! Errands and jobs, for those who run the agent: what waits, what has failed, what is done.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::{Value, json};

use super::letter::{Content, Letter};
use super::operations::{CHUNK, take_up};
use crate::engine::Agent;
use crate::ports::Tenant;
use crate::ports::operations::{Deliveries, Standing};
use crate::ports::store::{Guard, Item, Op, Queue, RowKey, Seq, Space};
use crate::transact;
use crate::unit::{AgentError, JobRecord, JobState, Record, Unit, Work};

/// Which jobs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Jobs {
    /// Those in this state.
    pub state: Option<String>,
    /// Those of this name.
    pub name: Option<String>,
    /// How many to leave out.
    pub offset: Option<usize>,
    /// Most jobs; 100 when not given.
    pub limit: Option<usize>,
}

/// Names a job, or an errand by the number of its row.
#[derive(Clone, Debug, Deserialize)]
pub struct JobId {
    /// Its id.
    pub job_id: String,
}

/// Where a job is.
enum Found {
    /// It waits or is under way.
    Row(Item, Work, Option<JobRecord>),
    /// It has failed.
    Letter(Item, Letter, Work),
    /// It is done; what is remembered of it.
    Done(String, Value),
}

impl Found {
    fn name(&self) -> &str {
        match self {
            Self::Row(_, work, _) | Self::Letter(_, _, work) => &work.protocol,
            Self::Done(_, told) => told["name"].as_str().unwrap_or_default(),
        }
    }

    fn state(&self) -> &'static str {
        match self {
            Self::Row(_, _, Some(JobRecord { state: JobState::Calling, .. })) => "calling",
            Self::Row(..) => "waiting",
            Self::Letter(..) => "failed",
            Self::Done(..) => "done",
        }
    }

    fn describe(&self, standing: Option<&Standing>) -> Value {
        let mut described = match self {
            Self::Row(item, work, record) => {
                let known = record.as_ref();
                let standing = standing.cloned().unwrap_or_default();
                let failure = standing.failure.map(|failure| failure.reason);
                json!({
                    "job_id": id(work, item.seq), "lane": item.lane, "attempts": item.attempts, "due": item.due.to_text(),
                    "created": known.map_or_else(|| item.created.to_text(), |record| record.created_at.clone()),
                    "updated": known.map(|record| &record.updated_at),
                    "last_error": known.and_then(|record| record.last_error.clone()).or(failure),
                    "under_way": standing.in_flight,
                })
            }
            Self::Letter(item, letter, work) => json!({
                "job_id": id(work, item.seq), "lane": work.lane(), "attempts": letter.attempts, "last_error": letter.reason,
                "created": letter.since.to_text(), "updated": item.due.to_text(), "dead_letter": item.seq,
            }),
            Self::Done(id, told) => json!({
                "job_id": id, "answer": told["answer"], "created": told["created_at"], "updated": told["updated_at"],
            }),
        };
        (described["name"], described["state"]) = (json!(self.name()), json!(self.state()));
        described
    }
}

/// An errand goes by the number of its row.
fn id(work: &Work, seq: Seq) -> String {
    work.job.clone().unwrap_or_else(|| seq.to_string())
}

/// Jobs on the way into a list.
struct List {
    which: Jobs,
    left_out: usize,
    found: Vec<Found>,
}

impl List {
    fn is_full(&self) -> bool {
        self.found.len() == self.which.limit.unwrap_or(100)
    }

    /// Whether jobs of a state are asked for.
    fn wants(&self, states: &[&str]) -> bool {
        !self.is_full() && self.which.state.as_deref().is_none_or(|state| states.contains(&state))
    }

    fn add(&mut self, found: Found) {
        let Jobs { state, name, offset, .. } = &self.which;
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        if self.is_full() || !fits(state, found.state()) || !fits(name, found.name()) {
            return;
        }
        if self.left_out < offset.unwrap_or(0) {
            self.left_out += 1;
        } else {
            self.found.push(found);
        }
    }
}

/// Errands and jobs: first what waits in the order of the queue, then what has failed, then what was done within a day:
/// `{"results": [...]}`. What they are about is not shown.
pub async fn jobs(
    agent: &Agent,
    tenant: &Tenant,
    worker: &dyn Deliveries,
    which: Jobs,
) -> Result<Value, AgentError> {
    let mut list = List { which, left_out: 0, found: Vec::new() };
    for (queue, states) in [(Queue::Work, &["waiting", "calling"][..]), (Queue::Dead, &["failed"])] {
        let mut after = 0;
        while list.wants(states) {
            let items = agent.store().items(queue, after, CHUNK).await?;
            let Some(last) = items.last() else { break };
            after = last.seq;
            for item in items.into_iter().filter(|item| item.tenant == *tenant) {
                if let Some(found) = look(agent, tenant, item).await? {
                    list.add(found);
                }
            }
        }
    }
    let mut after = 0;
    while list.wants(&["done"]) {
        let told = agent.store().remembered(tenant, Space::Job, after, CHUNK).await?;
        after += told.len();
        if told.is_empty() {
            break;
        }
        for (id, value) in told {
            list.add(Found::Done(id, serde_json::from_slice(&value).unwrap_or_default()));
        }
    }
    let rows: Vec<Seq> = list.found.iter().filter_map(row_of).collect();
    let standings = worker.standings(Queue::Work, &rows).await;
    let describe = |found: &Found| found.describe(row_of(found).and_then(|seq| standings.get(&seq)));
    Ok(json!({ "results": list.found.iter().map(describe).collect::<Vec<_>>() }))
}

fn row_of(found: &Found) -> Option<Seq> {
    match found {
        Found::Row(item, ..) => Some(item.seq),
        _ => None,
    }
}

/// The job of a row, if it has one.
async fn look(agent: &Agent, tenant: &Tenant, item: Item) -> Result<Option<Found>, AgentError> {
    match item.queue {
        Queue::Work => {
            let Ok(work) = serde_json::from_slice::<Work>(&item.value) else { return Ok(None) };
            let record = match &work.job {
                Some(id) => record(agent, tenant, id).await?,
                None => None,
            };
            Ok(Some(Found::Row(item, work, record)))
        }
        Queue::Dead => Ok(match Letter::read(&item) {
            Some(letter) => match letter.content.clone() {
                Content::Work(work) => Some(Found::Letter(item, letter, work)),
                _ => None,
            },
            None => None,
        }),
        _ => Ok(None),
    }
}

async fn record(agent: &Agent, tenant: &Tenant, id: &str) -> Result<Option<JobRecord>, AgentError> {
    let row = agent.store().get(tenant, &RowKey::new(JobRecord::CATEGORY, id)).await?;
    row.as_ref().map(JobRecord::from_row).transpose()
}

/// Where a job is; that it is done counts only when it wasn't asked for anew.
async fn find(agent: &Agent, tenant: &Tenant, wanted: &str) -> Result<Found, AgentError> {
    let unknown = || AgentError::no_record(JobRecord::CATEGORY, wanted);
    if let Ok(seq) = wanted.parse::<Seq>() {
        let item = agent.store().item(seq).await?.filter(|item| item.tenant == *tenant);
        let found = match item {
            Some(item) => look(agent, tenant, item).await?,
            None => None,
        };
        return found.ok_or_else(unknown);
    }
    let known = record(agent, tenant, wanted).await?;
    if let Some(row) = known.as_ref().and_then(|record| record.row)
        && let Some(item) = agent.store().item(row).await?
        && let Some(found) = look(agent, tenant, item).await?
    {
        return Ok(found);
    }
    // One that was not tried yet doesn't know its row.
    if known.is_some()
        && let Some(found) = search(agent, tenant, Queue::Work, wanted).await?
    {
        return Ok(found);
    }
    if let Some(told) = agent.store().recall(tenant, Space::Job, wanted).await? {
        return Ok(Found::Done(wanted.to_owned(), serde_json::from_slice(&told).unwrap_or_default()));
    }
    search(agent, tenant, Queue::Dead, wanted).await?.ok_or_else(unknown)
}

async fn search(
    agent: &Agent,
    tenant: &Tenant,
    queue: Queue,
    wanted: &str,
) -> Result<Option<Found>, AgentError> {
    let mut after = 0;
    loop {
        let items = agent.store().items(queue, after, CHUNK).await?;
        let Some(last) = items.last() else { return Ok(None) };
        after = last.seq;
        for item in items.into_iter().filter(|item| item.tenant == *tenant) {
            if let Some(found) = look(agent, tenant, item).await?
                && let Found::Row(_, work, _) | Found::Letter(_, _, work) = &found
                && work.job.as_deref() == Some(wanted)
            {
                return Ok(Some(found));
            }
        }
    }
}

/// One job.
///
/// Errors: 404.
pub async fn job(
    agent: &Agent,
    tenant: &Tenant,
    worker: &dyn Deliveries,
    JobId { job_id }: JobId,
) -> Result<Value, AgentError> {
    let found = find(agent, tenant, &job_id).await?;
    let standing = match row_of(&found) {
        Some(seq) => worker.standings(Queue::Work, &[seq]).await.remove(&seq),
        None => None,
    };
    Ok(found.describe(standing.as_ref()))
}

/// Drives a job at once: `{}`. One that waits waits no longer for its time; one that has failed begins anew, and its letter leaves
/// the list.
///
/// Errors: 404; 400 `job-done`.
pub async fn retry_job(agent: &Agent, tenant: &Tenant, JobId { job_id }: JobId) -> Result<Value, AgentError> {
    let row = transact!(agent, tenant, |unit| again(agent, &mut unit, &job_id).await)?;
    agent.hurry(row.into_iter().collect());
    Ok(json!({}))
}

async fn again(agent: &Agent, unit: &mut Unit<'_>, id: &str) -> Result<Option<Seq>, AgentError> {
    let tenant = unit.tenant().clone();
    match find(agent, &tenant, id).await? {
        Found::Row(item, ..) => {
            let (seq, queue) = (item.seq, Queue::Work);
            unit.guard(Guard::Queued(seq, queue));
            unit.op(Op::Requeue { seq, queue, due: unit.now(), attempts: item.attempts });
            unit.keep_answer(&json!({}));
            Ok(Some(seq))
        }
        Found::Letter(item, ..) => {
            take_up(unit, item.seq).await?;
            Ok(None)
        }
        Found::Done(..) => {
            Err(AgentError::bad_request("job-done", "The job is done: there is nothing to try again.")
                .hint("GET /chancery/jobs/{job_id} says what came of it"))
        }
    }
}
