//! Signature over the verify data itself, in multibase base58btc.

use chancery_did::{KeyError, PublicKey, SecretKey};
use serde_json::{Map, Value};

pub(super) fn sign(data: &[u8; 64], key: &SecretKey) -> Result<String, KeyError> {
    Ok(format!("z{}", bs58::encode(key.sign(data)?).into_string()))
}

pub(super) fn verify(data: &[u8; 64], proof: &Map<String, Value>, key: &PublicKey) -> Result<bool, String> {
    let value = proof.get("proofValue").and_then(Value::as_str).ok_or("The proof has no \"proofValue\".")?;
    // 64 bytes are at most 88 characters; base58 takes quadratic time.
    let signature = value
        .strip_prefix('z')
        .filter(|encoded| encoded.len() <= 100)
        .and_then(|encoded| bs58::decode(encoded).into_vec().ok())
        .ok_or("Only base58btc multibase encoding is supported.")?;
    Ok(key.verify(data, &signature))
}
