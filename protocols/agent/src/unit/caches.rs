//! What every message needs to know of its connection, kept in memory: by tenant, bounded, and nothing that may be wrong. A
//! connection that is found here is checked against its row; services of a DID are kept only if the DID determines them, or for
//! a time. What fills and reads them is `peers`.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_did::DidCommService;

use crate::ports::{Tenant, Timestamp};

const MOST_ENTRIES: usize = 50_000;

/// Which connection messages between two keys come over.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub connection_id: String,
    /// Short form.
    pub my_did: String,
    /// Short form.
    pub their_did: String,
}

/// Services of a DID.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    pub list: Arc<[DidCommService]>,
    /// `None`: for good.
    pub until: Option<Timestamp>,
}

/// What is known of keys. It changes when a unit says so with its commit.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// By tenant, the other side's key and ours.
    found: HashMap<(Tenant, String, String), Found>,
    /// The keys that messages to a service (its id) of a DID are packed for, where they count.
    recipients: HashMap<(Tenant, String, String), Vec<String>>,
    changes: u64,
}

/// How often what is known of keys had changed when something was looked up: what was looked up before a change is not kept
/// after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changes(u64);

impl Routes {
    /// How often they have changed.
    pub fn changes(&self) -> Changes {
        Changes(self.changes)
    }

    /// The connection of two keys.
    pub fn found(&self, at: &(Tenant, String, String)) -> Option<&Found> {
        self.found.get(at)
    }

    /// Keeps the connection of two keys.
    pub fn keep(&mut self, at: (Tenant, String, String), found: Found, since: Changes) {
        if self.changes() == since {
            bounded(&mut self.found).insert(at, found);
        }
    }

    /// The connection of two keys is another one now.
    pub fn drop_found(&mut self, at: &(Tenant, String, String)) {
        self.found.remove(at);
    }

    /// The keys of a DID's service.
    pub fn recipients(&self, at: &(Tenant, String, String)) -> Option<&Vec<String>> {
        self.recipients.get(at)
    }

    /// Keeps the keys of a DID's service.
    pub fn keep_recipients(&mut self, at: (Tenant, String, String), keys: Vec<String>, since: Changes) {
        if self.changes() == since {
            bounded(&mut self.recipients).insert(at, keys);
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    routes: Mutex<Routes>,
    services: Mutex<HashMap<(Tenant, String), Services>>,
    verkeys: Mutex<HashMap<(Tenant, String), String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bounded<K: Hash + Eq, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= MOST_ENTRIES {
        map.clear();
    }
    map
}

impl Caches {
    /// What is known of keys.
    pub fn routes(&self) -> MutexGuard<'_, Routes> {
        lock(&self.routes)
    }

    /// What is known of messages from or to these keys (base58) has changed.
    pub fn forget(&self, tenant: &Tenant, keys: &[String]) {
        if keys.is_empty() {
            return;
        }
        let mut routes = self.routes();
        routes.changes += 1;
        routes.recipients.retain(|(whose, ..), _| whose != tenant);
        routes
            .found
            .retain(|(whose, from, to), _| whose != tenant || !(keys.contains(from) || keys.contains(to)));
    }

    /// Services of a DID, also those whose time is over.
    pub fn services(&self, tenant: &Tenant, did: &str) -> Option<Services> {
        lock(&self.services).get(&(tenant.clone(), did.to_owned())).cloned()
    }

    /// Keeps services of a DID.
    pub fn keep_services(&self, tenant: &Tenant, did: &str, services: Services) {
        bounded(&mut lock(&self.services)).insert((tenant.clone(), did.to_owned()), services);
    }

    /// The key of a DID of ours, base58.
    pub fn verkey(&self, tenant: &Tenant, did: &str) -> Option<String> {
        lock(&self.verkeys).get(&(tenant.clone(), did.to_owned())).cloned()
    }

    /// Keeps the key of a DID of ours that has no other.
    pub fn keep_verkey(&self, tenant: &Tenant, did: &str, verkey: String) {
        bounded(&mut lock(&self.verkeys)).insert((tenant.clone(), did.to_owned()), verkey);
    }
}
