//! Guards and changes of one commit, inside the writer's transaction.

use chancery_agent::ports::store::Committed;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::absent::Entry;
use super::super::format::{EncryptedTag, KeyEntry, ProfileKey};
use super::super::prepared::{
    Change, Plain, Prepared, PreparedGuard, Slot, StoredFacets, StoredRow, event_row, queue_row,
};
use super::super::rows::{KnownRow, KnownRows, digest, head, row_id};
use super::counting::Absent;

/// Why a commit stopped.
#[derive(Debug)]
pub(super) enum Halt {
    /// This guard does not hold. Nothing was written.
    Guard(usize),
    /// This change cannot be made. Earlier changes of the commit are in the transaction: roll back.
    Change(usize),
    /// A known row is not as it was known: somebody else has written. Roll back and forget what is known.
    Stale,
    /// A stored key entry cannot be changed, for this reason. Roll back.
    Damaged(String),
    /// SQLite failed. Roll back.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Halt {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

enum Made {
    Yes,
    No,
}

/// Applies commits to the open transaction of a connection.
pub(super) struct Applier<'a> {
    pub conn: &'a Connection,
    pub rows: &'a mut KnownRows,
    pub absent: &'a Absent,
}

impl Applier<'_> {
    pub fn commit(&mut self, prepared: &Prepared) -> Result<Committed, Halt> {
        for (position, guard) in prepared.guards.iter().enumerate() {
            if !self.holds(prepared, guard)? {
                return Err(Halt::Guard(position));
            }
        }
        let mut given = Committed::default();
        for (position, change) in prepared.changes.iter().enumerate() {
            if let Made::No = self.change(prepared, change, &mut given)? {
                return Err(Halt::Change(position));
            }
        }
        Ok(given)
    }

    fn holds(&mut self, prepared: &Prepared, guard: &PreparedGuard) -> Result<bool, Halt> {
        Ok(match guard {
            PreparedGuard::Version(slot, version) => {
                self.locate(slot)?.is_some_and(|known| known.version == *version)
            }
            PreparedGuard::Absent(slot) => self.locate(slot)?.is_none(),
            PreparedGuard::Unknown { space, id }
                if self.absent.lacks(&Entry::remembered(&(prepared.profile.id, space.as_str(), *id))) =>
            {
                true
            }
            PreparedGuard::Unknown { space, id } => !self
                .conn
                .prepare_cached(
                    "SELECT 1 FROM chancery_memory WHERE profile = ?1 AND space = ?2 AND id = ?3
                     AND (expires IS NULL OR expires > ?4)",
                )?
                .exists(params![prepared.profile.id, space.as_str(), id, prepared.now.0])?,
            PreparedGuard::Queued { seq, queue } => self
                .conn
                .prepare_cached(
                    "SELECT 1 FROM chancery_queue WHERE seq = ?1 AND profile = ?2 AND queue = ?3",
                )?
                .exists(params![seq, prepared.profile.id, queue])?,
        })
    }

    fn change(&mut self, prepared: &Prepared, change: &Change, given: &mut Committed) -> Result<Made, Halt> {
        let profile = prepared.profile.id;
        match change {
            Change::Insert(row) => return self.insert(row),
            Change::Replace(row) => {
                return match self.locate(&row.slot)? {
                    Some(known) => self.replace(row, known),
                    None => Ok(Made::No),
                };
            }
            Change::Put(row) => {
                return match self.locate(&row.slot)? {
                    Some(known) => self.replace(row, known),
                    None => self.insert(row),
                };
            }
            Change::Remove { slot, indexed, .. } => self.remove(slot, *indexed)?,
            Change::InsertKey(row) => {
                self.insert(row)?;
            }
            Change::UpdateKey { slot, name, metadata, tags, nonce } => {
                let Some(known) = self.locate(slot)? else { return Ok(Made::No) };
                let key = &prepared.profile.key;
                let (value, kept) = self.key_with_metadata(key, known.id, name, metadata, *nonce)?;
                let mut tags = KeyEntry::user_tags(key, tags);
                tags.extend(kept);
                let plain = Plain::NoKey(name.clone());
                return self
                    .replace(&StoredRow { slot: slot.clone(), value, tags, facets: None, plain }, known);
            }
            Change::Enqueue { queue, lane, due, value } => {
                let seq = self.next_number("chancery_queue")?;
                let value = prepared.profile.key.sealing().bind(queue_row(profile, seq), value);
                self.conn
                    .prepare_cached(
                        "INSERT INTO chancery_queue (seq, profile, queue, due, created, attempts, value, lane_hash)
                         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7)",
                    )?
                    .execute(params![seq, profile, queue, due.0, prepared.now.0, value, lane])?;
                given.items.push(seq);
            }
            Change::Requeue { seq, queue, due, attempts } => {
                self.conn
                    .prepare_cached(
                        "UPDATE chancery_queue SET queue = ?3, due = ?4, attempts = ?5
                         WHERE seq = ?1 AND profile = ?2",
                    )?
                    .execute(params![seq, profile, queue, due.0, attempts])?;
            }
            Change::Dequeue(seq) => {
                self.conn
                    .prepare_cached("DELETE FROM chancery_queue WHERE seq = ?1 AND profile = ?2")?
                    .execute(params![seq, profile])?;
            }
            Change::Event { id, topic, value, targets } => {
                let number = self.next_number("chancery_events")?;
                let value = prepared.profile.key.sealing().bind(event_row(profile, number), value);
                self.conn
                    .prepare_cached(
                        "INSERT INTO chancery_events (number, profile, topic, created, value)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![number, profile, topic, prepared.now.0, value])?;
                for target in targets {
                    self.await_delivery(number, *target)?;
                }
                given.events.push((number, id.clone()));
            }
            Change::Delivered { number, target } => {
                self.conn
                    .prepare_cached("DELETE FROM chancery_undelivered WHERE number = ?1 AND target = ?2")?
                    .execute(params![number, target])?;
            }
            Change::Redeliver { number, target } => {
                let kept = self
                    .conn
                    .prepare_cached("SELECT 1 FROM chancery_events WHERE number = ?1 AND profile = ?2")?
                    .exists(params![number, profile])?;
                if kept {
                    self.await_delivery(*number, *target)?;
                }
            }
            Change::Remember { space, id, value, expires } => {
                self.absent.learn(&[Entry::remembered(&(profile, space.as_str(), *id)).hash()]);
                self.conn
                    .prepare_cached(
                        "INSERT OR REPLACE INTO chancery_memory (profile, space, id, expires, value)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![profile, space.as_str(), id, expires.map(|at| at.0), value])?;
            }
            Change::Forget { space, id } => {
                self.conn
                    .prepare_cached(
                        "DELETE FROM chancery_memory WHERE profile = ?1 AND space = ?2 AND id = ?3",
                    )?
                    .execute(params![profile, space.as_str(), id])?;
            }
        }
        Ok(Made::Yes)
    }

    /// The row in a slot. A row that has expired (another program's) is removed: it is invisible, but would be in the way.
    fn locate(&mut self, slot: &Slot) -> Result<Option<KnownRow>, Halt> {
        if let Some(known) = self.rows.get(slot) {
            return Ok(Some(known));
        }
        if self.absent.lacks(&Entry::Row(row_id(slot))) {
            return Ok(None);
        }
        let found = self
            .conn
            .prepare_cached(
                "SELECT id, SUBSTR(value, 1, 12), expiry IS NOT NULL AND DATETIME(expiry) <= DATETIME('now')
                 FROM items WHERE profile_id = ?1 AND kind = ?2 AND category = ?3 AND name = ?4",
            )?
            .query_row(params![slot.profile, slot.kind, slot.category, slot.name], |row| {
                let known =
                    KnownRow { id: row.get(0)?, version: head(row.get_ref(1)?.as_bytes()?), tags: None };
                Ok((known, row.get::<_, bool>(2)?))
            })
            .optional()?;
        match found {
            Some((known, true)) => {
                self.delete(known.id, true)?;
                Ok(None)
            }
            Some((known, false)) => {
                self.rows.put(slot, known);
                Ok(Some(known))
            }
            None => Ok(None),
        }
    }

    fn insert(&mut self, row: &StoredRow) -> Result<Made, Halt> {
        if self.rows.get(&row.slot).is_some() {
            return Ok(Made::No);
        }
        let slot = &row.slot;
        self.absent.learn(&[Entry::Row(row_id(slot)).hash()]);
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO items (profile_id, kind, category, name, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
        )?;
        let values = params![slot.profile, slot.kind, slot.category, slot.name, row.value];
        if insert.execute(values)? == 0 && (self.locate(slot)?.is_some() || insert.execute(values)? == 0) {
            return Ok(Made::No);
        }
        let id = self.conn.last_insert_rowid();
        for tag in &row.tags {
            self.insert_tag(id, tag)?;
        }
        self.index(id, row)?;
        self.rows.put(slot, KnownRow { id, version: head(&row.value), tags: Some(digest(&row.tags)) });
        Ok(Made::Yes)
    }

    fn replace(&mut self, row: &StoredRow, known: KnownRow) -> Result<Made, Halt> {
        let changed = self
            .conn
            .prepare_cached(
                "UPDATE items SET value = ?2, expiry = NULL WHERE id = ?1 AND SUBSTR(value, 1, 12) = ?3",
            )?
            .execute(params![known.id, row.value, known.version])?;
        if changed == 0 {
            return Err(Halt::Stale);
        }
        let tags = digest(&row.tags);
        if known.tags != Some(tags) {
            self.replace_tags(known.id, &row.tags)?;
        }
        self.index(known.id, row)?;
        self.rows.put(&row.slot, KnownRow { version: head(&row.value), tags: Some(tags), ..known });
        Ok(Made::Yes)
    }

    /// Writes the difference only: a tag costs three index entries.
    fn replace_tags(&mut self, item: i64, tags: &[EncryptedTag]) -> Result<(), Halt> {
        let mut missing: Vec<&EncryptedTag> = tags.iter().collect();
        let mut surplus: Vec<i64> = Vec::new();
        let mut select = self
            .conn
            .prepare_cached("SELECT id, name, value, plaintext FROM items_tags WHERE item_id = ?1")?;
        let mut rows = select.query([item])?;
        while let Some(row) = rows.next()? {
            // A plaintext value may come back as text.
            let (name, value) = (bytes(row.get_ref(1)?), bytes(row.get_ref(2)?));
            let plaintext: bool = row.get(3)?;
            let same = |tag: &&EncryptedTag| {
                tag.name.as_ref() == name && tag.value == value && tag.plaintext == plaintext
            };
            match missing.iter().position(same) {
                Some(position) => drop(missing.swap_remove(position)),
                None => surplus.push(row.get(0)?),
            }
        }
        for id in surplus {
            self.conn.prepare_cached("DELETE FROM items_tags WHERE id = ?1")?.execute([id])?;
        }
        for tag in missing {
            self.insert_tag(item, tag)?;
        }
        Ok(())
    }

    fn insert_tag(&self, item: i64, tag: &EncryptedTag) -> Result<(), Halt> {
        self.absent.learn(&[Entry::tag(tag).hash()]);
        self.conn
            .prepare_cached(
                "INSERT INTO items_tags (item_id, name, value, plaintext) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![item, tag.name, tag.value, tag.plaintext])?;
        Ok(())
    }

    fn remove(&mut self, slot: &Slot, indexed: bool) -> Result<(), Halt> {
        if let Some(known) = self.locate(slot)? {
            self.rows.forget(slot);
            if !self.delete(known.id, indexed)? {
                return Err(Halt::Stale);
            }
        }
        Ok(())
    }

    /// Foreign keys are off on this connection, so the tags go by hand.
    fn delete(&self, id: i64, indexed: bool) -> Result<bool, Halt> {
        self.conn.prepare_cached("DELETE FROM items_tags WHERE item_id = ?1")?.execute([id])?;
        if indexed {
            self.conn.prepare_cached("DELETE FROM chancery_index WHERE item = ?1")?.execute([id])?;
        }
        Ok(self.conn.prepare_cached("DELETE FROM items WHERE id = ?1")?.execute([id])? == 1)
    }

    fn index(&self, id: i64, row: &StoredRow) -> Result<(), Halt> {
        match &row.facets {
            Some(facets) => Ok(write_facets(self.conn, id, &head(&row.value), facets)?),
            None => Ok(()),
        }
    }

    /// Apart from the events: an event that is delivered stays as it was written.
    fn await_delivery(&self, number: i64, target: i64) -> Result<(), Halt> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO chancery_undelivered (number, target) VALUES (?1, ?2)")?
            .execute(params![number, target])?;
        Ok(())
    }

    /// The value of a key entry with other metadata, and the tags of it that are not the caller's.
    /// The number that SQLite would give to the next row of one of our tables: the row is bound to it before it is
    /// written. Nobody else writes while our transaction is open.
    fn next_number(&self, table: &str) -> Result<i64, Halt> {
        let mut last = self.conn.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = ?1")?;
        let last: Option<i64> = last.query_row([table], |row| row.get(0)).optional()?;
        Ok(last.unwrap_or(0) + 1)
    }

    fn key_with_metadata(
        &self,
        key: &ProfileKey,
        id: i64,
        name: &str,
        metadata: &Option<String>,
        nonce: [u8; 12],
    ) -> Result<(Vec<u8>, Vec<EncryptedTag>), Halt> {
        let damaged = |error: String| Halt::Damaged(format!("the key entry {name}: {error}"));
        let stored: Vec<u8> = self
            .conn
            .prepare_cached("SELECT value FROM items WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        let cbor = zeroize::Zeroizing::new(
            key.decrypt_value(KeyEntry::CATEGORY, name, &stored)
                .map_err(|error| damaged(error.to_string()))?,
        );
        let entry = KeyEntry::from_cbor(&cbor).map_err(|error| damaged(error.to_string()))?;
        let cbor = entry.with_metadata(metadata.clone()).to_cbor();
        let mut kept = Vec::new();
        let mut select =
            self.conn.prepare_cached("SELECT name, value, plaintext FROM items_tags WHERE item_id = ?1")?;
        let mut rows = select.query([id])?;
        while let Some(row) = rows.next()? {
            let (tag_name, value) = (bytes(row.get_ref(0)?), bytes(row.get_ref(1)?));
            let plaintext = row.get(2)?;
            let tag =
                key.decrypt_tag(tag_name, value, plaintext).map_err(|error| damaged(error.to_string()))?;
            if !KeyEntry::is_user_tag(&tag) {
                kept.push(EncryptedTag { name: tag_name.into(), value: value.to_vec(), plaintext });
            }
        }
        Ok((key.encrypt_value(KeyEntry::CATEGORY, name, nonce, &cbor), kept))
    }
}

/// Writes or overwrites a row of the index table.
pub(super) fn write_facets(
    conn: &Connection,
    item: i64,
    version: &[u8; 12],
    facets: &StoredFacets,
) -> rusqlite::Result<()> {
    let values =
        params![item, facets.scope, version, facets.state, facets.role, facets.connection, facets.thread];
    // A step changes the state and nothing else: naming the other columns would rewrite their index entries.
    let moved = conn
        .prepare_cached(
            "UPDATE chancery_index SET v = ?3, state = ?4
             WHERE item = ?1 AND scope = ?2 AND role IS ?5 AND connection IS ?6 AND thread IS ?7",
        )?
        .execute(values)?;
    if moved == 0 {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO chancery_index (item, scope, v, state, role, connection, thread)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(values)?;
    }
    Ok(())
}

/// The bytes of a blob or text column.
pub(super) fn bytes(value: rusqlite::types::ValueRef<'_>) -> &[u8] {
    value.as_bytes_or_null().ok().flatten().unwrap_or_default()
}
