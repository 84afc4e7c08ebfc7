//! The clock and the random numbers of the machine: the only file that names them.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chancery_agent::ports::{Clock, Entropy, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, RngCore, SeedableRng};

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

/// A generator seeded by the system, reseeded now and then: a system call per uuid would show on the message path.
#[derive(Default)]
pub struct SystemEntropy {
    state: Mutex<Option<(ChaCha20Rng, usize)>>,
}

/// Bytes between two seeds.
const RESEED_AFTER: usize = 1 << 20;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let mut seed = [0; 32];
            OsRng.fill_bytes(&mut seed);
            (ChaCha20Rng::from_seed(seed), 0)
        };
        let (rng, given) = state.get_or_insert_with(fresh);
        if *given > RESEED_AFTER {
            (*rng, *given) = fresh();
        }
        rng.fill_bytes(buffer);
        *given += buffer.len();
    }
}
