use chancery_did::json::{from_slice_strict, to_python_json};
use chancery_did::key::{KeyError, KeyType, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MessageType;
use super::message_type::{DIDCOMM_ORG, Version};
use crate::encoding::decode_base64url_strict;

const NAME: &str = "ed25519Sha512_single";

/// `<field>~sig` (RFC 0234): a field that travels signed, in place of the field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureDecorator {
    /// `…/signature/1.0/ed25519Sha512_single`.
    #[serde(rename = "@type")]
    pub kind: String,
    /// Base64url of the signature over the bytes of `sig_data`.
    pub signature: String,
    /// Base64url of 8 bytes epoch seconds, big-endian, and the JSON of the field.
    pub sig_data: String,
    /// Base58 Ed25519 key. Whether it is the expected one is for the caller to say.
    pub signer: String,
}

/// What a verified signature says.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed {
    /// The field.
    pub value: Value,
    /// When it was signed, by the signer's clock, in epoch seconds.
    pub time: u64,
    /// Who signed.
    pub signer: PublicKey,
}

/// Why a signed field was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The type of signature is not `signature/1.0/ed25519Sha512_single`.
    #[error("unknown type of field signature")]
    Type,
    /// `signer` is no Ed25519 key.
    #[error("signer of a field signature: {0}")]
    Signer(#[from] KeyError),
    /// `signature` or `sig_data` is malformed.
    #[error("a field signature is malformed")]
    Malformed,
    /// The signature does not fit.
    #[error("a field signature does not verify")]
    Invalid,
}

impl SignatureDecorator {
    /// Sign `value` at `time` (epoch seconds) with an Ed25519 key.
    pub fn sign(value: &Value, key: &SecretKey, time: u64) -> Result<Self, KeyError> {
        let mut data = time.to_be_bytes().to_vec();
        data.extend_from_slice(to_python_json(value).as_bytes());
        let signature = key.sign(&data)?;
        let padded = |bytes: &[u8]| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE.encode(bytes)
        };
        Ok(Self {
            kind: format!("{DIDCOMM_ORG}/signature/1.0/{NAME}"),
            signature: padded(&signature),
            sig_data: padded(&data),
            signer: key.as_public().base58(),
        })
    }

    /// Verify, and return what was signed. The type may have either prefix.
    pub fn verify(&self) -> Result<Signed, SignatureError> {
        // The name has an upper-case letter, which the grammar of message types lacks.
        let known = self.kind.strip_suffix(NAME).is_some_and(|prefix| {
            MessageType::parse(&format!("{prefix}x")).is_ok_and(|kind| {
                kind.is_known_doc_uri()
                    && kind.protocol() == "signature"
                    && kind.version() == Version::new(1, 0)
                    && kind.name() == "x"
            })
        });
        if !known {
            return Err(SignatureError::Type);
        }
        let signer = PublicKey::from_base58(KeyType::Ed25519, &self.signer)?;
        let data = decode_base64url_strict(&self.sig_data).ok_or(SignatureError::Malformed)?;
        let signature = decode_base64url_strict(&self.signature).ok_or(SignatureError::Malformed)?;
        if !signer.verify(&data, &signature) {
            return Err(SignatureError::Invalid);
        }
        let (time, json) = data.split_first_chunk::<8>().ok_or(SignatureError::Malformed)?;
        let value = from_slice_strict(json).map_err(|_| SignatureError::Malformed)?;
        Ok(Signed { value, time: u64::from_be_bytes(*time), signer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_signed_field_verifies_until_it_is_changed() {
        let key = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
        let value = json!({"DID": "x", "n": [1, "é"]});
        let sig = SignatureDecorator::sign(&value, &key, 1_700_000_000).unwrap();
        let signed = sig.verify().unwrap();
        assert_eq!(signed, Signed { value, time: 1_700_000_000, signer: key.public() });

        let old = SignatureDecorator {
            kind: format!("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/signature/1.0/{NAME}"),
            ..sig.clone()
        };
        assert!(old.verify().is_ok());
        let other = SecretKey::from_seed(KeyType::Ed25519, &[2; 32]).unwrap().public().base58();
        let cases = [
            (SignatureDecorator { signer: other, ..sig.clone() }, SignatureError::Invalid),
            (
                SignatureDecorator { kind: "https://didcomm.org/signature/2.0/x".into(), ..sig.clone() },
                SignatureError::Type,
            ),
            (SignatureDecorator { sig_data: "A".into(), ..sig.clone() }, SignatureError::Malformed),
            (SignatureDecorator { sig_data: sig.signature.clone(), ..sig.clone() }, SignatureError::Invalid),
        ];
        for (changed, reason) in cases {
            assert_eq!(changed.verify(), Err(reason));
        }
    }
}
