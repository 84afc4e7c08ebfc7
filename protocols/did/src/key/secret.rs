use std::fmt;
use std::sync::{Arc, OnceLock};

use curve25519_dalek::edwards::EdwardsPoint;
use ed25519_dalek::Signer as _;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::{KeyError, KeyType, PublicKey, bls};

/// A secret key with its public half. Cloning is a reference count; the bytes are wiped with the last clone, and
/// `Debug` shows the public half only.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
    signing: Option<ed25519_dalek::SigningKey>,
    x25519: OnceLock<SecretKey>,
}

impl SecretKey {
    /// A new random key.
    pub fn generate(kind: KeyType, rng: &mut dyn CryptoRngCore) -> Self {
        loop {
            let mut wide = Zeroizing::new([0; 64]);
            rng.fill_bytes(wide.as_mut_slice());
            let mut secret = Zeroizing::new([0; 32]);
            match kind {
                KeyType::Bls12381G2 => secret.copy_from_slice(bls::reduce(&wide).as_slice()),
                _ => secret.copy_from_slice(&wide[..32]),
            }
            // P-256 rejects a secret outside the group's order: one try in 2^32.
            if let Ok(key) = Self::from_bytes(kind, secret.as_slice()) {
                return key;
            }
        }
    }

    /// The key that ACA-Py makes from a 32-byte seed: the seed is the secret for Ed25519, X25519 and P-256; for BLS12-381 it
    /// is the input of KeyGen (draft-irtf-cfrg-bls-signature-04). Fails for a P-256 seed outside the group's order.
    pub fn from_seed(kind: KeyType, seed: &[u8; 32]) -> Result<Self, KeyError> {
        match kind {
            KeyType::Bls12381G2 => Self::from_bytes(kind, bls::key_gen(seed)?.as_slice()),
            _ => Self::from_bytes(kind, seed),
        }
    }

    /// From the 32 secret bytes, big-endian for P-256 and BLS12-381.
    pub fn from_bytes(kind: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().map_err(|_| KeyError::Length {
            kind,
            expected: 32,
            got: bytes.len(),
        })?);
        let mut signing = None;
        let public = match kind {
            KeyType::Ed25519 => {
                let key = ed25519_dalek::SigningKey::from_bytes(&secret);
                let public = PublicKey::from_ed25519(&key.verifying_key());
                signing = Some(key);
                public
            }
            KeyType::X25519 => {
                PublicKey::from_x25519(EdwardsPoint::mul_base_clamped(*secret).to_montgomery().to_bytes())
            }
            KeyType::P256 => PublicKey::from_p256(p256_secret(&secret)?.public_key())?,
            KeyType::Bls12381G2 => PublicKey::from_bls(bls::PublicPoint::from_secret(&secret)?),
        };
        Ok(Self(Arc::new(Inner { secret, public, signing, x25519: OnceLock::new() })))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.0.public.clone()
    }

    /// The public half, borrowed.
    pub fn as_public(&self) -> &PublicKey {
        &self.0.public
    }

    /// The type.
    pub fn kind(&self) -> KeyType {
        self.0.public.kind()
    }

    /// Sign: Ed25519 (64 bytes), ES256 for P-256 (64 bytes `r || s`, deterministic after RFC 6979). The other types
    /// can't sign.
    pub fn sign(&self, msg: &[u8]) -> Result<Vec<u8>, KeyError> {
        match (self.kind(), &self.0.signing) {
            (KeyType::Ed25519, Some(key)) => Ok(key.sign(msg).to_bytes().to_vec()),
            (KeyType::P256, _) => {
                let key = p256::ecdsa::SigningKey::from(p256_secret(&self.0.secret)?);
                let signature: p256::ecdsa::Signature = key.sign(msg);
                Ok(signature.to_bytes().to_vec())
            }
            (kind, _) => Err(KeyError::Unsupported { kind, operation: "sign" }),
        }
    }

    /// The X25519 key of an Ed25519 key (an X25519 key is returned as it is), computed once.
    pub fn to_x25519(&self) -> Result<SecretKey, KeyError> {
        match (self.kind(), &self.0.signing) {
            (KeyType::X25519, _) => Ok(self.clone()),
            (KeyType::Ed25519, Some(signing)) => match self.0.x25519.get() {
                Some(key) => Ok(key.clone()),
                None => {
                    let scalar = Zeroizing::new(signing.to_scalar_bytes());
                    // Other wallets store and compare the clamped form.
                    let clamped = Zeroizing::new(curve25519_dalek::scalar::clamp_integer(*scalar));
                    let key = Self::from_bytes(KeyType::X25519, clamped.as_slice())?;
                    Ok(self.0.x25519.get_or_init(|| key).clone())
                }
            },
            (kind, _) => Err(KeyError::Unsupported { kind, operation: "be converted to x25519" }),
        }
    }

    /// The 32 secret bytes. Only for storing the key; big-endian for P-256 and BLS12-381.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.0.secret
    }

    /// The raw Diffie-Hellman secret with `their` key: X25519 (Ed25519 keys are converted on both sides) or P-256 (the x
    /// coordinate). Fails when the types don't fit, or when `their` key has small order.
    pub fn diffie_hellman(&self, their: &PublicKey) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        match self.kind() {
            KeyType::Ed25519 | KeyType::X25519 => {
                let mine = self.to_x25519()?;
                let shared = Zeroizing::new(their.times_clamped(&mine.0.secret)?);
                // RFC 7748 section 6.1: zero means a key of small order, chosen so that anybody knows the secret.
                if *shared == [0; 32] {
                    return Err(KeyError::Invalid(KeyType::X25519));
                }
                Ok(shared)
            }
            KeyType::P256 => {
                let their = their
                    .as_p256()
                    .ok_or(KeyError::Unsupported { kind: their.kind(), operation: "agree with p256" })?;
                let mine = p256_secret(&self.0.secret)?;
                let shared = p256::ecdh::diffie_hellman(mine.to_nonzero_scalar(), their.as_affine());
                Ok(Zeroizing::new((*shared.raw_secret_bytes()).into()))
            }
            kind => Err(KeyError::Unsupported { kind, operation: "agree on a secret" }),
        }
    }

    /// The secret JWK exactly as Askar keeps it inside a key entry: compact JSON, members `crv`, `kty`, `x`,
    /// (`y`,) `d`.
    pub fn to_jwk_secret(&self) -> Zeroizing<Vec<u8>> {
        super::jwk::secret(self)
    }

    /// From a secret JWK as JSON text. The public members must belong to `d`. Reads also the older OKP form of BLS keys.
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeyError> {
        super::jwk::parse_secret(json)
    }
}

fn p256_secret(bytes: &[u8; 32]) -> Result<p256::SecretKey, KeyError> {
    p256::SecretKey::from_slice(bytes).map_err(|_| KeyError::Invalid(KeyType::P256))
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {} {})", self.kind(), self.0.public)
    }
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn the_bytes_of_a_key_and_what_two_agree_on_are_wiped_when_dropped() {
        fn wiped(_: &impl ZeroizeOnDrop) {}
        let [key, other] = [(); 2].map(|()| SecretKey::generate(KeyType::Ed25519, &mut OsRng));
        wiped(&key.0.secret);
        wiped(key.0.signing.as_ref().unwrap());
        let [key, other] = [key, other].map(|key| key.to_x25519().unwrap());
        wiped(&key.diffie_hellman(other.as_public()).unwrap());
        wiped(&key.to_jwk_secret());
    }
}
