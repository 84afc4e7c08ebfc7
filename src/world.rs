//! The clock and the random numbers of the machine: the only file that names them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chancery_agent::ports::{Clock, Entropy, Timestamp};
use rand_core::{OsRng, RngCore};

/// The system clock, never running backwards within a process (DECISIONS 28).
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock port is implemented here and nowhere else")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.latest.fetch_max(micros, Ordering::AcqRel).max(micros))
    }
}

/// The operating system's randomness, asked each time. What is kept in the process (a seed, a buffer) is there twice once a
/// machine was cloned, and both go on with the same keys and nonces.
#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        OsRng.fill_bytes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_that_a_cloned_machine_would_repeat() {
        assert_eq!(size_of::<SystemEntropy>(), 0);
        let (mut one, mut other) = ([0; 32], [0; 32]);
        SystemEntropy.fill(&mut one);
        SystemEntropy.fill(&mut other);
        assert_ne!(one, other);
    }
}
