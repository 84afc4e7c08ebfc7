//! Which of the issuer's verification methods signs.

use chancery_did::{DidDocument, KeyType, PublicKey, SecretKey};

use super::suites::Suite;
use crate::need::{Facts, FormatError};

/// A method of the issuer's for a suite, with the key that signs.
pub(super) struct Signer {
    pub(super) suite: Suite,
    pub(super) method: String,
    pub(super) key: SecretKey,
}

/// Key types that a proof type takes; also of the suites that we know but don't have.
fn key_types(proof_type: &str) -> Result<&'static [KeyType], FormatError> {
    match proof_type {
        "Ed25519Signature2018" | "Ed25519Signature2020" => Ok(&[KeyType::Ed25519]),
        "EcdsaSecp256r1Signature2019" => Ok(&[KeyType::P256]),
        "BbsBlsSignature2020" | "BbsBlsSignatureProof2020" => Ok(&[KeyType::Bls12381G2]),
        other => Err(unsupported(other)),
    }
}

fn unsupported(proof_type: &str) -> FormatError {
    FormatError::refused_at("options.proofType", format!("proof type {proof_type} is not supported"))
}

/// The secret key of a method that the DID itself fixes.
fn ours(facts: &Facts<'_>, issuer: &str, key: &PublicKey) -> Result<SecretKey, FormatError> {
    match facts.first_of_ours(&[key])? {
        Some((_, secret)) => Ok(secret),
        None => Err(FormatError::refused_at("credential.issuer", format!("Unknown DID: {issuer}"))),
    }
}

/// The issuer's document; a refusal names the member that it comes from.
fn document(facts: &Facts<'_>, issuer: &str) -> Result<DidDocument, FormatError> {
    facts.document(issuer).map_err(|error| match error {
        FormatError::Refused { message, .. } => FormatError::refused_at("credential.issuer", message),
        other => other,
    })
}

/// The method to sign with. Its key is one of the wallet's: what nobody here can sign is refused.
pub(super) fn signer(
    facts: &Facts<'_>,
    issuer: &str,
    proof_type: &str,
    named: Option<&str>,
) -> Result<Signer, FormatError> {
    let suitable = key_types(proof_type)?;
    let unusable = |method: &str| {
        FormatError::refused_at(
            "options.verificationMethod",
            format!("Verification method ID {method} cannot be used with DID {issuer}"),
        )
    };
    let suite = || Suite::from_name(proof_type).ok_or_else(|| unsupported(proof_type));
    if issuer.starts_with("did:key:") {
        let key = PublicKey::from_did_key(issuer)
            .map_err(|e| FormatError::refused_at("credential.issuer", format!("DID {issuer}: {e}")))?;
        if !suitable.contains(&key.kind()) {
            return Err(FormatError::refused_at(
                "options.proofType",
                format!("DID {issuer} has wrong key type for proof type {proof_type}"),
            ));
        }
        let method = key.did_key_url();
        if let Some(named) = named.filter(|named| *named != method) {
            return Err(unusable(named));
        }
        return Ok(Signer { suite: suite()?, method, key: ours(facts, issuer, &key)? });
    }
    if issuer.starts_with("did:sov:") {
        let method = format!("{issuer}#key-1");
        if !suitable.contains(&KeyType::Ed25519) {
            return Err(FormatError::refused("did:sov only capable of ED25519 based proof types"));
        }
        if let Some(named) = named.filter(|named| *named != method) {
            return Err(unusable(named));
        }
        let key = document(facts, issuer)?.verification_method(&method).and_then(|m| m.key.clone().ok());
        let key = key.ok_or_else(|| {
            FormatError::refused_at("credential.issuer", format!("Verification method {method} not found"))
        })?;
        return Ok(Signer { suite: suite()?, method, key: ours(facts, issuer, &key)? });
    }
    let (method, key) = among_methods(facts, issuer, suitable, proof_type, named)?;
    Ok(Signer { suite: suite()?, method, key })
}

/// The named method, or the first for `assertionMethod` with a suitable key, that the wallet has the key of.
fn among_methods(
    facts: &Facts<'_>,
    issuer: &str,
    suitable: &[KeyType],
    proof_type: &str,
    named: Option<&str>,
) -> Result<(String, SecretKey), FormatError> {
    let document = document(facts, issuer)?;
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
        Some((at, key)) => Ok((candidates[at].0.clone(), key)),
        None => Err(FormatError::refused_at(
            "credential.issuer",
            format!(
                "No matching verification method found for did {issuer} with proof type {proof_type} and purpose assertionMethod"
            ),
        )),
    }
}
