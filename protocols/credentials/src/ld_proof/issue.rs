//! Signing the requested credential.

use serde_json::{Map, Value};

use super::detail::{Detail, credential_in_order, issuer_of};
use super::prepare::{prepare, seconds};
use super::signer::{Signer, signer};
use crate::format::{Facts, FormatError};
use crate::suites::check_signable;

pub(super) fn issue(facts: &Facts<'_>, request: &Value) -> Result<Value, FormatError> {
    let mut detail = Detail::parse(request)?;
    prepare(&mut detail, facts.now, None)?;
    let Unsigned { signer, mut document, proof } = unsigned(facts, detail)?;
    let proof = signer.suite.sign(facts.jsonld, &document, proof, &signer.key)?;
    match &mut document {
        Value::Object(members) => {
            members.insert("proof".into(), proof.into());
            Ok(credential_in_order(std::mem::take(members)))
        }
        _ => Err(FormatError::refused("The credential is not an object")),
    }
}

/// The offer's check: everything that issuing does, short of the signature. An offer that could not be kept is not made.
pub(super) fn check(facts: &Facts<'_>, detail: Detail) -> Result<(), FormatError> {
    let unsigned =
        unsigned(facts, detail).map_err(|e| e.because_of("Checking whether issuance is possible failed"))?;
    check_signable(facts.jsonld, &unsigned.document, &unsigned.proof)
}

/// A credential, and what the signature is to be made with.
struct Unsigned {
    signer: Signer,
    document: Value,
    proof: Map<String, Value>,
}

/// Of a detail that is prepared.
fn unsigned(facts: &Facts<'_>, detail: Detail) -> Result<Unsigned, FormatError> {
    let proof_type = detail
        .option("proofType")
        .ok_or_else(|| FormatError::refused_at("options.proofType", "Proof type is required"))?
        .to_owned();
    let purpose = purpose(&detail)?.to_owned();
    let named = detail.option("verificationMethod").map(str::to_owned);

    let Detail { credential, mut options, .. } = detail;
    let document = credential_in_order(credential);
    let issuer = issuer_of(&document)
        .ok_or_else(|| FormatError::refused_at("credential.issuer", "Credential issuer id is required"))?;
    let signer = signer(facts, &issuer, &proof_type, named.as_deref())?;

    let mut proof = Map::new();
    proof.insert("type".into(), signer.suite.name().into());
    proof.insert("proofPurpose".into(), purpose.into());
    proof.insert("verificationMethod".into(), signer.method.clone().into());
    let created =
        options.shift_remove("created").unwrap_or_else(|| format!("{}Z", seconds(facts.now)).into());
    proof.insert("created".into(), created);
    for name in ["domain", "challenge"] {
        if let Some(value) = options.shift_remove(name) {
            proof.insert(name.into(), value);
        }
    }
    Ok(Unsigned { signer, document, proof })
}

fn purpose(detail: &Detail) -> Result<&str, FormatError> {
    match detail.option("proofPurpose").filter(|purpose| !purpose.is_empty()) {
        None | Some("assertionMethod") => Ok("assertionMethod"),
        Some("authentication") => {
            if detail.option("challenge").is_none_or(str::is_empty) {
                return Err(FormatError::refused_at(
                    "options.challenge",
                    "Challenge is required for 'authentication' proof purpose",
                ));
            }
            Ok("authentication")
        }
        Some(other) => Err(FormatError::refused_at(
            "options.proofPurpose",
            format!(
                "Unsupported proof purpose: {other}. Supported proof types are: {{'assertionMethod', 'authentication'}}"
            ),
        )),
    }
}
