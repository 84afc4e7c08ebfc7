//! Detached JWS with an unencoded payload (RFC 7797), as Ed25519Signature2018 has it.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chancery_did::json::from_slice_strict;
use chancery_did::{KeyError, PublicKey, SecretKey};
use serde_json::{Map, Value};

/// Base64url of `{"alg": "EdDSA", "b64": false, "crit": ["b64"]}`, blanks included.
const HEADER: &str = "eyJhbGciOiAiRWREU0EiLCAiYjY0IjogZmFsc2UsICJjcml0IjogWyJiNjQiXX0";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn input(header: &str, data: &[u8; 64]) -> Vec<u8> {
    let mut input = Vec::with_capacity(header.len() + 65);
    input.extend_from_slice(header.as_bytes());
    input.push(b'.');
    input.extend_from_slice(data);
    input
}

pub(super) fn sign(data: &[u8; 64], key: &SecretKey) -> Result<String, KeyError> {
    Ok(format!("{HEADER}..{}", BASE64.encode(key.sign(&input(HEADER, data))?)))
}

pub(super) fn verify(data: &[u8; 64], proof: &Map<String, Value>, key: &PublicKey) -> Result<bool, String> {
    let jws = proof.get("jws").and_then(Value::as_str);
    let Some((header, signature)) = jws.and_then(|jws| jws.split_once("..")) else {
        return Err("The proof does not contain a valid \"jws\" property.".into());
    };
    let parsed: Value = BASE64
        .decode(header)
        .ok()
        .and_then(|bytes| from_slice_strict(&bytes).ok())
        .ok_or("Could not parse JWS header.")?;
    if parsed != serde_json::json!({"alg": "EdDSA", "b64": false, "crit": ["b64"]}) {
        return Err("Invalid JWS header params for Ed25519Signature2018".into());
    }
    let signature = BASE64.decode(signature).map_err(|_| "The JWS signature is not base64url.")?;
    Ok(key.verify(&input(header, data), &signature))
}
