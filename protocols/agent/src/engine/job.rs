//! Runs errands and jobs.
//!
//! | job is | does | commits | is then |
//! |---|---|---|---|
//! | waiting | `plan` says `Call` | the intent | calling |
//! | waiting | `plan` says `Again` | the row's due time | waiting |
//! | waiting | `plan` says `Done` | record and row go, the answer is remembered | over |
//! | calling | `call`, then `settle` says `Call` | the next intent | calling |
//! | calling | `call`, then `settle` says `Again` | the row's due time | waiting |
//! | calling | `call`, then `settle` says `Done` | record and row go, the answer is remembered | over |
//! | any | a step fails, and may not the next time | why | the same |
//! | any | a step fails for good | record and row go, `gave_up`, a dead letter | failed |
//!
//! A failed job is its dead letter: it is kept as long, and driven again like any. Every commit rests on the record and on the
//! row: of two processes that run a job, one goes on.

#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use async_trait::async_trait;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;

use super::Agent;
use crate::ports::Timestamp;
use crate::ports::store::{Guard, Item, Op, Queue};
use crate::quoted::Quoted;
use crate::transact;
use crate::unit::{AgentError, Context, Errand, Job, JobRecord, JobState, Next, Record, Unit, Work};

/// What became of a row whose turn had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worked {
    /// It has left the queue.
    Done,
    /// It goes on, not before this time.
    Again(Timestamp),
}

/// An errand or a job, as a folder registers it.
pub struct JobKind(Box<dyn Runs>);

/// Registers an errand.
pub fn errand<E: Errand>() -> JobKind
where
    Agent: AsRef<E::World>,
{
    JobKind(Box::new(Errands::<E>(PhantomData)))
}

/// Registers a job.
pub fn job<J: Job>() -> JobKind
where
    Agent: AsRef<J::World>,
{
    JobKind(Box::new(Jobs::<J>(PhantomData)))
}

impl AsRef<Agent> for Agent {
    fn as_ref(&self) -> &Agent {
        self
    }
}

impl AsRef<Context> for Agent {
    fn as_ref(&self) -> &Context {
        self
    }
}

/// An errand or a job of one type.
#[async_trait]
trait Runs: Send + Sync {
    /// Whether a row is one of these. Rows of earlier versions share names.
    fn is(&self, work: &Work) -> bool;
    /// Its turn has come.
    async fn run(&self, agent: &Agent, item: &Item, work: &Work) -> Result<Worked, AgentError>;
    /// It becomes a dead letter within this unit; the id of the job that has failed.
    async fn gave_up(
        &self,
        unit: &mut Unit<'_>,
        work: &Work,
        reason: &str,
    ) -> Result<Option<String>, AgentError>;
}

fn read<T: DeserializeOwned>(work: &Work) -> Result<T, AgentError> {
    T::deserialize(&work.detail).map_err(|e| unreadable(work, &e.to_string()))
}

fn unreadable(work: &Work, why: &str) -> AgentError {
    AgentError::internal("work-unreadable", format!("{}: {why}", work.protocol))
}

/// Whether the row still waits: another process may have been faster. A commit that writes rests on that, too.
async fn waits(unit: &Unit<'_>, item: &Item) -> Result<bool, AgentError> {
    let found = unit.context().store().item(item.seq).await?;
    Ok(found.is_some_and(|found| found.queue == Queue::Work))
}

struct Errands<E>(PhantomData<fn() -> E>);

#[async_trait]
impl<E: Errand> Runs for Errands<E>
where
    Agent: AsRef<E::World>,
{
    fn is(&self, work: &Work) -> bool {
        work.protocol == E::NAME && E::deserialize(&work.detail).is_ok()
    }

    async fn run(&self, agent: &Agent, item: &Item, work: &Work) -> Result<Worked, AgentError> {
        let errand: E = read(work)?;
        let mut attempts = 0;
        transact!(agent, &item.tenant, |unit| async {
            attempts += 1;
            if attempts > 1 && !waits(&unit, item).await? {
                return Ok(Worked::Done);
            }
            unit.owed_by(work.owner.clone());
            errand.run(agent.as_ref(), &mut unit).await?;
            unit.guard(Guard::Queued(item.seq, Queue::Work));
            unit.op(Op::Dequeue(item.seq));
            Ok(Worked::Done)
        }
        .await)
    }

    async fn gave_up(
        &self,
        _unit: &mut Unit<'_>,
        _work: &Work,
        _reason: &str,
    ) -> Result<Option<String>, AgentError> {
        Ok(None)
    }
}

struct Jobs<J>(PhantomData<fn() -> J>);

/// What comes after a commit.
enum Then<I> {
    Call(I),
    Over(Worked),
}

/// One row's run of a job.
struct Run<'r, J> {
    agent: &'r Agent,
    item: &'r Item,
    work: &'r Work,
    job: J,
}

impl<J: Job> Run<'_, J>
where
    Agent: AsRef<J::World>,
{
    fn world(&self) -> &J::World {
        self.agent.as_ref()
    }

    /// The record, with this row as the one that drives it; `None`: there is nothing left to do for the row.
    async fn record(&self, unit: &mut Unit<'_>) -> Result<Option<JobRecord>, AgentError> {
        unit.owed_by(self.work.owner.clone());
        let id = match &self.work.job {
            Some(id) => id.clone(),
            None => unit.job_id(&self.job).await?,
        };
        let Some(mut record) = unit.load::<JobRecord>(&id).await? else {
            if self.work.job.is_some() {
                return Ok(None);
            }
            // A row of an earlier version, whose jobs had no records.
            let mut record = JobRecord::new(&id, J::NAME, self.item.created);
            record.row = Some(self.item.seq);
            unit.insert(&record)?;
            return Ok(Some(record));
        };
        match record.row {
            Some(row) if row != self.item.seq => return Ok(None),
            None if self.work.job.is_none() => return Ok(None),
            _ => record.row = Some(self.item.seq),
        }
        Ok(Some(record))
    }

    /// What is to be done first: a call that was under way is made again with its intent.
    async fn begin(&self, unit: &mut Unit<'_>) -> Result<Then<J::Intent>, AgentError> {
        let Some(record) = self.record(unit).await? else { return Ok(self.leave(unit)) };
        if record.state == JobState::Calling {
            let intent = J::Intent::deserialize(&record.intent);
            return Ok(Then::Call(intent.map_err(|e| unreadable(self.work, &e.to_string()))?));
        }
        let next = self.job.plan(self.world(), unit).await?;
        self.note(unit, record, next)
    }

    async fn settle(
        &self,
        unit: &mut Unit<'_>,
        intent: &J::Intent,
        outcome: &J::Outcome,
    ) -> Result<Then<J::Intent>, AgentError> {
        let Some(record) = self.record(unit).await? else { return Ok(self.leave(unit)) };
        if record.state != JobState::Calling || record.intent != to_value::<J>(intent)? {
            // Another process has noted what came of it.
            return Ok(Then::Over(Worked::Again(unit.now())));
        }
        let next = self.job.settle(self.world(), unit, outcome).await?;
        self.note(unit, record, next)
    }

    fn note(
        &self,
        unit: &mut Unit<'_>,
        mut record: JobRecord,
        next: Next<J::Intent>,
    ) -> Result<Then<J::Intent>, AgentError> {
        let seq = self.item.seq;
        unit.guard(Guard::Queued(seq, Queue::Work));
        (record.last_error, record.updated_at) = (None, unit.now().to_text());
        match next {
            Next::Call(intent) => {
                (record.state, record.intent) = (JobState::Calling, to_value::<J>(&intent)?);
                unit.save(&record)?;
                Ok(Then::Call(intent))
            }
            Next::Again(at) => {
                (record.state, record.intent) = (JobState::Waiting, Value::Null);
                unit.save(&record)?;
                unit.op(Op::Requeue { seq, queue: Queue::Work, due: at, attempts: 0 });
                Ok(Then::Over(Worked::Again(at)))
            }
            Next::Done(answer) => {
                unit.end_job(&record, &answer);
                Ok(self.leave(unit))
            }
        }
    }

    /// The row goes, if it hasn't.
    fn leave(&self, unit: &mut Unit<'_>) -> Then<J::Intent> {
        unit.op(Op::Dequeue(self.item.seq));
        Then::Over(Worked::Done)
    }

    async fn drive(&self) -> Result<Worked, AgentError> {
        let (agent, tenant) = (self.agent, &self.item.tenant);
        let mut then = transact!(agent, tenant, |unit| self.begin(&mut unit).await)?;
        loop {
            let intent = match then {
                Then::Over(worked) => return Ok(worked),
                Then::Call(intent) => intent,
            };
            let outcome = self.job.call(self.world(), tenant, &intent).await?;
            then = transact!(agent, tenant, |unit| self.settle(&mut unit, &intent, &outcome).await)?;
        }
    }

    /// Notes why a try failed. What can't be noted is in the log.
    async fn failed(&self, error: &AgentError) {
        let (agent, tenant) = (self.agent, &self.item.tenant);
        let noted: Result<(), AgentError> = transact!(agent, tenant, |unit| async {
            if let Some(mut record) = self.record(&mut unit).await? {
                unit.guard(Guard::Queued(self.item.seq, Queue::Work));
                record.last_error = Some(error.message.clone());
                record.updated_at = unit.now().to_text();
                unit.save(&record)?;
            }
            Ok(())
        }
        .await);
        if let Err(error) = noted {
            tracing::debug!(%tenant, error = %Quoted(&error), "why a job failed can't be noted");
        }
    }
}

fn to_value<J: Job>(intent: &J::Intent) -> Result<Value, AgentError> {
    serde_json::to_value(intent)
        .map_err(|e| AgentError::internal("record-unwritable", format!("intent of {}: {e}", J::NAME)))
}

#[async_trait]
impl<J: Job> Runs for Jobs<J>
where
    Agent: AsRef<J::World>,
{
    fn is(&self, work: &Work) -> bool {
        work.protocol == J::NAME && J::deserialize(&work.detail).is_ok()
    }

    async fn run(&self, agent: &Agent, item: &Item, work: &Work) -> Result<Worked, AgentError> {
        let run = Run::<J> { agent, item, work, job: read(work)? };
        let outcome = run.drive().await;
        if let Err(error) = &outcome
            && error.passes()
        {
            run.failed(error).await;
        }
        outcome
    }

    async fn gave_up(
        &self,
        unit: &mut Unit<'_>,
        work: &Work,
        reason: &str,
    ) -> Result<Option<String>, AgentError> {
        let job: J = read(work)?;
        job.gave_up(unit, reason).await?;
        let id = match &work.job {
            Some(id) => id.clone(),
            None => unit.job_id(&job).await?,
        };
        Ok(Some(id))
    }
}

impl Agent {
    fn kind(&self, work: &Work) -> Option<&dyn Runs> {
        self.kinds().map(|kind| &*kind.0).find(|kind| kind.is(work))
    }

    /// Goes on with queued work; its row leaves the queue in the same commit.
    ///
    /// Errors: one that is passing is worth another try, others aren't.
    pub async fn work(&self, item: &Item) -> Result<Worked, AgentError> {
        let work: Work = serde_json::from_slice(&item.value)
            .map_err(|e| AgentError::internal("queue-unreadable", format!("queue row {}: {e}", item.seq)))?;
        let kind = self.kind(&work).ok_or_else(|| {
            AgentError::internal("queue-unreadable", format!("nobody goes on with work of {}", work.protocol))
        })?;
        let span = tracing::error_span!(
            "work",
            tenant = %item.tenant,
            protocol = %work.protocol,
            connection = Empty,
            thread = Empty,
            trace_id = Empty
        );
        self.trace().adopt(&span, work.trace.as_deref());
        kind.run(self, item, &work).instrument(span).await
    }

    /// Work becomes a dead letter within this unit: whoever waits for it is told, and its record goes. Its id, as the letter
    /// keeps it, when it was a job.
    pub(crate) async fn gave_up(
        &self,
        unit: &mut Unit<'_>,
        work: &Work,
        reason: &str,
    ) -> Result<Option<String>, AgentError> {
        let told = match self.kind(work) {
            Some(kind) => kind.gave_up(unit, work, reason).await,
            None => Ok(work.job.clone()),
        };
        let job = match told {
            Err(error) if !error.passes() => {
                unit.start_over();
                tracing::warn!(tenant = %unit.tenant(), error = %Quoted(&error), "nobody could be told that work was given up");
                work.job.clone()
            }
            told => told?,
        };
        if let Some(id) = &job
            && let Some(record) = unit.load::<JobRecord>(id).await?
        {
            unit.remove(record.key());
        }
        Ok(job)
    }
}
