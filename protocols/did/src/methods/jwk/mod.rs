//! `did:jwk` (<https://github.com/quartzjer/did-jwk>), with the document that ACA-Py returns: relationships only where the
//! JWK has `use`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Properties;
use crate::json::{from_slice_strict, to_python_json_compact};
use crate::{DidDocument, DidError, PublicKey};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "jwk",
    resolver: "JwkDIDResolver",
    immutable: true,
    stored: None,
    creatable: None,
    rotatable: false,
    understands: None,
};

/// Resolve a `did:jwk`. The JWK may be of a type this agent has no use for; one with a secret part is refused.
pub fn resolve(did: &str) -> Result<DidDocument, DidError> {
    let malformed = |reason| DidError::malformed(did, "jwk", reason);
    let encoded = did.strip_prefix("did:jwk:").ok_or_else(|| malformed("the prefix is missing"))?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| malformed("not base64url"))?;
    let jwk: Value = from_slice_strict(&bytes).map_err(|_| malformed("not JSON"))?;
    if !jwk.is_object() {
        return Err(malformed("not a JSON object"));
    }
    if jwk.get("d").is_some() {
        return Err(malformed("it contains a secret key, which is now known to everybody who saw it"));
    }
    let id = format!("{did}#0");
    let relationships: &[&str] = match jwk.get("use").and_then(Value::as_str) {
        Some("sig") => &["assertionMethod", "authentication", "capabilityInvocation", "capabilityDelegation"],
        Some("enc") => &["keyAgreement"],
        _ => &[],
    };
    let mut document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
        "id": did,
        "verificationMethod": [{"id": id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": jwk}],
    });
    for relationship in relationships {
        document[relationship] = json!([id]);
    }
    DidDocument::from_json(document)
}

/// The `did:jwk` of a key, members in the order `kty`, `crv`, `x`, (`y`).
pub fn build(key: &PublicKey) -> String {
    let jwk = key.to_jwk();
    let mut ordered = serde_json::Map::new();
    for name in ["kty", "crv", "x", "y"] {
        if let Some(member) = jwk.get(name) {
            ordered.insert(name.to_owned(), member.clone());
        }
    }
    format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(to_python_json_compact(&Value::Object(ordered))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_decides_the_relationships() {
        let did = |jwk: Value| format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(jwk.to_string()));
        let sig = resolve(&did(json!({"kty": "EC", "crv": "P-256", "use": "sig"}))).unwrap();
        assert_eq!(sig.assertion_method().len(), 1);
        assert!(sig.key_agreement().is_empty());
        let enc = resolve(&did(json!({"kty": "OKP", "crv": "X25519", "use": "enc"}))).unwrap();
        assert_eq!(enc.key_agreement().len(), 1);
        assert!(resolve(&did(json!({"kty": "OKP", "d": "AA"}))).is_err());
        assert!(resolve(&did(json!([]))).is_err());
        assert!(resolve("did:jwk:!!").is_err());
    }
}
