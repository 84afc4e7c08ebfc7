//! Envelopes that come before their connection is ready (DECISIONS 4): kept, and handled once it is. The row of an envelope
//! leaves the queue in the commit that handles it.

use serde_json::json;

use super::{Agent, AgentError, Received, Unit, Work};
use crate::ports::Tenant;
use crate::ports::store::{Item, NewItem, Op, Queue};
use crate::quoted::Quoted;

const MOST_PARKED_PER_KEY: usize = 16;
const MOST_PARKED_KEYS: usize = 4096;

/// Name of the queued work that handles what is parked for a key.
pub(super) const PARKED: &str = "parked";

impl Unit<'_> {
    /// After the commit, handles the messages that were parked for this key of ours (base58).
    pub fn unpark(&mut self, verkey: &str) {
        if self.agent().parked().contains_key(verkey) {
            self.later(Work { protocol: PARKED.to_owned(), detail: json!(verkey), cause: None, trace: None });
        } else {
            self.unpark_inline(verkey);
        }
    }
}

impl Agent {
    /// Keeps an envelope for a key of ours whose connection isn't ready yet; false: it waits for none.
    ///
    /// Errors: 503 when too many wait already, so that the sender tries again.
    pub(super) async fn park(
        &self,
        unit: &mut Unit<'_>,
        body: &[u8],
        received: &Received,
    ) -> Result<bool, AgentError> {
        if !self.waits(unit, received).await? {
            return Ok(false);
        }
        let Some(recipient) = &received.recipient else { return Ok(false) };
        let lane = recipient.base58();
        let due = unit.now().plus_millis(unit.settings().parked_seconds.saturating_mul(1000));
        {
            let mut parked = self.parked();
            parked.retain(|_, waiting| {
                waiting.retain(|until| *until > unit.now());
                !waiting.is_empty()
            });
            let most_keys = parked.len() >= MOST_PARKED_KEYS && !parked.contains_key(&lane);
            if most_keys || parked.get(&lane).is_some_and(|waiting| waiting.len() >= MOST_PARKED_PER_KEY) {
                return Err(AgentError::unavailable("too many messages wait for a connection to be ready"));
            }
            parked.entry(lane.clone()).or_default().push(due);
        }
        unit.op(Op::Enqueue(NewItem { queue: Queue::Parked, lane, due, value: body.to_vec() }));
        Ok(true)
    }

    /// Whether the message was packed for a key of a connection to be. The commit holds only while that is so.
    pub(super) async fn waits(&self, unit: &mut Unit<'_>, received: &Received) -> Result<bool, AgentError> {
        let (Some(_), Some(recipient)) = (&received.sender, &received.recipient) else { return Ok(false) };
        let handshake = matches!(received.message.message_type().protocol(), "didexchange" | "out-of-band");
        Ok(!handshake && self.directory().awaits_connection(unit, recipient).await?)
    }

    /// Handles what is parked for a key, in order. What can't be handled now stays, with all behind it.
    ///
    /// Errors: 503.
    pub(super) async fn take_parked(&self, tenant: &Tenant, verkey: &str) -> Result<(), AgentError> {
        let waiting = self.parked().remove(verkey);
        let taken = self.take_rows(tenant, verkey).await;
        if let (Err(_), Some(waiting)) = (&taken, waiting) {
            self.parked().entry(verkey.to_owned()).or_default().extend(waiting);
        }
        taken
    }

    async fn take_rows(&self, tenant: &Tenant, verkey: &str) -> Result<(), AgentError> {
        let mut after = 0;
        loop {
            let items = self.store().items(Queue::Parked, after, 500).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = last.seq;
            for item in items.into_iter().filter(|i| i.lane == verkey && i.tenant == *tenant) {
                if item.due < self.clock().now() {
                    self.store().lazily(tenant, vec![Op::Dequeue(item.seq)]);
                } else {
                    self.take_one(&item).await?;
                }
            }
        }
    }

    async fn take_one(&self, item: &Item) -> Result<(), AgentError> {
        // Boxed: handling a message may end in handling what was parked.
        let handled = Box::pin(self.receive_parked(item)).await;
        handled.map_err(|error| AgentError::unavailable(error.to_string()))
    }

    /// At the start: handles what a run before this was to handle when it ended. What still waits stays.
    pub async fn take_all_parked(&self) {
        let keys: Vec<String> = self.parked().keys().cloned().collect();
        for verkey in keys {
            if let Err(error) = self.take_parked(self.default_tenant(), &verkey).await {
                tracing::debug!(error = %Quoted(&error), "what is parked waits on");
            }
        }
    }
}
