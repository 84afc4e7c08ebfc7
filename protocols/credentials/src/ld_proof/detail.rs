//! The detail `{credential, options}` of proposals, offers and requests, and the credential of an issue message:
//! the rules of their schemas and the order in which members are written.

use serde_json::{Map, Value};

use super::rules::{Members, any, is_uri, iso8601, rfc3339, uri};
use crate::{FormatError, Invalid};

/// First contexts that are taken.
pub(super) const CONTEXT_V1: &str = "https://www.w3.org/2018/credentials/v1";
pub(super) const CONTEXT_V2: &str = "https://www.w3.org/ns/credentials/v2";

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
const OPTION_MEMBERS: [&str; 7] =
    ["verificationMethod", "proofType", "proofPurpose", "created", "domain", "challenge", "credentialStatus"];

/// The rules of `filter.ld_proof` in the admin API. Unknown members beside `credential` and `options`, and in
/// `options`, are refused (ACA-Py fails on them with 500).
pub fn validate_detail(value: &Value) -> Result<(), Vec<Invalid>> {
    outcome(detail(value, true))
}

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

/// The rules for a detail from a peer: members that we don't know are kept.
pub(super) fn validate_received(value: &Value) -> Result<(), Vec<Invalid>> {
    outcome(detail(value, false))
}

/// The rules for the credential of an issue message: one proof.
pub(super) fn validate_issued(value: &Value) -> Result<(), Vec<Invalid>> {
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

fn outcome(mut wrong: Vec<Invalid>) -> Result<(), Vec<Invalid>> {
    wrong.truncate(MAX_TOLD);
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn detail(value: &Value, strict: bool) -> Vec<Invalid> {
    let mut members = match Members::of(value) {
        Ok(members) => members,
        Err(wrong) => return wrong,
    };
    members.nested("credential", true, credential);
    members.nested("options", true, if strict { known_options } else { options });
    if strict {
        members.nothing_but(&["credential", "options"]);
    }
    members.finish()
}

fn credential(value: &Value) -> Vec<Invalid> {
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
pub(super) fn entries(value: &Value) -> &[Value] {
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

fn options(value: &Value) -> Vec<Invalid> {
    option_members(value, false)
}

fn known_options(value: &Value) -> Vec<Invalid> {
    option_members(value, true)
}

fn option_members(value: &Value, strict: bool) -> Vec<Invalid> {
    let mut members = match Members::of(value) {
        Ok(members) => members,
        Err(wrong) => return wrong,
    };
    members.text("verificationMethod", false, any);
    members.text("proofType", false, any);
    members.text("proofPurpose", false, any);
    members.text("created", false, iso8601);
    members.text("domain", false, any);
    members.text("challenge", false, any);
    members.nested("credentialStatus", false, status);
    if strict {
        members.nothing_but(&OPTION_MEMBERS);
    }
    members.finish()
}

fn status(value: &Value) -> Vec<Invalid> {
    match Members::of(value) {
        Err(wrong) => wrong,
        Ok(mut members) => {
            members.text("type", true, any);
            members.finish()
        }
    }
}

/// The issuer's id.
pub(crate) fn issuer_of(credential: &Value) -> Option<String> {
    match credential.get("issuer")? {
        Value::String(id) => Some(id.clone()),
        issuer => issuer.get("id")?.as_str().map(str::to_owned),
    }
}

/// A parsed detail.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) credential: Map<String, Value>,
    pub(super) options: Map<String, Value>,
    other: Map<String, Value>,
}

impl Detail {
    /// Of a detail that obeys the rules for received ones.
    pub(super) fn parse(value: &Value) -> Result<Self, FormatError> {
        if let Err(wrong) = validate_received(value) {
            let field = wrong.first().map(|invalid| Invalid { message: String::new(), ..invalid.clone() });
            let field = field.map(|f| f.to_string().trim_end_matches(": ").to_owned()).unwrap_or_default();
            let list: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            return Err(FormatError::refused_at(field, list.join("; ")));
        }
        let mut other = value.as_object().cloned().unwrap_or_default();
        let mut take = |name: &str| match other.shift_remove(name) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let (credential, options) = (take("credential"), take("options"));
        Ok(Self { credential, options, other })
    }

    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).and_then(Value::as_str)
    }

    /// Members in ACA-Py's order, those that we don't know last.
    pub(super) fn into_value(self) -> Value {
        let mut out = Map::new();
        out.insert("credential".into(), in_order(self.credential, &CREDENTIAL_MEMBERS).into());
        out.insert("options".into(), in_order(self.options, &OPTION_MEMBERS).into());
        out.extend(self.other);
        Value::Object(out)
    }
}

/// A credential's members in ACA-Py's order.
pub(super) fn credential_in_order(credential: Map<String, Value>) -> Value {
    in_order(credential, &CREDENTIAL_MEMBERS).into()
}

fn in_order(mut members: Map<String, Value>, order: &[&str]) -> Map<String, Value> {
    let mut out = Map::with_capacity(members.len());
    for name in order {
        if let Some((name, value)) = members.shift_remove_entry(*name) {
            out.insert(name, value);
        }
    }
    out.extend(members);
    out
}
