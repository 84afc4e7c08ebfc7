//! Multiplying a key that is used often: a peer's over a busy connection. With a table of its multiples that
//! takes a third of the time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::traits::BasepointTable as _;

/// Making a table takes as long as it saves in so many uses: 12 million instructions, to 150,000 each (callgrind).
const USES: u32 = 80;
/// Most tables in the process, 30 KB each.
const MOST: usize = 128;

static TABLES: AtomicUsize = AtomicUsize::new(0);

/// What is known of how often a key is used.
#[derive(Default)]
pub(super) struct Often {
    uses: AtomicU32,
    table: OnceLock<Table>,
}

struct Table(Box<EdwardsBasepointTable>);

impl Table {
    /// `None`: there are enough of them.
    fn of(point: &EdwardsPoint) -> Option<Self> {
        let room = |made: usize| (made < MOST).then_some(made + 1);
        TABLES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Self(Box::new(EdwardsBasepointTable::create(point))))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        TABLES.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Often {
    /// The clamped secret times the point, which is the same each time. Takes the same time for every secret.
    pub fn times_clamped(&self, point: &EdwardsPoint, secret: &[u8; 32]) -> EdwardsPoint {
        if let Some(table) = self.table.get() {
            return table.0.mul_base_clamped(*secret);
        }
        // Once: whoever finds no room does not look for it each time.
        if self.uses.fetch_add(1, Ordering::Relaxed) == USES
            && let Some(table) = Table::of(point)
        {
            let _ = self.table.set(table);
        }
        point.mul_clamped(*secret)
    }

    #[cfg(test)]
    pub fn has_table(&self) -> bool {
        self.table.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::key::{KeyType, PublicKey, SecretKey};

    #[test]
    fn a_key_used_often_gives_what_it_gave_before() {
        let secret = |seed: u8| SecretKey::from_seed(KeyType::Ed25519, &[seed; 32]).unwrap();
        for kind in [KeyType::Ed25519, KeyType::X25519] {
            let theirs = secret(7).public();
            let theirs = if kind == KeyType::X25519 { theirs.to_x25519().unwrap() } else { theirs };
            let agree = |key: &PublicKey| -> Vec<[u8; 32]> {
                (1..100).map(|seed| *secret(seed).diffie_hellman(key).unwrap()).collect()
            };
            let often = agree(&theirs);
            assert!(theirs.has_table(), "{kind:?}");
            let seldom: Vec<[u8; 32]> = (1..100)
                .map(|seed| {
                    *secret(seed).diffie_hellman(&PublicKey::new(kind, theirs.bytes()).unwrap()).unwrap()
                })
                .collect();
            assert_eq!(often, seldom);
        }
    }
}
