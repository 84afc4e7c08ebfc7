//! The store port: reads, and `commit(guards, ops)`. Not a session: a step reads what it needs, decides,
//! and hands over everything it wants to change in one [`Commit`]. All of it becomes durable or nothing does.

use std::borrow::Cow;

use async_trait::async_trait;
use chancery_did::SecretKey;
use serde::{Deserialize, Serialize};

use super::{Tenant, Timestamp};

/// Names one row of a tenant: an Askar record's category and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// Askar category, e.g. `cred_ex_v20`.
    pub category: Cow<'static, str>,
    /// Askar name, e.g. the record id.
    pub name: String,
}

impl RowKey {
    /// A key from a category known at compile time.
    pub fn new(category: &'static str, name: impl Into<String>) -> Self {
        Self { category: Cow::Borrowed(category), name: name.into() }
    }
}

/// A tag of a row. Encrypted unless `plaintext`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Tag name, without Askar's `~`.
    pub name: Cow<'static, str>,
    /// Tag value.
    pub value: String,
    /// Stored readable (`--exch-use-unencrypted-tags`).
    pub plaintext: bool,
}

impl Tag {
    /// An encrypted tag.
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name: Cow::Borrowed(name), value: value.into(), plaintext: false }
    }
}

/// The version of a row: the first 12 bytes of its stored value, a fresh nonce at every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; 12]);

/// A row as read.
#[derive(Clone, Debug)]
pub struct Row {
    /// Category and name.
    pub key: RowKey,
    /// Decrypted value, for records UTF-8 (mostly JSON).
    pub value: Vec<u8>,
    /// Tags in no particular order.
    pub tags: Vec<Tag>,
    /// To be named in a guard.
    pub version: Version,
}

/// A row to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// Category and name.
    pub key: RowKey,
    /// Value before encryption.
    pub value: Vec<u8>,
    /// All tags of the row (a replacement drops the others).
    pub tags: Vec<Tag>,
}

/// A key entry (Askar kind 1, category `cryptokey`).
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Base58 of the public key.
    pub name: String,
    /// The secret.
    pub secret: SecretKey,
    /// Metadata text, `{}` for keys made with a DID.
    pub metadata: Option<String>,
    /// The caller's tags (`kid`, `multikey`), without Askar's `user:` prefix.
    pub tags: Vec<Tag>,
}

/// The columns by which exchange records are listed without decrypting all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// `state` of the record.
    pub state: Option<String>,
    /// `role` of the record (`their_role` of a connection).
    pub role: Option<String>,
    /// `connection_id` of the record.
    pub connection: Option<String>,
    /// `thread_id` of the record.
    pub thread: Option<String>,
}

/// One of the columns of [`Facets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Facet {
    /// [`Facets::state`]
    State,
    /// [`Facets::role`]
    Role,
    /// [`Facets::connection`]
    Connection,
    /// [`Facets::thread`]
    Thread,
}

/// A search in one category. All conditions must hold.
#[derive(Clone, Debug)]
pub struct Query {
    /// Askar category.
    pub category: Cow<'static, str>,
    /// Encrypted (or plaintext) tags that must have exactly these values.
    pub tags: Vec<(Cow<'static, str>, String)>,
    /// Columns that must have one of the values.
    pub facets: Vec<(Facet, Vec<String>)>,
    /// Rows to skip.
    pub offset: usize,
    /// Most rows to return; `None`: all.
    pub limit: Option<usize>,
    /// Newest first. The order is that of insertion.
    pub descending: bool,
    /// Any of the rows will do for a limit, in whatever order they are found fastest.
    pub unordered: bool,
    /// Of the rows of one tag no more than so many are looked at for the other tags: of the rarest tag's, or if many rows have
    /// each, of the first's.
    pub among: Option<usize>,
}

impl Query {
    /// All rows of a category, in order of insertion.
    pub fn all(category: &'static str) -> Self {
        Self {
            category: Cow::Borrowed(category),
            tags: Vec::new(),
            facets: Vec::new(),
            offset: 0,
            limit: None,
            descending: false,
            unordered: false,
            among: None,
        }
    }

    /// The rows of a category with one tag value.
    pub fn tagged(category: &'static str, tag: &'static str, value: impl Into<String>) -> Self {
        let mut query = Self::all(category);
        query.tags.push((Cow::Borrowed(tag), value.into()));
        query
    }

    /// No more than some of the rows, whichever they are: that costs the same however many there are.
    #[must_use]
    pub fn any(mut self, most: usize) -> Self {
        self.limit = Some(most);
        self.unordered = true;
        self
    }

    /// No more than so many rows of one tag are looked at, so that it costs the same also where many rows have each of the
    /// tags. What has all of them may be missed then: [`Query::among`] says where.
    #[must_use]
    pub fn among(mut self, most: usize) -> Self {
        self.among = Some(most);
        self
    }

    /// Adds a tag condition.
    #[must_use]
    pub fn and(mut self, tag: &'static str, value: impl Into<String>) -> Self {
        self.tags.push((Cow::Borrowed(tag), value.into()));
        self
    }
}

/// What records of a category are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Askar category.
    pub category: &'static str,
    /// The states that are told apart.
    pub states: Vec<&'static str>,
    /// The roles that are told apart.
    pub roles: Vec<&'static str>,
}

/// How many records of a category there are with a state and role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// `None`: another than the [`Kinds`] name, or none.
    pub state: Option<&'static str>,
    /// `None`: another than the [`Kinds`] name, or none.
    pub role: Option<&'static str>,
    /// At least one.
    pub count: u64,
}

/// What must still be true when the commit runs, checked in the transaction that writes.
#[derive(Clone, Debug)]
pub enum Guard {
    /// The row exists and has this version.
    Version(RowKey, Version),
    /// No such row.
    Absent(RowKey),
    /// Nothing unexpired is remembered under this space and id.
    Unknown(Space, String),
    /// The queue row is still in this queue. The conflict names it as row `<number>` of category `queue`.
    Queued(Seq, Queue),
}

/// What [`Op::Remember`] is for. Each space has its own life time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Inbound messages already handled: id = `<sender key> <SHA-256 of @id, hex>`.
    Seen,
    /// Threads whose record was removed: id = `<protocol> <role> <connection> <thread>`.
    Tombstone,
    /// Answers to `Idempotency-Key`.
    Idempotency,
    /// Events that a target is to get again after they were given up: id = `<number> <target>`, value = the time, decimal
    /// microseconds.
    Redelivered,
    /// JSON-LD contexts fetched and pinned: id = URL.
    Context,
    /// Keys that count for a DID of the other side, since their holder has used them towards us: id = `<DID> <key>`.
    Used,
    /// Keys that a DID of the other side has replaced: id = key, value = JSON list of `{"did", "at"}`.
    Replaced,
    /// What is known of DIDs of ours whose key was replaced: id = `key <key>`, `did <DID>` or `connection <id>`.
    Rotated,
    /// Services of a DID of the other side that publishes its document: id = DID, value = JSON list.
    Published,
    /// Requests with a DID of ours that connections share: id = DID, value = ids of the newest of those connections.
    Asked,
    /// Invitations without out-of-band record: id = `@id`, value = the id of the connection that waits.
    Waiting,
    /// What came of jobs that are over: id = the job's.
    Job,
    /// Small settings of ours, secrets included: id = name.
    Setting,
}

impl Space {
    /// The name of the space in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Tombstone => "tombstone",
            Self::Idempotency => "idempotency",
            Self::Redelivered => "redelivered",
            Self::Context => "context",
            Self::Used => "used",
            Self::Replaced => "replaced",
            Self::Rotated => "rotated",
            Self::Published => "published",
            Self::Asked => "asked",
            Self::Waiting => "waiting",
            Self::Job => "job",
            Self::Setting => "setting",
        }
    }
}

/// Number of a queue row; never reused.
pub type Seq = i64;

/// Number of an event; grows with every event of the store, usable as a cursor.
pub type EventNo = i64;

/// The kinds of queue rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// DIDComm messages to deliver (value: JSON of `engine::Outbound`).
    Outbound,
    /// Errands and jobs (value: JSON of `unit::Work`).
    Work,
    /// Envelopes parked until their connection is ready.
    Parked,
    /// What was given up (value: JSON of `delivery::Letter`).
    Dead,
}

impl Queue {
    /// The name of the queue in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Work => "work",
            Self::Parked => "parked",
            Self::Dead => "dead",
        }
    }
}

/// Whose message has caused a queue row. What waits because of one party is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// A connection's id, or the key (base58) of a sender without one.
    pub party: String,
    /// It has no connection: all such senders are bounded together, too, since keys cost nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stranger: bool,
    /// The thread, when it was not this party that began it: a few rows of such a thread are not counted for the party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub our_thread: Option<String>,
}

/// A queue row to be written.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Which queue.
    pub queue: Queue,
    /// Rows of one lane are worked on in order of their number. Sealed like the value.
    pub lane: String,
    /// Not before this time.
    pub due: Timestamp,
    /// Content, sealed with the profile's key.
    pub value: Vec<u8>,
    /// Whom the row is counted for; not written by the store: the content says so. `None`: nobody.
    pub owner: Option<Owner>,
}

/// A queue row as read.
#[derive(Clone, Debug)]
pub struct Item {
    /// Whose.
    pub tenant: Tenant,
    /// Its number.
    pub seq: Seq,
    /// Which queue.
    pub queue: Queue,
    /// Its lane.
    pub lane: String,
    /// Not before this time.
    pub due: Timestamp,
    /// When it was first written.
    pub created: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Content.
    pub value: Vec<u8>,
}

/// An event to be written.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Webhook topic, e.g. `issue_credential_v2_0`.
    pub topic: Cow<'static, str>,
    /// The record that it is about; events of one record keep their order.
    pub record: String,
    /// JSON payload.
    pub payload: Vec<u8>,
    /// Ids of the webhook targets that must still get it. Empty: nobody.
    pub targets: Vec<String>,
    /// The trace that it belongs to (`traceparent`, without line feeds), when traces are recorded.
    pub trace: Option<String>,
}

/// An event as read.
#[derive(Clone, Debug)]
pub struct Event {
    /// Whose.
    pub tenant: Tenant,
    /// Its number.
    pub number: EventNo,
    /// Stable id (uuid) that consumers deduplicate by.
    pub id: String,
    /// Webhook topic.
    pub topic: String,
    /// The record that it is about.
    pub record: String,
    /// When it was committed.
    pub created: Timestamp,
    /// JSON payload.
    pub payload: Vec<u8>,
    /// Targets that still wait for it.
    pub targets: Vec<String>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
}

impl Event {
    /// The payload; null where it can't be read.
    pub fn payload_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }
}

/// One change.
#[derive(Clone, Debug)]
pub enum Op {
    /// Insert; the commit conflicts when the row exists.
    Insert(NewRow),
    /// Replace value and tags; the commit conflicts when the row is gone.
    Replace(NewRow),
    /// Insert or replace, whichever applies.
    Put(NewRow),
    /// Remove; nothing happens when the row is gone.
    Remove(RowKey),
    /// Insert a key entry; nothing happens when it exists (a key equals itself).
    InsertKey(KeyRow),
    /// Replace the caller's tags (and metadata) of a key entry.
    UpdateKey {
        /// Base58 of the public key.
        name: String,
        /// New metadata.
        metadata: Option<String>,
        /// New tags.
        tags: Vec<Tag>,
    },
    /// Remove a key entry.
    RemoveKey(String),
    /// Write a queue row. Its number comes back in [`Committed::items`], in order.
    Enqueue(NewItem),
    /// Change when a queue row is due, how often it was tried, and its queue (e.g. to [`Queue::Dead`]).
    Requeue {
        /// The row.
        seq: Seq,
        /// Its queue from now on.
        queue: Queue,
        /// Not before this time.
        due: Timestamp,
        /// How often it was tried.
        attempts: u32,
    },
    /// Remove a queue row.
    Dequeue(Seq),
    /// Write an event. Its number and id come back in [`Committed::events`], in order.
    Event(NewEvent),
    /// Note that a target has got an event (or that it was given up for it).
    Delivered {
        /// The event.
        number: EventNo,
        /// The target's id.
        target: String,
    },
    /// Let a target wait for an event again, under its old number and id; nothing happens when the event is gone.
    Redeliver {
        /// The event.
        number: EventNo,
        /// The target's id, one of those that the event was written for.
        target: String,
    },
    /// Remember something until a time (replaces what is there).
    Remember {
        /// What for.
        space: Space,
        /// Under which id.
        id: String,
        /// Content, sealed.
        value: Vec<u8>,
        /// Dropped after this time; `None`: never.
        expires: Option<Timestamp>,
    },
    /// Forget it.
    Forget(Space, String),
}

/// A set of changes with what must hold for them.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// All must hold.
    pub guards: Vec<Guard>,
    /// Applied in order.
    pub ops: Vec<Op>,
}

/// What a commit gave out.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// Numbers of the rows of [`Op::Enqueue`], in order.
    pub items: Vec<Seq>,
    /// Number and id of the events of [`Op::Event`], in order.
    pub events: Vec<(EventNo, String)>,
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A guard did not hold: load again, decide again.
    #[error("the row {0:?} was changed meanwhile")]
    Conflict(RowKey),
    /// Too much waits already because of the party whose message the commit follows from; nothing was written.
    #[error("{0}")]
    Full(String),
    /// The store failed; nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A fault of the store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// May go away: database down or busy, disk full. The caller may try again.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A row that cannot be read: wrong key or damaged.
    #[error("the store holds a row that cannot be read: {0}")]
    Damaged(String),
    /// No such tenant.
    #[error("no such tenant: {0}")]
    NoTenant(String),
}

/// The wallet. One implementation writes Askar's format on SQLite, another on PostgreSQL.
#[async_trait]
pub trait Store: Send + Sync {
    /// The row, or `None`.
    async fn get(&self, tenant: &Tenant, key: &RowKey) -> Result<Option<Row>, StoreError>;
    /// The rows that match, in order of insertion (or the reverse).
    async fn find(&self, tenant: &Tenant, query: &Query) -> Result<Vec<Row>, StoreError>;
    /// How many records there are by state and role, in order; `None`: not known at present without reading them all.
    async fn tally(&self, _tenant: &Tenant, _kinds: &Kinds) -> Result<Option<Vec<Tally>>, StoreError> {
        Ok(None)
    }
    /// The key entry with this public key (base58).
    async fn key(&self, tenant: &Tenant, name: &str) -> Result<Option<KeyRow>, StoreError>;
    /// The key entries with this caller's tag.
    async fn find_keys(&self, tenant: &Tenant, tag: &str, value: &str) -> Result<Vec<KeyRow>, StoreError>;
    /// What is remembered and not expired.
    async fn recall(&self, tenant: &Tenant, space: Space, id: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// How many things are remembered in a space, and their bytes as they are kept; of more than `most`, so many are counted.
    async fn weigh(&self, tenant: &Tenant, space: Space, most: usize) -> Result<(usize, u64), StoreError>;
    /// What is remembered in a space, ids and values, in an order that stays the same.
    async fn remembered(
        &self,
        tenant: &Tenant,
        space: Space,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    /// All of it durable, or nothing.
    async fn commit(&self, tenant: &Tenant, commit: Commit) -> Result<Committed, CommitError>;
    /// Changes that need not be durable at once (`Dequeue`, `Delivered`, `Forget`): they go with the next commit, or soon
    /// without one. Returns at once. Lost in a crash, they only cause a repeat.
    fn lazily(&self, tenant: &Tenant, ops: Vec<Op>);
    /// Queue rows of all tenants with a number above `after`, in order of their numbers.
    async fn items(&self, queue: Queue, after: Seq, limit: usize) -> Result<Vec<Item>, StoreError>;
    /// Rows of a lane in a queue with a number above `after`, in order of their numbers; no other row is read.
    async fn lane(
        &self,
        tenant: &Tenant,
        queue: Queue,
        lane: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError>;
    /// How many rows a queue has, all tenants together.
    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        let (mut after, mut depth) = (0, 0);
        loop {
            let items = self.items(queue, after, 500).await?;
            let Some(last) = items.last() else { return Ok(depth) };
            after = last.seq;
            depth += items.len() as u64;
        }
    }
    /// One queue row.
    async fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError>;
    /// Events with a number above `after`, in order. `pending`: only those that a target still waits for, of all tenants.
    async fn events(
        &self,
        tenant: Option<&Tenant>,
        after: EventNo,
        topic: Option<&str>,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;
    /// The tenants (Askar profiles) of the store; the first is the default one.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;
    /// A real round trip, for readiness.
    async fn ping(&self) -> Result<(), StoreError>;
    /// Flushes what is lazy and closes. Later calls fail with [`StoreError::Unavailable`].
    async fn close(&self);
}
