//! So many at once, per key.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

/// Places by key. A key without any takes no memory.
#[derive(Clone, Debug)]
pub struct Places {
    most: usize,
    hasher: RandomState,
    taken: Arc<Mutex<HashMap<u64, usize>>>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    key: u64,
    taken: Arc<Mutex<HashMap<u64, usize>>>,
}

impl Places {
    /// So many for each key.
    pub fn new(most: usize) -> Self {
        Self { most, hasher: RandomState::new(), taken: Arc::default() }
    }

    /// One of the key's places; `None` when all are taken.
    pub fn take<K: Hash + ?Sized>(&self, key: &K) -> Option<Place> {
        let key = self.hasher.hash_one(key);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { key, taken: self.taken.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let places = Places::new(2);
        let first = places.take("a").unwrap();
        let _second = places.take("a").unwrap();
        assert!(places.take("a").is_none());
        assert!(places.take("b").is_some());
        drop(first);
        assert!(places.take("a").is_some());
        assert_eq!(places.taken.lock().unwrap().len(), 1, "keys without a place are forgotten");
    }
}
