//! Signatures of ours that other code has verified, and signatures that other code has made.
//!
//! `tests/cross_check/ours.json` holds credentials signed here; `cross_check.py` verified each with PyLD and
//! pyca/cryptography when it was recorded, and made `theirs.json`. Signing is deterministic (Ed25519, RFC 6979), so this
//! test compares what is signed now with what was verified then. After a wanted change:
//! `RECORD_VECTORS=1 cargo test -p chancery-credentials --test cross_check`, then run the script.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::securing::Securing;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::{ExchangeFormat, Facts, FormatError, Gathered, Need, Step, Turn};
use chancery_did::{KeyType, SecretKey};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Value, json};

/// 2024-05-06T07:08:09Z
const NOW: i64 = 1_714_979_289_000_000;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cross_check").join(name)
}

fn read(name: &str) -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(file(name)).unwrap()).unwrap()
}

fn issue(jsonld: &Processor, detail: &Value) -> Value {
    let mut gathered = Gathered::default();
    loop {
        let facts = Facts { jsonld, now: NOW, gathered: &gathered };
        let needs = match LdProof.issue(&Turn::new(&facts, &[(Step::Request, detail)], &|_| {})) {
            Ok(made) => return made.content,
            Err(FormatError::Needs(needs)) => needs,
            Err(error) => panic!("{error}"),
        };
        for need in needs {
            let Need::Key(verkey) = need else { panic!("{need:?}") };
            let keys =
                [KeyType::Ed25519, KeyType::P256].map(|kind| SecretKey::from_seed(kind, &[7; 32]).unwrap());
            let key = keys.into_iter().find(|key| key.public().base58() == verkey);
            gathered.key(verkey, key);
        }
    }
}

fn credentials(issuer: &str) -> Vec<Value> {
    let v1 = "https://www.w3.org/2018/credentials/v1";
    let v2 = "https://www.w3.org/ns/credentials/v2";
    let citizenship = "https://w3id.org/citizenship/v1";
    let vocabulary = json!({"@vocab": "https://example.org/terms#"});
    let base = |context: Value, subject: Value| {
        json!({
            "@context": context, "type": ["VerifiableCredential"], "issuer": issuer,
            "issuanceDate": "2024-01-01T00:00:00Z", "credentialSubject": subject,
        })
    };
    let card = json!({"id": "did:example:1", "type": "PermanentResident", "givenName": "Zoë", "birthDate": "1958-07-17"});
    let mut plain = base(json!([v1, citizenship]), card.clone());
    plain["type"] = json!(["VerifiableCredential", "PermanentResidentCard"]);
    plain["id"] = "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5".into();
    plain["expirationDate"] = "2034-01-01T00:00:00Z".into();
    let mut described = base(json!([v1, citizenship]), card);
    described["issuer"] = json!({"id": issuer, "name": "Issuer"});
    described["name"] = "A card".into();
    described["credentialStatus"] = json!({"id": "https://example.org/status/1", "type": "Status2017"});
    described["@context"].as_array_mut().unwrap().push(vocabulary.clone());
    let odd = json!({
        "id": "did:example:2", "n": 7, "negative": -0.5, "big": 9_007_199_254_740_993_i64, "exp": 1.5e-7, "yes": true,
        "text": "tab\t \"quoted\" \\ new\nline \u{1f600}", "list": ["b", "a", "b", 1, 1.0],
        "nested": {"a": {"b": {"c": "d"}}}, "several": [{"x": 1}, {"x": 2}, {"x": 1}],
        "translated": {"@value": "Grüße", "@language": "de-DE"}, "link": {"@id": "https://example.org/x"},
    });
    let typed = json!([v1, {"score": {"@id": "https://example.org/score", "@type": "http://www.w3.org/2001/XMLSchema#decimal"}}]);
    let mut vc2 =
        base(json!([v2, vocabulary.clone()]), json!({"id": "did:example:3", "alumniOf": "A school"}));
    vc2.as_object_mut().unwrap().remove("issuanceDate");
    vc2["validFrom"] = "2024-01-01T00:00:00+02:00".into();
    vec![
        plain,
        described,
        base(json!([v1, vocabulary.clone()]), odd),
        base(json!([v1, vocabulary.clone()]), json!([{"id": "did:example:4", "k": "v"}, {"k": "w"}])),
        base(typed, json!({"score": "1.50"})),
        vc2,
    ]
}

fn ours(jsonld: &Processor) -> Vec<Value> {
    let mut out = Vec::new();
    for (proof_type, kind) in [
        ("Ed25519Signature2018", KeyType::Ed25519),
        ("Ed25519Signature2020", KeyType::Ed25519),
        ("EcdsaSecp256r1Signature2019", KeyType::P256),
    ] {
        let issuer = SecretKey::from_seed(kind, &[7; 32]).unwrap().public().did_key();
        for credential in credentials(&issuer) {
            let is_v2 = credential["@context"][0] == "https://www.w3.org/ns/credentials/v2";
            if is_v2 && proof_type != "Ed25519Signature2020" {
                continue;
            }
            out.push(issue(jsonld, &json!({"credential": credential, "options": {"proofType": proof_type}})));
        }
    }
    let issuer = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap().public().did_key();
    let options = json!({
        "proofType": "Ed25519Signature2018", "created": "2024-02-02T00:00:00+01:00", "domain": "example.com",
        "challenge": "abc",
    });
    out.push(issue(jsonld, &json!({"credential": credentials(&issuer)[0], "options": options})));
    out
}

#[test]
fn what_we_sign_is_what_others_verified() {
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    let ours = ours(&jsonld);
    if std::env::var_os("RECORD_VECTORS").is_some() {
        let lines: Vec<String> = ours.iter().map(ToString::to_string).collect();
        std::fs::write(file("ours.json"), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    assert_eq!(ours, read("ours.json"));
    for credential in &ours {
        let facts = Facts { jsonld: &jsonld, now: NOW, gathered: &Gathered::default() };
        let outcome = LinkedData.verify(&facts, credential).unwrap();
        assert!(outcome.verified(), "{}", outcome.reason());
    }
}

#[test]
fn what_others_signed_verifies() {
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    let theirs = read("theirs.json");
    assert!(theirs.len() >= 16);
    for credential in &theirs {
        let facts = Facts { jsonld: &jsonld, now: NOW, gathered: &Gathered::default() };
        let outcome = LinkedData.verify(&facts, credential).unwrap();
        assert!(outcome.verified(), "{}", outcome.reason());
        let mut changed = credential.clone();
        changed["proof"]["created"] = "2020-01-01T00:00:00Z".into();
        assert!(!LinkedData.verify(&facts, &changed).unwrap().verified());
    }
}
