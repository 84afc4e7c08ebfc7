//! What a batch of commits comes to, decided in memory: we are the only writer, so what the database holds is known once it
//! was read. Each commit happens or does not; what is left to be written is the sum of those that happen. Knows no SQL.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use chancery_agent::ports::store::Committed;

use super::super::absent::MemoryId;
use super::super::format::{EncryptedTag, KeyEntry, ProfileKey};
use super::super::prepared::{
    Change, Prepared, PreparedGuard, Slot, StoredFacets, StoredRow, event_row, queue_row,
};
use super::super::rows::{KnownRow, RowId, head, row_id};

/// Why a commit does not happen. Positions are those in the commit.
#[derive(Debug)]
pub(super) enum No {
    Guard(usize),
    Change(usize),
    Damaged(String),
}

/// Value and tags of a key entry that shall get other metadata.
pub(super) type StoredKey = (Vec<u8>, Vec<EncryptedTag>);
/// Sealed content, and until when.
pub(super) type Remembered<'a> = (&'a [u8], Option<i64>);
/// What the database holds of all that a batch asks for or changes.
#[derive(Default)]
pub(super) struct Facts {
    /// `None`: no such row.
    pub rows: HashMap<RowId, Option<KnownRow>>,
    pub keys: HashMap<RowId, StoredKey>,
    /// Rows of other programs that have expired: invisible, but in the way.
    pub expired: Vec<i64>,
    /// Until when guarded memory rows are remembered.
    pub memory: HashMap<MemoryId, Option<i64>>,
    /// Profile and queue of guarded queue rows.
    pub queued: HashMap<i64, (i64, String)>,
}

/// Numbers that the database has given out to us, in order.
#[derive(Default)]
pub(super) struct Numbers {
    pub items: VecDeque<i64>,
    pub queue: VecDeque<i64>,
    pub events: VecDeque<i64>,
}

/// A row that this batch has written.
#[derive(Clone)]
pub(super) struct Written<'a> {
    pub slot: &'a Slot,
    pub value: Cow<'a, [u8]>,
    pub tags: Cow<'a, [EncryptedTag]>,
    pub facets: Option<StoredFacets>,
}

/// A row as it is after some commits of the batch.
#[derive(Clone)]
pub(super) struct Held<'a> {
    pub id: i64,
    version: [u8; 12],
    /// `None`: as the database has it.
    pub written: Option<Written<'a>>,
}

pub(super) struct QueueRow {
    pub seq: i64,
    pub profile: i64,
    pub queue: &'static str,
    pub lane: i64,
    pub due: i64,
    pub created: i64,
    pub value: Vec<u8>,
}

pub(super) struct EventRow {
    pub number: i64,
    pub profile: i64,
    pub topic: i64,
    pub created: i64,
    pub value: Vec<u8>,
}

/// What becomes of a queue row that was there.
pub(super) enum Fate {
    Moved { queue: &'static str, due: i64, attempts: i64 },
    Gone,
}

/// The sum of the commits that happen.
#[derive(Default)]
pub(super) struct Batch<'a> {
    pub facts: Facts,
    pub rows: HashMap<RowId, Option<Held<'a>>>,
    pub enqueued: Vec<QueueRow>,
    pub fates: BTreeMap<(i64, i64), Fate>,
    pub events: Vec<EventRow>,
    /// Whether (number, target) waits, and of which profile the event is.
    pub undelivered: BTreeMap<(i64, i64), (bool, i64)>,
    /// `None`: forgotten.
    pub memory: HashMap<MemoryId, Option<Remembered<'a>>>,
}

type Overlay<'a> = HashMap<RowId, Option<Held<'a>>>;

impl<'a> Batch<'a> {
    /// Adds a commit, if it happens.
    pub fn add(&mut self, prepared: &'a Prepared, numbers: &mut Numbers) -> Result<Committed, No> {
        if let Some(position) = prepared.guards.iter().position(|guard| !self.holds(prepared, guard)) {
            return Err(No::Guard(position));
        }
        let mut overlay = Overlay::new();
        for (position, change) in prepared.changes.iter().enumerate() {
            if !self.row_change(prepared, change, &mut overlay, numbers)? {
                return Err(No::Change(position));
            }
        }
        self.rows.extend(overlay);
        let mut given = Committed::default();
        for change in &prepared.changes {
            self.side_change(prepared, change, numbers, &mut given);
        }
        Ok(given)
    }

    fn holds(&self, prepared: &Prepared, guard: &PreparedGuard) -> bool {
        match guard {
            PreparedGuard::Version(slot, version) => {
                self.held(&row_id(slot), &Overlay::new()).is_some_and(|held| held.version == *version)
            }
            PreparedGuard::Absent(slot) => self.held(&row_id(slot), &Overlay::new()).is_none(),
            PreparedGuard::Unknown { space, id } => {
                let key = (prepared.profile.id, space.as_str(), *id);
                let expires = match self.memory.get(&key) {
                    Some(Some((_, expires))) => Some(*expires),
                    Some(None) => None,
                    None => self.facts.memory.get(&key).copied(),
                };
                expires.is_none_or(|expires| expires.is_some_and(|at| at <= prepared.now.0))
            }
            PreparedGuard::Queued { seq, queue } => {
                let profile = prepared.profile.id;
                match self.fates.get(&(*seq, profile)) {
                    Some(Fate::Gone) => false,
                    Some(Fate::Moved { queue: moved, .. }) => {
                        self.facts.queued.get(seq).is_some_and(|(owner, _)| *owner == profile)
                            && moved == queue
                    }
                    None => {
                        self.facts.queued.get(seq).is_some_and(|(owner, is)| *owner == profile && is == queue)
                    }
                }
            }
        }
    }

    fn held(&self, id: &RowId, overlay: &Overlay<'a>) -> Option<Held<'a>> {
        if let Some(held) = overlay.get(id).or_else(|| self.rows.get(id)) {
            return held.clone();
        }
        let known = self.facts.rows.get(id).copied().flatten()?;
        Some(Held { id: known.id, version: known.version, written: None })
    }

    /// Whether the change can be made.
    fn row_change(
        &self,
        prepared: &'a Prepared,
        change: &'a Change,
        overlay: &mut Overlay<'a>,
        numbers: &mut Numbers,
    ) -> Result<bool, No> {
        let (slot, row) = match change {
            Change::Insert(row) | Change::Replace(row) | Change::Put(row) | Change::InsertKey(row) => {
                (&row.slot, Some(row))
            }
            Change::Remove { slot, .. } | Change::UpdateKey { slot, .. } => (slot, None),
            _ => return Ok(true),
        };
        let id = row_id(slot);
        let held = self.held(&id, overlay);
        match (change, row, held) {
            (Change::InsertKey(_), _, Some(_)) => {}
            (Change::Insert(_), _, Some(_)) | (Change::Replace(_) | Change::UpdateKey { .. }, _, None) => {
                return Ok(false);
            }
            (Change::Remove { .. }, _, held) => {
                if held.is_some() {
                    overlay.insert(id, None);
                }
            }
            (Change::UpdateKey { name, metadata, tags, nonce, .. }, _, Some(held)) => {
                let key = &prepared.profile.key;
                let (value, mut kept) = {
                    let stored = self.facts.keys.get(&id);
                    let (value, tags): (&[u8], &[EncryptedTag]) = match (&held.written, stored) {
                        (Some(written), _) => (&written.value, &written.tags),
                        (None, Some((value, tags))) => (value, tags),
                        (None, None) => return Ok(false),
                    };
                    with_metadata(key, name, metadata, *nonce, value, tags)
                        .map_err(|error| No::Damaged(format!("the key entry {name}: {error}")))?
                };
                let mut all = KeyEntry::user_tags(key, tags);
                all.append(&mut kept);
                let version = head(&value);
                let written = Written { slot, value: Cow::Owned(value), tags: Cow::Owned(all), facets: None };
                overlay.insert(id, Some(Held { id: held.id, version, written: Some(written) }));
            }
            (_, Some(row), held) => {
                let number = match held {
                    Some(held) => held.id,
                    None => match numbers.items.pop_front() {
                        Some(number) => number,
                        None => return Err(No::Damaged("no number is left for a row".to_owned())),
                    },
                };
                overlay
                    .insert(id, Some(Held { id: number, version: head(&row.value), written: Some(of(row)) }));
            }
            (_, None, _) => {}
        }
        Ok(true)
    }

    fn side_change(
        &mut self,
        prepared: &'a Prepared,
        change: &'a Change,
        numbers: &mut Numbers,
        given: &mut Committed,
    ) {
        let profile = prepared.profile.id;
        match change {
            Change::Enqueue { queue, lane, due, value } => {
                let Some(seq) = numbers.queue.pop_front() else { return };
                let (due, created) = (due.0, prepared.now.0);
                let value = prepared.profile.key.sealing().bind(queue_row(profile, seq), value);
                self.enqueued.push(QueueRow { seq, profile, queue, lane: *lane, due, created, value });
                given.items.push(seq);
            }
            Change::Requeue { seq, queue, due, attempts } => {
                let fate = Fate::Moved { queue, due: due.0, attempts: i64::from(*attempts) };
                let before = self.fates.entry((*seq, profile));
                before
                    .and_modify(|before| {
                        if !matches!(before, Fate::Gone) {
                            *before = Fate::Moved { queue, due: due.0, attempts: i64::from(*attempts) };
                        }
                    })
                    .or_insert(fate);
            }
            Change::Dequeue(seq) => drop(self.fates.insert((*seq, profile), Fate::Gone)),
            Change::Event { id, topic, value, targets } => {
                let Some(number) = numbers.events.pop_front() else { return };
                let value = prepared.profile.key.sealing().bind(event_row(profile, number), value);
                self.events.push(EventRow { number, profile, topic: *topic, created: prepared.now.0, value });
                for target in targets {
                    self.undelivered.insert((number, *target), (true, profile));
                }
                given.events.push((number, id.clone()));
            }
            Change::Delivered { number, target } => {
                self.undelivered.insert((*number, *target), (false, profile));
            }
            Change::Redeliver { number, target } => {
                self.undelivered.insert((*number, *target), (true, profile));
            }
            Change::Remember { space, id, value, expires } => {
                self.memory
                    .insert((profile, space.as_str(), *id), Some((value.as_slice(), expires.map(|at| at.0))));
            }
            Change::Forget { space, id } => drop(self.memory.insert((profile, space.as_str(), *id), None)),
            _ => {}
        }
    }
}

fn of(row: &StoredRow) -> Written<'_> {
    Written {
        slot: &row.slot,
        value: Cow::Borrowed(&row.value),
        tags: Cow::Borrowed(&row.tags),
        facets: row.facets,
    }
}

/// The value of a key entry with other metadata, and the tags of it that are not the caller's.
fn with_metadata(
    key: &ProfileKey,
    name: &str,
    metadata: &Option<String>,
    nonce: [u8; 12],
    stored: &[u8],
    tags: &[EncryptedTag],
) -> Result<StoredKey, String> {
    let cbor = key.decrypt_value(KeyEntry::CATEGORY, name, stored).map_err(|error| error.to_string())?;
    let cbor = zeroize::Zeroizing::new(cbor);
    let entry = KeyEntry::from_cbor(&cbor).map_err(|error| error.to_string())?;
    let cbor = entry.with_metadata(metadata.clone()).to_cbor();
    let mut kept = Vec::new();
    for stored in tags {
        let tag = key.decrypt_tag(&stored.name, &stored.value, stored.plaintext);
        if !KeyEntry::is_user_tag(&tag.map_err(|error| error.to_string())?) {
            kept.push(stored.clone());
        }
    }
    Ok((key.encrypt_value(KeyEntry::CATEGORY, name, nonce, &cbor), kept))
}

/// What must be known, and how many numbers may be needed, before a batch can be decided.
#[derive(Default)]
pub(super) struct Needs<'a> {
    pub rows: HashMap<RowId, &'a Slot>,
    pub keys: HashMap<RowId, &'a Slot>,
    pub memory: HashSet<MemoryId>,
    pub queued: HashSet<i64>,
    pub items: usize,
    pub queue: usize,
    pub events: usize,
}

impl<'a> Needs<'a> {
    pub fn add(&mut self, prepared: &'a Prepared) {
        for guard in &prepared.guards {
            match guard {
                PreparedGuard::Version(slot, _) | PreparedGuard::Absent(slot) => {
                    self.rows.insert(row_id(slot), slot);
                }
                PreparedGuard::Unknown { space, id } => {
                    self.memory.insert((prepared.profile.id, space.as_str(), *id));
                }
                PreparedGuard::Queued { seq, .. } => drop(self.queued.insert(*seq)),
            }
        }
        for change in &prepared.changes {
            match change {
                Change::Insert(row) | Change::Put(row) | Change::InsertKey(row) => {
                    self.items += 1;
                    self.rows.insert(row_id(&row.slot), &row.slot);
                }
                Change::Replace(row) => drop(self.rows.insert(row_id(&row.slot), &row.slot)),
                Change::Remove { slot, .. } => drop(self.rows.insert(row_id(slot), slot)),
                Change::UpdateKey { slot, .. } => {
                    self.rows.insert(row_id(slot), slot);
                    self.keys.insert(row_id(slot), slot);
                }
                Change::Enqueue { .. } => self.queue += 1,
                Change::Event { .. } => self.events += 1,
                _ => {}
            }
        }
    }
}
