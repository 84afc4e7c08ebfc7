use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chancery_credentials::Formats;
use chancery_credentials::ld_proof::LdProof;
use chancery_jsonld::{Documents, Processor};
use serde_json::Value;

use super::{MemoryStore, now};
use crate::did_web::Web;
use crate::engine::{Agent, Receipt, Registration};
use crate::ports::fetch::{Budget, Purpose};
use crate::ports::store::{Event, Item, Op, Queue};
use crate::ports::watch::Subscription;
use crate::ports::{Clock, Entropy, Fetch, FetchError, Store, Tenant, Timestamp, Watch, Workers};
use crate::unit::{Outbound, Parts, Plaintext, Resolvers, Settings};

/// Compiling the bundled contexts takes a while: once for all tests.
fn jsonld() -> Arc<Processor> {
    static PROCESSOR: OnceLock<Arc<Processor>> = OnceLock::new();
    PROCESSOR.get_or_init(|| Arc::new(Processor::new(Arc::new(Documents::bundled())))).clone()
}

/// 2026-01-02T03:04:05Z
const START: i64 = 1_767_323_045_000_000;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        use sha2::{Digest, Sha512};
        for chunk in buffer.chunks_mut(64) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let digest = Sha512::digest(number.to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}

#[derive(Default)]
struct TestFetch(Mutex<HashMap<String, Vec<u8>>>);

#[async_trait]
impl Fetch for TestFetch {
    async fn fetch(
        &self,
        url: &str,
        _purpose: Purpose,
        budget: &Budget,
        _time: Duration,
    ) -> Result<Vec<u8>, FetchError> {
        let body = self.0.lock().unwrap().get(url).cloned();
        let body = body.ok_or_else(|| FetchError::NotFound(url.to_owned()))?;
        budget.spend(url, body.len(), body.len())?;
        Ok(body)
    }
}

#[derive(Default)]
struct Ears {
    outbound: Mutex<VecDeque<Item>>,
    work: Mutex<VecDeque<Item>>,
    events: Arc<Mutex<Vec<Event>>>,
    redelivered: Mutex<Vec<Event>>,
}

impl Workers for Ears {
    fn outbound(&self, items: Vec<Item>) {
        self.outbound.lock().unwrap().extend(items);
    }

    fn work(&self, items: Vec<Item>) {
        self.work.lock().unwrap().extend(items);
    }

    fn events(&self, events: Vec<Event>) {
        self.events.lock().unwrap().extend(events);
    }

    fn redeliver(&self, events: Vec<Event>) {
        self.redelivered.lock().unwrap().extend(events);
    }
}

struct TestSubscription {
    events: Arc<Mutex<Vec<Event>>>,
    next: usize,
}

#[async_trait]
impl Subscription for TestSubscription {
    async fn next(&mut self) -> Option<(String, Value)> {
        std::future::poll_fn(|_| match self.events.lock().unwrap().get(self.next) {
            Some(event) => {
                self.next += 1;
                Poll::Ready(Some((event.topic.clone(), serde_json::from_slice(&event.payload).unwrap())))
            }
            None => Poll::Pending,
        })
        .await
    }
}

struct TestWatch {
    events: Arc<Mutex<Vec<Event>>>,
    clock: Arc<TestClock>,
    timers: Arc<Mutex<Vec<i64>>>,
}

#[async_trait]
impl Watch for TestWatch {
    fn subscribe(&self, _tenant: &Tenant) -> Box<dyn Subscription> {
        let next = self.events.lock().unwrap().len();
        Box::new(TestSubscription { events: self.events.clone(), next })
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.clock.0.load(Ordering::Relaxed) + i64::try_from(duration.as_micros()).unwrap();
        self.timers.lock().unwrap().push(until);
        std::future::poll_fn(|_| {
            if self.clock.0.load(Ordering::Relaxed) >= until { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// What agents are made with; by default what the binary has.
#[derive(Clone)]
pub struct Lists {
    pub formats: Formats,
    pub resolvers: Resolvers,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            formats: Formats::new(vec![Box::new(LdProof)]),
            resolvers: Resolvers::new(vec![Box::new(Web)]),
        }
    }
}

/// One agent of a [`World`].
pub struct Party {
    pub name: String,
    pub endpoint: String,
    pub agent: Agent,
    pub tenant: Tenant,
    pub store: Arc<MemoryStore>,
    ears: Arc<Ears>,
    fetch: Arc<TestFetch>,
    timers: Arc<Mutex<Vec<i64>>>,
    parts: Box<dyn Fn() -> Parts>,
}

impl Party {
    /// What this agent is made of, for a second process on the same wallet. What it commits is queued for the first.
    pub fn parts(&self) -> Parts {
        (self.parts)()
    }

    /// Documents that this agent finds on the network.
    pub fn publish(&self, url: &str, body: &[u8]) {
        self.fetch.0.lock().unwrap().insert(url.to_owned(), body.to_vec());
    }

    /// Topic and payload of the events so far, then forgotten.
    pub fn events(&self) -> Vec<(String, Value)> {
        let mut seen = self.ears.events.lock().unwrap();
        let events =
            seen.iter().map(|e| (e.topic.clone(), serde_json::from_slice(&e.payload).unwrap())).collect();
        for event in seen.iter_mut() {
            event.topic = format!("(seen) {}", event.topic);
        }
        events
    }

    /// Takes the events that a target is to get again.
    pub fn take_redelivered(&self) -> Vec<Event> {
        self.ears.redelivered.lock().unwrap().drain(..).collect()
    }

    /// The payloads of one topic so far.
    pub fn events_of(&self, topic: &str) -> Vec<Value> {
        self.store.all_events().into_iter().filter(|(t, _)| t == topic).map(|(_, payload)| payload).collect()
    }

    /// Takes what waits to be sent.
    pub fn take_outbound(&self) -> Vec<Item> {
        self.ears.outbound.lock().unwrap().drain(..).collect()
    }

    /// Takes what waits to be sent, as plain messages.
    pub fn take_messages(&self) -> Vec<Sent> {
        self.take_outbound().iter().map(|item| Agent::read_outbound(item).unwrap().into()).collect()
    }

    /// The envelope of a queued message.
    pub fn pack(&self, sent: &Sent) -> Vec<u8> {
        let outbound = Outbound { message: Plaintext::of_json(&sent.message), ..sent.outbound.clone() };
        now(self.agent.pack(&self.tenant, &outbound)).unwrap()
    }

    /// Hands an envelope in.
    pub fn receive(&self, envelope: &[u8]) -> Receipt {
        self.store.on_the_way(|| now(self.agent.receive(envelope, false))).unwrap()
    }

    /// Runs queued work; how much there was.
    pub fn work(&self) -> usize {
        let items: Vec<Item> = self.ears.work.lock().unwrap().drain(..).collect();
        for item in &items {
            self.store.on_the_way(|| now(self.agent.work(item))).unwrap();
        }
        items.len()
    }
}

/// Agents that can reach each other by their endpoints.
#[derive(Default)]
pub struct World {
    pub parties: Vec<Party>,
    clock: Option<Arc<TestClock>>,
    /// Every delivered message: sender's name, plain message.
    log: Mutex<Vec<(String, Value)>>,
}

impl World {
    /// Agents of these names at `http://<name>.example`, that speak what `protocols` gives.
    pub fn new(names: &[&str], protocols: fn() -> Vec<Registration>) -> Self {
        Self::with(names, protocols, |_, _| {})
    }

    /// As [`World::new`], with a change to each agent's settings.
    pub fn with(
        names: &[&str],
        protocols: fn() -> Vec<Registration>,
        change: impl Fn(&str, &mut Settings),
    ) -> Self {
        Self::made(names, protocols, |name, settings, _| change(name, settings))
    }

    /// As [`World::with`], with a change to each agent's formats and resolvers.
    pub fn made(
        names: &[&str],
        protocols: fn() -> Vec<Registration>,
        change: impl Fn(&str, &mut Settings, &mut Lists),
    ) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let parties = names.iter().enumerate().map(|(n, name)| {
            let tenant = Tenant::new(&format!("{name}-profile"));
            let endpoint = format!("http://{name}.example");
            let store = Arc::new(MemoryStore::new(clock.clone(), tenant.clone()));
            let (ears, fetch) = (Arc::new(Ears::default()), Arc::new(TestFetch::default()));
            let timers = Arc::default();
            let watch = Arc::new(TestWatch {
                events: ears.events.clone(),
                clock: clock.clone(),
                timers: Arc::clone(&timers),
            });
            let entropy = Arc::new(TestEntropy(AtomicU64::new((n as u64 + 1) << 32)));
            let mut settings = Settings {
                label: (*name).to_owned(),
                endpoints: vec![endpoint.clone()],
                webhook_targets: vec!["test".into()],
                allow_insecure_seed: true,
                wallet_type: "askar".into(),
                tombstone_seconds: 600,
                parked_seconds: 600,
                ..Settings::default()
            };
            let mut lists = Lists::default();
            change(name, &mut settings, &mut lists);
            let parts = {
                let (store, clock, ears, fetch) = (store.clone(), clock.clone(), ears.clone(), fetch.clone());
                let (tenant, settings, lists) = (tenant.clone(), settings.clone(), lists.clone());
                move || Parts {
                    store: store.clone(),
                    clock: clock.clone(),
                    entropy: entropy.clone(),
                    fetch: fetch.clone(),
                    workers: ears.clone(),
                    watch: watch.clone(),
                    jsonld: jsonld(),
                    formats: lists.formats.clone(),
                    resolvers: lists.resolvers.clone(),
                    edge: Default::default(),
                    trace: Arc::new(crate::ports::NoTrace),
                    settings: settings.clone(),
                    tenant: tenant.clone(),
                }
            };
            let agent = Agent::new(parts(), protocols());
            let parts = Box::new(parts);
            Party { name: (*name).to_owned(), endpoint, agent, tenant, store, ears, fetch, timers, parts }
        });
        Self { parties: parties.collect(), clock: Some(clock.clone()), log: Mutex::default() }
    }

    /// The agent of this name.
    pub fn party(&self, name: &str) -> &Party {
        self.parties.iter().find(|p| p.name == name).unwrap()
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap();
        self.clock.as_ref().unwrap().0.fetch_add(micros, Ordering::Relaxed);
    }

    /// Delivers one queued message (oldest first, agent by agent) and runs queued work. False: there was nothing.
    pub fn step(&self) -> bool {
        for party in &self.parties {
            let item = party.ears.outbound.lock().unwrap().pop_front();
            if let Some(item) = item {
                let sent = Sent::from(Agent::read_outbound(&item).unwrap());
                self.log.lock().unwrap().push((party.name.clone(), sent.message.clone()));
                let envelope = party.pack(&sent);
                let to = sent
                    .outbound
                    .target
                    .endpoint
                    .as_deref()
                    .and_then(|e| self.parties.iter().find(|p| p.endpoint == e.trim_end_matches('/')));
                if let Some(to) = to {
                    to.receive(&envelope);
                }
                party.store.lazily(&party.tenant, vec![Op::Dequeue(item.seq)]);
                return true;
            }
            if party.work() > 0 {
                return true;
            }
        }
        false
    }

    /// Delivers until nothing is queued.
    pub fn settle(&self) {
        for _ in 0..1000 {
            if !self.step() {
                return;
            }
        }
        panic!("messages go on for ever");
    }

    /// Runs a command while messages are delivered. When nothing moves any more, time passes up to the next timer.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            if self.step() {
                continue;
            }
            let clock = self.clock.as_ref().unwrap();
            let at = clock.0.load(Ordering::Relaxed);
            let timers = self.parties.iter().flat_map(|p| p.timers.lock().unwrap().clone());
            let next =
                timers.filter(|t| *t > at).min().expect("the command waits for something that never comes");
            clock.0.store(next, Ordering::Relaxed);
        }
        panic!("the command goes on for ever");
    }

    /// Sender and plain message of everything delivered so far, then forgotten.
    pub fn take_log(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Sender and message name (`didexchange/1.1/request`) of everything delivered so far, then forgotten.
    pub fn take_names(&self) -> Vec<String> {
        let name =
            |m: &Value| m["@type"].as_str().unwrap().trim_start_matches("https://didcomm.org/").to_owned();
        self.take_log().iter().map(|(from, m)| format!("{from}: {}", name(m))).collect()
    }

    /// Whether a queue of an agent is empty.
    pub fn queue_len(&self, party: &str, queue: Queue) -> usize {
        now(self.party(party).store.items(queue, 0, usize::MAX)).unwrap().len()
    }
}

/// An outbound message, taken apart: tests look into it and change it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The message; what is packed.
    pub message: Value,
    /// Everything else.
    pub outbound: Outbound,
}

impl From<Outbound> for Sent {
    fn from(outbound: Outbound) -> Self {
        Self { message: outbound.message.to_json(), outbound }
    }
}
