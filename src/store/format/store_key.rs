use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use zeroize::Zeroizing;

use super::FormatError;

const NONCE: usize = 12;
const TAG: usize = 16;

/// How the key that wraps the profile keys comes about (`--wallet-key-derivation-method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMethod {
    /// Argon2i 1.3 over a pass phrase, one lane, 128 MiB, 6 passes: ACA-Py's default.
    Argon2iMod,
    /// The same with 32 MiB and 4 passes.
    Argon2iInt,
    /// The pass key is the base58 of the 32-byte key.
    Raw,
    /// The profile keys are not wrapped at all.
    None,
}

impl KeyMethod {
    /// Askar's name of the method, as ACA-Py takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Argon2iMod => "kdf:argon2i:mod",
            Self::Argon2iInt => "kdf:argon2i:int",
            Self::Raw => "raw",
            Self::None => "none",
        }
    }
}

impl fmt::Display for KeyMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyMethod {
    type Err = FormatError;

    /// Also reads the form with version and salt that the store keeps (`kdf:argon2i:13:mod?salt=…`).
    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text.split_once('?').map_or(text, |(method, _)| method) {
            "kdf:argon2i" | "kdf:argon2i:mod" | "kdf:argon2i:13:mod" => Ok(Self::Argon2iMod),
            "kdf:argon2i:int" | "kdf:argon2i:13:int" => Ok(Self::Argon2iInt),
            "raw" => Ok(Self::Raw),
            "none" => Ok(Self::None),
            other => Err(FormatError::Method(other.to_owned())),
        }
    }
}

/// The key that wraps the profile keys.
pub struct StoreKey(Option<ChaCha20Poly1305>);

impl StoreKey {
    /// Makes the key again from the pass key and what the store says about it (`config.key`).
    ///
    /// Takes about a second and 128 MiB with [`KeyMethod::Argon2iMod`]. The memory is one block of its own, which the
    /// allocator gives back to the system at the end.
    pub fn derive(reference: &str, pass_key: &str) -> Result<Self, FormatError> {
        let key = match reference.parse::<KeyMethod>()? {
            KeyMethod::None => return Ok(Self(None)),
            KeyMethod::Raw => {
                let mut key = Zeroizing::new([0; 32]);
                match bs58::decode(pass_key).onto(key.as_mut_slice()) {
                    Ok(32) => key,
                    _ => return Err(FormatError::RawKey),
                }
            }
            KeyMethod::Argon2iMod => argon2i(131_072, 6, pass_key, &salt(reference)?)?,
            KeyMethod::Argon2iInt => argon2i(32_768, 4, pass_key, &salt(reference)?)?,
        };
        Ok(Self(Some(ChaCha20Poly1305::new(key.as_slice().into()))))
    }

    /// What a new store says about its key (`config.key`).
    pub fn reference(method: KeyMethod, salt: &[u8; 16]) -> String {
        let derived = |level: &str| {
            let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("kdf:argon2i:13:{level}?salt={salt}")
        };
        match method {
            KeyMethod::Argon2iMod => derived("mod"),
            KeyMethod::Argon2iInt => derived("int"),
            KeyMethod::Raw | KeyMethod::None => method.as_str().to_owned(),
        }
    }

    /// Wraps a profile key; `nonce` must be fresh randomness.
    pub fn wrap(&self, nonce: [u8; 12], key: &[u8]) -> Result<Vec<u8>, FormatError> {
        let Some(cipher) = &self.0 else { return Ok(key.to_vec()) };
        let mut wrapped = [&nonce[..], key].concat();
        let tag = cipher
            .encrypt_in_place_detached(Nonce::from_slice(&nonce), b"", &mut wrapped[NONCE..])
            .map_err(|_| FormatError::Malformed("the profile key"))?;
        wrapped.extend_from_slice(&tag);
        Ok(wrapped)
    }

    /// Opens a wrapped profile key: nonce, then ChaCha20-Poly1305 without associated data.
    pub fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        const WHAT: &str = "the profile key";
        let Some(cipher) = &self.0 else { return Ok(Zeroizing::new(wrapped.to_vec())) };
        let end =
            wrapped.len().checked_sub(TAG).filter(|end| *end >= NONCE).ok_or(FormatError::Malformed(WHAT))?;
        let mut key = Zeroizing::new(wrapped[NONCE..end].to_vec());
        cipher
            .decrypt_in_place_detached(
                Nonce::from_slice(&wrapped[..NONCE]),
                b"",
                &mut key,
                Tag::from_slice(&wrapped[end..]),
            )
            .map_err(|_| FormatError::Sealed(WHAT))?;
        Ok(key)
    }
}

fn salt(reference: &str) -> Result<[u8; 16], FormatError> {
    const WHAT: &str = "the salt of the wallet key";
    let text = reference.split_once("salt=").ok_or(FormatError::Malformed(WHAT))?.1.as_bytes();
    let mut salt = [0; 16];
    if text.len() < 32 || !text[..32].is_ascii() {
        return Err(FormatError::Malformed(WHAT));
    }
    for (byte, digits) in salt.iter_mut().zip(text.chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| FormatError::Malformed(WHAT))?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| FormatError::Malformed(WHAT))?;
    }
    Ok(salt)
}

fn argon2i(
    kibibytes: u32,
    passes: u32,
    pass_key: &str,
    salt: &[u8; 16],
) -> Result<Zeroizing<[u8; 32]>, FormatError> {
    let derivation = |error: argon2::Error| FormatError::Derivation(error.to_string());
    let params = Params::new(kibibytes, passes, 1, Some(32)).map_err(derivation)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2i, Version::V0x13, params)
        .hash_password_into(pass_key.as_bytes(), salt, key.as_mut_slice())
        .map_err(derivation)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of askar-storage's own tests.
    #[test]
    fn a_derived_key_unwraps_what_askar_wrapped() {
        let wrapped: Vec<u8> = (0..37)
            .map(|i| {
                let hex = "c29c66fde50b30b8a077da1ea9bcf4dfeb5fabea12050973aed0e8251f20fad8205cfd2dec";
                u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()
            })
            .collect();
        let reference = "kdf:argon2i:13:mod?salt=a553cfb9c558b5c11c78efcfa06f3e29";
        let key = StoreKey::derive(reference, "pass").unwrap();
        assert_eq!(key.unwrap(&wrapped).unwrap().as_slice(), b"test data");
        let other = StoreKey::derive(reference, "not my pass").unwrap();
        assert_eq!(other.unwrap(&wrapped), Err(FormatError::Sealed("the profile key")));
    }

    #[test]
    fn methods_are_read_and_others_refused() {
        for text in ["kdf:argon2i:mod", "kdf:argon2i:int", "raw", "none"] {
            assert_eq!(text.parse::<KeyMethod>().unwrap().as_str(), text);
        }
        assert!("kdf:argon2id:mod".parse::<KeyMethod>().unwrap_err().to_string().contains("kdf:argon2i:mod"));
        assert!(matches!(StoreKey::derive("raw", "tooshort"), Err(FormatError::RawKey)));
        assert!(matches!(
            StoreKey::derive("kdf:argon2i:13:mod?salt=zz", "x"),
            Err(FormatError::Malformed(_))
        ));
    }
}
