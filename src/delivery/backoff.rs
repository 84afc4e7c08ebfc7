//! When to try again.

use std::time::Duration;

use chancery_agent::ports::Entropy;

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Before the first repeat.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(3600) }
    }
}

impl Backoff {
    /// The pause after so many failures in a row (1 = the first): doubled each time, between half and all of it at random, so
    /// that many agents waiting for one endpoint don't return at once.
    pub fn pause(&self, failures: u32, entropy: &dyn Entropy) -> Duration {
        let doublings = failures.saturating_sub(1).min(24);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        let mut byte = [0_u8];
        entropy.fill(&mut byte);
        full / 2 + full.mul_f64(f64::from(byte[0]) / 510.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn doubles_up_to_the_longest_and_stays_between_half_and_full() {
        let backoff = Backoff::default();
        for (failures, full) in [(1, 1), (2, 2), (3, 4), (12, 2048), (13, 3600), (4_000_000_000, 3600)] {
            let full = Duration::from_secs(full);
            assert_eq!(backoff.pause(failures, &Fixed(0)), full / 2, "after {failures}");
            assert_eq!(backoff.pause(failures, &Fixed(255)), full, "after {failures}");
        }
    }
}
