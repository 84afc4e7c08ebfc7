//! Rules for details and credentials: ACA-Py's recorded answers, and the rules beyond them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::{ExchangeFormat, Step, tree, validate_credential, validate_detail};
use serde_json::{Value, json};

fn recorded() -> Vec<Value> {
    serde_json::from_str(include_str!("vectors/details.json")).unwrap()
}

fn answer(result: Result<(), Vec<chancery_credentials::Invalid>>) -> Value {
    result.map(|()| Value::Null).unwrap_or_else(|wrong| tree(&wrong))
}

#[test]
fn details_are_judged_as_acapy_judges_them() {
    let vectors = recorded();
    assert!(vectors.iter().filter(|v| v["tree"].is_object()).count() >= 13);
    for vector in vectors {
        assert_eq!(answer(validate_detail(&vector["detail"])), vector["tree"], "{}", vector["step"]);
    }
}

fn detail() -> Value {
    recorded().into_iter().find(|v| v["tree"].is_null()).unwrap()["detail"].take()
}

fn broken(change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = detail();
    change(&mut changed);
    answer(validate_detail(&changed))
}

#[test]
fn every_member_has_its_rule() {
    let credential =
        |name: &str, value: Value| broken(|d| d["credential"][name] = value)["credential"][name].clone();
    let option = |name: &str, value: Value| broken(|d| d["options"][name] = value)["options"][name].clone();
    assert_eq!(credential("@context", json!("x")), json!(["Not a valid list."]));
    let entries = json!(["https://www.w3.org/2018/credentials/v1", "no uri", null, 1, {}]);
    assert_eq!(
        credential("@context", entries),
        json!({"1": ["Value no uri is not URI"], "2": ["Field may not be null."], "3": ["Field should be str or dict"]})
    );
    assert_eq!(credential("type", json!(["VerifiableCredential", 1])), json!({"1": ["Not a valid string."]}));
    assert_eq!(credential("type", json!("VerifiableCredential")), json!(["Not a valid list."]));
    assert_eq!(credential("issuer", json!(null)), json!(["Field may not be null."]));
    assert_eq!(credential("issuer", json!(1)), json!(["Field should be str or dict"]));
    assert_eq!(credential("issuer", json!({"name": "x"})), json!(["Issuer id is required"]));
    assert_eq!(credential("issuer", json!("nobody")), json!(["Value nobody is not URI"]));
    assert_eq!(credential("issuer", json!({"id": "did:key:x"})), Value::Null);
    assert_eq!(credential("validFrom", json!(1)), json!(["Not a valid string."]));
    assert_eq!(credential("validUntil", json!("2024-01-01")), Value::Null);
    assert_eq!(
        credential("credentialSubject", json!([{}, 1])),
        json!(["Field should be dict or list of dicts"])
    );
    assert_eq!(
        credential("credentialSubject", json!([{}, {"id": "x y"}])),
        json!(["credential subject id x y must be URI"])
    );
    assert_eq!(credential("credentialStatus", json!("x")), json!(["Field should be dict or list of dicts"]));
    assert_eq!(credential("proof", json!([])), json!({"_schema": ["Invalid input type."]}));
    let missing = json!(["Missing data for required field."]);
    assert_eq!(
        credential("proof", json!({})),
        json!({"type": missing, "proofPurpose": missing, "verificationMethod": missing})
    );
    assert_eq!(credential("whatever", json!(null)), Value::Null);
    assert_eq!(option("proofType", json!(1)), json!(["Not a valid string."]));
    assert_eq!(option("created", json!("today")), json!(["Value today is not a date in valid format"]));
    assert_eq!(option("created", json!("2024-01-01T00:00:00Z")), Value::Null);
    assert_eq!(option("credentialStatus", json!({})), json!({"type": missing}));
    assert_eq!(option("unknown", json!(1)), json!(["Unknown field."]));
    assert_eq!(broken(|d| d["beside"] = json!(1))["beside"], json!(["Unknown field."]));
    assert_eq!(
        broken(|d| d["credential"] = json!(1)),
        json!({"credential": {"_schema": ["Invalid input type."]}})
    );
    assert_eq!(answer(validate_detail(&json!([]))), json!({"_schema": ["Invalid input type."]}));
}

#[test]
fn a_peers_unknown_members_are_carried() {
    let mut received = detail();
    received["options"]["later"] = json!(1);
    received["later"] = json!({});
    assert_eq!(LdProof.validate(Step::Offer, &received), Ok(()));
    assert!(validate_detail(&received).is_err());
}

#[test]
fn a_signed_credential_has_proofs() {
    let mut credential = detail()["credential"].clone();
    assert_eq!(
        answer(validate_credential(&credential)),
        json!({"proof": ["Missing data for required field."]})
    );
    let proof = json!({"type": "T", "proofPurpose": "assertionMethod", "verificationMethod": "did:key:z#z"});
    credential["proof"] = proof.clone();
    assert_eq!(validate_credential(&credential), Ok(()));
    credential["proof"] = json!([proof, {"type": "T"}]);
    let missing = json!(["Missing data for required field."]);
    assert_eq!(
        answer(validate_credential(&credential)),
        json!({"proof": {"1": {"proofPurpose": missing, "verificationMethod": missing}}})
    );
    // An issue message carries exactly one.
    assert!(LdProof.validate(Step::Issue, &credential).is_err());
}

#[test]
fn where_it_is_wrong_is_said_in_words() {
    let mut changed = detail();
    changed["credential"]["@context"][1] = json!("no uri");
    let wrong = validate_detail(&changed).unwrap_err();
    assert_eq!(wrong[0].to_string(), "credential.@context[1]: Value no uri is not URI");
}
