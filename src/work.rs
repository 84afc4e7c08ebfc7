//! Queued work: what a step left for after its commit. One job at a time per protocol step, tried again until it settles.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_agent::Agent;
use chancery_agent::delivery::{Content, GivenUp, Letter};
use chancery_agent::engine::{Kind, Work};
use chancery_agent::ports::store::{Item, Op, Queue, StoreError};
use chancery_agent::ports::trace::trace_id;
use chancery_agent::ports::{Clock, Store};
use chancery_agent::quoted::Quoted;

use crate::delivery::{Burial, Courier, Dispatcher, Job, Outcome, Settled};
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
    pub fn job(item: Item) -> Job<Item> {
        Job {
            id: item.seq,
            endpoint: item.lane.clone(),
            lane: item.seq.to_string(),
            thread: None,
            attempts: item.attempts,
            not_before: None,
            content: Arc::new(item),
        }
    }
}

#[async_trait]
impl Courier for Worker {
    type Content = Item;

    async fn deliver(&self, job: &Job<Item>) -> Outcome {
        let Some(agent) = self.agent.get() else { return Outcome::Failed("the agent is starting".into()) };
        let began = Instant::now();
        let outcome = agent.work(&job.content).await;
        self.steps.work.count(began.elapsed());
        match outcome {
            Ok(()) => Outcome::Delivered,
            Err(error) if error.kind == Kind::Unavailable => Outcome::Failed(error.message),
            Err(error) => Outcome::Hopeless(error.message),
        }
    }

    fn gives_up(&self, job: &Job<Item>, _attempts: u32, _endpoint_down: bool) -> bool {
        let age = self.clock.now().0.saturating_sub(job.content.created.0);
        age >= i64::try_from(self.most_age.as_micros()).unwrap_or(i64::MAX)
    }

    fn settled(&self, job: &Job<Item>, settled: Settled) {
        let item = &job.content;
        match settled {
            // The row went with the work's own commit.
            Settled::Delivered | Settled::Held => {}
            Settled::Again { attempts, pause, reason } => {
                let work = serde_json::from_slice::<Work>(&item.value).ok();
                let trace_id = work.as_ref().and_then(|work| trace_id(work.trace.as_deref()?));
                tracing::info!(tenant = %item.tenant, protocol = %item.lane, trace_id, attempts, ?pause, reason = %Quoted(reason), "work will be tried again");
            }
            Settled::Dead { attempts, reason } => {
                tracing::warn!(tenant = %item.tenant, protocol = %item.lane, attempts, reason = %Quoted(&reason), "work given up, now a dead letter");
                let Ok(work) = serde_json::from_slice(&item.value) else {
                    let op =
                        Op::Requeue { seq: item.seq, queue: Queue::Dead, due: self.clock.now(), attempts };
                    return self.store.lazily(&item.tenant, vec![op]);
                };
                let letter = Letter {
                    content: Content::Work(work),
                    endpoint: None,
                    reason,
                    attempts,
                    since: item.created,
                };
                self.burial.bury(&item.tenant, GivenUp { letter, row: Some(item.seq) });
            }
        }
    }
}

/// Feeds what an earlier run left, oldest first.
pub async fn resume(store: &dyn Store, dispatcher: &Dispatcher<Item>) -> Result<usize, StoreError> {
    let mut after = 0;
    let mut count = 0;
    loop {
        let items = store.items(Queue::Work, after, 500).await?;
        let Some(last) = items.last() else { return Ok(count) };
        after = last.seq;
        count += items.len();
        dispatcher.add(items.into_iter().map(Worker::job).collect());
    }
}
