//! What is large or wrong in many places costs no more than its size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::securing::{Securing, Verification};
use chancery_credentials::{Facts, Gathered, validate_credential, validate_detail};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Value, json};

fn outcome(credential: &Value) -> Verification {
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    LinkedData.verify(&Facts { jsonld: &jsonld, now: 0, gathered: &Gathered::default() }, credential).unwrap()
}

/// A credential signed by us, its proof given so many times.
fn with_proofs(count: usize) -> Value {
    let text = include_str!("cross_check/ours.json");
    let mut credential = serde_json::from_str::<Vec<Value>>(text).unwrap().swap_remove(0);
    credential["proof"] = vec![credential["proof"].clone(); count].into();
    credential
}

#[test]
fn each_proof_is_verified() {
    let mut credential = with_proofs(3);
    assert_eq!(outcome(&credential).proofs().filter(|(_, _, outcome)| outcome.is_ok()).count(), 3);
    // The hash of the document is shared by the proofs, that of their own options is not.
    credential["proof"][1]["created"] = json!("2001-01-01T00:00:00Z");
    let changed = outcome(&credential);
    let valid: Vec<_> = changed.proofs().map(|(_, _, outcome)| outcome.is_ok()).collect();
    assert_eq!(valid, [true, false, true]);
    credential["id"] = json!("urn:another");
    assert!(!outcome(&credential).verified());
}

#[test]
fn more_than_sixteen_proofs_are_refused() {
    assert!(outcome(&with_proofs(16)).verified());
    let refused = outcome(&with_proofs(17));
    assert!(!refused.verified());
    assert!(refused.proofs().next().is_none());
    assert_eq!(refused.reason(), "Unable to verify credential with 17 proofs: at most 16 are looked at");
}

#[test]
fn not_all_of_many_faults_are_told() {
    let numbers: Vec<u32> = (0..10_000).collect();
    let told = |result: Result<(), Vec<chancery_credentials::Invalid>>| result.unwrap_err().len();
    assert_eq!(told(validate_credential(&json!({"@context": numbers}))), 256);
    assert_eq!(told(validate_detail(&json!({"credential": {"@context": numbers}}))), 256);
    let unknown: Value =
        (0..10_000).map(|n| (n.to_string(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(told(validate_detail(&unknown)), 256);
    assert_eq!(told(validate_credential(&json!({"proof": numbers}))), 256);
}
