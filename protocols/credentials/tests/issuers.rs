//! Who may sign for whom: issuers whose documents are brought from elsewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::securing::{Question, Securing, Verification};
use chancery_credentials::{ExchangeFormat, Facts, FormatError, Gathered, Need, Step, Turn};
use chancery_did::{DidDocument, KeyType, SecretKey};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Value, json};

const WEB: &str = "did:web:issuer.example";

fn processor() -> Processor {
    Processor::new(Arc::new(Documents::bundled()))
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[seed; 32]).unwrap()
}

/// A document with two keys: #a for assertions, #b for authentication only.
fn document(controller: &str) -> DidDocument {
    let method = |name: &str, seed: u8| {
        json!({
            "id": format!("{WEB}#{name}"), "type": "Ed25519VerificationKey2018", "controller": controller,
            "publicKeyBase58": key(seed).public().base58(),
        })
    };
    DidDocument::from_json(json!({
        "id": WEB,
        "verificationMethod": [method("b", 2), method("a", 1)],
        "assertionMethod": [format!("{WEB}#a")],
        "authentication": [format!("{WEB}#b")],
    }))
    .unwrap()
}

fn detail(issuer: &str, options: Value) -> Value {
    let mut detail = json!({
        "credential": {
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential"],
            "issuer": issuer,
            "issuanceDate": "2024-01-01T00:00:00Z",
            "credentialSubject": {"id": "did:example:1"},
        },
        "options": {"proofType": "Ed25519Signature2018"},
    });
    for (name, value) in options.as_object().unwrap() {
        detail["options"][name] = value.clone();
    }
    detail
}

fn gathered(ours: &[u8]) -> Gathered {
    let mut gathered = Gathered::default();
    gathered.document(WEB, Ok(document(WEB)));
    for seed in [1, 2, 3] {
        let secret = ours.contains(&seed).then(|| key(seed));
        gathered.key(key(seed).public().base58(), secret);
    }
    gathered
}

fn issue(jsonld: &Processor, gathered: &Gathered, detail: &Value) -> Result<Value, FormatError> {
    let facts = Facts { jsonld, now: 0, gathered };
    LdProof.issue(&Turn::new(&facts, &[(Step::Request, detail)], &|_| {})).map(|made| made.content)
}

fn verification(jsonld: &Processor, gathered: &Gathered, credential: &Value) -> Verification {
    LinkedData.verify(&Facts { jsonld, now: 0, gathered }, credential).unwrap()
}

#[test]
fn what_is_needed_is_asked_for() {
    let jsonld = processor();
    let none = Gathered::default();
    let needs = |needs: Vec<Need>| Err::<Value, _>(FormatError::Needs(needs));
    let dids = vec![Need::Did(WEB.into())];
    assert_eq!(issue(&jsonld, &none, &detail(WEB, json!({}))), needs(dids.clone()));
    let own = key(1).public();
    let keys = vec![Need::Key(own.base58())];
    assert_eq!(issue(&jsonld, &none, &detail(&own.did_key(), json!({}))), needs(keys));
    let credential = issue(&jsonld, &gathered(&[1]), &detail(WEB, json!({}))).unwrap();
    let facts = Facts { jsonld: &jsonld, now: 0, gathered: &none };
    assert_eq!(LinkedData.verify(&facts, &credential), Err(dids));
    let mut remote = detail(WEB, json!({}));
    remote["credential"]["@context"].as_array_mut().unwrap().push("https://example.org/v1".into());
    let contexts = vec![Need::Context("https://example.org/v1".into())];
    assert_eq!(issue(&jsonld, &gathered(&[1]), &remote), needs(contexts));
}

#[test]
fn an_issuer_signs_with_an_assertion_key_of_its_own() {
    let jsonld = processor();
    let all = gathered(&[1, 2]);
    let credential = issue(&jsonld, &all, &detail(WEB, json!({}))).unwrap();
    assert_eq!(credential["proof"]["verificationMethod"], format!("{WEB}#a"));
    assert!(verification(&jsonld, &all, &credential).verified());

    let named = json!({"verificationMethod": format!("{WEB}#a")});
    assert!(issue(&jsonld, &all, &detail(WEB, named)).is_ok());
    let refused = |ours: &[u8], options: Value| match issue(&jsonld, &gathered(ours), &detail(WEB, options)) {
        Err(FormatError::Refused { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    let no_method = "No matching verification method found for did did:web:issuer.example";
    assert!(refused(&[2], json!({})).contains(no_method));
    assert!(refused(&[1, 2], json!({"verificationMethod": format!("{WEB}#b")})).contains(no_method));
    assert!(refused(&[1], json!({"proofType": "EcdsaSecp256r1Signature2019"})).contains(no_method));
}

/// The credential signed by the given key under the given method.
fn forged(jsonld: &Processor, issuer: &str, method: &str, seed: u8) -> Value {
    let signer = key(seed).public().did_key();
    let mut credential = issue(jsonld, &gathered(&[seed]), &detail(&signer, json!({}))).unwrap();
    credential["issuer"] = issuer.into();
    credential["proof"]["verificationMethod"] = method.into();
    credential
}

#[test]
fn a_method_must_be_the_issuers_and_for_assertions() {
    let jsonld = processor();
    let reason = |gathered: &Gathered, credential: &Value| {
        let outcome = verification(&jsonld, gathered, credential);
        assert!(!outcome.verified());
        outcome.reason()
    };
    let all = gathered(&[]);
    let unauthorised = forged(&jsonld, WEB, &format!("{WEB}#b"), 2);
    assert!(reason(&all, &unauthorised).contains("not authorized by controller"));
    let mallory = key(3).public().did_key_url();
    let foreign = forged(&jsonld, WEB, &mallory, 3);
    assert_eq!(reason(&all, &foreign), "Credential issuer must match the verification method controller.");
    let own = key(1).public().did_key();
    let other = forged(&jsonld, &own, &mallory, 3);
    assert_eq!(reason(&all, &other), "Credential issuer must match the verification method controller.");
    let unknown = forged(&jsonld, WEB, &format!("{WEB}#c"), 1);
    assert!(reason(&all, &unknown).contains("not found"));
    let fragment = forged(&jsonld, &own, &format!("{own}#other"), 1);
    assert!(reason(&all, &fragment).contains("not found"));

    let mut elsewhere = Gathered::default();
    elsewhere.document(WEB, Ok(document("did:web:owner.example")));
    let credential = issue(&jsonld, &gathered(&[1]), &detail(WEB, json!({}))).unwrap();
    assert!(reason(&elsewhere, &credential).contains("must match the verification method controller"));
    let mut gone = Gathered::default();
    gone.document(WEB, Err("404".into()));
    assert_eq!(reason(&gone, &credential), "DID did:web:issuer.example: 404");
}

#[test]
fn one_valid_proof_of_several_suffices() {
    let jsonld = processor();
    let all = gathered(&[1]);
    let credential = issue(&jsonld, &all, &detail(WEB, json!({}))).unwrap();
    let mut bad = credential["proof"].clone();
    bad["created"] = "2020-01-01T00:00:00Z".into();
    let with = |proofs: Value| {
        let mut several = credential.clone();
        several["proof"] = proofs;
        verification(&jsonld, &all, &several)
    };
    let good = credential["proof"].clone();
    let both = with(json!([bad, good]));
    assert!(both.verified() && both.proofs().count() == 2);
    assert!(!with(json!([bad, bad])).verified());
    let mut unknown = good.clone();
    unknown["type"] = "DataIntegrityProof".into();
    assert!(with(json!([unknown])).reason().starts_with("Could not verify any proofs; no proofs matched"));
    let mut purpose = good;
    purpose["proofPurpose"] = "authentication".into();
    assert!(with(json!([purpose])).reason().starts_with("Could not verify any proofs; no proofs matched"));
}

#[test]
fn options_decide_about_the_proof() {
    let jsonld = processor();
    let all = gathered(&[1]);
    let text = |options: Value| match issue(&jsonld, &all, &detail(WEB, options)) {
        Err(FormatError::Refused { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    assert!(
        text(json!({"proofPurpose": "x"}))
            .starts_with("Failed to issue credential. Unsupported proof purpose: x.")
    );
    assert_eq!(
        text(json!({"proofPurpose": "authentication"})),
        "Failed to issue credential. Challenge is required for 'authentication' proof purpose."
    );
    let mut without = detail(WEB, json!({}));
    without["options"] = json!({});
    assert_eq!(
        issue(&jsonld, &all, &without).unwrap_err().to_string(),
        "Failed to issue credential. Proof type is required."
    );
    let options = json!({"created": "2024-01-01T00:00:00+01:00", "domain": "d", "challenge": "c"});
    let proof = issue(&jsonld, &all, &detail(WEB, options)).unwrap()["proof"].take();
    let names: Vec<&String> = proof.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["type", "proofPurpose", "verificationMethod", "created", "domain", "challenge", "jws"]
    );
    assert_eq!(proof["created"], "2024-01-01T00:00:00+01:00");
    assert_eq!(
        issue(&jsonld, &all, &detail(WEB, json!({}))).unwrap()["proof"]["created"],
        "1970-01-01T00:00:00Z"
    );
}

#[test]
fn verification_answers_one_question_after_the_other() {
    let jsonld = processor();
    let all = gathered(&[1]);
    let mut detail = detail(WEB, json!({}));
    detail["credential"]["expirationDate"] = "2024-01-02T00:00:00Z".into();
    let terms = json!({"@vocab": "https://example.org/terms#"});
    detail["credential"]["@context"].as_array_mut().unwrap().push(terms);
    let credential = issue(&jsonld, &all, &detail).unwrap();
    let asked = |now: i64, credential: &Value| {
        let facts = Facts { jsonld: &jsonld, now, gathered: &all };
        let verification = LinkedData.verify(&facts, credential).unwrap();
        let named = verification.checks.iter().map(|check| {
            let question = match &check.question {
                Question::Structure => "structure",
                Question::Proofs => "proofs",
                Question::Proof { .. } => "proof",
                Question::Date(name) => name,
                Question::Words => "words",
            };
            (question, check.outcome.is_ok())
        });
        (named.collect::<Vec<_>>(), verification.verified())
    };
    let in_2025 = 1_735_689_600_000_000;
    let answers = [("proof", true), ("expirationDate", false), ("issuanceDate", true), ("words", false)];
    assert_eq!(asked(in_2025, &credential), (answers.to_vec(), true));
    let answers = [("proof", true), ("expirationDate", true), ("issuanceDate", false), ("words", false)];
    assert_eq!(asked(0, &credential), (answers.to_vec(), true));
    let mut none = credential.clone();
    none["proof"]["type"] = "Unknown".into();
    assert_eq!(asked(0, &none).0[0], ("proofs", false));
    none.as_object_mut().unwrap().remove("type");
    assert_eq!(asked(0, &none).0[0], ("structure", false));
}
