//! Queued work: what a step left for after its commit. One job at a time per protocol step, tried again until it settles.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_agent::Agent;
use chancery_agent::delivery::{Content, GivenUp, Letter};
use chancery_agent::ports::store::{Item, Queue, Seq, StoreError};
use chancery_agent::ports::trace::trace_id;
use chancery_agent::ports::{Clock, Store, Tenant, Timestamp};
use chancery_agent::quoted::Quoted;
use chancery_agent::unit::Work;

use crate::delivery::{Burial, Courier, Dispatcher, Job, Lost, Outcome, PAGE, Settled, bury_unread};
use crate::telemetry::metrics::Steps;

/// Runs queued work on the agent.
pub struct Worker {
    agent: OnceLock<Arc<Agent>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    most_age: Duration,
    burial: Burial,
    steps: Arc<Steps>,
}

impl Worker {
    /// A worker; [`Worker::attach`] the agent before the first job.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        most_age: Duration,
        burial: Burial,
        steps: Arc<Steps>,
    ) -> Self {
        Self { agent: OnceLock::new(), store, clock, most_age, burial, steps }
    }

    /// The agent whose work it is.
    pub fn attach(&self, agent: Arc<Agent>) {
        let _ = self.agent.set(agent);
    }

    /// The job of a row. At most so many of one lane, which is a protocol's for one connection, are under way at once.
    pub fn job(item: &Item) -> Job {
        Job {
            id: item.seq,
            tenant: item.tenant.clone(),
            endpoint: item.lane.as_str().into(),
            lane: item.seq.to_string().into(),
            thread: None,
            since: item.created,
            attempts: item.attempts,
            left_over: false,
            not_before: None,
            weight: item.value.len(),
        }
    }
}

/// The row of work that waits; `None`: it waits no more. One that can't be read becomes a dead letter.
///
/// Errors: those of the store.
async fn read(
    store: &dyn Store,
    tenant: &Tenant,
    seq: Seq,
    attempts: u32,
    now: Timestamp,
) -> Result<Option<Item>, StoreError> {
    match store.item(seq).await {
        Err(error @ StoreError::Damaged(_)) => {
            tracing::error!(%error, seq, "queued work can't be read");
            bury_unread(store, tenant, seq, attempts, now);
            Ok(None)
        }
        found => Ok(found?.filter(|item| item.queue == Queue::Work)),
    }
}

#[async_trait]
impl Courier for Worker {
    type Content = Item;

    async fn load(&self, job: &Job) -> Result<Option<Item>, String> {
        let read = read(&*self.store, &job.tenant, job.id, job.attempts, self.clock.now()).await;
        read.map_err(|error| error.to_string())
    }

    async fn deliver(&self, _job: &Job, item: &Item) -> Outcome {
        let Some(agent) = self.agent.get() else { return Outcome::Failed("the agent is starting".into()) };
        let began = Instant::now();
        let outcome = agent.work(item).await;
        self.steps.work.count(began.elapsed());
        match outcome {
            Ok(()) => Outcome::Delivered,
            Err(error) if !error.ends => Outcome::Failed(error.message),
            Err(error) => Outcome::Hopeless(error.message),
        }
    }

    fn gives_up(&self, job: &Job, _attempts: u32, _endpoint_down: bool) -> bool {
        let age = self.clock.now().0.saturating_sub(job.since.0);
        age >= i64::try_from(self.most_age.as_micros()).unwrap_or(i64::MAX)
    }

    fn settled(&self, job: &Job, item: &Item, settled: Settled) {
        match settled {
            // The row went with the work's own commit.
            Settled::Delivered | Settled::Held => {}
            Settled::Again { attempts, pause, reason } => {
                let work = serde_json::from_slice::<Work>(&item.value).ok();
                let trace_id = work.as_ref().and_then(|work| trace_id(work.trace.as_deref()?));
                tracing::info!(tenant = %job.tenant, protocol = %item.lane, trace_id, attempts, ?pause, reason = %Quoted(reason), "work will be tried again");
            }
        }
    }

    fn given_up(&self, job: &Job, attempts: u32, reason: String) {
        let (tenant, at) = (job.tenant.clone(), self.clock.now());
        self.burial.bury(LostWork { tenant, seq: job.id, attempts, reason, at });
    }
}

/// The row of work that was given up.
struct LostWork {
    tenant: Tenant,
    seq: Seq,
    attempts: u32,
    reason: String,
    at: Timestamp,
}

#[async_trait]
impl Lost for LostWork {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    async fn letter(&self, store: &dyn Store) -> Result<Option<GivenUp>, StoreError> {
        let Self { tenant, seq, attempts, reason, at } = self;
        let Some(item) = read(store, tenant, *seq, *attempts, *at).await? else { return Ok(None) };
        tracing::warn!(%tenant, protocol = %item.lane, attempts, reason = %Quoted(reason), "work given up, now a dead letter");
        let Ok(work) = serde_json::from_slice(&item.value) else {
            bury_unread(store, tenant, *seq, *attempts, *at);
            return Ok(None);
        };
        let letter = Letter {
            content: Content::Work(work),
            endpoint: None,
            reason: reason.clone(),
            attempts: *attempts,
            since: item.created,
        };
        Ok(Some(GivenUp { letter, row: Some(*seq) }))
    }
}

/// Feeds what an earlier run left, oldest first.
pub async fn resume(store: &dyn Store, dispatcher: &Dispatcher<Item>) -> Result<usize, StoreError> {
    let mut after = 0;
    let mut count = 0;
    loop {
        let items = store.items(Queue::Work, after, PAGE).await?;
        let Some(last) = items.last() else { return Ok(count) };
        after = last.seq;
        count += items.len();
        dispatcher.add(items.iter().map(|item| (Worker::job(item), None)).collect());
    }
}
