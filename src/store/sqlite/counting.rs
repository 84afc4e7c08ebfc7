//! Which rows the file holds, for the filter of what certainly isn't there. Runs on the writer's connection in small bites.

use rusqlite::{Connection, params};

use super::super::absent::{self, Entry};
use super::super::rows::head;
use super::apply::bytes;

/// Rows counted in one bite: a few milliseconds.
const BITE: i64 = 2_000;

/// What is counted next: the rows of a table behind a key. Of records only the index of names is read.
#[derive(Clone)]
pub(super) enum Place {
    Items(i64, i64, Vec<u8>, Vec<u8>),
    Tags(i64),
    Memory(i64, String, Vec<u8>),
}

impl Default for Place {
    fn default() -> Self {
        Self::Items(0, 0, Vec::new(), Vec::new())
    }
}

pub(super) type Absent = absent::Absent<Place>;

/// Counts the next rows.
pub(super) fn count(absent: &Absent, conn: &Connection) -> rusqlite::Result<()> {
    if let Some(place) = absent.place() {
        let (hashes, then) = bite(conn, place)?;
        absent.counted(&hashes, then);
    }
    Ok(())
}

/// Hashes of the next rows, and what comes behind them.
fn bite(conn: &Connection, place: Place) -> rusqlite::Result<(Vec<u64>, Option<Place>)> {
    let (mut hashes, mut last) = (Vec::new(), None);
    let behind = match place {
        Place::Items(profile, kind, category, name) => {
            let mut statement = conn.prepare_cached(
                "SELECT profile_id, kind, category, name FROM items INDEXED BY ix_items_uniq
                 WHERE (profile_id, kind, category, name) > (?1, ?2, ?3, ?4)
                 ORDER BY profile_id, kind, category, name LIMIT ?5",
            )?;
            let mut rows = statement.query(params![profile, kind, category, name, BITE])?;
            while let Some(row) = rows.next()? {
                let (profile, kind) = (row.get(0)?, row.get(1)?);
                let (category, name) = (bytes(row.get_ref(2)?), bytes(row.get_ref(3)?));
                hashes.push(Entry::Row((profile, kind, head(category), head(name))).hash());
                last = Some(Place::Items(profile, kind, category.to_vec(), name.to_vec()));
            }
            Some(Place::Tags(0))
        }
        Place::Tags(after) => {
            let mut statement = conn.prepare_cached(
                "SELECT id, name, value, plaintext FROM items_tags WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let mut rows = statement.query(params![after, BITE])?;
            while let Some(row) = rows.next()? {
                let (name, value) = (bytes(row.get_ref(1)?), bytes(row.get_ref(2)?));
                hashes.push(Entry::Tag { name, value, plaintext: row.get(3)? }.hash());
                last = Some(Place::Tags(row.get(0)?));
            }
            Some(Place::Memory(0, String::new(), Vec::new()))
        }
        Place::Memory(profile, space, id) => {
            let mut statement = conn.prepare_cached(
                "SELECT profile, space, id FROM chancery_memory WHERE (profile, space, id) > (?1, ?2, ?3)
                 ORDER BY profile, space, id LIMIT ?4",
            )?;
            let mut rows = statement.query(params![profile, space, id, BITE])?;
            while let Some(row) = rows.next()? {
                let (profile, space, id): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
                hashes.push(Entry::Memory { profile, space: &space, id: &id }.hash());
                last = Some(Place::Memory(profile, space, id));
            }
            None
        }
    };
    Ok((hashes, last.or(behind)))
}
