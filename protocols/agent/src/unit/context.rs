//! What every step may use of the world: ports, a tenant's settings, caches. It knows no protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chancery_credentials::Formats;
use chancery_did::{KeyType, PublicKey, SecretKey};
use chancery_didcomm::v1::{self, SharedSecrets};
use chancery_jsonld::Processor;

use super::caches::Caches;
use super::idempotency::Claim;
use super::{AgentError, Outbound, Resolvers, Settings, Unit, fetch};
use crate::edge::{Edge, Places, Shape};
use crate::ports::clock::Rng;
use crate::ports::store::{Event, Item};
use crate::ports::{Clock, Entropy, Fetch, Store, Tenant, Trace, Watch, Workers};

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
    /// Credential formats.
    pub formats: Formats,
    /// What resolves DIDs that neither say everything themselves nor are in the wallet.
    pub resolvers: Resolvers,
    /// What is recorded of steps.
    pub trace: Arc<dyn Trace>,
    /// What is checked of each message first.
    pub edge: Edge,
    /// Settings of the base tenant.
    pub settings: Settings,
    /// The base tenant.
    pub tenant: Tenant,
}

/// The context of every step, as one call sees it. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
    claim: Option<Arc<Claim>>,
}

struct Shared {
    parts: Parts,
    settings: RwLock<HashMap<Tenant, Arc<Settings>>>,
    secrets: SharedSecrets,
    keys: Mutex<HashMap<(Tenant, String), SecretKey>>,
    id_secrets: Mutex<HashMap<Tenant, Arc<[u8]>>>,
    fetching: Places,
    caches: Caches,
}

impl Context {
    /// A context over these parts.
    pub fn new(parts: Parts) -> Self {
        let settings = HashMap::from([(parts.tenant.clone(), Arc::new(parts.settings.clone()))]);
        let shared = Shared {
            parts,
            settings: RwLock::new(settings),
            secrets: SharedSecrets::default(),
            keys: Mutex::default(),
            id_secrets: Mutex::default(),
            fetching: Places::new(fetch::PLACES),
            caches: Caches::default(),
        };
        Self { shared: Arc::new(shared), claim: None }
    }

    /// The same for a call that came with a key: its first commit claims the key, and the commit that its answer follows from
    /// keeps the answer.
    pub fn claiming(&self, claim: Option<Arc<Claim>>) -> Self {
        Self { shared: self.shared.clone(), claim }
    }

    /// The claim of the call that this is the view of.
    pub(super) fn claim(&self) -> Option<&Arc<Claim>> {
        self.claim.as_ref()
    }

    /// Whether the call that this is the view of was carried out by somebody else meanwhile: it must not be tried again.
    pub(super) fn claim_is_lost(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.is_lost())
    }

    /// The wallet.
    pub fn store(&self) -> &dyn Store {
        &*self.shared.parts.store
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.shared.parts.clock
    }

    /// Randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.shared.parts.entropy
    }

    /// Documents from the network.
    pub fn fetch(&self) -> &dyn Fetch {
        &*self.shared.parts.fetch
    }

    /// Live events.
    pub fn watch(&self) -> &dyn Watch {
        &*self.shared.parts.watch
    }

    /// JSON-LD.
    pub fn jsonld(&self) -> &Processor {
        &self.shared.parts.jsonld
    }

    /// Credential formats.
    pub fn formats(&self) -> &Formats {
        &self.shared.parts.formats
    }

    /// What resolves DIDs that neither say everything themselves nor are in the wallet.
    pub fn resolvers(&self) -> &Resolvers {
        &self.shared.parts.resolvers
    }

    /// What is recorded of steps.
    pub fn trace(&self) -> &dyn Trace {
        &*self.shared.parts.trace
    }

    /// Delivery, webhooks, queued work.
    pub(crate) fn workers(&self) -> &dyn Workers {
        &*self.shared.parts.workers
    }

    /// What is checked of each message first.
    pub(crate) fn edge(&self) -> &Edge {
        &self.shared.parts.edge
    }

    /// JSON that may be parsed.
    pub(crate) fn shape(&self) -> Shape {
        self.shared.parts.edge.shape
    }

    /// Which connections make us fetch, and how much at once.
    pub(super) fn fetching(&self) -> &Places {
        &self.shared.fetching
    }

    /// Cached X25519 shared secrets.
    pub(crate) fn shared_secrets(&self) -> &SharedSecrets {
        &self.shared.secrets
    }

    /// What is known of peers, cached.
    pub(crate) fn caches(&self) -> &Caches {
        &self.shared.caches
    }

    /// The tenant of a single-tenant agent.
    pub fn default_tenant(&self) -> &Tenant {
        &self.shared.parts.tenant
    }

    /// A tenant's settings; those of the base tenant where it has none of its own.
    pub fn settings(&self, tenant: &Tenant) -> Arc<Settings> {
        let all = self.shared.settings.read().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(tenant).or_else(|| all.get(self.default_tenant()));
        own.cloned().unwrap_or_default()
    }

    /// Changes a tenant's settings (`PUT /settings`).
    pub fn change_settings(&self, tenant: &Tenant, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.settings(tenant)).clone();
        change(&mut settings);
        let mut all = self.shared.settings.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(tenant.clone(), Arc::new(settings));
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

    fn keys(&self) -> MutexGuard<'_, HashMap<(Tenant, String), SecretKey>> {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A secret key of ours by its base58 public key.
    pub async fn secret(&self, tenant: &Tenant, verkey: &str) -> Result<Option<SecretKey>, AgentError> {
        let id = (tenant.clone(), verkey.to_owned());
        if let Some(secret) = self.keys().get(&id) {
            return Ok(Some(secret.clone()));
        }
        let Some(row) = self.store().key(tenant, verkey).await? else { return Ok(None) };
        let mut keys = self.keys();
        if keys.len() >= KEY_CACHE {
            keys.clear();
        }
        keys.insert(id, row.secret.clone());
        Ok(Some(row.secret))
    }

    /// Forgets a cached key that was removed or replaced.
    pub fn forget_key(&self, tenant: &Tenant, verkey: &str) {
        self.keys().remove(&(tenant.clone(), verkey.to_owned()));
    }

    /// The secrets under which record ids are derived.
    pub(super) fn id_secrets(&self) -> MutexGuard<'_, HashMap<Tenant, Arc<[u8]>>> {
        self.shared.id_secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Packs a queued message for its target. Without a sender key anonymously.
    pub async fn pack(&self, tenant: &Tenant, outbound: &Outbound) -> Result<Vec<u8>, AgentError> {
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
        let mut rng = Rng(self.entropy());
        let envelope = match &outbound.target.sender_key {
            Some(verkey) => {
                let secret = self.secret(tenant, verkey).await?.ok_or_else(|| {
                    AgentError::internal("key-gone", format!("our key {verkey} is no longer in the wallet"))
                })?;
                v1::pack_authcrypt(text.as_bytes(), &recipients, &secret, &mut rng, self.shared_secrets())?
            }
            None => v1::pack_anoncrypt(text.as_bytes(), &recipients, &mut rng)?,
        };
        let Some(first) = recipients.first().filter(|_| !routing.is_empty()) else { return Ok(envelope) };
        Ok(v1::wrap_forward(envelope, &first.base58(), &routing, || self.new_id(), &mut rng)?)
    }

    /// Tells the workers of rows that were just committed.
    pub(super) fn tell_workers(&self, outbound: Vec<Item>, work: Vec<Item>, events: Vec<Event>) {
        let workers = self.workers();
        if !events.is_empty() {
            workers.events(events);
        }
        if !outbound.is_empty() {
            workers.outbound(outbound);
        }
        if !work.is_empty() {
            workers.work(work);
        }
    }

    /// Gives messages that a session did not take to the delivery worker.
    pub fn release(&self, items: Vec<Item>) {
        if !items.is_empty() {
            self.workers().outbound(items);
        }
    }

    /// Gives events that their targets wait for again to the webhook worker.
    pub(crate) fn redeliver(&self, events: Vec<Event>) {
        if !events.is_empty() {
            self.workers().redeliver(events);
        }
    }
}
