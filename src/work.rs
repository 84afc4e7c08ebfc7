//! Queued work: the errands and jobs that a step left for after its commit, tried again until they are over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_agent::Agent;
use chancery_agent::delivery::{Content, GivenUp, Letter};
use chancery_agent::engine::Worked;
use chancery_agent::ports::store::{Item, Op, Queue, Seq, StoreError};
use chancery_agent::ports::trace::trace_id;
use chancery_agent::ports::{Clock, Store, Tenant, Timestamp};
use chancery_agent::quoted::Quoted;
use chancery_agent::unit::Work;

use crate::delivery::{Burial, Courier, Dispatcher, Job, Lost, Outcome, PAGE, Settled, Since, bury_unread};
use crate::telemetry::metrics::Steps;

/// The longest that is waited for at once; what is due later is asked again then.
const FAR: Duration = Duration::from_secs(30 * 86_400);

/// Runs queued work on the agent.
pub struct Worker {
    agent: Arc<Agent>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    most_age: Duration,
    burial: Burial,
    steps: Arc<Steps>,
}

impl Worker {
    /// A worker.
    pub fn new(
        agent: Arc<Agent>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        most_age: Duration,
        burial: Burial,
        steps: Arc<Steps>,
    ) -> Self {
        Self { agent, store, clock, most_age, burial, steps }
    }

    /// The slip of a row. At most so many of one party are under way at once; what has a lane waits for all before it there, the
    /// rest for nothing. A job that is recorded never grows too old.
    pub fn job(item: &Item, now: Timestamp) -> Job {
        let work = serde_json::from_slice::<Work>(&item.value).ok();
        let lane = work.as_ref().and_then(|work| work.lane.clone());
        let party = work.as_ref().map_or_else(|| item.lane.clone(), Work::party);
        let recorded = work.as_ref().is_some_and(|work| work.job.is_some());
        Job {
            id: item.seq,
            tenant: item.tenant.clone(),
            endpoint: format!("{}|{party}", item.tenant).into(),
            lane: lane.unwrap_or_else(|| item.seq.to_string()).into(),
            thread: None,
            since: if recorded { Since::ageless(item.created) } else { Since::new(item.created, now) },
            attempts: item.attempts,
            left_over: false,
            not_before: None,
            weight: item.value.len(),
        }
    }
}

/// A moment of the clock, as timers count.
fn until(at: Timestamp, now: Timestamp) -> tokio::time::Instant {
    let micros = u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0);
    tokio::time::Instant::now() + Duration::from_micros(micros).min(FAR)
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
        if let Some(at) = waits_until(item, self.clock.now()) {
            return Outcome::Later(at);
        }
        let began = Instant::now();
        let outcome = self.agent.work(item).await;
        self.steps.work.count(began.elapsed());
        match outcome {
            Ok(Worked::Done) => Outcome::Delivered,
            Ok(Worked::Again(at)) => Outcome::Later(until(at, self.clock.now())),
            Err(error) if error.passes() => Outcome::Failed(error.message),
            Err(error) => Outcome::Hopeless(error.message),
        }
    }

    fn gives_up(&self, job: &Job, _attempts: u32, _endpoint_down: bool) -> bool {
        job.since.age() >= self.most_age
    }

    fn settled(&self, job: &Job, item: &Item, settled: Settled) {
        match settled {
            // The row went with the work's own commit.
            Settled::Delivered | Settled::Held => {}
            Settled::Again { attempts, pause, reason } => {
                let pause_millis = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                let due = self.clock.now().plus_millis(pause_millis);
                let op = Op::Requeue { seq: job.id, queue: Queue::Work, due, attempts };
                self.store.lazily(&job.tenant, vec![op]);
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

/// Until when a row waits because its job has named that time. The pause after a failure, too, is in the row, but what an
/// earlier run left doesn't wait for it: the fault may be gone since.
fn waits_until(item: &Item, now: Timestamp) -> Option<tokio::time::Instant> {
    let named = item.attempts == 0 && item.due > item.created;
    (named && item.due > now).then(|| until(item.due, now))
}

/// Feeds what an earlier run left, oldest first.
pub async fn resume(
    store: &dyn Store,
    clock: &dyn Clock,
    dispatcher: &Dispatcher<Item>,
) -> Result<usize, StoreError> {
    let mut after = 0;
    let mut count = 0;
    loop {
        let items = store.items(Queue::Work, after, PAGE).await?;
        let Some(last) = items.last() else { return Ok(count) };
        after = last.seq;
        count += items.len();
        let now = clock.now();
        dispatcher.add(
            items
                .iter()
                .map(|item| (Job { not_before: waits_until(item, now), ..Worker::job(item, now) }, None))
                .collect(),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn item(work: &serde_json::Value, due: i64, attempts: u32) -> Item {
        Item {
            tenant: Tenant::new("t"),
            seq: 7,
            queue: Queue::Work,
            lane: "row".into(),
            due: Timestamp(NOW.0 + due),
            created: NOW,
            attempts,
            value: work.to_string().into_bytes(),
        }
    }

    #[test]
    fn a_time_that_a_job_has_named_outlives_the_process_and_the_pause_after_a_failure_does_not() {
        for (due, attempts, now, waits) in [
            (0, 0, 0, false),
            (5_000_000, 0, 0, true),
            (5_000_000, 0, 5_000_000, false),
            (5_000_000, 1, 0, false),
            // The clock was set back meanwhile.
            (0, 0, -5_000_000, false),
        ] {
            let found = waits_until(&item(&json!({}), due, attempts), Timestamp(NOW.0 + now));
            assert_eq!(found.is_some(), waits, "due {due}, {attempts} tries, at {now}");
        }
        let far = waits_until(&item(&json!({}), i64::MAX - NOW.0, 0), NOW).unwrap();
        assert!(far <= tokio::time::Instant::now() + FAR);
    }

    #[test]
    fn errands_of_one_party_wait_for_nothing_and_jobs_for_those_before_them_in_their_lane() {
        for (work, endpoint, lane) in [
            (json!({"protocol": "p", "detail": 1}), "p", "7"),
            (json!({"protocol": "p", "detail": 1, "cause": "c"}), "p|c", "7"),
            (json!({"protocol": "p", "detail": 1, "cause": "c", "lane": "l", "job": "j"}), "p|c", "l"),
            (json!({"protocol": "p", "detail": 1, "lane": "l", "job": "j"}), "l", "l"),
            (json!("no work"), "row", "7"),
        ] {
            let job = Worker::job(&item(&work, 0, 0), Timestamp(0));
            let endpoint = format!("{}|{endpoint}", job.tenant);
            assert_eq!((&*job.endpoint, &*job.lane, job.thread), (&*endpoint, lane, None), "{work}");
        }
    }
}
