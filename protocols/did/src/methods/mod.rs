//! One folder per DID method.

pub mod jwk;
pub mod key;
pub mod peer;
pub mod sov;
pub mod web;

use serde_json::{Map, Value};

use crate::base58::is_base58;
use crate::document::RELATIONSHIPS;

/// Let `visit` change every verification method of a document, also those embedded in relationships.
fn visit_methods(document: &mut Map<String, Value>, visit: impl Fn(&mut Map<String, Value>)) {
    for list in std::iter::once("verificationMethod").chain(RELATIONSHIPS) {
        let entries = document.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for method in entries.filter_map(Value::as_object_mut) {
            visit(method);
        }
    }
}

/// `zQm` and 44 base58 characters: a SHA-256 multihash in multibase.
fn is_sha256_multihash(text: &str) -> bool {
    text.len() == 47 && text.starts_with("zQm") && is_base58(text)
}

/// SHA-256 of `data` as multibase base58btc multihash, `zQm…`.
fn sha256_multihash(data: &[u8]) -> String {
    use sha2::Digest as _;
    let mut hash = vec![0x12, 0x20];
    hash.extend_from_slice(&sha2::Sha256::digest(data));
    format!("z{}", crate::base58::encode(&hash))
}
