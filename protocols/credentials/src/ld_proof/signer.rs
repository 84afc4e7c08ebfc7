//! Which of the issuer's verification methods signs.

use chancery_did::{KeyType, PublicKey, SecretKey};
use serde_json::Value;

use super::detail::issuer_of;
use crate::format::{Facts, FormatError};
use crate::suites::Suite;

/// A method of the issuer's with its secret key.
pub(super) struct Signer {
    pub(super) method: String,
    pub(super) key: SecretKey,
}

enum Choice {
    /// The DID says which, without looking at the wallet.
    Fixed { method: String, key: Option<PublicKey> },
    /// Chosen among those that the wallet has the key of.
    Ours(Signer),
}

/// The offer's check: whether issuing is possible as far as the DID tells. As in ACA-Py, a did:key is not looked up in
/// the wallet here.
pub(super) fn check(facts: &Facts<'_>, detail: &Value) -> Result<(), FormatError> {
    let issuer = issuer_of(&detail["credential"]).unwrap_or_default();
    choose(facts, &issuer, option(detail, "proofType"), option(detail, "verificationMethod")).map(|_| ())
}

/// The method and key to sign with.
pub(super) fn signer(
    facts: &Facts<'_>,
    issuer: &str,
    suite: Suite,
    named: Option<&str>,
) -> Result<Signer, FormatError> {
    let (method, key) = match choose(facts, issuer, Some(suite.name()), named)? {
        Choice::Ours(signer) => return Ok(signer),
        Choice::Fixed { method, key: Some(key) } => (method, key),
        Choice::Fixed { method, key: None } => {
            let document = facts.document(issuer)?;
            let found = document
                .verification_method(&method)
                .and_then(|m| m.key.clone().ok())
                .ok_or_else(|| FormatError::refused(format!("Verification method {method} not found")))?;
            (method, found)
        }
    };
    match facts.first_of_ours(&[&key])? {
        Some((_, key)) => Ok(Signer { method, key }),
        None => Err(FormatError::refused_at("credential.issuer", format!("Unknown DID: {issuer}"))),
    }
}

fn option<'d>(detail: &'d Value, name: &str) -> Option<&'d str> {
    detail.get("options")?.get(name)?.as_str()
}

/// Key types that a proof type takes; also of the suites that we know but don't have.
fn key_types(proof_type: Option<&str>) -> Result<&'static [KeyType], FormatError> {
    match proof_type {
        None => Ok(&[KeyType::Ed25519, KeyType::P256, KeyType::Bls12381G2]),
        Some("Ed25519Signature2018" | "Ed25519Signature2020") => Ok(&[KeyType::Ed25519]),
        Some("EcdsaSecp256r1Signature2019") => Ok(&[KeyType::P256]),
        Some("BbsBlsSignature2020" | "BbsBlsSignatureProof2020") => Ok(&[KeyType::Bls12381G2]),
        Some(other) => Err(unsupported(other)),
    }
}

fn unsupported(proof_type: &str) -> FormatError {
    FormatError::refused_at("options.proofType", format!("proof type {proof_type} is not supported"))
}

fn choose(
    facts: &Facts<'_>,
    issuer: &str,
    proof_type: Option<&str>,
    named: Option<&str>,
) -> Result<Choice, FormatError> {
    let suitable = key_types(proof_type)?;
    let shown = proof_type.unwrap_or("None");
    let unusable = |method: &str| {
        FormatError::refused_at(
            "options.verificationMethod",
            format!("Verification method ID {method} cannot be used with DID {issuer}"),
        )
    };
    let built = |choice| match proof_type {
        Some(name) if Suite::from_name(name).is_none() => Err(unsupported(name)),
        _ => Ok(choice),
    };
    if issuer.starts_with("did:key:") {
        let key = PublicKey::from_did_key(issuer)
            .map_err(|e| FormatError::refused(format!("DID {issuer}: {e}")))?;
        if !suitable.contains(&key.kind()) {
            return Err(FormatError::refused_at(
                "options.proofType",
                format!("DID {issuer} has wrong key type for proof type {shown}"),
            ));
        }
        let method = key.did_key_url();
        if let Some(named) = named.filter(|named| *named != method) {
            return Err(unusable(named));
        }
        return built(Choice::Fixed { method, key: Some(key) });
    }
    if issuer.starts_with("did:sov:") {
        let method = format!("{issuer}#key-1");
        if !suitable.contains(&KeyType::Ed25519) {
            return Err(FormatError::refused("did:sov only capable of ED25519 based proof types"));
        }
        if let Some(named) = named.filter(|named| *named != method) {
            return Err(unusable(named));
        }
        return built(Choice::Fixed { method, key: None });
    }
    built(Choice::Ours(among_methods(facts, issuer, suitable, shown, named)?))
}

/// The named method, or the first for `assertionMethod` with a suitable key, that the wallet has the key of.
fn among_methods(
    facts: &Facts<'_>,
    issuer: &str,
    suitable: &[KeyType],
    proof_type: &str,
    named: Option<&str>,
) -> Result<Signer, FormatError> {
    let document = facts.document(issuer)?;
    let candidates: Vec<(String, &PublicKey)> = document
        .assertion_method()
        .into_iter()
        .filter(|method| {
            named.is_none_or(|named| {
                method.id == named || method.id.ends_with(named) && named.starts_with('#')
            })
        })
        .filter_map(|method| Some((method.id.clone(), method.key.as_ref().ok()?)))
        .filter(|(_, key)| suitable.contains(&key.kind()))
        .collect();
    let keys: Vec<&PublicKey> = candidates.iter().map(|(_, key)| *key).collect();
    match facts.first_of_ours(&keys)? {
        Some((at, key)) => Ok(Signer { method: candidates[at].0.clone(), key }),
        None => Err(FormatError::refused_at(
            "credential.issuer",
            format!(
                "No matching verification method found for did {issuer} with proof type {proof_type} and purpose assertionMethod"
            ),
        )),
    }
}
