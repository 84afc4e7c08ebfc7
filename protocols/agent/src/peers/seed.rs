//! What keys are made from on request.

use std::fmt;

use chancery_did::{KeyType, SecretKey};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::unit::AgentError;

/// The seed of a key, as a controller or operator gives it: 32 bytes of text, or base64. Wiped from memory when dropped, never
/// shown by `Debug`.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Seed(Zeroizing<String>);

impl From<String> for Seed {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Seed {
    /// The key that it gives.
    ///
    /// Errors: 400 another length than 32 bytes, or no key of this kind.
    pub fn key(&self, kind: KeyType) -> Result<SecretKey, AgentError> {
        SecretKey::from_seed(kind, &*self.bytes()?)
            .map_err(|_| AgentError::bad_request("bad-seed", "The seed gives no valid key."))
    }

    /// ACA-Py's rule: text with `=` in it is base64, other text is taken as it is.
    fn bytes(&self) -> Result<Zeroizing<[u8; 32]>, AgentError> {
        let bytes = Zeroizing::new(match self.0.contains('=') {
            true => {
                let usual = Zeroizing::new(self.0.replace('-', "+"));
                let usual = Zeroizing::new(usual.replace('_', "/"));
                let engine = base64::engine::general_purpose::STANDARD;
                base64::Engine::decode(&engine, usual.as_bytes()).unwrap_or_default()
            }
            false => self.0.as_bytes().to_vec(),
        });
        bytes.as_slice().try_into().map(Zeroizing::new).map_err(|_| {
            AgentError::bad_request("bad-seed", "Seed value must be 32 bytes in length.").at("seed")
        })
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}
