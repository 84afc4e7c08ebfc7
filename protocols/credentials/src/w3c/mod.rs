//! The W3C data model of credentials, as ACA-Py 1.7 has it: what a credential may say, and the order in which its members
//! are written.

mod rules;

use serde_json::{Map, Value};

use crate::Invalid;
use rules::{is_uri, rfc3339, uri};

pub(crate) use rules::{Members, any, iso8601, moment, seconds};

/// First contexts that are taken.
pub(crate) const CONTEXT_V1: &str = "https://www.w3.org/2018/credentials/v1";
pub(crate) const CONTEXT_V2: &str = "https://www.w3.org/ns/credentials/v2";

const CREDENTIAL_MEMBERS: [&str; 11] = [
    "@context",
    "id",
    "type",
    "issuer",
    "issuanceDate",
    "expirationDate",
    "validFrom",
    "validUntil",
    "credentialSubject",
    "credentialStatus",
    "proof",
];
/// The rules of a signed credential: those of one to be issued, with at least one proof.
pub fn validate_credential(value: &Value) -> Result<(), Vec<Invalid>> {
    outcome(match Members::of(value) {
        Err(wrong) => wrong,
        Ok(mut members) => {
            members.wrong = credential_members(&mut Members { map: members.map, wrong: Vec::new() });
            members.nested("proof", true, proofs);
            members.finish()
        }
    })
}

/// The rules for the credential of an issue message: one proof.
pub(crate) fn validate_issued(value: &Value) -> Result<(), Vec<Invalid>> {
    outcome(match Members::of(value) {
        Err(wrong) => wrong,
        Ok(mut members) => {
            members.wrong = credential_members(&mut Members { map: members.map, wrong: Vec::new() });
            members.nested("proof", true, proof);
            members.finish()
        }
    })
}

/// Broken rules that are told of one value: whoever wrote it has enough to do, and telling all takes quadratic time.
const MAX_TOLD: usize = 256;

/// The answer for broken rules: not all of very many.
pub(crate) fn outcome(mut wrong: Vec<Invalid>) -> Result<(), Vec<Invalid>> {
    wrong.truncate(MAX_TOLD);
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The rules of a credential that is to be signed.
pub(crate) fn credential(value: &Value) -> Vec<Invalid> {
    match Members::of(value) {
        Err(wrong) => wrong,
        Ok(mut members) => {
            members.wrong = credential_members(&mut Members { map: members.map, wrong: Vec::new() });
            members.nested("proof", false, proof);
            members.finish()
        }
    }
}

fn credential_members(members: &mut Members<'_>) -> Vec<Invalid> {
    members.list("@context", true, context_entry, first_context);
    members.text("id", false, uri);
    members.list("type", true, string, includes_verifiable_credential);
    members.nested("issuer", true, issuer);
    for date in ["issuanceDate", "expirationDate", "validFrom", "validUntil"] {
        members.text(date, false, rfc3339);
    }
    members.nested("credentialSubject", true, subject);
    members.nested("credentialStatus", false, object_or_objects);
    std::mem::take(&mut members.wrong)
}

fn context_entry(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => uri(text),
        Value::Object(_) => Ok(()),
        _ => Err("Field should be str or dict".into()),
    }
}

fn first_context(items: &[Value]) -> Result<(), String> {
    match items.first().and_then(Value::as_str) {
        Some(CONTEXT_V1 | CONTEXT_V2) => Ok(()),
        _ => Err(format!("First context must be one of ['{CONTEXT_V1}', '{CONTEXT_V2}']")),
    }
}

fn string(value: &Value) -> Result<(), String> {
    if value.is_string() { Ok(()) } else { Err("Not a valid string.".into()) }
}

fn includes_verifiable_credential(items: &[Value]) -> Result<(), String> {
    if items.iter().any(|item| item == "VerifiableCredential") {
        Ok(())
    } else {
        Err("type must include VerifiableCredential".into())
    }
}

fn issuer(value: &Value) -> Vec<Invalid> {
    let id = match value {
        Value::String(id) => Some(id.as_str()),
        Value::Object(members) => members.get("id").and_then(Value::as_str),
        _ => return vec![Invalid::here("Field should be str or dict")],
    };
    match id {
        None => vec![Invalid::here("Issuer id is required")],
        Some(id) => uri(id).err().map(Invalid::here).into_iter().collect(),
    }
}

fn object_or_objects(value: &Value) -> Vec<Invalid> {
    let fine = match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().all(Value::is_object),
        _ => false,
    };
    if fine { Vec::new() } else { vec![Invalid::here("Field should be dict or list of dicts")] }
}

fn subject(value: &Value) -> Vec<Invalid> {
    let wrong = object_or_objects(value);
    if !wrong.is_empty() {
        return wrong;
    }
    for id in entries(value).iter().filter_map(|subject| subject.get("id")) {
        if !id.as_str().is_some_and(is_uri) {
            let shown = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            return vec![Invalid::here(format!("credential subject id {shown} must be URI"))];
        }
    }
    Vec::new()
}

/// The value itself, or the entries of the list.
pub(crate) fn entries(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn proofs(value: &Value) -> Vec<Invalid> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(at, item)| proof(item).into_iter().map(move |invalid| invalid.within(at)))
            .collect(),
        one => proof(one),
    }
}

fn proof(value: &Value) -> Vec<Invalid> {
    let mut members = match Members::of(value) {
        Ok(members) => members,
        Err(wrong) => return wrong,
    };
    members.text("type", true, any);
    members.text("proofPurpose", true, any);
    members.text("verificationMethod", true, uri);
    members.text("created", false, iso8601);
    for name in ["domain", "challenge", "jws", "proofValue", "nonce"] {
        members.text(name, false, any);
    }
    members.finish()
}

/// The issuer's id.
pub(crate) fn issuer_of(credential: &Value) -> Option<String> {
    match credential.get("issuer")? {
        Value::String(id) => Some(id.clone()),
        issuer => issuer.get("id")?.as_str().map(str::to_owned),
    }
}

/// A credential's members in ACA-Py's order.
pub(crate) fn credential_in_order(credential: Map<String, Value>) -> Value {
    in_order(credential, &CREDENTIAL_MEMBERS).into()
}

/// The members of this order first, others as they came.
pub(crate) fn in_order(mut members: Map<String, Value>, order: &[&str]) -> Map<String, Value> {
    let mut out = Map::with_capacity(members.len());
    for name in order {
        if let Some((name, value)) = members.shift_remove_entry(*name) {
            out.insert(name, value);
        }
    }
    out.extend(members);
    out
}
