//! Messages whose recipient has no endpoint: kept until it polls with a return route, and no longer than the operator says. They
//! wait in the queue; here is only known which rows they are.

use super::Agent;
use crate::ports::store::{Item, Queue, Seq};
use crate::ports::{Tenant, Timestamp};

/// A message that waits for its recipient to poll.
#[derive(Clone, Debug)]
pub struct Held {
    /// Whose.
    pub tenant: Tenant,
    /// Its row.
    pub seq: Seq,
    /// When it was queued.
    pub created: Timestamp,
}

impl Agent {
    /// Keeps a message whose target has no endpoint until its recipient polls with a return route.
    pub fn hold(&self, recipient: &str, message: Held) {
        let key = (message.tenant.clone(), recipient.to_owned());
        self.held().entry(key).or_default().insert(message.seq, message);
    }

    /// Takes the oldest message held for a recipient. It is held until its row is read, whoever stops waiting for that.
    pub(super) async fn take_held(&self, tenant: &Tenant, recipient: &str) -> Option<Item> {
        let key = (tenant.clone(), recipient.to_owned());
        loop {
            let seq = self.held().get(&key).and_then(|messages| messages.keys().next().copied())?;
            let item = match self.store().item(seq).await {
                Ok(item) => item.filter(|item| item.queue == Queue::Outbound),
                Err(error) => {
                    tracing::warn!(%error, seq, "a held message can't be read at present");
                    return None;
                }
            };
            // Unless somebody else took it meanwhile, or it is in no queue any more.
            if self.unhold(&key, seq) && item.is_some() {
                return item;
            }
        }
    }

    fn unhold(&self, key: &(Tenant, String), seq: Seq) -> bool {
        let mut held = self.held();
        let Some(messages) = held.get_mut(key) else { return false };
        let taken = messages.remove(&seq).is_some();
        if messages.is_empty() {
            held.remove(key);
        }
        taken
    }

    /// How many messages wait for their recipients to poll.
    pub fn count_held(&self) -> usize {
        self.held().values().map(std::collections::BTreeMap::len).sum()
    }

    /// Takes the held messages that were queued before this time, for which nobody polled. One that somebody is just polling
    /// for is not among them.
    pub fn take_unfetched(&self, before: Timestamp) -> Vec<Held> {
        let mut taken = Vec::new();
        self.held().retain(|_, messages| {
            taken.extend(
                messages.extract_if(.., |_, message| message.created < before).map(|(_, message)| message),
            );
            !messages.is_empty()
        });
        taken
    }
}
