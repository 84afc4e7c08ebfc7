//! A commit made ready for the database: everything encrypted, sealed and hashed, by the task that asks for it, so that the
//! writer only moves bytes. Knows nothing of SQL.

use std::sync::Arc;

use chancery_agent::ports::store::{
    Commit, EventNo, Facet, Facets, Guard, NewRow, Op, Row, RowKey, Seq, Space, StoreError, Tag, Version,
};
use chancery_agent::ports::{Entropy, Timestamp};

use super::FacetSource;
use super::format::{EncryptedTag, KeyEntry, NumberedRow};
use super::profiles::{Profile, row_bytes};

/// Askar's `items.kind` of key entries.
pub(super) const KIND_KEY: i64 = 1;
/// Askar's `items.kind` of records.
pub(super) const KIND_ITEM: i64 = 2;

/// A sealed queue row. What changes while it waits (queue, due, attempts) is not bound, nor is the hash of its lane.
pub(super) fn queue_row(profile: i64, seq: Seq) -> NumberedRow {
    NumberedRow { place: PLACE_QUEUE, unnumbered: "queue", profile, number: seq }
}

/// A sealed event.
pub(super) fn event_row(profile: i64, number: EventNo) -> NumberedRow {
    NumberedRow { place: PLACE_EVENT, unnumbered: "event", profile, number }
}

const PLACE_QUEUE: &str = "queue row 2";
const PLACE_EVENT: &str = "event row 2";
const TARGET: &str = "event target";
const TOPIC: &str = "event topic";
const LANE: &str = "queue lane";

/// A row's place in `items`, encrypted.
#[derive(Clone)]
pub(super) struct Slot {
    pub profile: i64,
    pub kind: i64,
    pub category: Arc<[u8]>,
    pub name: Vec<u8>,
}

impl Slot {
    pub fn item(profile: &Profile, key: &RowKey) -> Self {
        Self {
            profile: profile.id,
            kind: KIND_ITEM,
            category: profile.key.encrypt_category(&key.category),
            name: profile.key.encrypt_name(&key.name),
        }
    }

    pub fn key(profile: &Profile, name: &str) -> Self {
        Self {
            profile: profile.id,
            kind: KIND_KEY,
            category: profile.key.encrypt_category(KeyEntry::CATEGORY),
            name: profile.key.encrypt_name(name),
        }
    }
}

/// A row as it is stored.
pub(super) struct StoredRow {
    pub slot: Slot,
    pub value: Vec<u8>,
    pub tags: Vec<EncryptedTag>,
    pub facets: Option<StoredFacets>,
    pub plain: Plain,
}

/// What the caches learn from a change once it is committed.
pub(super) enum Plain {
    /// This record is now so.
    Row(Arc<Row>),
    /// This record has changed or is gone.
    NoRow(RowKey),
    /// This key entry has changed, is gone, or may have been there before.
    NoKey(String),
}

impl Plain {
    pub fn tell(&self, profile: &Profile) {
        match self {
            Self::Row(row) => profile.rows.changed(&row.key, Some((Arc::clone(row), row_bytes(row)))),
            Self::NoRow(key) => profile.rows.changed(key, None),
            Self::NoKey(name) => profile.keys.changed(name, None),
        }
    }
}

/// The columns of the index table, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredFacets {
    pub scope: i64,
    pub state: Option<i64>,
    pub role: Option<i64>,
    pub connection: Option<i64>,
    pub thread: Option<i64>,
}

impl StoredFacets {
    pub fn of(profile: &Profile, category: &str, facets: &Facets) -> Self {
        let hash =
            |facet, value: &Option<String>| value.as_deref().map(|value| facet_hash(profile, facet, value));
        Self {
            scope: facet_scope(profile, category),
            state: hash(Facet::State, &facets.state),
            role: hash(Facet::Role, &facets.role),
            connection: hash(Facet::Connection, &facets.connection),
            thread: hash(Facet::Thread, &facets.thread),
        }
    }
}

/// Stands for (profile, category) in the index table.
pub(super) fn facet_scope(profile: &Profile, category: &str) -> i64 {
    profile.key.sealing().short_hash("facet scope", category)
}

/// Stands for a value in the index table.
pub(super) fn facet_hash(profile: &Profile, facet: Facet, value: &str) -> i64 {
    let domain = match facet {
        Facet::State => "facet state",
        Facet::Role => "facet role",
        Facet::Connection => "facet connection",
        Facet::Thread => "facet thread",
    };
    profile.key.sealing().short_hash(domain, value)
}

/// Stands for a topic in the events table.
pub(super) fn topic_hash(profile: &Profile, topic: &str) -> i64 {
    profile.key.sealing().short_hash(TOPIC, topic)
}

/// Stands for a lane in the queue table: a lane names a connection, which is nobody's business who reads the database.
pub(super) fn lane_hash(profile: &Profile, lane: &str) -> i64 {
    profile.key.sealing().short_hash(LANE, lane)
}

/// Stands for a target in `chancery_undelivered`.
pub(super) fn target_hash(profile: &Profile, target: &str) -> i64 {
    profile.key.sealing().short_hash(TARGET, target)
}

/// Targets, one a line; after an empty line the trace, if there is one.
fn event_names(targets: &[String], trace: Option<&str>) -> String {
    let mut names = targets.join("\n");
    if let Some(trace) = trace {
        names.push_str("\n\n");
        names.push_str(trace);
    }
    names
}

/// What an event says of its targets and its trace.
pub(super) fn read_event_names(names: &str) -> (impl Iterator<Item = &str>, Option<&str>) {
    let (targets, trace) = match names.split_once("\n\n") {
        Some((targets, trace)) => (targets, Some(trace)),
        None => (names, None),
    };
    (targets.split('\n').filter(|name| !name.is_empty()), trace)
}

/// Stands for an id in the memory table.
pub(super) fn memory_id(profile: &Profile, space: Space, id: &str) -> [u8; 16] {
    profile.key.sealing().hash(space.as_str(), id)
}

/// What is bound to a sealed memory row: a row moved to another place does not open.
pub(super) fn memory_place(space: Space, id: &[u8; 16]) -> Vec<u8> {
    [b"memory ", space.as_str().as_bytes(), b" ", id].concat()
}

/// A guard, encrypted.
pub(super) enum PreparedGuard {
    Version(Slot, [u8; 12]),
    Absent(Slot),
    Unknown { space: Space, id: [u8; 16] },
    Queued { seq: Seq, queue: &'static str },
}

/// A change, encrypted.
pub(super) enum Change {
    Insert(StoredRow),
    Replace(StoredRow),
    Put(StoredRow),
    Remove {
        slot: Slot,
        indexed: bool,
        plain: Plain,
    },
    InsertKey(StoredRow),
    /// Needs the stored secret, so the writer decrypts and encrypts: rare.
    UpdateKey {
        slot: Slot,
        name: String,
        metadata: Option<String>,
        tags: Vec<Tag>,
        nonce: [u8; 12],
    },
    Enqueue {
        queue: &'static str,
        lane: i64,
        due: Timestamp,
        value: Vec<u8>,
    },
    Requeue {
        seq: Seq,
        queue: &'static str,
        due: Timestamp,
        attempts: u32,
    },
    Dequeue(Seq),
    Event {
        id: String,
        topic: i64,
        value: Vec<u8>,
        targets: Vec<i64>,
    },
    Delivered {
        number: i64,
        target: i64,
    },
    Redeliver {
        number: i64,
        target: i64,
    },
    Remember {
        space: Space,
        id: [u8; 16],
        value: Vec<u8>,
        expires: Option<Timestamp>,
    },
    Forget {
        space: Space,
        id: [u8; 16],
    },
}

impl Change {
    /// What the caches must learn when this is committed.
    pub fn tell(&self, profile: &Profile) {
        match self {
            Self::Insert(row) | Self::Replace(row) | Self::Put(row) | Self::InsertKey(row) => {
                row.plain.tell(profile)
            }
            Self::Remove { plain, .. } => plain.tell(profile),
            Self::UpdateKey { name, .. } => profile.keys.changed(name, None),
            _ => {}
        }
    }
}

/// A commit, encrypted. Positions of guards and changes are those of the commit it was made of.
pub(super) struct Prepared {
    pub profile: Arc<Profile>,
    pub now: Timestamp,
    pub guards: Vec<PreparedGuard>,
    pub changes: Vec<Change>,
}

/// Encrypts on behalf of a tenant.
pub(super) struct Preparer<'a> {
    pub profile: &'a Arc<Profile>,
    pub entropy: &'a dyn Entropy,
    pub facets: FacetSource,
    pub now: Timestamp,
}

impl Preparer<'_> {
    pub fn commit(&self, commit: &Commit) -> Result<Prepared, StoreError> {
        Ok(Prepared {
            profile: Arc::clone(self.profile),
            now: self.now,
            guards: commit.guards.iter().map(|guard| self.guard(guard)).collect(),
            changes: self.changes(&commit.ops)?,
        })
    }

    pub fn changes(&self, ops: &[Op]) -> Result<Vec<Change>, StoreError> {
        ops.iter().map(|op| self.change(op)).collect()
    }

    fn guard(&self, guard: &Guard) -> PreparedGuard {
        match guard {
            Guard::Version(key, version) => PreparedGuard::Version(Slot::item(self.profile, key), version.0),
            Guard::Absent(key) => PreparedGuard::Absent(Slot::item(self.profile, key)),
            Guard::Unknown(space, id) => {
                PreparedGuard::Unknown { space: *space, id: memory_id(self.profile, *space, id) }
            }
            Guard::Queued(seq, queue) => PreparedGuard::Queued { seq: *seq, queue: queue.as_str() },
        }
    }

    fn change(&self, op: &Op) -> Result<Change, StoreError> {
        Ok(match op {
            Op::Insert(row) => Change::Insert(self.row(row)?),
            Op::Replace(row) => Change::Replace(self.row(row)?),
            Op::Put(row) => Change::Put(self.row(row)?),
            Op::Remove(key) => Change::Remove {
                slot: Slot::item(self.profile, key),
                indexed: self.facets.covers(&key.category),
                plain: Plain::NoRow(key.clone()),
            },
            Op::InsertKey(key) => Change::InsertKey(StoredRow {
                slot: Slot::key(self.profile, &key.name),
                value: self.profile.key.encrypt_value(
                    KeyEntry::CATEGORY,
                    &key.name,
                    self.nonce(),
                    &KeyEntry::of(key).to_cbor(),
                ),
                tags: KeyEntry::tags(&self.profile.key, key),
                facets: None,
                plain: Plain::NoKey(key.name.clone()),
            }),
            Op::UpdateKey { name, metadata, tags } => Change::UpdateKey {
                slot: Slot::key(self.profile, name),
                name: name.clone(),
                metadata: metadata.clone(),
                tags: tags.clone(),
                nonce: self.nonce(),
            },
            Op::RemoveKey(name) => Change::Remove {
                slot: Slot::key(self.profile, name),
                indexed: false,
                plain: Plain::NoKey(name.clone()),
            },
            Op::Enqueue(item) => Change::Enqueue {
                queue: item.queue.as_str(),
                lane: lane_hash(self.profile, &item.lane),
                due: item.due,
                value: self.seal(PLACE_QUEUE.as_bytes(), &[item.lane.as_bytes(), &item.value]),
            },
            Op::Requeue { seq, queue, due, attempts } => {
                Change::Requeue { seq: *seq, queue: queue.as_str(), due: *due, attempts: *attempts }
            }
            Op::Dequeue(seq) => Change::Dequeue(*seq),
            Op::Event(event) => self.event(event)?,
            Op::Delivered { number, target } => {
                Change::Delivered { number: *number, target: target_hash(self.profile, target) }
            }
            Op::Redeliver { number, target } => {
                Change::Redeliver { number: *number, target: target_hash(self.profile, target) }
            }
            Op::Remember { space, id, value, expires } => {
                let hash = memory_id(self.profile, *space, id);
                Change::Remember {
                    space: *space,
                    id: hash,
                    value: self.seal(&memory_place(*space, &hash), &[id.as_bytes(), value]),
                    expires: *expires,
                }
            }
            Op::Forget(space, id) => {
                Change::Forget { space: *space, id: memory_id(self.profile, *space, id) }
            }
        })
    }

    fn row(&self, row: &NewRow) -> Result<StoredRow, StoreError> {
        let (category, name) = (&row.key.category, &row.key.name);
        let key = &self.profile.key;
        let nonce = self.nonce();
        let plain = Row {
            key: row.key.clone(),
            value: row.value.clone(),
            tags: row.tags.clone(),
            version: Version(nonce),
        };
        Ok(StoredRow {
            slot: Slot::item(self.profile, &row.key),
            value: key.encrypt_value(category, name, nonce, &row.value),
            tags: row.tags.iter().map(|tag| key.encrypt_tag("", tag)).collect(),
            // A record whose facets are unknown gets an empty index row: it has been looked at.
            facets: self.facets.covers(category).then(|| {
                let facets = self.facets.of(category, &row.value).unwrap_or_default();
                StoredFacets::of(self.profile, category, &facets)
            }),
            plain: Plain::Row(Arc::new(plain)),
        })
    }

    fn event(&self, event: &chancery_agent::ports::store::NewEvent) -> Result<Change, StoreError> {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let id = uuid::Builder::from_random_bytes(random).into_uuid().to_string();
        // Names cannot hold a line feed by accident: they would fall apart when read.
        if event.targets.iter().chain(&event.trace).any(|target| target.contains('\n')) {
            return Err(StoreError::Damaged("the id of a webhook target holds a line feed".to_owned()));
        }
        let names = event_names(&event.targets, event.trace.as_deref());
        let targets = event.targets.iter().map(|target| target_hash(self.profile, target)).collect();
        let parts: [&[u8]; 5] = [
            id.as_bytes(),
            event.topic.as_bytes(),
            event.record.as_bytes(),
            &event.payload,
            names.as_bytes(),
        ];
        let value = self.seal(PLACE_EVENT.as_bytes(), &parts);
        Ok(Change::Event { topic: topic_hash(self.profile, &event.topic), id, value, targets })
    }

    fn seal(&self, place: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut nonce = [0; 24];
        self.entropy.fill(&mut nonce);
        self.profile.key.sealing().seal(place, nonce, parts)
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        self.entropy.fill(&mut nonce);
        nonce
    }
}
