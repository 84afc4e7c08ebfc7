//! What certainly isn't in the database: a Bloom filter of all names, tags and remembered ids. Most messages begin something new,
//! and it would take several round trips to be told three times that nothing is known of it.
//!
//! Right because only our writer adds rows: it notes them here before it writes them. Rows from before are counted in small bites
//! once the store is open, and again when the connection was lost (somebody else may have had the wallet meanwhile) or the filter
//! is full, for what goes stays in it. Until that is through, the database is asked.

use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::rows::{RowId, head};
use super::batch::{Batch, MemoryId};
use super::server::Link;

/// Bits of the smallest filter: 1 MiB. Grows with the wallet.
const LEAST: usize = 1 << 23;
/// Bits for an entry: one in 40 that is absent is looked up nevertheless.
const BITS: usize = 8;
/// Bits set for an entry.
const PROBES: u64 = 4;
/// Rows counted in one bite.
const BITE: i64 = 2_000;

/// Something that may be in the database.
pub(super) enum Entry<'a> {
    Row(RowId),
    Tag { name: &'a [u8], value: &'a [u8], plaintext: bool },
    Memory { profile: i64, space: &'a str, id: &'a [u8] },
}

impl<'a> Entry<'a> {
    pub fn of((profile, space, id): &'a MemoryId) -> Self {
        Self::Memory { profile: *profile, space, id }
    }

    fn hash(&self) -> u64 {
        // Without a secret: names and tags are keyed hashes already, and nobody gains more than a look-up from a collision.
        let mut hasher = std::hash::DefaultHasher::new();
        match self {
            Self::Row((profile, kind, category, name)) => {
                (0_u8, profile, kind, category, name).hash(&mut hasher)
            }
            // An encrypted value is told by its first bytes, as in Askar's index.
            Self::Tag { name, value, plaintext: false } => (1_u8, head(name), head(value)).hash(&mut hasher),
            Self::Tag { name, value, plaintext: true } => (2_u8, head(name), value).hash(&mut hasher),
            Self::Memory { profile, space, id } => (3_u8, profile, space, id).hash(&mut hasher),
        }
        hasher.finish()
    }
}

struct Filter {
    words: Vec<u64>,
    entries: usize,
}

impl Filter {
    fn new(entries: usize) -> Self {
        let bits = (entries * BITS).next_power_of_two().max(LEAST);
        Self { words: vec![0; bits / 64], entries: 0 }
    }

    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let (mask, step) = (self.words.len() as u64 * 64 - 1, hash.rotate_left(32) | 1);
        (0..PROBES).map(move |probe| {
            let bit = hash.wrapping_add(probe.wrapping_mul(step)) & mask;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn add(&mut self, hash: u64) {
        let mut new = false;
        for (word, bit) in self.places(hash) {
            new |= self.words[word] & bit == 0;
            self.words[word] |= bit;
        }
        self.entries += usize::from(new);
    }

    fn has(&self, hash: u64) -> bool {
        self.places(hash).all(|(word, bit)| self.words[word] & bit != 0)
    }

    fn full(&self) -> bool {
        self.entries * BITS > self.words.len() * 64
    }
}

/// What is counted next: the rows of a table behind an id.
#[derive(Clone)]
enum Place {
    Items(i64),
    Tags(i64),
    Memory(i64, String, Vec<u8>),
}

struct State {
    /// Complete.
    filter: Option<Filter>,
    /// On its way to be complete.
    next: Option<(Filter, Place)>,
}

pub(super) struct Absent(Mutex<State>);

impl Default for Absent {
    fn default() -> Self {
        Self(Mutex::new(State { filter: None, next: Some((Filter::new(0), Place::Items(0))) }))
    }
}

impl Absent {
    /// Certainly not there. `false`: ask.
    pub fn lacks(&self, entry: &Entry<'_>) -> bool {
        self.state().filter.as_ref().is_some_and(|filter| !filter.has(entry.hash()))
    }

    /// Notes what a batch may add.
    pub fn learn(&self, batch: &Batch<'_>) {
        let mut hashes = Vec::new();
        for (id, held) in &batch.rows {
            if let Some(written) = held.as_ref().and_then(|held| held.written.as_ref()) {
                hashes.push(Entry::Row(*id).hash());
                for tag in written.tags.iter() {
                    let (name, value, plaintext) = (&tag.name[..], &tag.value[..], tag.plaintext);
                    hashes.push(Entry::Tag { name, value, plaintext }.hash());
                }
            }
        }
        let kept = batch.memory.iter().filter(|(_, content)| content.is_some());
        hashes.extend(kept.map(|(id, _)| Entry::of(id).hash()));
        self.state().add(&hashes);
    }

    /// Nothing is certain any more: count again.
    pub fn forget(&self) {
        *self.state() = State { filter: None, next: Some((Filter::new(0), Place::Items(0))) };
    }

    /// Whether there is something to count.
    pub fn counting(&self) -> bool {
        self.state().next.is_some()
    }

    /// Counts the next rows. Only the writer may, between its batches.
    pub async fn count(&self, link: &Link) -> Result<(), tokio_postgres::Error> {
        let Some(place) = self.state().next.as_ref().map(|(_, place)| place.clone()) else { return Ok(()) };
        let (hashes, then) = bite(link, place).await?;
        let mut state = self.state();
        if let Some((filter, place)) = &mut state.next {
            hashes.iter().for_each(|hash| filter.add(*hash));
            match then {
                Some(then) => *place = then,
                None => state.complete(),
            }
        }
        state.make_room();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, hashes: &[u64]) {
        let filters = self.filter.iter_mut().chain(self.next.iter_mut().map(|(filter, _)| filter));
        filters.for_each(|filter| hashes.iter().for_each(|hash| filter.add(*hash)));
        self.make_room();
    }

    fn complete(&mut self) {
        self.filter = self.next.take().map(|(filter, _)| filter);
    }

    /// A full filter says too often that something may be there.
    fn make_room(&mut self) {
        let wanted = match (&self.filter, &self.next) {
            (_, Some((next, _))) if next.full() => next.entries * 4,
            // Most of it may be gone: no more than what is there is counted.
            (Some(filter), None) if filter.full() => filter.entries,
            _ => return,
        };
        self.next = Some((Filter::new(wanted), Place::Items(0)));
    }
}

/// Hashes of the next rows, and what comes behind them.
async fn bite(link: &Link, place: Place) -> Result<(Vec<u64>, Option<Place>), tokio_postgres::Error> {
    let (hashes, then) = match place {
        Place::Items(after) => {
            let sql =
                "SELECT id, profile_id, kind::bigint, SUBSTR(category, 1, 12), SUBSTR(name, 1, 12) FROM items
                 WHERE id > $1 ORDER BY id LIMIT $2";
            let found = link.client.query(&link.statement(sql).await?, &[&after, &BITE]).await?;
            let rows = found
                .iter()
                .map(|row| Entry::Row((row.get(1), row.get(2), head(row.get(3)), head(row.get(4)))).hash());
            let then = found.last().map_or(Place::Tags(0), |row| Place::Items(row.get(0)));
            (rows.collect(), Some(then))
        }
        Place::Tags(after) => {
            let sql = "SELECT id, SUBSTR(name, 1, 12), CASE plaintext WHEN 0 THEN SUBSTR(value, 1, 12) ELSE value END, plaintext <> 0
                 FROM items_tags WHERE id > $1 ORDER BY id LIMIT $2";
            let found = link.client.query(&link.statement(sql).await?, &[&after, &BITE]).await?;
            let tags = found
                .iter()
                .map(|row| Entry::Tag { name: row.get(1), value: row.get(2), plaintext: row.get(3) }.hash());
            let then = found
                .last()
                .map_or_else(|| Place::Memory(0, String::new(), Vec::new()), |row| Place::Tags(row.get(0)));
            (tags.collect(), Some(then))
        }
        Place::Memory(profile, space, id) => {
            let sql =
                "SELECT profile, space, id FROM chancery_memory WHERE (profile, space, id) > ($1, $2, $3)
                 ORDER BY profile, space, id LIMIT $4";
            let found =
                link.client.query(&link.statement(sql).await?, &[&profile, &space, &id, &BITE]).await?;
            let ids = found
                .iter()
                .map(|row| Entry::Memory { profile: row.get(0), space: row.get(1), id: row.get(2) }.hash());
            (ids.collect(), found.last().map(|row| Place::Memory(row.get(0), row.get(1), row.get(2))))
        }
    };
    Ok((hashes, then))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> Entry<'static> {
        Entry::Row((number, 2, [1; 12], [2; 12]))
    }

    #[test]
    fn what_was_added_is_never_absent_and_little_else_is_taken_to_be_there() {
        let mut filter = Filter::new(100_000);
        let mut added = 0;
        while !filter.full() {
            filter.add(row(added).hash());
            added += 1;
        }
        assert!((0..added).all(|number| filter.has(row(number).hash())));
        let wrong = (added..added + 100_000).filter(|number| filter.has(row(*number).hash())).count();
        assert!(wrong < 4_000, "{wrong} of 100,000");
    }
}
