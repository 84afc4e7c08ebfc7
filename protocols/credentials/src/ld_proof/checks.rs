//! What the two sides compare.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::w3c::entries;
use crate::{FormatError, json_equal};

fn subject_id(detail: &Value) -> Option<&Value> {
    entries(detail.pointer("/credential/credentialSubject")?).first()?.get("id")
}

/// The issuer's check: a request differs from its offer by nothing but the subject's id, and not even by that when
/// the offer names one.
pub(super) fn request_matches(offer: &Value, request: &Value) -> Result<(), FormatError> {
    let (offered, requested) = (subject_id(offer), subject_id(request));
    if offered.is_some() && offered != requested {
        return Err(FormatError::refused_at(
            "credential.credentialSubject.id",
            "Request credentialSubject.id must match offer credentialSubject.id",
        ));
    }
    let mut offer = Cow::Borrowed(offer);
    if let (None, Some(id)) = (offered, requested) {
        let subject = match offer.to_mut().pointer_mut("/credential/credentialSubject") {
            Some(Value::Array(subjects)) => subjects.first_mut(),
            other => other,
        };
        if let Some(Value::Object(subject)) = subject {
            subject.insert("id".into(), id.clone());
        }
    }
    if json_equal(&offer, request) {
        Ok(())
    } else {
        Err(FormatError::refused("Request must match offer if offer is sent"))
    }
}

/// The holder's check: the credential is the one that was requested, the proof agrees with the options.
pub(super) fn credential_matches(
    exchange: &str,
    request: &Value,
    credential: &Value,
) -> Result<(), FormatError> {
    let empty = Map::new();
    let requested = request.get("credential").and_then(Value::as_object).unwrap_or(&empty);
    let options = request.get("options").and_then(Value::as_object).unwrap_or(&empty);
    let received = credential.as_object().unwrap_or(&empty);
    let proof = received
        .get("proof")
        .and_then(Value::as_object)
        .ok_or_else(|| FormatError::refused_at("proof", "Received credential must have one proof"))?;
    let same = received.len() == requested.len() + 1
        && requested
            .iter()
            .all(|(name, value)| received.get(name).is_some_and(|other| json_equal(value, other)));
    if !same {
        return Err(FormatError::refused(format!(
            "Received credential for cred_ex_id {exchange} does not match requested credential"
        )));
    }
    let type_of = |status: &Value| entries(status).first().and_then(|s| s.get("type")).cloned();
    match (received.get("credentialStatus"), options.get("credentialStatus")) {
        (Some(status), Some(wanted)) if type_of(status) != type_of(wanted) => {
            return Err(FormatError::refused_at(
                "credentialStatus.type",
                "Received credential status type does not match credential request",
            ));
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(FormatError::refused_at(
                "credentialStatus",
                "Received credential status contains credential status that does not match credential request",
            ));
        }
        _ => {}
    }
    if let Some(created) = options.get("created")
        && proof.get("created") != Some(created)
    {
        return Err(mismatch("created", "created"));
    }
    for (member, option) in [("challenge", "challenge"), ("domain", "domain"), ("type", "proofType")] {
        if proof.get(member) != options.get(option) {
            return Err(mismatch(member, option));
        }
    }
    Ok(())
}

fn mismatch(member: &str, option: &str) -> FormatError {
    FormatError::refused_at(
        format!("proof.{member}"),
        format!("Received credential proof.{member} does not match options.{option} from credential request"),
    )
}
