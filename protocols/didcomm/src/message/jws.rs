use chancery_did::json::from_slice_strict;
use chancery_did::key::{KeyError, KeyType, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::AttachmentError;
use super::objects::Objects;
use crate::encoding::{base64url, decode_base64url_strict};
use crate::to_python_json;

/// Signatures of one attachment that are read: each is checked over the whole of it.
const MAX_SIGNATURES: usize = 16;

/// Detached signatures over the base64 of an attachment (RFC 0017): one, flattened, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jws {
    /// `{header, protected, signature}`
    Flattened(JwsSignature),
    /// `{signatures: […]}`
    General(Vec<JwsSignature>),
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwsSignature {
    /// Names the signer.
    pub header: JwsHeader,
    /// Base64url of the protected header, as transmitted: it is part of what is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<String>,
    /// Base64url of the signature.
    pub signature: String,
}

/// Unprotected header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwsHeader {
    /// The signer's `did:key`, with or without fragment.
    pub kid: String,
}

impl Jws {
    /// Sign a payload in base64url without padding.
    pub(super) fn sign(payload: &str, key: &SecretKey) -> Result<Self, KeyError> {
        let kid = key.as_public().did_key();
        let protected = base64url(
            to_python_json(&json!({
                "alg": "EdDSA",
                "jwk": {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "x": base64url(key.as_public().bytes()),
                    "kid": kid,
                },
            }))
            .as_bytes(),
        );
        let signature = base64url(&key.sign(format!("{protected}.{payload}").as_bytes())?);
        Ok(Self::Flattened(JwsSignature { header: JwsHeader { kid }, protected: Some(protected), signature }))
    }

    /// All signatures.
    pub fn signatures(&self) -> &[JwsSignature] {
        match self {
            Self::Flattened(one) => std::slice::from_ref(one),
            Self::General(several) => several,
        }
    }

    /// The keys that signed `payload`, in order; fails unless every signature fits.
    pub(super) fn verify(&self, payload: &str) -> Result<Vec<PublicKey>, AttachmentError> {
        let signatures = self.signatures();
        if signatures.is_empty() {
            return Err(AttachmentError::NotSigned);
        }
        signatures.iter().map(|signature| signature.verify(payload)).collect()
    }

    pub(super) fn from_json(json: &Value) -> Result<Self, AttachmentError> {
        let malformed = |_| AttachmentError::Jws("a signature lacks header.kid or signature");
        let object = json.as_object().ok_or(AttachmentError::Jws("not an object"))?;
        let Some(list) = object.get("signatures") else {
            return JwsSignature::deserialize(Objects(json)).map(Self::Flattened).map_err(malformed);
        };
        if ["header", "protected", "signature"].iter().any(|name| object.contains_key(*name)) {
            return Err(AttachmentError::Jws("flattened and general form at once"));
        }
        if list.as_array().is_some_and(|list| list.len() > MAX_SIGNATURES) {
            return Err(AttachmentError::Jws("more than 16 signatures"));
        }
        Vec::deserialize(Objects(list)).map(Self::General).map_err(malformed)
    }

    pub(super) fn to_json(&self) -> Value {
        let one = |signature: &JwsSignature| {
            let mut json = Map::new();
            json.insert("header".into(), json!({"kid": signature.header.kid}));
            if let Some(protected) = &signature.protected {
                json.insert("protected".into(), protected.as_str().into());
            }
            json.insert("signature".into(), signature.signature.as_str().into());
            Value::Object(json)
        };
        match self {
            Self::Flattened(signature) => one(signature),
            Self::General(several) => json!({"signatures": several.iter().map(one).collect::<Vec<_>>()}),
        }
    }
}

impl JwsSignature {
    /// Both the protected `jwk` and the key that `header.kid` names must have made the signature: the first is signed but says
    /// nothing of a DID, the second is what callers compare.
    fn verify(&self, payload: &str) -> Result<PublicKey, AttachmentError> {
        let text = self.protected.as_deref().ok_or(AttachmentError::Jws("`protected` is missing"))?;
        let header = decode_base64url_strict(text)
            .and_then(|bytes| from_slice_strict(&bytes).ok())
            .ok_or(AttachmentError::Jws("`protected` is not base64url of JSON"))?;
        if header.get("alg").is_none_or(|alg| alg != "EdDSA") {
            return Err(AttachmentError::Jws("`alg` is not EdDSA"));
        }
        // RFC 7515, 4.1.11: what must be understood, and isn't.
        if header.get("crit").is_some() {
            return Err(AttachmentError::Jws("`crit` is not supported"));
        }
        let jwk = header.get("jwk").ok_or(AttachmentError::Jws("`jwk` is missing"))?;
        let (embedded, named) = (PublicKey::from_jwk(jwk)?, PublicKey::from_did_key(&self.header.kid)?);
        if named.kind() != KeyType::Ed25519 {
            return Err(AttachmentError::Jws("`alg` is not that of the key"));
        }
        // ACA-Py repeats the key in its `jwk`. A `kid` in another form than `did:key` is a name of the signer's own.
        let kids = [&header, jwk].into_iter().filter_map(|members| members.get("kid")?.as_str());
        for kid in kids.filter(|kid| kid.starts_with("did:key:")) {
            if PublicKey::from_did_key(kid)? != named {
                return Err(AttachmentError::Signature);
            }
        }
        let signature = decode_base64url_strict(&self.signature)
            .ok_or(AttachmentError::Jws("`signature` is not base64url"))?;
        if embedded != named || !named.verify(format!("{text}.{payload}").as_bytes(), &signature) {
            return Err(AttachmentError::Signature);
        }
        Ok(named)
    }
}
