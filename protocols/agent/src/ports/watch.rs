//! Waiting for something to have been committed, for calls that answer only then (DECISIONS 26).

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::Tenant;

/// A live view of committed events.
#[async_trait]
pub trait Subscription: Send {
    /// The next event: topic and payload. `None` when the agent stops.
    async fn next(&mut self) -> Option<(String, Value)>;
}

/// Live events of a tenant.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Events committed from now on. Subscribe before the command that causes them.
    fn subscribe(&self, tenant: &Tenant) -> Box<dyn Subscription>;
    /// Resolves after this time (the only timer that the agent crate and the admin API use).
    async fn sleep(&self, duration: Duration);
}
