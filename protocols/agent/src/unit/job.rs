//! What a step leaves for after its commit. An [`Errand`] is a queue row and nothing else: the next step of something that has
//! a record of its own. A [`Job`] has a record, so that asking for it twice meets the first, and ends one way or the other.

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::Work;
use super::{AgentError, Record, Unit};
use crate::ports::store::{Seq, Space, Tag};
use crate::ports::{Tenant, Timestamp};

/// How long it is remembered what came of a job, in seconds.
const REMEMBERED: i64 = 86_400;

/// Goes on with what a message or command began, because that needs the network or much time. Its row is all that it costs: it
/// goes in the commit of the step, and what can't be done becomes a dead letter, after `--outbound-max-age` at the latest, since
/// it is done for a party that gives up some day, too.
#[async_trait]
pub trait Errand: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// How its rows call it.
    const NAME: &'static str;
    /// What its steps see beside the unit.
    type World: Sync + ?Sized;
    /// Whom it is done for: a connection, or a key that has none. So many of one party's are under way at once.
    fn cause(&self) -> Option<&str> {
        None
    }
    /// The step. May run again after a crash.
    ///
    /// Errors: one that is [`AgentError::passes`] is worth another try, others aren't.
    async fn run(&self, world: &Self::World, unit: &mut Unit<'_>) -> Result<(), AgentError>;
}

/// Takes long, needs a third party, or must end one way or the other. A fault that may go away is tried again for ever.
#[async_trait]
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// How its rows and records call it.
    const NAME: &'static str;
    /// What its steps see beside the unit.
    type World: Sync + ?Sized;
    /// What a call is to do: everything that a second try would make anew (ids, times, keys, bytes) is fixed in it.
    type Intent: Serialize + DeserializeOwned + Send + Sync;
    /// What came of a call.
    type Outcome: Send + Sync;
    /// What it is about: there is one job of a name and key at a time.
    fn key(&self) -> String;
    /// Jobs of one lane run one after the other, in the order in which they were asked for.
    fn lane(&self) -> String {
        self.key()
    }
    /// Whom it is done for; so many of one party's are under way at once. Jobs of one lane have the same.
    fn cause(&self) -> Option<&str> {
        None
    }
    /// What to do next. Calls nobody: what it says becomes durable first.
    ///
    /// Errors: one that is [`AgentError::passes`] is worth another try, others end the job. So it is with all steps.
    async fn plan(&self, world: &Self::World, unit: &mut Unit<'_>) -> Result<Next<Self::Intent>, AgentError>;
    /// Changes the world outside. May run again with the same intent, and then looks first what it did before.
    async fn call(
        &self,
        world: &Self::World,
        tenant: &Tenant,
        intent: &Self::Intent,
    ) -> Result<Self::Outcome, AgentError>;
    /// Makes the outcome durable.
    async fn settle(
        &self,
        world: &Self::World,
        unit: &mut Unit<'_>,
        outcome: &Self::Outcome,
    ) -> Result<Next<Self::Intent>, AgentError>;
    /// Tells the record that it is for, or the party that waits, that it came to nothing; in the commit of the dead letter. Does
    /// nothing where neither is.
    async fn gave_up(&self, _unit: &mut Unit<'_>, _reason: &str) -> Result<(), AgentError> {
        Ok(())
    }
}

/// How a job goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<I> {
    /// With a call.
    Call(I),
    /// With another plan, not before this time.
    Again(Timestamp),
    /// It is over; what came of it.
    Done(Value),
}

/// The intent of a job that never calls.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Never {}

/// Whether a call is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn or its time.
    Waiting,
    /// Its intent is durable, and the outcome isn't.
    Calling,
}

/// The record of a job that is not over. What it says is in its queue row, like an errand's: that is what is counted for the
/// party that causes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobRecord {
    /// Follows from name and key.
    #[serde(skip)]
    pub id: String,
    /// The job's name.
    pub name: String,
    /// How it stands.
    pub state: JobState,
    /// What the call that is under way is to do.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub intent: Value,
    /// Why its last try failed.
    pub last_error: Option<String>,
    /// The queue row that drives it, once it was tried.
    pub row: Option<Seq>,
    /// When it was asked for.
    pub created_at: String,
    /// When it last moved.
    pub updated_at: String,
}

impl Record for JobRecord {
    const CATEGORY: &'static str = "chancery_job";

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        Vec::new()
    }
}

impl JobRecord {
    /// The record of a job that was asked for just now.
    pub(crate) fn new(id: &str, name: &str, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            state: JobState::Waiting,
            intent: Value::Null,
            last_error: None,
            row: None,
            created_at: now.to_text(),
            updated_at: now.to_text(),
        }
    }
}

impl Unit<'_> {
    /// Queues an errand.
    pub fn later<E: Errand>(&mut self, errand: &E) -> Result<(), AgentError> {
        let cause = errand.cause().map(str::to_owned);
        let work = Work { cause, ..Work::of(E::NAME, errand)? };
        self.queue_work(work);
        Ok(())
    }

    /// The id of a job.
    pub(crate) async fn job_id<J: Job>(&mut self, job: &J) -> Result<String, AgentError> {
        self.derived_id(JobRecord::CATEGORY, J::NAME, None, &job.key()).await
    }

    /// Asks for a job, unless it is there already; its id.
    pub async fn ask<J: Job>(&mut self, job: &J) -> Result<String, AgentError> {
        let id = self.job_id(job).await?;
        let work = Work {
            cause: job.cause().map(str::to_owned),
            lane: Some(job.lane()),
            job: Some(id.clone()),
            ..Work::of(J::NAME, job)?
        };
        self.take_up(work).await?;
        Ok(id)
    }

    /// Queues work, which may be a dead letter's; a job that is there already isn't there twice.
    pub(crate) async fn take_up(&mut self, work: Work) -> Result<(), AgentError> {
        if let Some(id) = &work.job {
            if self.load::<JobRecord>(id).await?.is_some() {
                return Ok(());
            }
            self.insert(&JobRecord::new(id, &work.protocol, self.now()))?;
        }
        self.queue_work(work);
        Ok(())
    }

    /// A job is over: its record goes, and for a while it is remembered what came of it.
    pub(crate) fn end_job(&mut self, record: &JobRecord, answer: &Value) {
        let told = json!({
            "name": record.name, "answer": answer, "created_at": record.created_at, "updated_at": self.now().to_text(),
        });
        self.remove(record.key());
        self.remember(Space::Job, &record.id, told.to_string().into_bytes(), Some(REMEMBERED));
    }
}
