//! Who makes how much wait: the rows of the queue that follow from one party's messages are counted, and bounded. The controller's
//! are not. One place sees every row come and go: a store around the store.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chancery_agent::Tenant;
use chancery_agent::ports::Store;
use chancery_agent::ports::store::{
    Commit, CommitError, Committed, Event, EventNo, Item, KeyRow, Kinds, Op, Owner, Query, Queue, Row,
    RowKey, Seq, Space, StoreError, Tally,
};
use serde::Deserialize;
use tracing::Instrument;

use crate::delivery::PAGE;

/// Waiting rows of one thread that its party has not begun, and which therefore don't count: what a message causes (an answer,
/// work that goes before it), and once more for a repeat.
const FREE_PER_THREAD: usize = 4;

/// How much may wait because of one party. `None`: any amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `--max-rows-per-connection`.
    pub rows: Option<usize>,
    /// `--max-bytes-per-connection`.
    pub bytes: Option<u64>,
}

/// A sum of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: usize,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.rows += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// What one account has.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    all: Sum,
    /// Those among them that are messages to be delivered.
    messages: Sum,
}

impl Balance {
    fn add(&mut self, row: &Entry) {
        self.all.add(row.bytes);
        if row.queue == Queue::Outbound {
            self.messages.add(row.bytes);
        }
    }

    fn take(&mut self, row: &Entry) {
        self.all.take(row.bytes);
        if row.queue == Queue::Outbound {
            self.messages.take(row.bytes);
        }
    }
}

/// Whose: a party, or all parties without a connection together (`None`).
type Account = (Tenant, Option<String>);

/// A row that waits.
#[derive(Clone, Debug)]
struct Entry {
    tenant: Tenant,
    owner: Owner,
    queue: Queue,
    bytes: u64,
    /// Not counted, as one of the few of this thread.
    free: bool,
}

impl Entry {
    fn accounts(&self) -> impl Iterator<Item = Account> + '_ {
        let all = self.owner.stranger.then(|| (self.tenant.clone(), None));
        std::iter::once((self.tenant.clone(), Some(self.owner.party.clone()))).chain(all)
    }

    fn thread(&self) -> Option<Thread> {
        let thread = self.owner.our_thread.clone()?;
        Some((self.tenant.clone(), self.owner.party.clone(), thread))
    }
}

type Thread = (Tenant, String, String);

/// The rows that wait and somebody's messages have caused.
#[derive(Debug, Default)]
struct Book {
    rows: HashMap<Seq, Entry>,
    balances: HashMap<Account, Balance>,
    free: HashMap<Thread, usize>,
}

/// What a commit changes in the book: entered before it, settled after it, so that of two at once only those that fit both go on.
#[derive(Debug)]
struct Entered {
    /// One for each row that the commit writes.
    rows: Vec<Option<Entry>>,
    gone: Vec<Seq>,
}

impl Book {
    /// Whether one more row of a thread is free.
    fn is_free(&self, row: &Entry) -> bool {
        row.thread().is_some_and(|thread| self.free.get(&thread).copied().unwrap_or(0) < FREE_PER_THREAD)
    }

    fn count(&mut self, row: &Entry) {
        match row.thread().filter(|_| row.free) {
            Some(thread) => *self.free.entry(thread).or_default() += 1,
            None => row.accounts().for_each(|account| self.balances.entry(account).or_default().add(row)),
        }
    }

    fn discount(&mut self, row: &Entry) {
        match row.thread().filter(|_| row.free) {
            Some(thread) => {
                if let Some(count) = self.free.get_mut(&thread) {
                    *count -= 1;
                    if *count == 0 {
                        self.free.remove(&thread);
                    }
                }
            }
            None => {
                for account in row.accounts() {
                    let Some(balance) = self.balances.get_mut(&account) else { continue };
                    balance.take(row);
                    if balance.all.rows == 0 {
                        self.balances.remove(&account);
                    }
                }
            }
        }
    }

    /// Enters what a commit writes.
    ///
    /// Errors: with a sentence when it adds to what an account has too much of. Nothing is entered then.
    fn enter(&mut self, tenant: &Tenant, ops: &[Op], bounds: Bounds) -> Result<Entered, String> {
        let gone: Vec<Seq> =
            ops.iter().filter_map(removed).filter(|seq| self.rows.contains_key(seq)).collect();
        let mut entered = Entered { rows: Vec::new(), gone };
        for op in ops {
            let Op::Enqueue(item) = op else { continue };
            let row = item.owner.as_ref().map(|owner| {
                let entry = Entry::new(tenant, owner, item.queue, item.value.len());
                Entry { free: self.is_free(&entry), ..entry }
            });
            row.iter().for_each(|row| self.count(row));
            entered.rows.push(row);
        }
        match self.refusal(&entered, bounds) {
            None => Ok(entered),
            Some(sentence) => {
                self.undo(entered);
                Err(sentence)
            }
        }
    }

    /// Why what has been entered is too much. What goes on with a row that was taken before is not held up by others of its kind,
    /// or they all would wait for one another: it is measured by the messages that wait to be delivered.
    fn refusal(&self, entered: &Entered, bounds: Bounds) -> Option<String> {
        let counted = || entered.rows.iter().flatten().filter(|row| !row.free);
        for account in counted().flat_map(Entry::accounts) {
            let mut balance = self.balances.get(&account).copied().unwrap_or_default();
            let mut goes_on = false;
            for row in entered.gone.iter().filter_map(|seq| self.rows.get(seq)) {
                if !row.free && row.accounts().any(|one| one == account) {
                    balance.take(row);
                    goes_on = true;
                }
            }
            let new = counted().filter(|row| row.accounts().any(|one| one == account));
            let new = new.filter(|row| !goes_on || row.queue == Queue::Outbound).count();
            let sum = if goes_on { balance.messages } else { balance.all };
            // Who makes nothing else wait is always served: one message may be larger than all bounds.
            let adds = new > 0 && sum.rows > new;
            let full = bounds.rows.is_some_and(|most| sum.rows > most)
                || bounds.bytes.is_some_and(|most| sum.bytes > most);
            if adds && full {
                let whose = match &account.1 {
                    None => "senders without a connection".to_owned(),
                    Some(party) => format!("connection or key {party:?}"),
                };
                return Some(format!(
                    "what {whose} caused would be {} waiting rows of {} bytes (--max-rows-per-connection, \
                     --max-bytes-per-connection)",
                    sum.rows, sum.bytes
                ));
            }
        }
        None
    }

    /// Whether a row is a stranger's, and the strangers together have more than half of what they may have.
    fn yields(&self, seq: Seq, bounds: Bounds) -> bool {
        let Some(row) = self.rows.get(&seq).filter(|row| row.owner.stranger && !row.free) else {
            return false;
        };
        let Some(Balance { all, .. }) = self.balances.get(&(row.tenant.clone(), None)) else { return false };
        let crowded = bounds.rows.is_some_and(|most| all.rows > most / 2)
            || bounds.bytes.is_some_and(|most| all.bytes > most / 2);
        crowded && all.rows > 1
    }

    fn undo(&mut self, entered: Entered) {
        entered.rows.iter().flatten().for_each(|row| self.discount(row));
    }

    /// The commit is written.
    fn settle(&mut self, entered: Entered, numbers: &[Seq]) {
        for (row, seq) in entered.rows.into_iter().zip(numbers) {
            if let Some(row) = row {
                self.rows.insert(*seq, row);
            }
        }
        entered.gone.into_iter().for_each(|seq| self.remove(seq));
    }

    fn remove(&mut self, seq: Seq) {
        if let Some(row) = self.rows.remove(&seq) {
            self.discount(&row);
        }
    }

    /// A row that an earlier run left.
    fn found(&mut self, item: &Item) {
        #[derive(Deserialize)]
        struct Owned {
            owner: Option<Owner>,
        }
        let Ok(Owned { owner: Some(owner) }) = serde_json::from_slice(&item.value) else { return };
        let mut row = Entry::new(&item.tenant, &owner, item.queue, item.value.len());
        row.free = self.is_free(&row);
        self.count(&row);
        self.rows.insert(item.seq, row);
    }
}

impl Entry {
    fn new(tenant: &Tenant, owner: &Owner, queue: Queue, bytes: usize) -> Self {
        Self { tenant: tenant.clone(), owner: owner.clone(), queue, bytes: bytes as u64, free: false }
    }
}

/// The row that waits no longer after a change.
fn removed(op: &Op) -> Option<Seq> {
    match op {
        Op::Dequeue(seq) | Op::Requeue { seq, queue: Queue::Dead, .. } => Some(*seq),
        _ => None,
    }
}

/// A store that refuses commits by which too much would wait because of one party ([`CommitError::Full`]).
pub struct Ledger {
    store: Arc<dyn Store>,
    book: Arc<Mutex<Book>>,
    bounds: Bounds,
}

impl Ledger {
    /// Counts what waits already.
    ///
    /// Errors: those of the store.
    pub async fn open(store: Arc<dyn Store>, bounds: Bounds) -> Result<Self, StoreError> {
        let mut book = Book::default();
        for queue in [Queue::Outbound, Queue::Work] {
            let mut after = 0;
            loop {
                let items = store.items(queue, after, PAGE).await?;
                let Some(last) = items.last() else { break };
                after = last.seq;
                items.iter().for_each(|item| book.found(item));
            }
        }
        Ok(Self { store, book: Arc::new(Mutex::new(book)), bounds })
    }

    /// Whether a message that could not be delivered makes room for others instead of being tried again: a sender without a
    /// connection has caused it, and what all of these have caused takes more than half of what it may. The other half is
    /// kept for what was not tried yet, or strangers whom nobody can reach would keep out those who can be.
    pub fn yields(&self, seq: Seq) -> bool {
        self.book().yields(seq, self.bounds)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for Ledger {
    async fn commit(&self, tenant: &Tenant, commit: Commit) -> Result<Committed, CommitError> {
        let entered = self.book().enter(tenant, &commit.ops, self.bounds).map_err(CommitError::Full)?;
        if entered.gone.is_empty() && entered.rows.iter().all(Option::is_none) {
            return self.store.commit(tenant, commit).await;
        }
        let (store, book, tenant) = (self.store.clone(), self.book.clone(), tenant.clone());
        let written = async move {
            let outcome = store.commit(&tenant, commit).await;
            match &outcome {
                Ok(committed) => lock(&book).settle(entered, &committed.items),
                Err(_) => lock(&book).undo(entered),
            }
            outcome
        };
        // On its own: a sender that hangs up meanwhile must not leave rows that nobody counts, nor counts without rows.
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with its commit, which a store that closes answers or refuses"
        )]
        let written = tokio::spawn(written.in_current_span());
        let outcome = written.await;
        outcome.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }

    fn lazily(&self, tenant: &Tenant, ops: Vec<Op>) {
        {
            let mut book = self.book();
            ops.iter().filter_map(removed).for_each(|seq| book.remove(seq));
        }
        self.store.lazily(tenant, ops);
    }

    async fn get(&self, tenant: &Tenant, key: &RowKey) -> Result<Option<Row>, StoreError> {
        self.store.get(tenant, key).await
    }

    async fn find(&self, tenant: &Tenant, query: &Query) -> Result<Vec<Row>, StoreError> {
        self.store.find(tenant, query).await
    }

    async fn tally(&self, tenant: &Tenant, kinds: &Kinds) -> Result<Option<Vec<Tally>>, StoreError> {
        self.store.tally(tenant, kinds).await
    }

    async fn key(&self, tenant: &Tenant, name: &str) -> Result<Option<KeyRow>, StoreError> {
        self.store.key(tenant, name).await
    }

    async fn find_keys(&self, tenant: &Tenant, tag: &str, value: &str) -> Result<Vec<KeyRow>, StoreError> {
        self.store.find_keys(tenant, tag, value).await
    }

    async fn recall(&self, tenant: &Tenant, space: Space, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.recall(tenant, space, id).await
    }

    async fn weigh(&self, tenant: &Tenant, space: Space, most: usize) -> Result<(usize, u64), StoreError> {
        self.store.weigh(tenant, space, most).await
    }

    async fn remembered(
        &self,
        tenant: &Tenant,
        space: Space,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.store.remembered(tenant, space, offset, limit).await
    }

    async fn items(&self, queue: Queue, after: Seq, limit: usize) -> Result<Vec<Item>, StoreError> {
        self.store.items(queue, after, limit).await
    }

    async fn lane(
        &self,
        tenant: &Tenant,
        queue: Queue,
        lane: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        self.store.lane(tenant, queue, lane, after, limit).await
    }

    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        self.store.depth(queue).await
    }

    async fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError> {
        self.store.item(seq).await
    }

    async fn events(
        &self,
        tenant: Option<&Tenant>,
        after: EventNo,
        topic: Option<&str>,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.store.events(tenant, after, topic, pending, limit).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.store.tenants().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
