//! Rows that were read or written lately, decrypted, so that a step need not read what the step before it wrote.
//!
//! Right because only our writer changes the wallet. It notes every change after the transaction is committed and
//! before anybody is answered, so no row older than an answered commit is ever served. A reader that was overtaken by
//! a commit while it read must not put the old row back: it may fill in only what it read since the last change.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts with a lock each.
const PARTS: usize = 16;

/// Values by key, bounded by the bytes that they hold.
pub(super) struct Cache<K, V> {
    parts: [Mutex<Part<K, V>>; PARTS],
    hasher: RandomState,
    /// Bytes per generation and part.
    room: usize,
}

/// Two generations: the older one is dropped when the younger is full.
struct Part<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    young_bytes: usize,
    /// Grows with every change in this part.
    changes: u64,
}

/// When a reader began: what it read may be kept if nothing has changed since.
#[derive(Clone, Copy)]
pub(super) struct Since(u64);

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// Holds about so many bytes.
    pub fn new(bytes: usize) -> Self {
        let part =
            || Mutex::new(Part { young: HashMap::new(), old: HashMap::new(), young_bytes: 0, changes: 0 });
        Self { parts: std::array::from_fn(|_| part()), hasher: RandomState::new(), room: bytes / PARTS / 2 }
    }

    /// The value, or what [`fill`](Self::fill) needs.
    pub fn get<Q: ?Sized + Eq + Hash>(&self, key: &Q) -> Result<V, Since>
    where
        K: Borrow<Q>,
    {
        let mut part = self.part(key);
        if let Some((value, _)) = part.young.get(key) {
            return Ok(value.clone());
        }
        match part.old.remove_entry(key) {
            // What is used stays.
            Some((key, (value, bytes))) => {
                part.insert(key, value.clone(), bytes, self.room);
                Ok(value)
            }
            None => Err(Since(part.changes)),
        }
    }

    /// Keeps what a reader has read, unless the part was changed meanwhile.
    pub fn fill(&self, key: K, value: V, bytes: usize, since: Since) {
        let mut part = self.part(&key);
        if part.changes == since.0 {
            part.insert(key, value, bytes, self.room);
        }
    }

    /// A committed change: the new value, or that there is none (any more).
    pub fn changed(&self, key: &K, value: Option<(V, usize)>) {
        let mut part = self.part(key);
        part.changes += 1;
        part.remove(key);
        if let Some((value, bytes)) = value {
            part.insert(key.clone(), value, bytes, self.room);
        }
    }

    /// Everything may have changed.
    pub fn clear(&self) {
        for part in &self.parts {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.changes += 1;
            part.young.clear();
            part.old.clear();
            part.young_bytes = 0;
        }
    }

    fn part<Q: ?Sized + Hash>(&self, key: &Q) -> MutexGuard<'_, Part<K, V>> {
        let hash = self.hasher.hash_one(key) as usize;
        self.parts[hash % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Part<K, V> {
    fn insert(&mut self, key: K, value: V, bytes: usize, room: usize) {
        if bytes > room {
            return;
        }
        if self.young_bytes + bytes > room {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.remove(&key);
        self.young.insert(key, (value, bytes));
        self.young_bytes += bytes;
    }

    fn remove(&mut self, key: &K) {
        if let Some((_, bytes)) = self.young.remove(key) {
            self.young_bytes -= bytes;
        }
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_was_overtaken_leaves_nothing() {
        let cache: Cache<String, u32> = Cache::new(1 << 20);
        let since = cache.get("a").unwrap_err();
        cache.changed(&"a".to_owned(), None);
        cache.fill("a".to_owned(), 1, 10, since);
        let since = cache.get("a").unwrap_err();
        cache.fill("a".to_owned(), 2, 10, since);
        assert_eq!(cache.get("a").ok(), Some(2));
        cache.changed(&"a".to_owned(), Some((3, 10)));
        assert_eq!(cache.get("a").ok(), Some(3));
        cache.changed(&"a".to_owned(), None);
        assert!(cache.get("a").is_err());
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let cache: Cache<u32, u32> = Cache::new(PARTS * 2 * 1_000);
        for key in 0..5_000 {
            cache.changed(&key, Some((key, 100)));
            assert_eq!(cache.get(&0).ok(), Some(0));
        }
        // Taking everything along must not make it grow.
        for key in 5_000..6_000 {
            cache.changed(&key, Some((key, 100)));
            for used in key - 400..key {
                let _ = cache.get(&used);
            }
        }
        let kept: usize = cache
            .parts
            .iter()
            .map(|part| {
                let part = part.lock().unwrap();
                part.young.len() + part.old.len()
            })
            .sum();
        assert!(kept <= PARTS * 20, "{kept}");
        cache.changed(&1, Some((1, 5_000)));
        assert!(cache.get(&1).is_err(), "too large for a part");
    }
}
