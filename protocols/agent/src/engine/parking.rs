//! Envelopes that come before their connection is ready (DECISIONS 4): kept, and handled once it is. The row of an envelope
//! leaves the queue in the commit that handles it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{About, Agent, Received};
use crate::peers::{self, Connection, is_awaited};
use crate::ports::store::{Item, NewItem, Op, Queue};
use crate::ports::{Tenant, Timestamp};
use crate::quoted::Quoted;
use crate::unit::{AgentError, Unit};

const MOST_KEYS: usize = 4096;
const MOST_PER_KEY: usize = 16;
/// Of the places of a key of ours, so many are one sender's.
const MOST_OF_SENDER: usize = 4;
const MOST_BYTES_PER_KEY: usize = 1024 * 1024;
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Name of the queued work that handles what is parked for a key.
pub(super) const PARKED: &str = "parked";

/// What waits, by the key that it waits for.
#[derive(Debug, Default)]
pub(super) struct Parking(HashMap<Key, Vec<Waiting>>);

/// Whose key of ours, base58.
type Key = (Tenant, String);

/// One envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    until: Timestamp,
    /// The key that it was packed with.
    sender: String,
    bytes: usize,
}

/// The place of an envelope that is being written: given back unless it was.
pub(super) struct Place {
    parked: Parked,
    key: Key,
    waiting: Waiting,
    kept: bool,
}

impl Place {
    /// The envelope is in the queue.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            self.parked.lock().leave(&self.key, &self.waiting);
        }
    }
}

/// What is being handled of what waited for a key: it waits again unless all of it was.
struct Taken {
    parked: Parked,
    key: Key,
    waiting: Vec<Waiting>,
}

impl Taken {
    /// The lanes of its rows.
    fn lanes(&self) -> BTreeSet<String> {
        self.waiting.iter().map(|one| one.lane(&self.key.1)).collect()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            self.parked.lock().0.entry(self.key.clone()).or_default().extend(waiting);
        }
    }
}

/// [`Parking`], shared.
#[derive(Clone, Default)]
pub(super) struct Parked(Arc<Mutex<Parking>>);

impl Parked {
    /// Whether something waits for a key.
    pub fn has(&self, tenant: &Tenant, verkey: &str) -> bool {
        let waiting = self.lock();
        !waiting.0.is_empty() && waiting.0.contains_key(&(tenant.clone(), verkey.to_owned()))
    }

    pub fn lock(&self) -> MutexGuard<'_, Parking> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: Key) -> Taken {
        let waiting = self.lock().0.remove(&key).unwrap_or_default();
        Taken { parked: self.clone(), key, waiting }
    }
}

impl Waiting {
    /// The lane of its row: whom it waits for and who has sent it. Rows of earlier versions lack the sender.
    fn lane(&self, verkey: &str) -> String {
        if self.sender.is_empty() { verkey.to_owned() } else { format!("{verkey} {}", self.sender) }
    }

    fn of(item: &Item) -> (&str, Self) {
        let (verkey, sender) = item.lane.split_once(' ').unwrap_or((&item.lane, ""));
        (verkey, Self { until: item.due, sender: sender.to_owned(), bytes: item.value.len() })
    }
}

impl Parking {
    /// What was found in the queue.
    pub fn found(&mut self, item: &Item) {
        let (verkey, waiting) = Waiting::of(item);
        self.0.entry((item.tenant.clone(), verkey.to_owned())).or_default().push(waiting);
    }

    /// Finds a place. One sender gets a few of a key; others than the one that the key awaits leave a quarter of everything
    /// to that one.
    fn admit(&mut self, key: &Key, new: &Waiting, awaited: bool, now: Timestamp) -> bool {
        self.0.retain(|_, waiting| {
            waiting.retain(|one| one.until > now);
            !waiting.is_empty()
        });
        let fits = |is: usize, most: usize| is <= if awaited { most } else { most / 4 * 3 };
        let bytes = |waiting: &[Waiting]| waiting.iter().map(|one| one.bytes).sum::<usize>();
        let here = self.0.get(key).map(Vec::as_slice).unwrap_or_default();
        let keys = self.0.len() + usize::from(here.is_empty());
        let all: usize = self.0.values().map(|waiting| bytes(waiting)).sum();
        let admitted = fits(keys, MOST_KEYS)
            && fits(here.len() + 1, MOST_PER_KEY)
            && here.iter().filter(|one| one.sender == new.sender).count() < MOST_OF_SENDER
            && fits(bytes(here) + new.bytes, MOST_BYTES_PER_KEY)
            && fits(all + new.bytes, MOST_BYTES);
        if admitted {
            self.0.entry(key.clone()).or_default().push(new.clone());
        }
        admitted
    }

    /// Gives a place back.
    fn leave(&mut self, key: &Key, gone: &Waiting) {
        let Some(waiting) = self.0.get_mut(key) else { return };
        if let Some(at) = waiting.iter().position(|one| one == gone) {
            waiting.remove(at);
        }
        if waiting.is_empty() {
            self.0.remove(key);
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
        let (Some(awaiting), Some(recipient), Some(sender)) =
            (self.awaiting(unit, received).await?, &received.recipient, &received.sender)
        else {
            return Ok(false);
        };
        let verkey = recipient.base58();
        let until = unit.now().plus_millis(unit.settings().parked_seconds.saturating_mul(1000));
        let waiting = Waiting { until, sender: sender.base58(), bytes: body.len() };
        let awaited = is_awaited(unit, &awaiting, sender).await?;
        let lane = waiting.lane(&verkey);
        let key = (unit.tenant().clone(), verkey);
        if !self.parked().lock().admit(&key, &waiting, awaited, unit.now()) {
            return Err(AgentError::unavailable("too many messages wait for a connection to be ready"));
        }
        let place = Place { parked: self.parked().clone(), key, waiting, kept: false };
        unit.on_commit(move || place.keep());
        unit.op(Op::Enqueue(NewItem {
            queue: Queue::Parked,
            lane,
            due: until,
            value: body.to_vec(),
            owner: None,
        }));
        Ok(true)
    }

    /// Whether the message was packed for a key of a connection to be. The commit holds only while that is so.
    pub(super) async fn waits(&self, unit: &mut Unit<'_>, received: &Received) -> Result<bool, AgentError> {
        Ok(self.awaiting(unit, received).await?.is_some())
    }

    async fn awaiting(
        &self,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<Option<Connection>, AgentError> {
        let (Some(_), Some(recipient)) = (&received.sender, &received.recipient) else { return Ok(None) };
        if self.about(received.message.message_type().protocol()) == Some(About::MakingConnections) {
            return Ok(None);
        }
        peers::awaiting(unit, recipient).await
    }

    /// Handles what is parked for a key, in order. What can't be handled now stays, with all behind it.
    ///
    /// Errors: 503.
    pub(super) async fn take_parked(&self, tenant: &Tenant, verkey: &str) -> Result<(), AgentError> {
        let mut taken = self.parked().take((tenant.clone(), verkey.to_owned()));
        let mut items = Vec::new();
        for lane in taken.lanes() {
            let mut after = 0;
            loop {
                let found = self.store().lane(tenant, Queue::Parked, &lane, after, MOST_PER_KEY).await?;
                let Some(last) = found.last() else { break };
                after = last.seq;
                items.extend(found);
            }
        }
        items.sort_by_key(|item| item.seq);
        for item in &items {
            if item.due < self.clock().now() {
                self.store().lazily(tenant, vec![Op::Dequeue(item.seq)]);
            } else {
                self.take_one(item).await?;
            }
        }
        taken.waiting.clear();
        Ok(())
    }

    async fn take_one(&self, item: &Item) -> Result<(), AgentError> {
        // Boxed: handling a message may end in handling what was parked.
        let handled = Box::pin(self.receive_parked(item)).await;
        handled.map_err(|error| AgentError::unavailable(error.to_string()))
    }

    /// At the start: handles what a run before this was to handle when it ended. What still waits stays.
    pub async fn take_all_parked(&self) {
        let keys: Vec<Key> = self.parked().lock().0.keys().cloned().collect();
        for (tenant, verkey) in keys {
            if let Err(error) = self.take_parked(&tenant, &verkey).await {
                tracing::debug!(error = %Quoted(&error), "what is parked waits on");
            }
        }
    }
}
