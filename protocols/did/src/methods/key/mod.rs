//! `did:key` (W3C CCG did-method-key), with the documents that ACA-Py returns: the 2018 and 2019 suites for
//! Ed25519 and X25519.

use serde_json::{Value, json};

use super::{Chosen, Creatable, Properties};
use crate::key::{KeyType, PublicKey};
use crate::{DidDocument, DidError};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "key",
    resolver: "KeyDIDResolver",
    immutable: true,
    stored: None,
    creatable: Some(Creatable {
        key_types: &[KeyType::Ed25519, KeyType::P256, KeyType::Bls12381G2],
        chosen: Chosen::Never,
    }),
    rotatable: false,
    understands: None,
};

/// Resolve a `did:key` of one of the four key types.
pub fn resolve(did: &str) -> Result<DidDocument, DidError> {
    let key = PublicKey::from_did_key(did)?;
    DidDocument::from_json(document(&key)?)
}

fn document(key: &PublicKey) -> Result<Value, DidError> {
    let (did, id) = (key.did_key(), key.did_key_url());
    let method = |id: &str, kind: &str, key: &PublicKey| json!({"id": id, "type": kind, "controller": did, "publicKeyBase58": key.base58()});
    let signing = |context: &[&str], verification: Value, agreement: Vec<Value>| {
        json!({
            "@context": context,
            "id": did,
            "verificationMethod": [verification],
            "authentication": [id],
            "assertionMethod": [id],
            "capabilityDelegation": [id],
            "capabilityInvocation": [id],
            "keyAgreement": agreement,
        })
    };
    const DID_V1: &str = "https://www.w3.org/ns/did/v1";
    Ok(match key.kind() {
        KeyType::Ed25519 => {
            let agreement = key.to_x25519()?;
            let agreement_id = format!("{did}#{}", agreement.multikey());
            signing(
                &[DID_V1],
                method(&id, "Ed25519VerificationKey2018", key),
                vec![method(&agreement_id, "X25519KeyAgreementKey2019", &agreement)],
            )
        }
        KeyType::Bls12381G2 => signing(&[DID_V1], method(&id, "Bls12381G2Key2020", key), vec![]),
        KeyType::P256 => signing(
            &[DID_V1, "https://w3id.org/security/multikey/v1"],
            json!({"id": id, "type": "Multikey", "controller": did, "publicKeyMultibase": key.multikey()}),
            vec![],
        ),
        KeyType::X25519 => json!({
            // A string here, where the other types have a list: so does ACA-Py.
            "@context": DID_V1,
            "id": did,
            "verificationMethod": [method(&id, "X25519KeyAgreementKey2019", key)],
            "authentication": [],
            "assertionMethod": [],
            "capabilityDelegation": [],
            "capabilityInvocation": [],
            "keyAgreement": [id],
        }),
    })
}
