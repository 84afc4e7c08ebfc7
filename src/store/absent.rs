//! What certainly isn't in the database: a Bloom filter of all names, tags and remembered ids. Most messages begin something new,
//! and the database would be asked several times only to say that nothing is known of it.
//!
//! Right because only our writer adds rows: it notes them here before it writes them. Rows from before are counted in small bites
//! once the store is open, and again when somebody else may have written (a lost connection, another program) or the filter is
//! full, for what goes stays in it. Until that is through, the database is asked.

use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chancery_agent::ports::store::Query;

use super::format::EncryptedTag;
use super::profiles::Profile;
use super::rows::{RowId, head};

/// Bits of the smallest filter: 1 MiB. Grows with the wallet.
const LEAST: usize = 1 << 23;
/// Bits for an entry: one in 40 that is absent is looked up nevertheless.
const BITS: usize = 8;
/// Bits set for an entry.
const PROBES: u64 = 4;
/// Something that may be in the database.
pub(super) enum Entry<'a> {
    Row(RowId),
    Tag { name: &'a [u8], value: &'a [u8], plaintext: bool },
    Memory { profile: i64, space: &'a str, id: &'a [u8] },
}

/// An id in the memory table: profile, space, hash.
pub(super) type MemoryId = (i64, &'static str, [u8; 16]);

impl<'a> Entry<'a> {
    pub fn remembered((profile, space, id): &'a MemoryId) -> Self {
        Self::Memory { profile: *profile, space, id }
    }

    pub fn tag(tag: &'a EncryptedTag) -> Self {
        Self::Tag { name: &tag.name, value: &tag.value, plaintext: tag.plaintext }
    }

    pub fn hash(&self) -> u64 {
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

struct State<P> {
    /// Complete.
    filter: Option<Filter>,
    /// On its way to be complete, and what is counted next.
    next: Option<(Filter, P)>,
}

/// `P`: how far a database's rows have been counted; by default from the beginning.
pub(super) struct Absent<P>(Mutex<State<P>>);

impl<P: Clone + Default> Default for Absent<P> {
    fn default() -> Self {
        Self(Mutex::new(State { filter: None, next: Some((Filter::new(0), P::default())) }))
    }
}

impl<P: Clone + Default> Absent<P> {
    /// Certainly not there. `false`: ask.
    pub fn lacks(&self, entry: &Entry<'_>) -> bool {
        self.state().filter.as_ref().is_some_and(|filter| !filter.has(entry.hash()))
    }

    /// Whether certainly no record has one of the tags asked for.
    pub fn lacks_tag_of(&self, profile: &Profile, query: &Query) -> bool {
        let key = &profile.key;
        query.tags.iter().any(|(name, value)| {
            let name = key.encrypt_tag_name(name);
            self.lacks(&Entry::Tag { name: &name, value: &key.encrypt_tag_value(value), plaintext: false })
                && self.lacks(&Entry::Tag { name: &name, value: value.as_bytes(), plaintext: true })
        })
    }

    /// Notes the hashes of what may be added. Before it is: what is there must never be taken to be absent.
    pub fn learn(&self, hashes: &[u64]) {
        let mut state = self.state();
        let State { filter, next } = &mut *state;
        let filters = filter.iter_mut().chain(next.iter_mut().map(|(filter, _)| filter));
        filters.for_each(|filter| hashes.iter().for_each(|hash| filter.add(*hash)));
        state.make_room();
    }

    /// Nothing is certain any more: count again.
    pub fn forget(&self) {
        *self.state() = State { filter: None, next: Some((Filter::new(0), P::default())) };
    }

    /// Stays without certainty until [`Self::forget`].
    pub fn give_up(&self) {
        *self.state() = State { filter: None, next: None };
    }

    /// Whether there is something to count.
    pub fn counting(&self) -> bool {
        self.state().next.is_some()
    }

    /// What is to be counted next. Only the writer may, between its batches.
    pub fn place(&self) -> Option<P> {
        self.state().next.as_ref().map(|(_, place)| place.clone())
    }

    /// The hashes of what was found at [`Self::place`], and what comes behind; `None`: that was all.
    pub fn counted(&self, hashes: &[u64], then: Option<P>) {
        let mut state = self.state();
        if let Some((filter, place)) = &mut state.next {
            hashes.iter().for_each(|hash| filter.add(*hash));
            match then {
                Some(then) => *place = then,
                None => state.complete(),
            }
        }
        state.make_room();
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Default> State<P> {
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
        self.next = Some((Filter::new(wanted), P::default()));
    }
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
