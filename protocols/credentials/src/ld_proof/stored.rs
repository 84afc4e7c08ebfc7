//! What is kept of a credential, and how it is found again.

use serde_json::{Map, Value};

use crate::format::Stored;
use crate::need::{Facts, FormatError};
use crate::securing::Securing;
use crate::securing::ld::{LinkedData, expanded_types};
use crate::w3c::{credential_in_order, entries, issuer_of};

/// Verifies the credential; says how to store it.
pub(super) fn store(facts: &Facts<'_>, credential: &Value) -> Result<Stored, FormatError> {
    let verification = LinkedData.verify(facts, credential).map_err(FormatError::Needs)?;
    if !verification.verified() {
        return Err(FormatError::refused(format!("Received invalid credential: {}", verification.reason())));
    }
    let mut tags = Vec::new();
    let strings = |value: Option<&Value>| -> Vec<String> {
        let list = value.map(entries).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    tags.extend(distinct("context", strings(credential.get("@context"))));
    tags.extend(distinct("type", expanded_types(facts.jsonld, credential)?));
    let of_entries = |name: &str, member: &str| -> Vec<String> {
        let list = credential.get(name).map(entries).unwrap_or_default();
        list.iter().filter_map(|entry| entry.get(member)?.as_str().map(str::to_owned)).collect()
    };
    tags.extend(distinct("subject", of_entries("credentialSubject", "id")));
    tags.extend(distinct("proof_type", of_entries("proof", "type")));
    tags.extend(issuer_of(credential).map(|id| ("issuer_id", id)));
    tags.extend(credential.get("id").and_then(Value::as_str).map(|id| ("given_id", id.to_owned())));
    let members: Map<String, Value> = credential.as_object().cloned().unwrap_or_default();
    Ok(Stored { category: "vc_cred", value: credential_in_order(members), tags })
}

fn distinct(name: &'static str, mut values: Vec<String>) -> Vec<(&'static str, String)> {
    values.sort();
    values.dedup();
    values.into_iter().map(|value| (name, value)).collect()
}
