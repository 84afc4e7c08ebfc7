use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};

use chancery_did::key::{KeyError, PublicKey, SecretKey};

use super::boxes::{self, BoxKey};

/// X25519 secrets that were computed before, one per pair (my key, their key): a lookup instead of a scalar
/// multiplication for every message after the first. Bounded; secrets are wiped when they leave.
///
/// Two generations: what was not used while the younger half filled up is forgotten.
pub struct SharedSecrets {
    generations: Mutex<Generations>,
    capacity: usize,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Pair, Entry>,
    old: HashMap<Pair, Entry>,
}

/// Raw Ed25519 (or X25519) public keys: mine, theirs.
type Pair = ([u8; 32], [u8; 32]);

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: BoxKey,
    /// Their key with what was computed from it (its curve point, the X25519 form): sealing needs that too.
    pub(super) their: PublicKey,
}

impl SharedSecrets {
    /// A cache for at most `capacity` pairs (about 250 bytes each). 0 keeps nothing.
    pub fn new(capacity: usize) -> Self {
        Self { generations: Mutex::default(), capacity }
    }

    /// Forget all secrets, for instance when a wallet is closed.
    pub fn clear(&self) {
        *self.generations.lock().unwrap_or_else(PoisonError::into_inner) = Generations::default();
    }

    /// How many secrets are held.
    pub fn len(&self) -> usize {
        let held = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        held.young.len() + held.old.len()
    }

    /// Whether no secret is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The secret, computed if it is not there. It is not remembered before [`remember`](Self::remember): an
    /// envelope that turns out to be forged must not push others out.
    pub(super) fn find(&self, mine: &SecretKey, their: &PublicKey) -> Result<(Entry, bool), KeyError> {
        let pair = pair(mine, their);
        if let Some(pair) = pair {
            let mut held = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = held.young.get(&pair) {
                return Ok((entry.clone(), true));
            }
            if let Some(entry) = held.old.remove(&pair) {
                held.insert(pair, entry.clone(), self.capacity);
                return Ok((entry, true));
            }
        }
        Ok((Entry { key: boxes::box_key(mine, their)?, their: their.clone() }, false))
    }

    pub(super) fn remember(&self, mine: &SecretKey, their: &PublicKey, entry: Entry) {
        if let (Some(pair), true) = (pair(mine, their), self.capacity > 0) {
            let mut held = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
            held.insert(pair, entry, self.capacity);
        }
    }
}

impl Generations {
    fn insert(&mut self, pair: Pair, entry: Entry, capacity: usize) {
        if self.young.len() >= capacity.div_ceil(2) && !self.young.contains_key(&pair) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(pair, entry);
    }
}

fn pair(mine: &SecretKey, their: &PublicKey) -> Option<Pair> {
    Some((mine.as_public().bytes().try_into().ok()?, their.bytes().try_into().ok()?))
}

impl Default for SharedSecrets {
    /// 4096 pairs, about 1 MB.
    fn default() -> Self {
        Self::new(4096)
    }
}

impl fmt::Debug for SharedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecrets").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_did::key::KeyType;

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let secrets = SharedSecrets::new(8);
        let mine = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
        let their = |n: u8| SecretKey::from_seed(KeyType::Ed25519, &[n; 32]).unwrap().public();
        for n in 2..60 {
            let (entry, known) = secrets.find(&mine, &their(n)).unwrap();
            assert!(!known);
            secrets.remember(&mine, &their(n), entry);
            assert!(secrets.find(&mine, &their(2)).unwrap().1, "used between, so still there");
            assert!(secrets.len() <= 8);
        }
        assert!(!secrets.find(&mine, &their(3)).unwrap().1);
        secrets.clear();
        assert!(secrets.is_empty());
    }

    #[test]
    fn no_capacity_keeps_nothing() {
        let secrets = SharedSecrets::new(0);
        let mine = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
        let (entry, _) = secrets.find(&mine, mine.as_public()).unwrap();
        secrets.remember(&mine, mine.as_public(), entry);
        assert!(secrets.is_empty());
    }
}
