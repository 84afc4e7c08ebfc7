//! Keys and proofs that say less than they seem to are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::securing::{Securing, Verification};
use chancery_credentials::{Facts, Gathered};
use chancery_did::{DidDocument, KeyType, SecretKey, base58};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Value, json};

fn outcome(credential: &Value, gathered: &Gathered) -> Verification {
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    LinkedData.verify(&Facts { jsonld: &jsonld, now: 0, gathered }, credential).unwrap()
}

fn identity() -> [u8; 32] {
    let mut identity = [0; 32];
    identity[0] = 1;
    identity
}

fn credential(issuer: &str, method: &str, proof: Value) -> Value {
    let mut credential = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/security/suites/ed25519-2020/v1"],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "issuanceDate": "2024-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:example:2"},
        "proof": {
            "proofPurpose": "assertionMethod",
            "verificationMethod": method,
            "created": "2024-01-01T00:00:00Z",
        },
    });
    credential["proof"].as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
    credential
}

/// Attack (f): with the identity as key, R the identity and s zero "sign" every document.
#[test]
fn a_key_of_small_order_issues_nothing() {
    let multikey = format!("z{}", base58::encode(&[&[0xed, 1], identity().as_slice()].concat()));
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&identity());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#);
    let proofs = [
        json!({"type": "Ed25519Signature2018", "jws": format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))}),
        json!({"type": "Ed25519Signature2020", "proofValue": format!("z{}", base58::encode(&signature))}),
    ];
    let web = "did:web:attacker.example";
    let methods = [
        json!({"type": "Ed25519VerificationKey2018", "publicKeyBase58": base58::encode(&identity())}),
        json!({"type": "Ed25519VerificationKey2018", "publicKeyMultibase": multikey}),
        json!({"type": "JsonWebKey2020",
            "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(identity())}}),
    ];
    for proof in proofs {
        let mut gathered = Gathered::default();
        let did = format!("did:key:{multikey}");
        let why = chancery_did::resolve_local(&did).unwrap_err().to_string();
        gathered.document(&did, Err(why));
        let forged = credential(&did, &format!("{did}#{multikey}"), proof.clone());
        let verification = outcome(&forged, &gathered);
        assert!(!verification.verified() && verification.proofs().count() == 1, "{verification:?}");
        for method in &methods {
            let mut method = method.clone();
            method["id"] = "#1".into();
            let document = json!({"id": web, "verificationMethod": [method], "assertionMethod": ["#1"]});
            gathered.document(web, Ok(DidDocument::from_json(document).unwrap()));
            let verification = outcome(&credential(web, &format!("{web}#1"), proof.clone()), &gathered);
            assert!(verification.reason().contains("not a valid ed25519 key"), "{}", verification.reason());
        }
    }
}

#[test]
fn a_jws_header_that_names_a_member_twice_is_refused() {
    let mut credential =
        serde_json::from_str::<Vec<Value>>(include_str!("cross_check/ours.json")).unwrap().swap_remove(0);
    let proof = credential["proof"].clone();
    let signature = proof["jws"].as_str().unwrap().split_once("..").unwrap().1.to_owned();
    assert!(outcome(&credential, &Gathered::default()).verified());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"EdDSA","b64":false,"crit":["b64"]}"#);
    credential["proof"]["jws"] = format!("{header}..{signature}").into();
    let reason = outcome(&credential, &Gathered::default()).reason();
    assert!(reason.contains("Could not parse JWS header."), "{reason}");
}

#[test]
fn a_signature_of_p256_has_64_bytes_and_both_numbers_in_range() {
    let key = SecretKey::from_seed(KeyType::P256, &[7; 32]).unwrap();
    let public = key.public();
    let good = key.sign(b"x").unwrap();
    assert!(public.verify(b"x", &good));
    let n: [u8; 32] = std::array::from_fn(|i| {
        let n = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
        n[i]
    });
    // s and n - s are both signatures: ES256 has no lower half.
    let mut high = good.clone();
    let (mut borrow, s) = (0i16, good[32..].to_vec());
    for i in (0..32).rev() {
        let digit = i16::from(n[i]) - i16::from(s[i]) - borrow;
        borrow = i16::from(digit < 0);
        high[32 + i] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    assert!(public.verify(b"x", &high));
    for (at, half) in [(0, [0; 32]), (32, [0; 32]), (0, n), (32, n), (0, [0xff; 32]), (32, [0xff; 32])] {
        let mut bad = good.clone();
        bad[at..at + 32].copy_from_slice(&half);
        assert!(!public.verify(b"x", &bad));
    }
    for wrong in [&good[..63], &[good.as_slice(), &[0]].concat(), &[]] {
        assert!(!public.verify(b"x", wrong));
    }
    // Other ways to write the same point are no key.
    let compressed = public.bytes();
    assert!(chancery_did::PublicKey::new(KeyType::P256, &[&[5], &compressed[1..]].concat()).is_err());
    assert!(chancery_did::PublicKey::new(KeyType::P256, &[&[6], [1; 64].as_slice()].concat()).is_err());
}
