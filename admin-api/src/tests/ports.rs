//! Ports for an agent under test: a store that is empty unless told, live events from the test, a process that does what it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::fetch::{Budget, Purpose};
use chancery_agent::ports::offload::{Busy, Heavy};
use chancery_agent::ports::operations::{Conductor, Deliveries, Standing};
use chancery_agent::ports::store::{
    Commit, CommitError, Committed, Event, EventNo, Item, KeyRow, Op, Query, Queue, Row, RowKey, Seq, Space,
    StoreError, Version,
};
use chancery_agent::ports::watch::Subscription;
use chancery_agent::ports::{
    Clock, Entropy, Fetch, FetchError, Offload, Operations, Store, Timestamp, Watch, Workers,
};
use chancery_agent::unit::Parts;
use chancery_agent::{Agent, Settings, Tenant};
use chancery_credentials::Formats;
use chancery_credentials::ld_proof::LdProof;
use chancery_jsonld::{Documents, Processor};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, broadcast};

type Live = broadcast::Sender<(String, Value)>;

/// A process under test, and the handles that a test steers it with.
pub(super) struct Process {
    pub(super) stopping: AtomicBool,
    pub(super) reasons: Mutex<Vec<String>>,
    pub(super) warnings: Mutex<Vec<String>>,
    pub(super) resets: AtomicU64,
    /// Events that the agent's live view shows.
    pub(super) live: Live,
    /// Told when so much time has passed that a socket should send a ping.
    pub(super) silence: Arc<Notify>,
    /// Told when a socket without a key has had its time.
    pub(super) late: Arc<Notify>,
    /// Codes of refused requests.
    pub(super) rejections: Mutex<Vec<&'static str>>,
    /// Rows that the wallet holds, by category.
    pub(super) held: Arc<Mutex<HashMap<String, usize>>>,
    /// When set, reading the store takes until told.
    pub(super) slow: Arc<Mutex<Option<Arc<Notify>>>>,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            stopping: AtomicBool::default(),
            reasons: Mutex::default(),
            warnings: Mutex::default(),
            resets: AtomicU64::default(),
            live: broadcast::channel(16).0,
            silence: Arc::default(),
            late: Arc::default(),
            rejections: Mutex::default(),
            held: Arc::default(),
            slow: Arc::default(),
        }
    }
}

impl Process {
    /// An agent whose store is empty.
    pub(super) fn agent(&self) -> Agent {
        let settings = Settings {
            label: "issuer".to_owned(),
            endpoints: vec!["http://127.0.0.1:8030".to_owned()],
            wallet_type: "askar".to_owned(),
            ..Settings::default()
        };
        let parts = Parts {
            formats: Formats::new(vec![Box::new(LdProof)]),
            resolvers: Default::default(),
            store: Arc::new(Rows { slow: self.slow.clone(), held: self.held.clone() }),
            clock: Arc::new(Still),
            entropy: Arc::new(Counting(AtomicU64::new(1))),
            fetch: Arc::new(Offline),
            workers: Arc::new(Idle),
            watch: Arc::new(Watching {
                live: self.live.clone(),
                silence: self.silence.clone(),
                late: self.late.clone(),
            }),
            offload: Arc::new(AtOnce),
            jsonld: Arc::new(Processor::new(Arc::new(Documents::bundled()))),
            edge: Default::default(),
            trace: Arc::new(chancery_agent::ports::NoTrace),
            settings,
            tenant: Tenant::new("test"),
        };
        Agent::new(parts, vec![chancery_agent::did_exchange::registration()])
    }
}

#[async_trait]
impl Deliveries for Process {
    async fn standings(&self, _: Queue, _: &[Seq]) -> HashMap<Seq, Standing> {
        HashMap::new()
    }
}

#[async_trait]
impl Operations for Process {
    fn conductor(&self) -> Conductor {
        Conductor { task_done: 7, ..Conductor::default() }
    }

    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::Relaxed);
    }

    fn config(&self) -> Map<String, Value> {
        Map::from_iter([("log.level".to_owned(), json!("WARNING"))])
    }

    async fn not_ready(&self) -> Vec<String> {
        self.reasons.lock().unwrap().clone()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }

    fn answered(&self, _: bool, _: Duration) {}

    fn rejected(&self, reason: &'static str) {
        self.rejections.lock().unwrap().push(reason);
    }

    async fn metrics(&self) -> String {
        "up 1\n".to_owned()
    }

    fn shutdown(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

struct Rows {
    slow: Arc<Mutex<Option<Arc<Notify>>>>,
    held: Arc<Mutex<HashMap<String, usize>>>,
}

impl Rows {
    async fn wait(&self) {
        let slow = self.slow.lock().unwrap().clone();
        if let Some(slow) = slow {
            slow.notified().await;
        }
    }
}

#[async_trait]
impl Store for Rows {
    async fn get(&self, _: &Tenant, key: &RowKey) -> Result<Option<Row>, StoreError> {
        assert_ne!(key.name, "panic", "asked to break");
        self.wait().await;
        Ok(None)
    }
    async fn find(&self, _: &Tenant, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.wait().await;
        let held = self.held.lock().unwrap().get(&*query.category).copied().unwrap_or(0);
        let row = |at: usize| Row {
            key: RowKey { category: query.category.clone(), name: at.to_string() },
            value: Vec::new(),
            tags: Vec::new(),
            version: Version([0; 12]),
        };
        Ok((query.offset..held).take(query.limit.unwrap_or(usize::MAX)).map(row).collect())
    }
    async fn key(&self, _: &Tenant, _: &str) -> Result<Option<KeyRow>, StoreError> {
        Ok(None)
    }
    async fn find_keys(&self, _: &Tenant, _: &str, _: &str) -> Result<Vec<KeyRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn recall(&self, _: &Tenant, _: Space, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
    async fn weigh(&self, _: &Tenant, _: Space, _: usize) -> Result<(usize, u64), StoreError> {
        Ok((0, 0))
    }
    async fn remembered(
        &self,
        _: &Tenant,
        _: Space,
        _: usize,
        _: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        Ok(Vec::new())
    }
    async fn commit(&self, _: &Tenant, _: Commit) -> Result<Committed, CommitError> {
        Err(StoreError::Unavailable("the store under test takes nothing".to_owned()).into())
    }
    fn lazily(&self, _: &Tenant, _: Vec<Op>) {}
    async fn items(&self, _: Queue, _: Seq, _: usize) -> Result<Vec<Item>, StoreError> {
        Ok(Vec::new())
    }
    async fn lane(&self, _: &Tenant, _: Queue, _: &str, _: Seq, _: usize) -> Result<Vec<Item>, StoreError> {
        Ok(Vec::new())
    }
    async fn item(&self, _: Seq) -> Result<Option<Item>, StoreError> {
        Ok(None)
    }
    async fn events(
        &self,
        _: Option<&Tenant>,
        _: EventNo,
        _: Option<&str>,
        _: bool,
        _: usize,
    ) -> Result<Vec<Event>, StoreError> {
        Ok(Vec::new())
    }
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(vec![Tenant::new("test")])
    }
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn close(&self) {}
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_323_045_000_000)
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            chunk.copy_from_slice(&number[8 - chunk.len()..]);
        }
    }
}

struct Offline;

#[async_trait]
impl Fetch for Offline {
    async fn fetch(&self, url: &str, _: Purpose, _: &Budget, _: Duration) -> Result<Vec<u8>, FetchError> {
        Err(FetchError::NotFound(url.to_owned()))
    }
}

struct AtOnce;

#[async_trait]
impl Offload for AtOnce {
    async fn run(&self, heavy: Heavy) -> Result<(), Busy> {
        heavy();
        Ok(())
    }
}

struct Idle;

impl Workers for Idle {
    fn outbound(&self, _: Vec<Item>) {}
    fn work(&self, _: Vec<Item>) {}
    fn hurry(&self, _: Vec<Seq>) {}
    fn events(&self, _: Vec<Event>) {}
    fn redeliver(&self, _: Vec<Event>) {}
}

struct Watching {
    live: Live,
    silence: Arc<Notify>,
    late: Arc<Notify>,
}

struct Subscribed(broadcast::Receiver<(String, Value)>);

#[async_trait]
impl Subscription for Subscribed {
    async fn next(&mut self) -> Option<(String, Value)> {
        self.0.recv().await.ok()
    }
}

#[async_trait]
impl Watch for Watching {
    fn subscribe(&self, _: &Tenant) -> Box<dyn Subscription> {
        Box::new(Subscribed(self.live.subscribe()))
    }

    async fn sleep(&self, duration: Duration) {
        // What is longer than a silence is the time to show a key.
        let told = if duration > Duration::from_secs(5) { &self.late } else { &self.silence };
        told.notified().await;
    }
}
