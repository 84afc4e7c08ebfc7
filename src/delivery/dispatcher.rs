//! One task that knows what waits, for whom, and what may go now.

mod lane;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::Entropy;
use chancery_agent::quoted::Quoted;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Backoff;
use lane::{Lane, eligible};

/// One thing to deliver.
#[derive(Debug)]
pub struct Job<T> {
    /// Its row; unique within the dispatcher.
    pub id: i64,
    /// What fails as a whole: jobs to an endpoint that is down wait together, one of them probing.
    pub endpoint: String,
    /// Jobs of one lane keep an order among themselves.
    pub lane: String,
    /// Within the lane, jobs of different threads may overtake each other; a job without a thread waits for all
    /// before it, and all after it wait for it.
    pub thread: Option<String>,
    /// How often it was tried before.
    pub attempts: u32,
    /// Held back until then. A job that comes to wait behind it asks for a try, which may turn out to be [`Outcome::Early`].
    pub not_before: Option<Instant>,
    /// What to deliver.
    pub content: Arc<T>,
}

impl<T> Clone for Job<T> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            endpoint: self.endpoint.clone(),
            lane: self.lane.clone(),
            thread: self.thread.clone(),
            attempts: self.attempts,
            not_before: self.not_before,
            content: self.content.clone(),
        }
    }
}

/// What came of one try.
#[derive(Debug)]
pub enum Outcome {
    /// The other side has it.
    Delivered,
    /// The endpoint doesn't work at present: connection, time-out, 5xx, 429.
    EndpointDown(String),
    /// This job failed; others may work.
    Failed(String),
    /// Will never work.
    Hopeless(String),
    /// Can't be delivered from here; kept elsewhere until fetched.
    Held,
    /// It is still held back ([`Job::not_before`]), and nothing was tried.
    Early,
}

impl Outcome {
    /// Marks the span of a try that failed.
    pub fn tell(&self, span: &tracing::Span) {
        if let Self::EndpointDown(reason) | Self::Failed(reason) | Self::Hopeless(reason) = self {
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
    /// Given up.
    Dead {
        /// All tries.
        attempts: u32,
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
    /// One try.
    async fn deliver(&self, job: &Job<Self::Content>) -> Outcome;
    /// Whether to give up after this many tries.
    fn gives_up(&self, job: &Job<Self::Content>, attempts: u32, endpoint_down: bool) -> bool;
    /// Makes the decision durable, unless [`Courier::deliver`] has done so. Must not block.
    fn settled(&self, job: &Job<Self::Content>, settled: Settled);
}

/// Figures for status and metrics.
#[derive(Debug, Default)]
pub struct Figures {
    /// Jobs not yet settled.
    pub waiting: AtomicU64,
    /// Tries under way.
    pub in_flight: AtomicU64,
    /// Delivered since start.
    pub delivered: AtomicU64,
    /// Failed tries since start.
    pub failed: AtomicU64,
    /// Given up since start.
    pub dead: AtomicU64,
}

impl Figures {
    fn count(&self, settled: &Settled) {
        match settled {
            Settled::Delivered => self.delivered.fetch_add(1, Ordering::Relaxed),
            Settled::Again { .. } => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Settled::Dead { .. } => self.dead.fetch_add(1, Ordering::Relaxed),
            Settled::Held => 0,
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Event<T> {
    Jobs(Vec<Job<T>>),
    Tried(i64, (String, String), Outcome),
    Drain(tokio::sync::oneshot::Sender<()>),
    Go,
    Ping(tokio::sync::oneshot::Sender<()>),
    Look(Vec<i64>, tokio::sync::oneshot::Sender<HashMap<i64, Standing>>),
}

/// Why and when a try failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// How a job stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// A try is under way.
    pub in_flight: bool,
    /// Its last failure in this run.
    pub failure: Option<Failure>,
    /// Before this it isn't tried; its endpoint's pause included.
    pub not_before: Option<Instant>,
    /// Its endpoint, when that is down.
    pub endpoint: Option<Down>,
}

/// An endpoint that doesn't work.
#[derive(Clone, Debug)]
pub struct Down {
    /// In a row.
    pub failures: u32,
    /// The first of them.
    pub since: Instant,
    /// The last of them.
    pub last: Failure,
}

/// A handle to the task. Cheap to clone.
pub struct Dispatcher<T> {
    events: mpsc::UnboundedSender<Event<T>>,
    figures: Arc<Figures>,
}

impl<T> Clone for Dispatcher<T> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone(), figures: self.figures.clone() }
    }
}

impl<T: Send + Sync + 'static> Dispatcher<T> {
    /// Starts the task. It takes jobs and tries none before [`Dispatcher::go`]. `concurrency`: tries at once per endpoint.
    pub fn start<C>(courier: Arc<C>, concurrency: usize, backoff: Backoff, entropy: Arc<dyn Entropy>) -> Self
    where
        C: Courier<Content = T>,
    {
        let (events, receiver) = mpsc::unbounded_channel();
        let figures = Arc::new(Figures::default());
        let board = Board {
            courier,
            concurrency,
            backoff,
            entropy,
            lanes: HashMap::new(),
            endpoints: HashMap::new(),
            timers: BTreeMap::new(),
            events: events.clone(),
            figures: figures.clone(),
            going: false,
            draining: None,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the delivery workers are started here and nowhere else"
        )]
        tokio::spawn(board.run(receiver));
        Self { events, figures }
    }

    /// Hands over jobs; those of one lane in their order.
    pub fn add(&self, jobs: Vec<Job<T>>) {
        self.figures.waiting.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        // The task ends only with the process.
        let _ = self.events.send(Event::Jobs(jobs));
    }

    /// From now on jobs are tried: what an earlier run left has been added, before anything new.
    pub fn go(&self) {
        let _ = self.events.send(Event::Go);
    }

    /// Figures for status and metrics.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Whether the task is alive and gets round to what it is told; it may take a while to find out.
    pub async fn answers(&self) -> bool {
        let (pong, answered) = tokio::sync::oneshot::channel();
        self.events.send(Event::Ping(pong)).is_ok() && answered.await.is_ok()
    }

    /// How these jobs stand; those that are not here are left out.
    pub async fn look(&self, ids: Vec<i64>) -> HashMap<i64, Standing> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        match self.events.send(Event::Look(ids, answer)) {
            Ok(()) => answered.await.unwrap_or_default(),
            Err(_) => HashMap::new(),
        }
    }

    /// Starts nothing new from now on; resolves when nothing is in flight. What waits is still in the store.
    pub async fn drain(&self) {
        let (done, drained) = tokio::sync::oneshot::channel();
        if self.events.send(Event::Drain(done)).is_ok() {
            let _ = drained.await;
        }
    }
}

#[derive(Default)]
struct Endpoint {
    in_flight: usize,
    failures: u32,
    down: Option<Down>,
    not_before: Option<Instant>,
    ready: VecDeque<String>,
}

struct Board<C: Courier> {
    courier: Arc<C>,
    concurrency: usize,
    backoff: Backoff,
    entropy: Arc<dyn Entropy>,
    lanes: HashMap<(String, String), Lane<C::Content>>,
    endpoints: HashMap<String, Endpoint>,
    timers: BTreeMap<(Instant, i64), (String, Option<String>)>,
    events: mpsc::UnboundedSender<Event<C::Content>>,
    figures: Arc<Figures>,
    going: bool,
    draining: Option<tokio::sync::oneshot::Sender<()>>,
}

impl<C: Courier> Board<C> {
    async fn run(mut self, mut receiver: mpsc::UnboundedReceiver<Event<C::Content>>) {
        loop {
            let timer = self.timers.keys().next().map(|(at, _)| *at);
            let event = tokio::select! {
                event = receiver.recv() => event,
                () = sleep_until(timer) => {
                    self.ring();
                    continue;
                }
            };
            match event {
                None => return,
                Some(Event::Jobs(jobs)) => self.take(jobs),
                Some(Event::Tried(id, lane, outcome)) => self.tried(id, lane, outcome),
                Some(Event::Go) => {
                    self.going = true;
                    let endpoints: Vec<String> = self.endpoints.keys().cloned().collect();
                    endpoints.iter().for_each(|endpoint| self.pump(endpoint));
                }
                Some(Event::Drain(done)) => self.draining = Some(done),
                Some(Event::Ping(pong)) => {
                    let _ = pong.send(());
                }
                Some(Event::Look(ids, answer)) => {
                    let _ = answer.send(self.look(&ids));
                }
            }
            if self.draining.is_some()
                && self.endpoints.values().all(|e| e.in_flight == 0)
                && let Some(done) = self.draining.take()
            {
                let _ = done.send(());
                return;
            }
        }
    }

    fn take(&mut self, jobs: Vec<Job<C::Content>>) {
        let now = Instant::now();
        let mut touched = Vec::new();
        for job in jobs {
            let endpoint = job.endpoint.clone();
            let lane_name = job.lane.clone();
            let lane = self.lanes.entry((endpoint.clone(), lane_name.clone())).or_default();
            if let Some(at) = job.not_before {
                self.timers.insert((at, job.id), (endpoint.clone(), Some(lane_name.clone())));
            }
            lane.push(job, now);
            self.list(&endpoint, &lane_name);
            if !touched.contains(&endpoint) {
                touched.push(endpoint);
            }
        }
        for endpoint in touched {
            self.pump(&endpoint);
        }
    }

    fn list(&mut self, endpoint: &str, lane_name: &str) {
        let Some(lane) = self.lanes.get_mut(&(endpoint.to_owned(), lane_name.to_owned())) else { return };
        if !lane.listed {
            lane.listed = true;
            self.endpoints.entry(endpoint.to_owned()).or_default().ready.push_back(lane_name.to_owned());
        }
    }

    /// Starts what may go to an endpoint now.
    fn pump(&mut self, endpoint: &str) {
        if !self.going || self.draining.is_some() {
            return;
        }
        let now = Instant::now();
        loop {
            let Some(state) = self.endpoints.get_mut(endpoint) else { return };
            let most = if state.failures > 0 { 1 } else { self.concurrency };
            if state.in_flight >= most || state.not_before.is_some_and(|at| at > now) {
                return;
            }
            let Some(lane_name) = state.ready.pop_front() else {
                if state.in_flight == 0 && state.failures == 0 {
                    self.endpoints.remove(endpoint);
                }
                return;
            };
            let key = (endpoint.to_owned(), lane_name.clone());
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            lane.listed = false;
            let Some(at) = eligible(&lane.queue, now) else { continue };
            let entry = &mut lane.queue[at];
            entry.in_flight = true;
            entry.asked = false;
            let job = entry.job.clone();
            state.in_flight += 1;
            self.list(endpoint, &lane_name);
            self.start(job);
        }
    }

    fn start(&self, job: Job<C::Content>) {
        let courier = self.courier.clone();
        let events = self.events.clone();
        self.figures.in_flight.fetch_add(1, Ordering::Relaxed);
        #[expect(
            clippy::disallowed_methods,
            reason = "the delivery workers are started here and nowhere else"
        )]
        tokio::spawn(async move {
            let outcome = courier.deliver(&job).await;
            let _ = events.send(Event::Tried(job.id, (job.endpoint, job.lane), outcome));
        });
    }

    fn tried(&mut self, id: i64, lane_key: (String, String), outcome: Outcome) {
        self.figures.in_flight.fetch_sub(1, Ordering::Relaxed);
        let Some(lane) = self.lanes.get_mut(&lane_key) else { return };
        let Some(at) = lane.queue.iter().position(|e| e.job.id == id) else { return };
        let entry = &mut lane.queue[at];
        entry.in_flight = false;
        let state = self.endpoints.entry(lane_key.0.clone()).or_default();
        state.in_flight = state.in_flight.saturating_sub(1);
        if matches!(outcome, Outcome::Early) {
            self.list(&lane_key.0, &lane_key.1);
            return self.pump(&lane_key.0);
        }

        let attempts = entry.job.attempts + 1;
        let settled = match outcome {
            Outcome::Held => Settled::Held,
            Outcome::EndpointDown(reason) => {
                let now = Instant::now();
                let failure = Failure { reason: reason.clone(), at: now };
                entry.failure = Some(failure.clone());
                // Tries that were under way together fail together: that is one failure of the endpoint.
                let until = match state.not_before.filter(|at| *at > now) {
                    Some(until) => until,
                    None => {
                        state.failures += 1;
                        now + self.backoff.pause(state.failures, &*self.entropy)
                    }
                };
                let pause = until - now;
                state.not_before = Some(until);
                let since = state.down.as_ref().map_or(now, |down| down.since);
                state.down = Some(Down { failures: state.failures, since, last: failure });
                self.timers.insert((until, id), (lane_key.0.clone(), None));
                if self.courier.gives_up(&entry.job, attempts, true) {
                    Settled::Dead { attempts, reason }
                } else {
                    Settled::Again { attempts, pause, reason }
                }
            }
            answered => {
                state.failures = 0;
                state.not_before = None;
                state.down = None;
                match answered {
                    Outcome::Failed(reason) if !self.courier.gives_up(&entry.job, attempts, false) => {
                        let pause = self.backoff.pause(attempts, &*self.entropy);
                        let until = Instant::now() + pause;
                        entry.not_before = Some(until);
                        entry.failure = Some(Failure { reason: reason.clone(), at: Instant::now() });
                        self.timers.insert((until, id), (lane_key.0.clone(), Some(lane_key.1.clone())));
                        Settled::Again { attempts, pause, reason }
                    }
                    Outcome::Failed(reason) | Outcome::Hopeless(reason) => Settled::Dead { attempts, reason },
                    _ => Settled::Delivered,
                }
            }
        };
        self.figures.count(&settled);
        self.courier.settled(&entry.job, settled.clone());
        if let Settled::Again { attempts, .. } = settled {
            entry.job.attempts = attempts;
        } else {
            lane.queue.remove(at);
        }
        let down = state.down.as_ref().map(|down| down.last.reason.clone());
        if lane.queue.is_empty() {
            self.lanes.remove(&lane_key);
        } else {
            self.list(&lane_key.0, &lane_key.1);
        }
        if let Some(reason) = down {
            self.give_up_waiting(&lane_key.0, &reason);
        }
        self.pump(&lane_key.0);
    }

    /// Gives up what has waited too long for an endpoint that is down: only one of them probes, and less and less often.
    fn give_up_waiting(&mut self, endpoint: &str, reason: &str) {
        for (_, lane) in self.lanes.iter_mut().filter(|((to, _), _)| to == endpoint) {
            lane.queue.retain(|entry| {
                let attempts = entry.job.attempts;
                if entry.in_flight || !self.courier.gives_up(&entry.job, attempts, true) {
                    return true;
                }
                let settled = Settled::Dead { attempts, reason: reason.to_owned() };
                self.figures.count(&settled);
                self.courier.settled(&entry.job, settled);
                false
            });
        }
        self.lanes.retain(|(to, _), lane| to != endpoint || !lane.queue.is_empty());
    }

    fn look(&self, ids: &[i64]) -> HashMap<i64, Standing> {
        let ids: HashSet<i64> = ids.iter().copied().collect();
        let mut found = HashMap::with_capacity(ids.len());
        for ((endpoint, _), lane) in &self.lanes {
            for entry in lane.queue.iter().filter(|entry| ids.contains(&entry.job.id)) {
                let state = self.endpoints.get(endpoint);
                let standing = Standing {
                    in_flight: entry.in_flight,
                    failure: entry.failure.clone(),
                    not_before: entry.not_before.max(state.and_then(|state| state.not_before)),
                    endpoint: state.and_then(|state| state.down.clone()),
                };
                found.insert(entry.job.id, standing);
            }
        }
        found
    }

    fn ring(&mut self) {
        let now = Instant::now();
        let mut endpoints = HashSet::new();
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            let (endpoint, lane) = entry.remove();
            if let Some(lane) = lane {
                self.list(&endpoint, &lane);
            }
            endpoints.insert(endpoint);
        }
        for endpoint in endpoints {
            self.pump(&endpoint);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
