//! The tenants of a store with their keys.

use std::collections::HashMap;
use std::sync::Arc;

use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::StoreError;

use super::format::ProfileKey;

/// One tenant: an Askar profile.
pub(super) struct Profile {
    /// `profiles.id`.
    pub id: i64,
    /// The profile's name.
    pub tenant: Tenant,
    /// Its keys.
    pub key: ProfileKey,
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
