//! The suites against signatures made by ACA-Py 1.7.0 (also of presentations).

use std::sync::Arc;

use chancery_did::{KeyType, Resolution, SecretKey, resolve_local};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Map, Value, json};

use super::*;

const VECTORS: &str = include_str!("../../../../tests/vectors/acapy-signatures.json");

fn processor() -> Processor {
    Processor::new(Arc::new(Documents::bundled()))
}

fn check(jsonld: &Processor, document: &Value) -> Result<(), String> {
    let mut document = document.clone();
    let Some(Value::Object(proof)) = document.as_object_mut().unwrap().shift_remove("proof") else {
        return Err("no proof".into());
    };
    let suite = Suite::from_name(proof["type"].as_str().unwrap()).unwrap();
    let url = proof["verificationMethod"].as_str().unwrap();
    let Ok(Resolution::Document(did)) = resolve_local(url.split('#').next().unwrap()) else {
        return Err("not resolved".into());
    };
    let data = verify_data(jsonld, &document, &proof).map_err(|e| e.to_string())?;
    suite.verify(&data, &proof, did.verification_method(url).unwrap())
}

#[test]
fn signatures_of_acapy_verify_and_tampered_ones_do_not() {
    let jsonld = processor();
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.iter().filter(|v| v["valid"] == true).count() >= 28);
    assert_eq!(vectors.iter().filter(|v| v["valid"] == false).count(), 3);
    for vector in vectors {
        let outcome = check(&jsonld, &vector["document"]);
        match vector["valid"].as_bool().unwrap() {
            true => assert_eq!(outcome, Ok(()), "{}", vector["source"]),
            false => assert_eq!(outcome, Err("Invalid signature on document".into()), "{}", vector["source"]),
        }
    }
}

/// Every leaf and member of a signed credential matters: changing or removing it breaks the signature or is refused.
#[test]
fn nothing_is_left_unsigned() {
    let jsonld = processor();
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let credentials = vectors.iter().filter(|v| {
        v["valid"] == true
            && v["document"]["type"].as_array().unwrap().contains(&json!("VerifiableCredential"))
    });
    for document in credentials.map(|v| &v["document"]) {
        let mut places = Vec::new();
        pointers(document, String::new(), &mut places);
        for place in places {
            // A signature is compared with itself; its suite's own members are not part of the options.
            if place.ends_with("/jws") || place.ends_with("/proofValue") || place == "/proof/type" {
                continue;
            }
            let mut changed = document.clone();
            let target = changed.pointer_mut(&place).unwrap();
            *target = match target.take() {
                Value::String(text) if text.contains(':') => Value::from(format!("{text}x")),
                Value::String(text) => Value::from(format!("{text} x")),
                other => json!([other, "x"]),
            };
            if place.ends_with("/verificationMethod") || place.starts_with("/@context") {
                continue;
            }
            assert!(check(&jsonld, &changed).is_err(), "{place} is not signed");
        }
    }
}

fn pointers(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| pointers(member, format!("{path}/{name}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| pointers(item, format!("{path}/{at}"), out));
        }
        _ => out.push(path),
    }
}

#[test]
fn each_suite_verifies_its_own_and_refuses_other_keys() {
    let jsonld = processor();
    let document = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/security/suites/ed25519-2020/v1"],
        "type": ["VerifiableCredential"],
        "issuer": "did:example:1",
        "issuanceDate": "2024-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:2"},
    });
    for suite in Suite::ALL {
        let key = SecretKey::from_seed(suite.key_type(), &[7; 32]).unwrap();
        let mut proof = Map::new();
        proof.insert("type".into(), suite.name().into());
        proof.insert("proofPurpose".into(), "assertionMethod".into());
        proof.insert("verificationMethod".into(), key.public().did_key_url().into());
        proof.insert("created".into(), "2024-01-01T00:00:00Z".into());
        let proof = suite.sign(&jsonld, &document, proof, &key).unwrap();
        let mut signed = document.clone();
        signed["proof"] = proof.clone().into();
        assert_eq!(check(&jsonld, &signed), Ok(()), "{suite:?}");

        let other = SecretKey::from_seed(suite.key_type(), &[8; 32]).unwrap().public();
        signed["proof"]["verificationMethod"] = other.did_key_url().into();
        assert!(check(&jsonld, &signed).is_err(), "{suite:?}");

        let wrong = if suite.key_type() == KeyType::P256 { KeyType::Ed25519 } else { KeyType::P256 };
        let wrong = SecretKey::from_seed(wrong, &[7; 32]).unwrap();
        signed["proof"]["verificationMethod"] = wrong.public().did_key_url().into();
        assert!(check(&jsonld, &signed).is_err(), "{suite:?}");
    }
}
