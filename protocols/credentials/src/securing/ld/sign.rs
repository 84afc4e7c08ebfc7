//! Signing a credential.

use serde_json::{Map, Value};

use super::signer::{Signer, signer};
use super::suites::check_signable;
use crate::need::{Facts, FormatError};
use crate::securing::Claims;
use crate::w3c::{credential_in_order, issuer_of, seconds};

pub(super) fn sign(facts: &Facts<'_>, claims: Claims) -> Result<Value, FormatError> {
    let Unsigned { signer, mut document, proof } = unsigned(facts, claims)?;
    let proof = signer.suite.sign(facts.jsonld, &document, proof, &signer.key)?;
    match &mut document {
        Value::Object(members) => {
            members.insert("proof".into(), proof.into());
            Ok(credential_in_order(std::mem::take(members)))
        }
        _ => Err(FormatError::refused("The credential is not an object")),
    }
}

pub(super) fn can_sign(facts: &Facts<'_>, claims: Claims) -> Result<(), FormatError> {
    let unsigned =
        unsigned(facts, claims).map_err(|e| e.because_of("Checking whether issuance is possible failed"))?;
    check_signable(facts.jsonld, &unsigned.document, &unsigned.proof)
}

/// A credential, and what the signature is to be made with.
struct Unsigned {
    signer: Signer,
    document: Value,
    proof: Map<String, Value>,
}

fn unsigned(facts: &Facts<'_>, claims: Claims) -> Result<Unsigned, FormatError> {
    let Claims { credential, mut options } = claims;
    let proof_type = text(&options, "proofType")
        .ok_or_else(|| FormatError::refused_at("options.proofType", "Proof type is required"))?
        .to_owned();
    let purpose = purpose(&options)?.to_owned();
    let named = text(&options, "verificationMethod").map(str::to_owned);

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

fn text<'o>(options: &'o Map<String, Value>, name: &str) -> Option<&'o str> {
    options.get(name).and_then(Value::as_str)
}

fn purpose(options: &Map<String, Value>) -> Result<&str, FormatError> {
    match text(options, "proofPurpose").filter(|purpose| !purpose.is_empty()) {
        None | Some("assertionMethod") => Ok("assertionMethod"),
        Some("authentication") => {
            if text(options, "challenge").is_none_or(str::is_empty) {
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
