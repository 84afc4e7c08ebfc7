//! JSON-LD credentials with Linked Data proofs (RFC 0593, as ACA-Py 1.7 has it).

mod checks;
mod detail;
mod prepare;
mod stored;

use serde_json::Value;

use crate::format::{ExchangeFormat, Made, Said, Stored, Turn};
use crate::need::{Facts, FormatError};
use crate::securing::Securing;
use crate::securing::ld::{self, LinkedData};
use crate::{Family, Invalid, Step};
use detail::Detail;
use prepare::prepare;

pub use detail::validate_detail;

/// The names of the format.
pub const FAMILY: Family = Family {
    api: "ld_proof",
    prefix: "aries/",
    formats: [
        "aries/ld-proof-vc-detail@v1.0",
        "aries/ld-proof-vc-detail@v1.0",
        "aries/ld-proof-vc-detail@v1.0",
        "aries/ld-proof-vc@v1.0",
    ],
    detail_category: "ld_proof_cred_ex_v20",
    detail_id: "cred_ex_ld_proof_id",
    topic: "issue_credential_v2_0_ld_proof",
    shown: &[],
};

/// The format. Without state.
#[derive(Clone, Copy, Debug)]
pub struct LdProof;

impl ExchangeFormat for LdProof {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn validate(&self, step: Step, content: &Value) -> Result<(), Vec<Invalid>> {
        match step {
            Step::Propose | Step::Offer | Step::Request => detail::validate_received(content),
            Step::Issue => crate::w3c::validate_issued(content),
        }
    }

    fn starts_at_request(&self) -> bool {
        true
    }

    fn propose(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let detail = prepared(turn.facts, turn.content(Step::Propose)?, None)?;
        Ok(Made::new(detail.into_value()))
    }

    fn offer(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let facts = turn.facts;
        let detail = prepared(facts, turn.content(Step::Propose)?, None)?;
        let unsigned = detail.clone();
        let detail = detail.into_value();
        ld::nothing_undefined(facts.jsonld, &detail["credential"])?;
        // An offer that could not be kept is not made.
        LinkedData.can_sign(facts, unsigned.into_claims())?;
        Ok(Made::new(detail))
    }

    fn request(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let offer = turn.said.content(Step::Offer).map_or_else(|| turn.content(Step::Propose), Ok)?;
        Ok(Made::new(prepared(turn.facts, offer, turn.holder_did)?.into_value()))
    }

    fn issue(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let request = turn.content(Step::Request)?;
        let signed = prepared(turn.facts, request, None)
            .and_then(|detail| LinkedData.sign(turn.facts, detail.into_claims()));
        signed.map(Made::new).map_err(|e| e.because_of("Failed to issue credential"))
    }

    fn store(&self, turn: &Turn<'_>) -> Result<Made<Stored>, FormatError> {
        Ok(Made::new(stored::store(turn.facts, turn.content(Step::Issue)?)?))
    }

    fn check_request(&self, said: &dyn Said) -> Result<(), FormatError> {
        match (said.content(Step::Offer), said.content(Step::Request)) {
            (Some(offer), Some(request)) => checks::request_matches(offer, request),
            _ => Ok(()),
        }
    }

    fn check_credential(&self, exchange: &str, said: &dyn Said) -> Result<(), FormatError> {
        match (said.content(Step::Request), said.content(Step::Issue)) {
            (Some(request), Some(credential)) => checks::credential_matches(exchange, request, credential),
            _ => Err(FormatError::refused("Received credential was not requested")),
        }
    }
}

fn prepared(facts: &Facts<'_>, detail: &Value, holder_did: Option<&str>) -> Result<Detail, FormatError> {
    let mut detail = Detail::parse(detail)?;
    prepare(&mut detail, facts.now, holder_did)?;
    Ok(detail)
}
