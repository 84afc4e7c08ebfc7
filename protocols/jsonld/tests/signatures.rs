//! Signatures that ACA-Py made (recorded traces): what we canonicalize is what it signed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use chancery_jsonld::{Documents, ExpandOptions, Processor};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::json;

/// The key of `did:key:z6Mk…#…`.
fn key(method: &str) -> VerifyingKey {
    let text = method.strip_prefix("did:key:z").unwrap().split('#').next().unwrap();
    let bytes = bs58::decode(text).into_vec().unwrap();
    VerifyingKey::from_bytes(bytes.strip_prefix(&[0xed, 0x01]).unwrap().try_into().unwrap()).unwrap()
}

/// Ed25519Signature2018 and 2020, as ACA-Py makes them: the options carry the document's contexts.
fn verifies(processor: &Processor, document: &Value) -> Result<bool, String> {
    let proof = document["proof"].as_object().unwrap();
    let mut unsigned = document.clone();
    unsigned.as_object_mut().unwrap().remove("proof");
    let mut options = proof.clone();
    for name in ["jws", "proofValue", "signatureValue"] {
        options.remove(name);
    }
    options.insert("@context".into(), document["@context"].clone());
    let mut input = Vec::new();
    for part in [&Value::Object(options), &unsigned] {
        let text =
            processor.canonicalize(part, &ExpandOptions::default()).map_err(|error| error.to_string())?;
        input.extend_from_slice(&Sha256::digest(text));
    }
    let signature = if let Some(jws) = proof.get("jws") {
        let (header, signature) = jws.as_str().unwrap().split_once("..").unwrap();
        input = [header.as_bytes(), b".", &input].concat();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).unwrap()
    } else {
        bs58::decode(proof["proofValue"].as_str().unwrap().strip_prefix('z').unwrap()).into_vec().unwrap()
    };
    let signature = Signature::from_slice(&signature).unwrap();
    Ok(key(proof["verificationMethod"].as_str().unwrap()).verify_strict(&input, &signature).is_ok())
}

/// Three of the recorded documents were tampered with before they were sent for verification.
const TAMPERED: [&str; 3] = ["golden-64", "golden-67", "golden-78"];

#[test]
fn recorded_signatures_verify_and_tampered_ones_do_not() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/documents.json");
    let mut good = 0;
    for entry in json(&path)["documents"].as_array().unwrap() {
        let mut document = entry["document"].clone();
        let name = entry["name"].as_str().unwrap();
        let kind = document["proof"]["type"].as_str().unwrap_or_default();
        if !name.starts_with("golden") || !kind.starts_with("Ed25519Signature20") {
            continue;
        }
        // The holder's own listing adds it to what was signed.
        document.as_object_mut().unwrap().remove("record_id");
        let outcome = verifies(&processor, &document);
        assert_eq!(outcome, Ok(!TAMPERED.contains(&name)), "{name}");
        good += usize::from(outcome == Ok(true));
    }
    assert_eq!(good, 39);
}
