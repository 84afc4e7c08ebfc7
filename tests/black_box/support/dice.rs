//! Chance that can be had again: the same seed, the same throws.

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, RngCore, SeedableRng};

pub struct Dice {
    pub seed: u64,
    rng: ChaCha20Rng,
}

impl Dice {
    /// With the seed of `CHANCERY_ATTACK_SEED`, or a fresh one.
    pub fn new() -> Self {
        let given = std::env::var("CHANCERY_ATTACK_SEED").ok().and_then(|s| s.parse().ok());
        Self::of(given.unwrap_or_else(|| OsRng.next_u64() >> 32))
    }

    pub fn of(seed: u64) -> Self {
        Self { seed, rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    /// 0 up to, but not, this.
    pub fn below(&mut self, most: u64) -> u64 {
        self.rng.next_u64() % most
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Up to so many milliseconds.
    pub fn millis(&mut self, most: u64) -> Duration {
        Duration::from_micros(self.below(most * 1000))
    }

    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, usize::try_from(self.below(at as u64 + 1)).unwrap());
        }
    }
}
