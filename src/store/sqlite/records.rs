//! Reading records and key entries.

use chancery_agent::ports::store::{KeyRow, Query, Row, RowKey, Tag, Version};
use rusqlite::{Connection, params};

use super::super::FacetSource;
use super::super::format::KeyEntry;
use super::super::prepared::Slot;
use super::super::profiles::Profile;
use super::super::rows::head;
use super::apply::bytes;
use super::readers::{Read, ReadError};
use super::select;

/// One row per tag; the value is read from the first. Rows of other programs may expire and are invisible then.
const BY_NAME: &str = "SELECT i.name, i.value, t.plaintext, t.name, t.value, i.expiry IS NULL FROM items i
    LEFT JOIN items_tags t ON t.item_id = i.id
    WHERE i.profile_id = ?1 AND i.kind = ?2 AND i.category = ?3 AND i.name = ?4
    AND (i.expiry IS NULL OR DATETIME(i.expiry) > DATETIME('now'))";
const BY_ID: &str = "SELECT i.name, i.value, t.plaintext, t.name, t.value, i.expiry IS NULL FROM items i
    LEFT JOIN items_tags t ON t.item_id = i.id
    WHERE i.id = ?1 AND (i.expiry IS NULL OR DATETIME(i.expiry) > DATETIME('now'))";

/// The record with this key, and whether it stays until it is changed: rows of other programs may expire.
pub(super) fn get(
    conn: &Connection,
    profile: &Profile,
    slot: &Slot,
    key: &RowKey,
) -> Read<Option<(Row, bool)>> {
    let mut statement = conn.prepare_cached(BY_NAME)?;
    let mut rows = statement.query(params![slot.profile, slot.kind, slot.category, slot.name])?;
    record(profile, &mut rows, |_| Ok(key.clone()))
}

/// The records that match. Wants a snapshot: it takes several statements.
///
/// `indexed` says whether the index table is complete. `Err` is a row of the index that does not fit its record.
pub(super) fn find(
    conn: &Connection,
    profile: &Profile,
    query: &Query,
    facets: FacetSource,
    indexed: bool,
) -> Read<Result<Vec<Row>, WrongIndex>> {
    let chosen = if query.facets.is_empty() {
        select::by_tags(conn, profile, query)?
    } else if query.tags.is_empty() && indexed && facets.covers(&query.category) {
        select::by_index(conn, profile, query)?
    } else {
        select::by_reading(conn, profile, query, facets)?
    };
    let mut found = Vec::with_capacity(chosen.len());
    let mut statement = conn.prepare_cached(BY_ID)?;
    for (id, expected) in chosen {
        let mut rows = statement.query([id])?;
        let row = record(profile, &mut rows, |name| {
            Ok(RowKey { category: query.category.clone(), name: profile.key.decrypt_name(name)? })
        })?;
        // None has expired since it was indexed.
        let Some((row, _)) = row else { continue };
        if expected.is_some_and(|version| row.version != version) {
            return Ok(Err(WrongIndex));
        }
        found.push(row);
    }
    Ok(Ok(found))
}

/// The index says something else than the records.
pub(super) struct WrongIndex;

/// The key entry with this name, and whether it stays until it is changed.
pub(super) fn key(
    conn: &Connection,
    profile: &Profile,
    slot: &Slot,
    name: &str,
) -> Read<Option<(KeyRow, bool)>> {
    let mut statement = conn.prepare_cached(BY_NAME)?;
    let mut rows = statement.query(params![slot.profile, slot.kind, slot.category, slot.name])?;
    let key = RowKey::new(KeyEntry::CATEGORY, name);
    match record(profile, &mut rows, |_| Ok(key))? {
        Some((row, lasting)) => Ok(Some((key_row(row)?, lasting))),
        None => Ok(None),
    }
}

/// The key entries with one of the caller's tags.
pub(super) fn find_keys(conn: &Connection, profile: &Profile, tag: &str, value: &str) -> Read<Vec<KeyRow>> {
    let mut found = Vec::new();
    let mut statement = conn.prepare_cached(BY_ID)?;
    for id in select::keys_by_tag(conn, profile, tag, value)? {
        let mut rows = statement.query([id])?;
        let row = record(profile, &mut rows, |name| {
            Ok(RowKey::new(KeyEntry::CATEGORY, profile.key.decrypt_name(name)?))
        })?;
        if let Some((row, _)) = row {
            found.push(key_row(row)?);
        }
    }
    Ok(found)
}

fn record(
    profile: &Profile,
    rows: &mut rusqlite::Rows<'_>,
    key: impl FnOnce(&[u8]) -> Read<RowKey>,
) -> Read<Option<(Row, bool)>> {
    let Some(first) = rows.next()? else { return Ok(None) };
    let key = key(bytes(first.get_ref(0)?))?;
    let stored = bytes(first.get_ref(1)?);
    let lasting = first.get(5)?;
    let version = Version(head(stored));
    let damaged = |error| ReadError::Damaged(format!("{} {}: {error}", key.category, key.name));
    let value = profile.key.decrypt_value(&key.category, &key.name, stored).map_err(damaged)?;
    let mut tags = Vec::new();
    let mut next = Some(first);
    while let Some(row) = next {
        if let Some(plaintext) = row.get::<_, Option<bool>>(2)? {
            let tag = profile.key.decrypt_tag(bytes(row.get_ref(3)?), bytes(row.get_ref(4)?), plaintext);
            tags.push(tag.map_err(damaged)?);
        }
        next = rows.next()?;
    }
    Ok(Some((Row { key, value, tags, version }, lasting)))
}

fn key_row(row: Row) -> Read<KeyRow> {
    let value = zeroize::Zeroizing::new(row.value);
    let name = row.key.name;
    let tags: Vec<Tag> = row.tags;
    KeyEntry::from_cbor(&value)
        .and_then(|entry| entry.into_row(name.clone(), tags))
        .map_err(|error| ReadError::Damaged(format!("the key entry {name}: {error}")))
}
