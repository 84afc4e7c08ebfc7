//! Linked Data proof suites: hash of proof options and document, signed.
//!
//! Verify data = SHA-256(canonical proof options) ‖ SHA-256(canonical document), where the options carry the
//! *document's* `@context` and the document has no `proof`. Both are canonicalized in safe mode: what would not be
//! signed is refused, unless it says nothing.

mod detached_jws;
mod proof_value;
#[cfg(test)]
mod tests;

use chancery_did::{KeyType, SecretKey, VerificationMethod};
use chancery_jsonld::{Dropped, Error, ExpandOptions, Processor};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::need::{FormatError, Need};

/// Context of proof options for a document that has none.
const SECURITY_V2: &str = "https://w3id.org/security/v2";

/// A suite that we sign and verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `Ed25519Signature2018`: a detached JWS.
    Ed25519Signature2018,
    /// `Ed25519Signature2020`: a multibase `proofValue`.
    Ed25519Signature2020,
    /// `EcdsaSecp256r1Signature2019`: P-256, a multibase `proofValue`.
    EcdsaSecp256r1Signature2019,
}

impl Suite {
    /// All suites.
    pub const ALL: [Self; 3] =
        [Self::Ed25519Signature2018, Self::Ed25519Signature2020, Self::EcdsaSecp256r1Signature2019];

    /// The proof's `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519Signature2018 => "Ed25519Signature2018",
            Self::Ed25519Signature2020 => "Ed25519Signature2020",
            Self::EcdsaSecp256r1Signature2019 => "EcdsaSecp256r1Signature2019",
        }
    }

    /// The suite of a proof's `type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The type of key that signs.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Ed25519Signature2018 | Self::Ed25519Signature2020 => KeyType::Ed25519,
            Self::EcdsaSecp256r1Signature2019 => KeyType::P256,
        }
    }

    /// Signs a document (without `proof`): adds `jws` or `proofValue` to the options.
    pub(crate) fn sign(
        self,
        jsonld: &Processor,
        document: &Value,
        mut proof: Map<String, Value>,
        key: &SecretKey,
    ) -> Result<Map<String, Value>, FormatError> {
        let data = verify_data(jsonld, document, &proof)?;
        let (member, value) = match self {
            Self::Ed25519Signature2018 => ("jws", detached_jws::sign(&data, key)),
            Self::Ed25519Signature2020 | Self::EcdsaSecp256r1Signature2019 => {
                ("proofValue", proof_value::sign(&data, key))
            }
        };
        let value = value.map_err(|e| FormatError::refused(e.to_string()))?;
        proof.insert(member.to_owned(), value.into());
        Ok(proof)
    }

    /// Whether `proof` is this suite's signature over the document (without `proof`) by the method's key. The text says
    /// why not.
    pub(crate) fn verify(
        self,
        data: &[u8; 64],
        proof: &Map<String, Value>,
        method: &VerificationMethod,
    ) -> Result<(), String> {
        let key = method.key.as_ref().map_err(|e| format!("Verification method {}: {e}", method.id))?;
        if key.kind() != self.key_type() {
            return Err(format!("Verification method {} is no {} key", method.id, self.key_type()));
        }
        let valid = match self {
            Self::Ed25519Signature2018 => {
                if method.kind != "Ed25519VerificationKey2018" {
                    return Err("Invalid key type. The key type must be Ed25519VerificationKey2018".into());
                }
                detached_jws::verify(data, proof, key)?
            }
            Self::Ed25519Signature2020 | Self::EcdsaSecp256r1Signature2019 => {
                proof_value::verify(data, proof, key)?
            }
        };
        if valid { Ok(()) } else { Err("Invalid signature on document".into()) }
    }
}

/// What is signed.
pub(crate) fn verify_data(
    jsonld: &Processor,
    document: &Value,
    proof: &Map<String, Value>,
) -> Result<[u8; 64], FormatError> {
    verify_data_with(jsonld, document, proof, &mut None)
}

/// The proof without its signature, in the words of its document.
fn proof_options(document: &Value, proof: &Map<String, Value>) -> Value {
    let context = document.get("@context").cloned().unwrap_or_else(|| SECURITY_V2.into());
    let mut options = Map::with_capacity(proof.len() + 1);
    options.insert("@context".to_owned(), context);
    for (name, value) in proof {
        if !matches!(name.as_str(), "jws" | "signatureValue" | "proofValue" | "@context") {
            options.insert(name.clone(), value.clone());
        }
    }
    Value::Object(options)
}

/// Whether a document can be signed with these proof options.
pub(crate) fn check_signable(
    jsonld: &Processor,
    document: &Value,
    proof: &Map<String, Value>,
) -> Result<(), FormatError> {
    for part in [&proof_options(document, proof), document] {
        jsonld
            .check(part, &ExpandOptions::default())
            .map_err(|error| linked_data_error(jsonld, document, error))?;
    }
    Ok(())
}

/// As [`verify_data`], for one of several proofs: the document is hashed for the first of them.
pub(crate) fn verify_data_with(
    jsonld: &Processor,
    document: &Value,
    proof: &Map<String, Value>,
    hashed: &mut Option<[u8; 32]>,
) -> Result<[u8; 64], FormatError> {
    let options = proof_options(document, proof);
    let mut data = [0; 64];
    data[..32].copy_from_slice(&hash(jsonld, &options)?);
    let document = match *hashed {
        Some(known) => known,
        None => *hashed.insert(hash(jsonld, document)?),
    };
    data[32..].copy_from_slice(&document);
    Ok(data)
}

fn hash(jsonld: &Processor, document: &Value) -> Result<[u8; 32], FormatError> {
    let canonical = jsonld
        .canonicalize(document, &ExpandOptions { safe: true, ..ExpandOptions::default() })
        .map_err(|error| linked_data_error(jsonld, document, error))?;
    Ok(Sha256::digest(canonical.as_bytes()).into())
}

/// In ACA-Py's words where it has some.
pub(crate) fn linked_data_error(jsonld: &Processor, document: &Value, error: Error) -> FormatError {
    match error {
        Error::MissingDocuments(contexts) => {
            FormatError::Needs(contexts.into_iter().map(Need::Context).collect())
        }
        Error::Unsafe { what: Dropped::UndefinedProperty(_), .. } => match jsonld.undefined_terms(document) {
            Ok(terms) if !terms.is_empty() => dropped(&terms),
            _ => FormatError::refused(error.to_string()),
        },
        Error::Unsafe { ref pointer, .. } => {
            FormatError::refused_at(pointer.trim_start_matches('/').replace('/', "."), error.to_string())
        }
        other => FormatError::refused(other.to_string()),
    }
}

/// ACA-Py's text for terms that no context defines.
pub(crate) fn dropped(terms: &[String]) -> FormatError {
    let names: Vec<String> = terms.iter().map(|t| format!("'{t}'")).collect();
    FormatError::refused_at(
        terms.first().cloned().unwrap_or_default(),
        format!(
            "{} attributes dropped. Provide definitions in context to correct. [{}]",
            terms.len(),
            names.join(", ")
        ),
    )
}
