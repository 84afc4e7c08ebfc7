//! What is to be delivered, who carries it, and what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::{Tenant, Timestamp};
use chancery_agent::quoted::Quoted;
use tokio::time::Instant;

/// Most bytes of content that a dispatcher's waiting jobs carry along together: enough for ordinary traffic to be delivered
/// without reading a row again, and all that a queue costs beside its slips, however long it is.
pub const CARRIED: usize = 8 << 20;

/// One thing to deliver: a slip that names its row. What is to be delivered is read when its turn comes, unless it is carried along.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its row; unique within the dispatcher.
    pub id: i64,
    /// Whose.
    pub tenant: Tenant,
    /// What fails as a whole: jobs to an endpoint that is down wait together, one of them probing.
    pub endpoint: Arc<str>,
    /// Jobs of one lane keep an order among themselves.
    pub lane: Arc<str>,
    /// Within the lane, jobs of different threads may overtake each other; a job without a thread waits for all
    /// before it, and all after it wait for it.
    pub thread: Option<Arc<str>>,
    /// From when on its age counts.
    pub since: Since,
    /// How often it was tried before.
    pub attempts: u32,
    /// An earlier run left it: it may have arrived.
    pub left_over: bool,
    /// Held back until then. A job that comes to wait behind it asks for a try, which may turn out to be [`Outcome::Early`].
    pub not_before: Option<Instant>,
    /// About how many bytes its content takes.
    pub weight: usize,
}

/// From when on the age of a job counts. What passes while it waits in this process is counted by a timer and not by the clock: one
/// that is set forward by days does not end what has waited for a second.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    /// As its row says.
    pub then: Timestamp,
    /// How old it was when it was added; `None`: it does not age.
    before: Option<Duration>,
    added: Instant,
}

impl Since {
    /// Of a job that is added at `now`.
    pub fn new(then: Timestamp, now: Timestamp) -> Self {
        let before = Duration::from_micros(u64::try_from(now.0.saturating_sub(then.0)).unwrap_or(0));
        Self { then, before: Some(before), added: Instant::now() }
    }

    /// Of a job that never grows too old.
    pub fn ageless(then: Timestamp) -> Self {
        Self { then, before: None, added: Instant::now() }
    }

    /// How old the job is.
    pub fn age(&self) -> Duration {
        self.before.map_or(Duration::ZERO, |before| before.saturating_add(self.added.elapsed()))
    }
}

/// What came of one try.
#[derive(Debug)]
pub enum Outcome {
    /// The other side has it.
    Delivered,
    /// The endpoint doesn't work at present: connection, time-out, 5xx, 429.
    EndpointDown(String),
    /// There was no place to try it: nobody's fault, and as hopeful later as before.
    NoPlace(String),
    /// This job failed; others may work.
    Failed(String),
    /// Will never work.
    Hopeless(String),
    /// Can't be delivered from here; kept elsewhere until fetched.
    Held,
    /// It is still held back ([`Job::not_before`]), and nothing was tried.
    Early,
    /// It goes on, not before then; its tries count anew.
    Later(Instant),
}

impl Outcome {
    /// Marks the span of a try that failed.
    pub fn tell(&self, span: &tracing::Span) {
        if let Self::EndpointDown(reason)
        | Self::NoPlace(reason)
        | Self::Failed(reason)
        | Self::Hopeless(reason) = self
        {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", tracing::field::display(Quoted(reason)));
        }
    }
}

/// What was decided after a try; the courier makes it durable.
#[derive(Clone, Debug)]
pub enum Settled {
    /// Done.
    Delivered,
    /// Tried so many times now; next try after the pause.
    Again {
        /// All tries so far.
        attempts: u32,
        /// Until the next one.
        pause: Duration,
        /// Why.
        reason: String,
    },
    /// No longer the dispatcher's.
    Held,
}

/// Carries jobs of one kind.
#[async_trait]
pub trait Courier: Send + Sync + 'static {
    /// What is carried.
    type Content: Send + Sync + 'static;
    /// What a job is to deliver, from its row; `None`: there is nothing to deliver any more.
    ///
    /// Errors: why it can't be read at present.
    async fn load(&self, job: &Job) -> Result<Option<Self::Content>, String>;
    /// One try.
    async fn deliver(&self, job: &Job, content: &Self::Content) -> Outcome;
    /// Whether to give up after this many tries.
    fn gives_up(&self, job: &Job, attempts: u32, endpoint_down: bool) -> bool;
    /// Makes the decision durable, unless [`Courier::deliver`] has done so. Must not block.
    fn settled(&self, job: &Job, content: &Self::Content, settled: Settled);
    /// Given up after so many tries. Must not block.
    fn given_up(&self, job: &Job, attempts: u32, reason: String);
}

/// Content that a job carries along, within [`CARRIED`].
#[derive(Debug)]
pub(super) struct Carried<T> {
    content: Arc<T>,
    weight: usize,
    all: Arc<AtomicUsize>,
}

impl<T> Carried<T> {
    /// `None`: too much is carried already.
    pub fn take(content: Arc<T>, weight: usize, all: &Arc<AtomicUsize>) -> Option<Self> {
        let fits = |carried: usize| carried.checked_add(weight).filter(|sum| *sum <= CARRIED);
        all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Self { content, weight, all: all.clone() })
    }

    pub fn content(&self) -> Arc<T> {
        self.content.clone()
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_ages_by_a_timer_from_what_the_clock_said_when_it_came() {
        let [fresh, left] = [0, 60_000_000].map(|now| Since::new(Timestamp(0), Timestamp(now)));
        let (early, ageless) = (Since::new(Timestamp(5), Timestamp(0)), Since::ageless(Timestamp(0)));
        tokio::time::advance(Duration::from_secs(3)).await;
        let ages = [fresh, left, early, ageless].map(|since| since.age().as_secs());
        assert_eq!(ages, [3, 63, 3, 0]);
    }
}
