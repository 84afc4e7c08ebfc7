//! What the writer remembers of rows, so that it need not look them up.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::format::EncryptedTag;
use super::prepared::Slot;

/// Rows per generation: 32 768 of about 100 bytes.
const GENERATION: usize = 32_768;

/// A row as the database holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownRow {
    /// `items.id`. Reused by SQLite after a deletion, so an entry goes with its row.
    pub id: i64,
    /// First bytes of the stored value.
    pub version: [u8; 12],
    /// [`digest`] of its tags, where known.
    pub tags: Option<[u8; 16]>,
}

/// Known rows: two generations, the older of which is dropped when the younger is full. Right only while nobody
/// else writes the file, and emptied whenever a transaction is rolled back.
#[derive(Default)]
pub(super) struct KnownRows {
    young: HashMap<RowId, KnownRow>,
    old: HashMap<RowId, KnownRow>,
}

/// Profile, kind and the nonces of category and name, which are HMACs of both.
pub(super) type RowId = (i64, i64, [u8; 12], [u8; 12]);

impl KnownRows {
    pub fn get(&mut self, slot: &Slot) -> Option<KnownRow> {
        let id = row_id(slot);
        if let Some(known) = self.young.get(&id) {
            return Some(*known);
        }
        let known = self.old.remove(&id)?;
        self.insert(id, known);
        Some(known)
    }

    pub fn put(&mut self, slot: &Slot, known: KnownRow) {
        self.insert(row_id(slot), known);
    }

    pub fn forget(&mut self, slot: &Slot) {
        let id = row_id(slot);
        self.young.remove(&id);
        self.old.remove(&id);
    }

    pub fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn insert(&mut self, id: RowId, known: KnownRow) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        // An older copy must not come back once the younger is gone.
        self.old.remove(&id);
        self.young.insert(id, known);
    }
}

pub(super) fn row_id(slot: &Slot) -> RowId {
    (slot.profile, slot.kind, head(&slot.category), head(&slot.name))
}

pub(super) fn head(stored: &[u8]) -> [u8; 12] {
    let mut head = [0; 12];
    let length = stored.len().min(12);
    head[..length].copy_from_slice(&stored[..length]);
    head
}

/// The same for the same tags in any order.
pub(super) fn digest(tags: &[EncryptedTag]) -> [u8; 16] {
    let mut ordered: Vec<_> =
        tags.iter().map(|tag| (tag.name.as_ref(), tag.value.as_slice(), tag.plaintext)).collect();
    ordered.sort_unstable();
    let mut hash = Sha256::new();
    for (name, value, plaintext) in ordered {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value);
        hash.update([u8::from(plaintext)]);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}
