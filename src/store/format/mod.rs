//! Askar's format, without SQL: how the store key is made, how a profile's keys are wrapped, how rows, tags and key
//! entries are encrypted, and how we seal the rows of our own tables with keys derived from the profile's.
//!
//! Checked against `askar-storage` 0.2.4 in the tests: each reads what the other wrote.

mod key_entry;
mod profile_key;
mod sealing;
mod store_key;

use ciborium::Value;
use zeroize::{Zeroize as _, Zeroizing};

pub use key_entry::{KeyEntry, KeyEntryError};
pub use profile_key::{EncryptedTag, ProfileKey};
pub use sealing::{NumberedRow, Sealing};
pub use store_key::{KeyMethod, StoreKey};

/// Reads CBOR that holds secrets: the reader's scratch space is wiped.
fn read_secret_cbor(cbor: &[u8]) -> Option<Value> {
    let mut scratch = Zeroizing::new([0; 4096]);
    ciborium::de::from_reader_with_buffer(cbor, scratch.as_mut_slice()).ok()
}

/// Wipes the byte strings in a map.
fn wipe_bytes(value: &mut Value) {
    for (_, part) in value.as_map_mut().into_iter().flatten() {
        if let Value::Bytes(bytes) = part {
            bytes.zeroize();
        }
    }
}

/// Why bytes of the wallet could not be turned into content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Authentication failed: another key, or damaged bytes.
    #[error("{0} cannot be decrypted")]
    Sealed(&'static str),
    /// Decrypted, but not what it should be.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A store key method that neither Askar nor we know.
    #[error("`{0}` is no key method: use `kdf:argon2i:mod`, `kdf:argon2i:int`, `raw` or `none`")]
    Method(String),
    /// A raw key that is not the base58 of 32 bytes.
    #[error("a raw wallet key is the base58 of 32 bytes (`openssl rand 32 | base58`)")]
    RawKey,
    /// Argon2 refused or ran out of memory.
    #[error("the wallet key cannot be derived: {0}")]
    Derivation(String),
}
