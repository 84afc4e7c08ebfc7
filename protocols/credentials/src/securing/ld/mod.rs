//! Linked Data proofs, as ACA-Py 1.7 has them.

mod sign;
mod signer;
mod suites;
mod verify;

use chancery_jsonld::Processor;
use serde_json::Value;

use super::{Claims, Securing, Verification};
use crate::need::{Facts, FormatError, Need};
use suites::{dropped, linked_data_error};

pub use suites::Suite;

/// Linked Data proofs. Without state.
#[derive(Clone, Copy, Debug)]
pub struct LinkedData;

impl Securing for LinkedData {
    fn sign(&self, facts: &Facts<'_>, claims: Claims) -> Result<Value, FormatError> {
        sign::sign(facts, claims)
    }

    fn can_sign(&self, facts: &Facts<'_>, claims: Claims) -> Result<(), FormatError> {
        sign::can_sign(facts, claims)
    }

    fn verify(&self, facts: &Facts<'_>, secured: &Value) -> Result<Verification, Vec<Need>> {
        verify::verify(facts, secured)
    }
}

/// Refuses terms whose value is null and that no context defines: ACA-Py takes these for undefined ones that were dropped, so
/// no holder could store the credential.
pub(crate) fn nothing_undefined(jsonld: &Processor, credential: &Value) -> Result<(), FormatError> {
    if !has_null(credential) {
        return Ok(());
    }
    let undefined =
        jsonld.undefined_terms(credential).map_err(|error| linked_data_error(jsonld, credential, error))?;
    if undefined.is_empty() { Ok(()) } else { Err(dropped(&undefined)) }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// A credential's types as IRIs.
pub(crate) fn expanded_types(jsonld: &Processor, credential: &Value) -> Result<Vec<String>, FormatError> {
    jsonld.expanded_types(credential).map_err(|error| linked_data_error(jsonld, credential, error))
}
