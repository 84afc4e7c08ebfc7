//! Preparation of a detail, the same at proposal, offer, request and issue; doing it twice changes nothing.

use serde_json::Value;

use super::detail::Detail;
use crate::FormatError;
use crate::w3c::{CONTEXT_V1, CONTEXT_V2, seconds};

const ED25519_2020_CONTEXT: &str = "https://w3id.org/security/suites/ed25519-2020/v1";
const BBS_CONTEXT: &str = "https://w3id.org/security/bbs/v1";

/// Adds the suite's context, the date of issuance and the subject's id where they are missing.
pub(super) fn prepare(detail: &mut Detail, now: i64, holder_did: Option<&str>) -> Result<(), FormatError> {
    prepare_members(detail, now, holder_did).map_err(|e| e.because_of("Failed to prepare credential"))
}

fn prepare_members(detail: &mut Detail, now: i64, holder_did: Option<&str>) -> Result<(), FormatError> {
    if detail.credential.contains_key("proof") {
        return Err(FormatError::refused_at("credential.proof", "The credential is signed already"));
    }
    for (name, value) in &detail.credential {
        signable(value, &mut format!("credential.{name}"))?;
    }
    let proof_type = detail.option("proofType").map(str::to_owned);
    let Some(Value::Array(contexts)) = detail.credential.get_mut("@context") else {
        return Err(FormatError::refused_at("credential.@context", "Context is required"));
    };
    let v1 = contexts.first().is_some_and(|first| first == CONTEXT_V1);
    let v2 = contexts.first().is_some_and(|first| first == CONTEXT_V2);
    let suite_context = match proof_type.as_deref() {
        Some("Ed25519Signature2020") => Some(ED25519_2020_CONTEXT),
        Some("BbsBlsSignature2020") => Some(BBS_CONTEXT),
        _ => None,
    };
    if v2 && suite_context.is_none() {
        return Err(FormatError::refused_at(
            "options.proofType",
            "Supported VC 2.0 proof types are: ['Ed25519Signature2020', 'BbsBlsSignature2020']",
        ));
    }
    if let Some(url) = suite_context
        && !contexts.iter().any(|context| context == url)
    {
        contexts.push(url.into());
    }
    if v1 && !detail.credential.contains_key("issuanceDate") {
        detail.credential.insert("issuanceDate".into(), format!("{}+00:00", seconds(now)).into());
    }
    let subject = match detail.credential.get_mut("credentialSubject") {
        Some(Value::Array(subjects)) => subjects.first_mut(),
        other => other,
    };
    let subject = subject.and_then(Value::as_object_mut).filter(|subject| !subject.is_empty());
    let Some(subject) = subject else {
        return Err(FormatError::refused_at(
            "credential.credentialSubject",
            "Credential subject is required",
        ));
    };
    if let Some(did) = holder_did.filter(|did| did.starts_with("did:key"))
        && !subject.contains_key("id")
    {
        subject.insert("id".into(), did.into());
    }
    Ok(())
}

/// Refuses what two implementations would sign differently: integers beyond 64 bits (read as floats, digits lost)
/// and control characters other than tab, line feed and carriage return (not escaped alike in canonical N-Quads).
fn signable(value: &Value, path: &mut String) -> Result<(), FormatError> {
    let end = path.len();
    match value {
        Value::Number(number) => {
            let huge = |float: f64| float.fract() == 0.0 && float.abs() >= 9_223_372_036_854_775_808.0;
            if number.is_f64() && number.as_f64().is_some_and(huge) {
                return Err(FormatError::refused_at(
                    path.as_str(),
                    format!("{path} is an integer beyond 64 bits: write it as a string"),
                ));
            }
        }
        Value::String(text) => printable(text, path)?,
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push_str(&format!("[{at}]"));
                signable(item, path)?;
                path.truncate(end);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                path.push('.');
                path.push_str(name);
                printable(name, path)?;
                signable(member, path)?;
                path.truncate(end);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Ok(())
}

fn printable(text: &str, path: &str) -> Result<(), FormatError> {
    let control = |c: u8| (c < b' ' && !matches!(c, b'\t' | b'\n' | b'\r')) || c == 0x7f;
    if text.bytes().any(control) {
        return Err(FormatError::refused_at(
            path,
            format!("{path:?} contains a control character: remove it"),
        ));
    }
    Ok(())
}
