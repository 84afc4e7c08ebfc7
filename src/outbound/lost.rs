//! A message that was given up.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_agent::delivery::{Content, GivenUp, Letter};
use chancery_agent::ports::store::{Seq, StoreError};
use chancery_agent::ports::trace::trace_id;
use chancery_agent::ports::{Store, Tenant, Timestamp};
use chancery_agent::quoted::Quoted;

use crate::delivery::Lost;

/// The row of a message that was given up.
pub(super) struct LostMessage {
    pub tenant: Tenant,
    pub seq: Seq,
    /// Where it was tried to be delivered, and how often; `None`: nobody polled for it.
    pub tried: Option<(Arc<str>, u32)>,
    pub reason: String,
    /// When it was given up.
    pub at: Timestamp,
}

#[async_trait]
impl Lost for LostMessage {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    async fn letter(&self, store: &dyn Store) -> Result<Option<GivenUp>, StoreError> {
        let Self { tenant, seq, tried, reason, at } = self;
        let attempts = tried.as_ref().map_or(0, |(_, attempts)| *attempts);
        let Some((item, outbound)) = super::read(store, tenant, *seq, attempts, *at).await? else {
            return Ok(None);
        };
        let message_type = outbound.message.heading().message_type;
        match tried {
            Some((endpoint, attempts)) => tracing::warn!(
                %tenant, message_type, thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                trace_id = outbound.trace.as_deref().and_then(trace_id), endpoint = %Quoted(endpoint), attempts,
                reason = %Quoted(reason), "given up, now a dead letter"
            ),
            None => tracing::warn!(
                %tenant, message_type, thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                "its recipient has no endpoint and did not poll for it, now a dead letter"
            ),
        }
        let letter = Letter {
            endpoint: outbound.target.endpoint.clone(),
            content: Content::Message(outbound),
            reason: reason.clone(),
            attempts: tried.as_ref().map_or(item.attempts, |(_, attempts)| *attempts),
            since: item.created,
        };
        Ok(Some(GivenUp { letter, row: Some(*seq) }))
    }
}
