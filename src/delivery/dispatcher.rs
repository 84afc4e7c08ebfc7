//! One task that knows what waits, for whom, and what may go now.

mod figures;
mod job;
mod lane;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery_agent::ports::Entropy;
use chancery_agent::quoted::Quoted;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Backoff;
pub use figures::{Down, Failure, Figures, Standing};
use job::Carried;
pub use job::{Courier, Job, Outcome, Settled, Since};
use lane::{Lane, eligible};

/// Tries under way at once, all endpoints together: what is being delivered is in memory, whatever waits. Endpoints take turns,
/// one try each, so that none has to wait until the others have nothing left.
const TRIES: usize = 1024;
/// Bytes of content being delivered at once; one try is under way whatever its size.
const UNDER_WAY: usize = 64 << 20;

/// A lane of an endpoint.
type LaneKey = (Arc<str>, Arc<str>);

/// An endpoint whose pause is over, or one of its lanes that has a job whose pause is.
type Bell = (Arc<str>, Option<Arc<str>>);

/// What a try has to tell.
enum Told<T> {
    /// What came of it, and what was delivered.
    Tried(Arc<T>, Outcome),
    /// There is nothing to deliver any more.
    Gone,
    /// What to deliver can't be read at present.
    Unread(String),
}

enum Event<T> {
    Jobs(Vec<(Job, Option<Carried<T>>)>),
    Told(Job, Told<T>),
    Drain(tokio::sync::oneshot::Sender<()>),
    Go,
    Ping(tokio::sync::oneshot::Sender<()>),
    Hurry(i64),
    Look(Vec<i64>, tokio::sync::oneshot::Sender<HashMap<i64, Standing>>),
}

/// A handle to the task. Cheap to clone.
pub struct Dispatcher<T> {
    events: mpsc::UnboundedSender<Event<T>>,
    figures: Arc<Figures>,
    carried: Arc<AtomicUsize>,
}

impl<T> Clone for Dispatcher<T> {
    fn clone(&self) -> Self {
        Self { events: self.events.clone(), figures: self.figures.clone(), carried: self.carried.clone() }
    }
}

/// The other end of a [`Dispatcher`]: what it was told so far, until there is somebody who carries it.
pub struct Intake<T> {
    told: mpsc::UnboundedReceiver<Event<T>>,
    dispatcher: Dispatcher<T>,
}

impl<T: Send + Sync + 'static> Intake<T> {
    /// Starts the task. It takes jobs and tries none before [`Dispatcher::go`]. `concurrency`: tries at once per endpoint.
    pub fn start<C>(self, courier: Arc<C>, concurrency: usize, backoff: Backoff, entropy: Arc<dyn Entropy>)
    where
        C: Courier<Content = T>,
    {
        let Self { told, dispatcher: Dispatcher { events, figures, carried: _ } } = self;
        let board = Board {
            courier,
            concurrency,
            backoff,
            entropy,
            lanes: HashMap::new(),
            endpoints: HashMap::new(),
            turn: VecDeque::new(),
            tries: 0,
            under_way: 0,
            timers: BTreeMap::new(),
            events,
            figures,
            going: false,
            draining: None,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the delivery workers are started here and nowhere else"
        )]
        tokio::spawn(board.run(told));
    }
}

impl<T: Send + Sync + 'static> Dispatcher<T> {
    /// A handle and its other end: whoever commits rows has the handle before there is anybody who carries them.
    pub fn new() -> (Self, Intake<T>) {
        let (events, told) = mpsc::unbounded_channel();
        let dispatcher = Self { events, figures: Arc::default(), carried: Arc::default() };
        (dispatcher.clone(), Intake { told, dispatcher })
    }

    /// A dispatcher with its courier.
    #[cfg(test)]
    fn start<C>(courier: Arc<C>, concurrency: usize, backoff: Backoff, entropy: Arc<dyn Entropy>) -> Self
    where
        C: Courier<Content = T>,
    {
        let (dispatcher, intake) = Self::new();
        intake.start(courier, concurrency, backoff, entropy);
        dispatcher
    }

    /// Hands over jobs; those of one lane in their order. What is known of their contents is carried along as far as there is
    /// room ([`job::CARRIED`]).
    pub fn add(&self, jobs: Vec<(Job, Option<Arc<T>>)>) {
        self.figures.waiting.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        let carry = |(job, content): (Job, Option<Arc<T>>)| {
            let carried = content.and_then(|content| Carried::take(content, job.weight, &self.carried));
            (job, carried)
        };
        let jobs = jobs.into_iter().map(carry).collect();
        // The task ends only with the process.
        let _ = self.events.send(Event::Jobs(jobs));
    }

    /// From now on jobs are tried: what an earlier run left has been added, before anything new.
    pub fn go(&self) {
        let _ = self.events.send(Event::Go);
    }

    /// A job that waits for its time is tried at once, when it is its turn.
    pub fn hurry(&self, id: i64) {
        let _ = self.events.send(Event::Hurry(id));
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
    ready: VecDeque<Arc<str>>,
    /// It is among those whose turn comes.
    listed: bool,
}

struct Board<C: Courier> {
    courier: Arc<C>,
    concurrency: usize,
    backoff: Backoff,
    entropy: Arc<dyn Entropy>,
    lanes: HashMap<LaneKey, Lane<C::Content>>,
    endpoints: HashMap<Arc<str>, Endpoint>,
    /// Endpoints that may have something to try, in their order.
    turn: VecDeque<Arc<str>>,
    /// Under way.
    tries: usize,
    /// Bytes of their contents.
    under_way: usize,
    timers: BTreeMap<(Instant, i64), Bell>,
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
                    self.pump();
                    continue;
                }
            };
            match event {
                None => return,
                Some(Event::Jobs(jobs)) => self.take(jobs),
                Some(Event::Told(job, told)) => self.told(&job, told),
                Some(Event::Go) => self.going = true,
                Some(Event::Hurry(id)) => self.hurry(id),
                Some(Event::Drain(done)) => self.draining = Some(done),
                Some(Event::Ping(pong)) => {
                    let _ = pong.send(());
                }
                Some(Event::Look(ids, answer)) => {
                    let _ = answer.send(self.look(&ids));
                }
            }
            if self.tries == 0
                && let Some(done) = self.draining.take()
            {
                let _ = done.send(());
                return;
            }
            self.pump();
        }
    }

    fn take(&mut self, jobs: Vec<(Job, Option<Carried<C::Content>>)>) {
        let now = Instant::now();
        for (mut job, carried) in jobs {
            // One name for all that wait, not one each.
            if let Some((known, _)) = self.endpoints.get_key_value(&job.endpoint) {
                job.endpoint = known.clone();
            }
            let key = (job.endpoint.clone(), job.lane);
            job.lane = self.lanes.get_key_value(&key).map_or(&key.1, |((_, known), _)| known).clone();
            if let Some(reason) = self.hopeless_for_now(&job, now) {
                self.figures.leaves(Some(&self.figures.dead));
                self.courier.given_up(&job, job.attempts, reason);
                continue;
            }
            let lane = self.lanes.entry((job.endpoint.clone(), job.lane.clone())).or_default();
            if let Some(at) = job.not_before {
                self.timers.insert((at, job.id), (job.endpoint.clone(), Some(job.lane.clone())));
            }
            lane.push(job, carried, now);
            self.list(&key);
        }
    }

    /// Why a job that comes to an endpoint which is known to be down is given up as if it had been tried, if it is.
    fn hopeless_for_now(&self, job: &Job, now: Instant) -> Option<String> {
        let state = self.endpoints.get(&job.endpoint)?;
        let down = state.down.as_ref().filter(|_| state.not_before.is_some_and(|until| until > now))?;
        self.courier.gives_up(job, job.attempts, true).then(|| down.last.reason.clone())
    }

    /// A lane may have something to try.
    fn list(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if !std::mem::replace(&mut lane.listed, true) {
            self.endpoints.entry(key.0.clone()).or_default().ready.push_back(key.1.clone());
        }
        self.line_up(&key.0);
    }

    /// An endpoint may have something to try.
    fn line_up(&mut self, endpoint: &Arc<str>) {
        if let Some(state) = self.endpoints.get_mut(endpoint)
            && !std::mem::replace(&mut state.listed, true)
        {
            self.turn.push_back(endpoint.clone());
        }
    }

    /// The lane whose job is too large to be started now is the next to start something.
    fn stay_first(&mut self, (endpoint, name): LaneKey) {
        if let Some(state) = self.endpoints.get_mut(&endpoint) {
            state.listed = true;
            state.ready.push_front(name.clone());
        }
        self.turn.push_front(endpoint.clone());
        if let Some(lane) = self.lanes.get_mut(&(endpoint, name)) {
            lane.listed = true;
        }
    }

    /// Starts what may go now, one try of an endpoint after one of another.
    fn pump(&mut self) {
        if !self.going || self.draining.is_some() {
            return;
        }
        let now = Instant::now();
        while self.tries < TRIES
            && let Some(endpoint) = self.turn.pop_front()
        {
            let Some(state) = self.endpoints.get_mut(&endpoint) else { continue };
            state.listed = false;
            let most = if state.failures > 0 { 1 } else { self.concurrency };
            if state.in_flight >= most || state.not_before.is_some_and(|at| at > now) {
                continue;
            }
            let Some((key, at, weight)) = self.next(&endpoint, now) else { continue };
            if self.tries > 0 && self.under_way.saturating_add(weight) > UNDER_WAY {
                return self.stay_first(key);
            }
            self.start(&key, at);
            self.list(&key);
        }
    }

    /// The next job to try of an endpoint that has room for one: its lane, its place there, its weight.
    fn next(&mut self, endpoint: &Arc<str>, now: Instant) -> Option<(LaneKey, usize, usize)> {
        let state = self.endpoints.get_mut(endpoint)?;
        while let Some(name) = state.ready.pop_front() {
            let key = (endpoint.clone(), name);
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            lane.listed = false;
            if let Some(at) = eligible(&lane.queue, now) {
                let weight = lane.queue[at].job.weight;
                return Some((key, at, weight));
            }
        }
        if state.in_flight == 0 && state.failures == 0 {
            self.endpoints.remove(endpoint);
        }
        None
    }

    fn start(&mut self, key: &LaneKey, at: usize) {
        let Some(entry) = self.lanes.get_mut(key).and_then(|lane| lane.queue.get_mut(at)) else { return };
        entry.in_flight = true;
        entry.asked = false;
        let (job, carried) = (entry.job.clone(), entry.carried.take());
        if let Some(state) = self.endpoints.get_mut(&key.0) {
            state.in_flight += 1;
        }
        self.tries += 1;
        self.under_way += job.weight;
        self.figures.in_flight.fetch_add(1, Ordering::Relaxed);
        let (courier, events) = (self.courier.clone(), self.events.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the delivery workers are started here and nowhere else"
        )]
        tokio::spawn(async move {
            let content = match &carried {
                Some(carried) => Ok(Some(carried.content())),
                None => courier.load(&job).await.map(|content| content.map(Arc::new)),
            };
            let told = match content {
                Ok(Some(content)) => {
                    let outcome = courier.deliver(&job, &content).await;
                    Told::Tried(content, outcome)
                }
                Ok(None) => Told::Gone,
                Err(reason) => Told::Unread(reason),
            };
            let _ = events.send(Event::Told(job, told));
        });
    }

    fn told(&mut self, job: &Job, told: Told<C::Content>) {
        self.figures.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.tries = self.tries.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(job.weight);
        if let Some(state) = self.endpoints.get_mut(&job.endpoint) {
            state.in_flight = state.in_flight.saturating_sub(1);
        }
        self.line_up(&job.endpoint);
        let key = (job.endpoint.clone(), job.lane.clone());
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let Some(at) = lane.queue.iter().position(|e| e.job.id == job.id) else { return };
        lane.queue[at].in_flight = false;
        match told {
            Told::Tried(_, Outcome::Early) => {}
            Told::Tried(content, outcome) => self.tried(&key, at, &content, outcome),
            Told::Gone => {
                lane.queue.remove(at);
                self.figures.leaves(None);
            }
            Told::Unread(reason) => {
                let until = Instant::now() + self.backoff.pause(1, &*self.entropy);
                lane.queue[at].not_before = Some(until);
                self.timers.insert((until, job.id), (key.0.clone(), Some(key.1.clone())));
                tracing::info!(tenant = %job.tenant, row = job.id, reason = %Quoted(reason), "what waits can't be read, will be tried again");
            }
        }
        if self.lanes.get(&key).is_some_and(|lane| lane.queue.is_empty()) {
            self.lanes.remove(&key);
        }
        self.list(&key);
    }

    /// Decides what becomes of a job that was tried.
    fn tried(&mut self, key: &LaneKey, at: usize, content: &C::Content, outcome: Outcome) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let Some(entry) = lane.queue.get_mut(at) else { return };
        let state = self.endpoints.entry(key.0.clone()).or_default();
        let attempts = entry.job.attempts + 1;
        let now = Instant::now();
        let (reason, pause, gives_up) = match outcome {
            Outcome::EndpointDown(reason) => {
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
                state.not_before = Some(until);
                let since = state.down.as_ref().map_or(now, |down| down.since);
                state.down = Some(Down { failures: state.failures, since, last: failure });
                self.timers.insert((until, entry.job.id), (key.0.clone(), None));
                (reason, until - now, self.courier.gives_up(&entry.job, attempts, true))
            }
            other => {
                // Without a place nothing was learnt of the endpoint.
                if !matches!(other, Outcome::NoPlace(_)) {
                    state.failures = 0;
                    state.not_before = None;
                    state.down = None;
                }
                match other {
                    Outcome::Failed(reason) | Outcome::NoPlace(reason) => {
                        let pause = self.backoff.pause(attempts, &*self.entropy);
                        let gives_up = self.courier.gives_up(&entry.job, attempts, false);
                        if !gives_up {
                            entry.not_before = Some(now + pause);
                            entry.failure = Some(Failure { reason: reason.clone(), at: now });
                            let lane = (key.0.clone(), Some(key.1.clone()));
                            self.timers.insert((now + pause, entry.job.id), lane);
                        }
                        (reason, pause, gives_up)
                    }
                    Outcome::Hopeless(reason) => (reason, Duration::ZERO, true),
                    Outcome::Later(at) => {
                        (entry.not_before, entry.failure, entry.job.attempts) = (Some(at), None, 0);
                        self.timers.insert((at, entry.job.id), (key.0.clone(), Some(key.1.clone())));
                        return;
                    }
                    held_or_delivered => {
                        let (how, settled) = match held_or_delivered {
                            Outcome::Held => (None, Settled::Held),
                            _ => (Some(&self.figures.delivered), Settled::Delivered),
                        };
                        self.figures.leaves(how);
                        self.courier.settled(&entry.job, content, settled);
                        lane.queue.remove(at);
                        return;
                    }
                }
            }
        };
        if gives_up {
            self.figures.leaves(Some(&self.figures.dead));
            self.courier.given_up(&entry.job, attempts, reason);
            lane.queue.remove(at);
        } else {
            self.figures.failed.fetch_add(1, Ordering::Relaxed);
            self.courier.settled(&entry.job, content, Settled::Again { attempts, pause, reason });
            entry.job.attempts = attempts;
        }
        if let Some(reason) = state.down.as_ref().map(|down| down.last.reason.clone()) {
            self.give_up_waiting(&key.0, &reason);
        }
    }

    /// Gives up what has waited too long for an endpoint that is down: only one of them probes, and less and less often.
    fn give_up_waiting(&mut self, endpoint: &Arc<str>, reason: &str) {
        for (_, lane) in self.lanes.iter_mut().filter(|((to, _), _)| to == endpoint) {
            lane.queue.retain(|entry| {
                let attempts = entry.job.attempts;
                if entry.in_flight || !self.courier.gives_up(&entry.job, attempts, true) {
                    return true;
                }
                self.figures.leaves(Some(&self.figures.dead));
                self.courier.given_up(&entry.job, attempts, reason.to_owned());
                false
            });
        }
        self.lanes.retain(|(to, _), lane| to != endpoint || !lane.queue.is_empty());
    }

    fn hurry(&mut self, id: i64) {
        let found = self.lanes.iter_mut().find_map(|(key, lane)| {
            let entry = lane.queue.iter_mut().find(|entry| entry.job.id == id)?;
            (entry.not_before, entry.job.not_before) = (None, None);
            Some(key.clone())
        });
        found.into_iter().for_each(|key| self.list(&key));
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
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            match entry.remove() {
                (endpoint, Some(lane)) => self.list(&(endpoint, lane)),
                (endpoint, None) => self.line_up(&endpoint),
            }
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
