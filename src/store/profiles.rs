//! The tenants of a store with their keys.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::{KeyRow, Row, RowKey, StoreError};

use super::OpenError;
use super::cache::Cache;
use super::format::{FormatError, KeyMethod, ProfileKey, StoreKey};

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

/// What came of reading Askar's configuration.
pub(super) enum Unlocked {
    Profiles(Profiles),
    /// What is missing.
    NotAWallet(&'static str),
}

/// Unwraps the keys of all profiles: one key derivation. `version` and `reference` are Askar's configuration,
/// `wrapped` its profiles with id, name and wrapped key, the default one first.
pub(super) fn unlock(
    version: Option<&str>,
    reference: Option<&str>,
    wrapped: Vec<(i64, Tenant, Vec<u8>)>,
    method: KeyMethod,
    pass_key: &str,
) -> Result<Unlocked, OpenError> {
    match version {
        Some("1") => {}
        Some(other) => return Err(OpenError::SchemaVersion(other.to_owned())),
        None => return Ok(Unlocked::NotAWallet("its table `config` has no version")),
    }
    let Some(reference) = reference else {
        return Ok(Unlocked::NotAWallet("its table `config` has no key"));
    };
    let stored: KeyMethod = reference.parse()?;
    if stored != method {
        return Err(OpenError::WrongMethod { stored, given: method });
    }
    let store_key = StoreKey::derive(reference, pass_key)?;
    let mut profiles = Vec::new();
    for (id, tenant, wrapped) in wrapped {
        let cbor = store_key.unwrap(&wrapped).map_err(|error| match error {
            FormatError::Sealed(_) => OpenError::WrongKey(stored),
            other => other.into(),
        })?;
        profiles.push(Profile::new(id, tenant, ProfileKey::from_cbor(&cbor)?));
    }
    if profiles.is_empty() {
        return Ok(Unlocked::NotAWallet("it has no profile"));
    }
    Ok(Unlocked::Profiles(Profiles::new(profiles)))
}
