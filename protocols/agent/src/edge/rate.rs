//! So many in a time, per key.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ports::Timestamp;

/// So many in so much time. All of them may come at once; then one more each `per / count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; not 0.
    pub count: u32,
    /// In this time; not 0.
    pub per: Duration,
}

/// Keys that are remembered, in each of two generations. Who makes up more keys than this to be forgotten gets no more
/// through than one key each would.
const KEYS: usize = 65_536;

/// Admits by key. Takes no more memory however many keys there are.
#[derive(Debug)]
pub struct Limiter {
    /// Microseconds that one takes.
    each: i64,
    /// Microseconds of which a key that was idle may be ahead.
    burst: i64,
    hasher: RandomState,
    /// When each key has used up what it took; this generation and the one before.
    until: Mutex<[HashMap<u64, i64>; 2]>,
}

impl Limiter {
    /// Admits at this rate.
    pub fn new(rate: Rate) -> Self {
        let burst = i64::try_from(rate.per.as_micros()).unwrap_or(i64::MAX / 4).max(1);
        let each = (burst / i64::from(rate.count.max(1))).max(1);
        Self { each, burst, hasher: RandomState::new(), until: Mutex::default() }
    }

    /// Lets one of this key through, or says after which time it may try again.
    pub fn admit<K: Hash + ?Sized>(&self, key: &K, now: Timestamp) -> Result<(), Duration> {
        let key = self.hasher.hash_one(key);
        let mut generations = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        let known = young.get(&key).or_else(|| old.get(&key)).copied().unwrap_or(now.0);
        // A clock that was set back must not shut anybody out for longer than a burst.
        let until = known.clamp(now.0, now.0.saturating_add(self.burst));
        let wait = until - now.0 - (self.burst - self.each);
        if wait > 0 {
            return Err(Duration::from_micros(wait.unsigned_abs()));
        }
        if young.len() >= KEYS && !young.contains_key(&key) {
            *old = std::mem::take(young);
        }
        young.insert(key, until + self.each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn limiter(count: u32, seconds: u64) -> Limiter {
        Limiter::new(Rate { count, per: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limiter = limiter(5, 10);
        let at = |micros: i64| limiter.admit("a", Timestamp(micros));
        for _ in 0..5 {
            assert_eq!(at(0), Ok(()));
        }
        assert_eq!(at(0), Err(Duration::from_secs(2)));
        assert_eq!(at(SECOND), Err(Duration::from_secs(1)), "a refusal costs nothing");
        assert_eq!(at(2 * SECOND), Ok(()));
        assert_eq!(at(2 * SECOND), Err(Duration::from_secs(2)));
        assert_eq!(limiter.admit("b", Timestamp(0)), Ok(()), "another key is not held up");
        for _ in 0..5 {
            assert_eq!(at(100 * SECOND), Ok(()), "what was not used is not added up beyond the burst");
        }
        assert!(at(100 * SECOND).is_err());
    }

    #[test]
    fn a_clock_set_back_shuts_nobody_out_for_long() {
        let limiter = limiter(1, 10);
        assert_eq!(limiter.admit("a", Timestamp(1_000_000 * SECOND)), Ok(()));
        assert_eq!(limiter.admit("a", Timestamp(0)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = limiter(1, 1_000_000);
        for key in 0..3 * KEYS {
            assert_eq!(limiter.admit(&key, Timestamp(0)), Ok(()));
        }
        assert!(limiter.until.lock().unwrap().iter().map(HashMap::len).sum::<usize>() <= 2 * KEYS);
        assert!(limiter.admit(&(3 * KEYS - 1), Timestamp(0)).is_err());
    }
}
