//! JSON-LD credentials with Linked Data proofs (RFC 0593, as ACA-Py 1.7 has it).

mod checks;
mod detail;
mod issue;
mod prepare;
mod rules;
mod signer;
mod stored;

use serde_json::Value;

use crate::format::{CredentialFormat, Facts, FormatError, Stored};
use crate::suites::{dropped, linked_data_error};
use crate::{Family, Invalid, Step};

pub use detail::{validate_credential, validate_detail};

pub(crate) use detail::issuer_of;
pub(crate) use rules::moment;

/// The format. Without state.
#[derive(Clone, Copy, Debug)]
pub struct LdProof;

impl CredentialFormat for LdProof {
    fn family(&self) -> Family {
        Family::LdProof
    }

    fn validate(&self, step: Step, content: &Value) -> Result<(), Vec<Invalid>> {
        match step {
            Step::Propose | Step::Offer | Step::Request => detail::validate_received(content),
            Step::Issue => detail::validate_issued(content),
        }
    }

    fn propose(&self, facts: &Facts<'_>, filter: &Value) -> Result<Value, FormatError> {
        let mut detail = detail::Detail::parse(filter)?;
        prepare::prepare(&mut detail, facts.now, None)?;
        Ok(detail.into_value())
    }

    fn offer(&self, facts: &Facts<'_>, proposal: &Value) -> Result<Value, FormatError> {
        let mut detail = detail::Detail::parse(proposal)?;
        prepare::prepare(&mut detail, facts.now, None)?;
        let unsigned = detail.clone();
        let detail = detail.into_value();
        let credential = &detail["credential"];
        // ACA-Py takes a property whose value is null for an undefined one, so no holder could store it.
        if has_null(credential) {
            let undefined = facts
                .jsonld
                .undefined_terms(credential)
                .map_err(|error| linked_data_error(facts.jsonld, credential, error))?;
            if !undefined.is_empty() {
                return Err(dropped(&undefined));
            }
        }
        issue::check(facts, unsigned)?;
        Ok(detail)
    }

    fn request(
        &self,
        facts: &Facts<'_>,
        offer: &Value,
        holder_did: Option<&str>,
    ) -> Result<Value, FormatError> {
        let mut detail = detail::Detail::parse(offer)?;
        prepare::prepare(&mut detail, facts.now, holder_did)?;
        Ok(detail.into_value())
    }

    fn starts_at_request(&self) -> bool {
        true
    }

    fn check_request(&self, offer: Option<&Value>, request: &Value) -> Result<(), FormatError> {
        match offer {
            Some(offer) => checks::request_matches(offer, request),
            None => Ok(()),
        }
    }

    fn issue(&self, facts: &Facts<'_>, request: &Value) -> Result<Value, FormatError> {
        issue::issue(facts, request).map_err(|e| e.because_of("Failed to issue credential"))
    }

    fn check_credential(
        &self,
        exchange: &str,
        request: &Value,
        credential: &Value,
    ) -> Result<(), FormatError> {
        checks::credential_matches(exchange, request, credential)
    }

    fn store(&self, facts: &Facts<'_>, credential: &Value) -> Result<Stored, FormatError> {
        stored::store(facts, credential)
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}
