//! The agent: ports, protocols, caches. Cheap to share behind an `Arc`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chancery_did::SecretKey;
use chancery_didcomm::message::MessageType;
use chancery_didcomm::v1::SharedSecrets;
use chancery_jsonld::Processor;
use tracing::Instrument;
use tracing::field::Empty;

use super::held::Held;
use super::parking::{PARKED, Parked};
use super::{AgentError, HandlerError, Outbound, Protocol, Received, Settings, Unit};
use crate::connection::Directory;
use crate::edge::{Edge, Places, Shape};
use crate::idempotency::Claim;
use crate::ports::store::{Event, Item, Queue, Seq};
use crate::ports::{Clock, Entropy, Fetch, Store, Tenant, Timestamp, Trace, Watch, Workers};

const KEY_CACHE: usize = 10_000;

/// What an agent is made of.
pub struct Parts {
    /// The wallet.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Documents from the network.
    pub fetch: Arc<dyn Fetch>,
    /// Delivery, webhooks, queued work.
    pub workers: Arc<dyn Workers>,
    /// Live events.
    pub watch: Arc<dyn Watch>,
    /// JSON-LD with the bundled contexts.
    pub jsonld: Arc<Processor>,
    /// What is recorded of steps.
    pub trace: Arc<dyn Trace>,
    /// What is checked of each message first.
    pub edge: Edge,
    /// Settings of the default tenant.
    pub settings: Settings,
    /// The default tenant.
    pub tenant: Tenant,
}

/// The agent. [`Agent::claiming`] gives one call's view of it.
pub struct Agent {
    whole: Arc<Whole>,
    claim: Option<Arc<Claim>>,
}

struct Whole {
    parts: Parts,
    settings: RwLock<Arc<Settings>>,
    protocols: Vec<Box<dyn Protocol>>,
    shared: SharedSecrets,
    keys: Mutex<HashMap<(Tenant, String), SecretKey>>,
    directory: Directory,
    id_secrets: Mutex<HashMap<Tenant, Arc<[u8]>>>,
    parked: Parked,
    held: Mutex<HashMap<String, BTreeMap<Seq, Held>>>,
    fetching: Places,
}

impl Agent {
    /// An agent that speaks the given protocols.
    pub fn new(parts: Parts, protocols: Vec<Box<dyn Protocol>>) -> Self {
        let settings = RwLock::new(Arc::new(parts.settings.clone()));
        let whole = Whole {
            parts,
            settings,
            protocols,
            shared: SharedSecrets::default(),
            keys: Mutex::default(),
            directory: Directory::default(),
            id_secrets: Mutex::default(),
            parked: Parked::default(),
            held: Mutex::default(),
            fetching: Places::new(super::fetch::PLACES),
        };
        Self { whole: Arc::new(whole), claim: None }
    }

    /// The same agent for a call that came with a key: its first commit claims the key, and the commit that its answer
    /// follows from keeps the answer.
    pub fn claiming(&self, claim: Arc<Claim>) -> Self {
        Self { whole: self.whole.clone(), claim: Some(claim) }
    }

    /// The claim of the call that this is the view of.
    pub(super) fn claim(&self) -> Option<&Arc<Claim>> {
        self.claim.as_ref()
    }

    /// Whether the call that this is the view of was carried out by somebody else meanwhile: it must not be tried again.
    pub fn claim_is_lost(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.is_lost())
    }

    /// The wallet.
    pub fn store(&self) -> &dyn Store {
        &*self.whole.parts.store
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.whole.parts.clock
    }

    /// Randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.whole.parts.entropy
    }

    /// Documents from the network.
    pub fn fetch(&self) -> &dyn Fetch {
        &*self.whole.parts.fetch
    }

    /// Live events.
    pub fn watch(&self) -> &dyn Watch {
        &*self.whole.parts.watch
    }

    /// JSON-LD.
    pub fn jsonld(&self) -> &Processor {
        &self.whole.parts.jsonld
    }

    /// What is recorded of steps.
    pub fn trace(&self) -> &dyn Trace {
        &*self.whole.parts.trace
    }

    /// Delivery, webhooks, queued work.
    pub(super) fn workers(&self) -> &dyn Workers {
        &*self.whole.parts.workers
    }

    /// What is checked of each message first.
    pub(super) fn edge(&self) -> &Edge {
        &self.whole.parts.edge
    }

    /// JSON that may be parsed.
    pub(crate) fn shape(&self) -> Shape {
        self.whole.parts.edge.shape
    }

    /// Which connections make us fetch, and how much at once.
    pub(super) fn fetching(&self) -> &Places {
        &self.whole.fetching
    }

    /// Cached X25519 shared secrets.
    pub fn shared_secrets(&self) -> &SharedSecrets {
        &self.whole.shared
    }

    /// Which keys belong to which connection, cached.
    pub fn directory(&self) -> &Directory {
        &self.whole.directory
    }

    /// The protocols.
    pub fn protocols(&self) -> &[Box<dyn Protocol>] {
        &self.whole.protocols
    }

    /// The tenant of a single-tenant agent.
    pub fn default_tenant(&self) -> &Tenant {
        &self.whole.parts.tenant
    }

    /// A tenant's settings.
    pub fn settings(&self, _tenant: &Tenant) -> Arc<Settings> {
        self.whole.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes a tenant's settings (`PUT /settings`).
    pub fn change_settings(&self, _tenant: &Tenant, change: impl FnOnce(&mut Settings)) {
        let mut guard = self.whole.settings.write().unwrap_or_else(PoisonError::into_inner);
        let mut settings = (**guard).clone();
        change(&mut settings);
        *guard = Arc::new(settings);
    }

    /// A fresh uuid4.
    pub fn new_id(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy().fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// A unit of work.
    pub fn unit(&self, tenant: &Tenant) -> Unit<'_> {
        Unit::new(self, tenant.clone())
    }

    /// A secret key of ours by its base58 public key.
    pub async fn secret(&self, tenant: &Tenant, verkey: &str) -> Result<Option<SecretKey>, AgentError> {
        let id = (tenant.clone(), verkey.to_owned());
        if let Some(secret) = self.whole.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Some(secret.clone()));
        }
        let Some(row) = self.store().key(tenant, verkey).await? else { return Ok(None) };
        let mut keys = self.whole.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEY_CACHE {
            keys.clear();
        }
        keys.insert(id, row.secret.clone());
        Ok(Some(row.secret))
    }

    /// Forgets a cached key that was removed or replaced.
    pub fn forget_key(&self, tenant: &Tenant, verkey: &str) {
        self.whole
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(tenant.clone(), verkey.to_owned()));
    }

    /// Packs a queued message for its target. Without a sender key anonymously.
    pub async fn pack(&self, tenant: &Tenant, outbound: &Outbound) -> Result<Vec<u8>, AgentError> {
        use chancery_did::{KeyType, PublicKey};
        use chancery_didcomm::v1;

        let parse = |keys: &[String]| {
            keys.iter()
                .map(|k| PublicKey::from_base58(KeyType::Ed25519, k))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| {
                    AgentError::bad_request("bad-target-key", format!("the target has an unusable key: {e}"))
                })
        };
        let recipients = parse(&outbound.target.recipient_keys)?;
        let routing = parse(&outbound.target.routing_keys)?;
        let text = outbound.message.as_str();
        let mut rng = crate::ports::clock::Rng(self.entropy());
        let envelope = match &outbound.target.sender_key {
            Some(verkey) => {
                let secret = self.secret(tenant, verkey).await?.ok_or_else(|| {
                    AgentError::internal("key-gone", format!("our key {verkey} is no longer in the wallet"))
                })?;
                v1::pack_authcrypt(text.as_bytes(), &recipients, &secret, &mut rng, &self.whole.shared)?
            }
            None => v1::pack_anoncrypt(text.as_bytes(), &recipients, &mut rng)?,
        };
        let Some(first) = recipients.first().filter(|_| !routing.is_empty()) else { return Ok(envelope) };
        Ok(v1::wrap_forward(envelope, &first.base58(), &routing, || self.new_id(), &mut rng)?)
    }

    pub(super) async fn dispatch(
        &self,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let kind = received.message.message_type();
        match self.protocol(kind.protocol(), kind.version().major) {
            Some((protocol, _)) => protocol.receive(unit, received).await,
            None => Err(HandlerError::dropped("unknown-type", kind.to_string())),
        }
    }

    /// The protocol that speaks a name and major version.
    pub(super) fn protocol(&self, name: &str, major: u32) -> Option<(&dyn Protocol, &'static super::Spoken)> {
        self.whole.protocols.iter().find_map(|p| {
            let spoken = p.speaks().iter().find(|s| s.name == name && s.major == major)?;
            Some((&**p, spoken))
        })
    }

    pub(super) async fn after_commit(
        &self,
        tenant: &Tenant,
        outbound: Vec<Item>,
        work: Vec<Item>,
        events: Vec<Event>,
        unpark: Vec<String>,
    ) {
        if !events.is_empty() {
            self.whole.parts.workers.events(events);
        }
        if !outbound.is_empty() {
            self.whole.parts.workers.outbound(outbound);
        }
        if !work.is_empty() {
            self.whole.parts.workers.work(work);
        }
        for verkey in unpark {
            // What was parked has nothing to do with the call that it waited for.
            let agent = Self { whole: self.whole.clone(), claim: None };
            let waits = agent.parked().lock().has(&verkey);
            if waits && let Err(error) = agent.take_parked(tenant, &verkey).await {
                tracing::warn!(%tenant, %error, "what was parked is handled after the next start");
            }
        }
    }

    /// Whether a message that was queued then has been answered by the other side: what was delivered just before a crash, or timed out
    /// although it arrived, need not be sent again.
    ///
    /// Errors: those of the store.
    pub async fn answered(
        &self,
        tenant: &Tenant,
        created: Timestamp,
        outbound: &Outbound,
    ) -> Result<bool, AgentError> {
        let kind = outbound.message.heading().message_type;
        let Some(Ok(kind)) = kind.as_deref().map(MessageType::parse) else { return Ok(false) };
        match self.protocol(kind.protocol(), kind.version().major) {
            Some((protocol, _)) => protocol.answered(&mut self.unit(tenant), outbound, created).await,
            None => Ok(false),
        }
    }

    /// When a thread began on a connection, whatever its protocol; `None`: it doesn't run there.
    pub(crate) async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError> {
        for protocol in self.protocols() {
            if let Some(began) = protocol.began(unit, connection_id, thread_id).await? {
                return Ok(Some(began));
            }
        }
        Ok(None)
    }

    /// Gives messages that a session did not take to the delivery worker.
    pub fn release(&self, items: Vec<Item>) {
        if !items.is_empty() {
            self.whole.parts.workers.outbound(items);
        }
    }

    /// Gives events that their targets wait for again to the webhook worker.
    pub(crate) fn redeliver(&self, events: Vec<Event>) {
        if !events.is_empty() {
            self.whole.parts.workers.redeliver(events);
        }
    }

    /// Messages that wait for their recipient to poll, by its key; those of one recipient oldest first.
    pub(super) fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, BTreeMap<Seq, Held>>> {
        self.whole.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secrets under which record ids are derived.
    pub(super) fn id_secrets(&self) -> std::sync::MutexGuard<'_, HashMap<Tenant, Arc<[u8]>>> {
        self.whole.id_secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which envelopes are parked.
    pub(super) fn parked(&self) -> &Parked {
        &self.whole.parked
    }

    /// Reads what has to be known from the start on: which keys have parked envelopes. [`Agent::take_all_parked`] follows.
    pub async fn resume(&self) -> Result<(), AgentError> {
        let mut after = 0;
        loop {
            let items = self.store().items(Queue::Parked, after, 500).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = last.seq;
            let mut parked = self.parked().lock();
            items.iter().for_each(|item| parked.found(item));
        }
    }
}

impl Agent {
    /// Goes on with queued work; its row leaves the queue in the same commit.
    ///
    /// Errors: [`super::Kind::Unavailable`] is worth another try, others aren't.
    pub async fn work(&self, item: &Item) -> Result<(), AgentError> {
        let work: super::Work = serde_json::from_slice(&item.value)
            .map_err(|e| AgentError::internal("queue-unreadable", format!("queue row {}: {e}", item.seq)))?;
        if work.protocol == PARKED {
            self.take_parked(&item.tenant, work.detail.as_str().unwrap_or_default()).await?;
            self.store().lazily(&item.tenant, vec![crate::ports::store::Op::Dequeue(item.seq)]);
            return Ok(());
        }
        let protocol = self.whole.protocols.iter().find(|p| p.name() == work.protocol).ok_or_else(|| {
            AgentError::internal("queue-unreadable", format!("no protocol {} for queued work", work.protocol))
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
        let run = async {
            crate::transact!(self, &item.tenant, |unit| {
                unit.owed_by(work.owner.clone());
                let outcome = protocol.work(&mut unit, &work).await;
                unit.op(crate::ports::store::Op::Dequeue(item.seq));
                outcome
            })
        };
        run.instrument(span).await
    }
}
