//! The tenants of a store with their keys.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::{KeyRow, Row, RowKey, StoreError};

use super::cache::Cache;
use super::format::ProfileKey;

/// Most bytes of decrypted records kept per tenant.
const ROWS_BYTES: usize = 48 << 20;
/// Most bytes of key entries kept per tenant.
const KEYS_BYTES: usize = 8 << 20;

/// One tenant: an Askar profile.
pub(super) struct Profile {
    /// `profiles.id`.
    pub id: i64,
    /// The profile's name.
    pub tenant: Tenant,
    /// Its keys.
    pub key: ProfileKey,
    /// Records read or written lately.
    pub rows: Cache<RowKey, Arc<Row>>,
    /// Key entries read or written lately.
    pub keys: Cache<String, Arc<KeyRow>>,
}

impl Profile {
    pub fn new(id: i64, tenant: Tenant, key: ProfileKey) -> Self {
        Self { id, tenant, key, rows: Cache::new(ROWS_BYTES), keys: Cache::new(KEYS_BYTES) }
    }
}

/// Bytes that a row takes in memory, roughly.
pub(super) fn row_bytes(row: &Row) -> usize {
    let tags: usize = row.tags.iter().map(|tag| tag.name.len() + tag.value.len() + 80).sum();
    row.value.len() + row.key.name.len() + tags + 200
}

/// Bytes that a key entry takes in memory, roughly.
pub(super) fn key_bytes(key: &KeyRow) -> usize {
    key.tags.iter().map(|tag| tag.name.len() + tag.value.len() + 80).sum::<usize>() + 1_500
}

/// All tenants of a store, the default one first.
pub(super) struct Profiles {
    ordered: Vec<Arc<Profile>>,
    by_name: HashMap<Tenant, Arc<Profile>>,
}

impl Profiles {
    pub fn new(ordered: Vec<Profile>) -> Self {
        let ordered: Vec<_> = ordered.into_iter().map(Arc::new).collect();
        let by_name = ordered.iter().map(|profile| (profile.tenant.clone(), Arc::clone(profile))).collect();
        Self { ordered, by_name }
    }

    pub fn of(&self, tenant: &Tenant) -> Result<&Arc<Profile>, StoreError> {
        self.by_name.get(tenant).ok_or_else(|| StoreError::NoTenant(tenant.to_string()))
    }

    /// `None` for a profile that another program has added since we opened the store.
    pub fn with_id(&self, id: i64) -> Option<&Arc<Profile>> {
        self.ordered.iter().find(|profile| profile.id == id)
    }

    pub fn tenants(&self) -> Vec<Tenant> {
        self.ordered.iter().map(|profile| profile.tenant.clone()).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.ordered.iter()
    }
}
