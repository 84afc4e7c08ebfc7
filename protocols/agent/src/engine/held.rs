//! Messages whose recipient has no endpoint: kept until it polls with a return route, and no longer than the operator says.

use super::Agent;
use crate::ports::Timestamp;
use crate::ports::store::Item;

impl Agent {
    /// Keeps a message whose target has no endpoint until its recipient polls with a return route.
    pub fn hold(&self, recipient: &str, item: Item) {
        let mut held = self.held();
        let items = held.entry(recipient.to_owned()).or_default();
        if !items.iter().any(|i| i.seq == item.seq) {
            items.push(item);
            items.sort_by_key(|i| i.seq);
        }
    }

    /// Takes the oldest message held for a recipient.
    pub(super) fn take_held(&self, recipient: &str) -> Option<Item> {
        let mut held = self.held();
        let items = held.get_mut(recipient)?;
        let item = (!items.is_empty()).then(|| items.remove(0));
        if items.is_empty() {
            held.remove(recipient);
        }
        item
    }

    /// How many messages wait for their recipients to poll.
    pub fn count_held(&self) -> usize {
        self.held().values().map(Vec::len).sum()
    }

    /// Takes the held messages that were queued before this time, for which nobody polled. One that somebody is just polling
    /// for is not among them.
    pub fn take_unfetched(&self, before: Timestamp) -> Vec<Item> {
        let mut taken = Vec::new();
        self.held().retain(|_, items| {
            taken.extend(items.extract_if(.., |item| item.created < before));
            !items.is_empty()
        });
        taken
    }
}
