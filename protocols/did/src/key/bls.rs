//! BLS12-381 keys with the public key in G2: generation and encoding only, no signatures.

use bls12_381::{G2Affine, G2Projective, Scalar};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeyError, KeyType};

/// A point of G2 in both encodings.
pub(super) struct PublicPoint {
    compressed: [u8; 96],
    uncompressed: [u8; 192],
}

impl PublicPoint {
    fn from_affine(point: &G2Affine) -> Self {
        Self { compressed: point.to_compressed(), uncompressed: point.to_uncompressed() }
    }

    pub(super) fn from_compressed(bytes: &[u8; 96]) -> Result<Self, KeyError> {
        Self::checked(Option::from(G2Affine::from_compressed(bytes)))
    }

    pub(super) fn from_coordinates(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        let mut bytes = [0; 192];
        if x.len() != 96 || y.len() != 96 {
            return Err(KeyError::Jwk("a coordinate of BLS12381G2 has 96 bytes"));
        }
        bytes[..96].copy_from_slice(x);
        bytes[96..].copy_from_slice(y);
        Self::checked(Option::from(G2Affine::from_uncompressed(&bytes)))
    }

    fn checked(point: Option<G2Affine>) -> Result<Self, KeyError> {
        match point {
            Some(point) if !bool::from(point.is_identity()) => Ok(Self::from_affine(&point)),
            _ => Err(KeyError::Invalid(KeyType::Bls12381G2)),
        }
    }

    pub(super) fn from_secret(secret: &[u8; 32]) -> Result<Self, KeyError> {
        let mut little_endian = Zeroizing::new(*secret);
        little_endian.reverse();
        let scalar: Option<Scalar> = Option::from(Scalar::from_bytes(&little_endian));
        match scalar.map(Zeroizing::new) {
            Some(scalar) if *scalar != Scalar::zero() => {
                Ok(Self::from_affine(&G2Affine::from(G2Projective::generator() * *scalar)))
            }
            _ => Err(KeyError::Invalid(KeyType::Bls12381G2)),
        }
    }

    pub(super) fn compressed(&self) -> &[u8; 96] {
        &self.compressed
    }

    pub(super) fn coordinates(&self) -> (Vec<u8>, Vec<u8>) {
        (self.uncompressed[..96].to_vec(), self.uncompressed[96..].to_vec())
    }
}

/// KeyGen of draft-irtf-cfrg-bls-signature-04 with empty `key_info`: the secret scalar, big-endian.
///
/// Askar calls this `BlsKeyGen`; ACA-Py uses it for every BLS key made from a seed.
pub(super) fn key_gen(ikm: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut input = Zeroizing::new([0; 33]);
    input[..32].copy_from_slice(ikm);
    let mut salt = Sha256::digest(b"BLS-SIG-KEYGEN-SALT-");
    // A zero scalar has probability 2^-255; the draft then hashes the salt again.
    for _ in 0..8 {
        let mut wide = Zeroizing::new([0u8; 64]);
        Hkdf::<Sha256>::new(Some(&salt), input.as_slice())
            .expand(&48u16.to_be_bytes(), &mut wide[16..])
            .map_err(|_| KeyError::Invalid(KeyType::Bls12381G2))?;
        wide.reverse();
        let scalar = Zeroizing::new(Scalar::from_bytes_wide(&wide));
        if *scalar != Scalar::zero() {
            let mut bytes = Zeroizing::new(scalar.to_bytes());
            bytes.reverse();
            return Ok(bytes);
        }
        salt = Sha256::digest(salt);
    }
    Err(KeyError::Invalid(KeyType::Bls12381G2))
}

/// A secret scalar from 64 uniformly random bytes, big-endian.
pub(super) fn reduce(wide: &[u8; 64]) -> Zeroizing<[u8; 32]> {
    let scalar = Zeroizing::new(Scalar::from_bytes_wide(wide));
    let mut bytes = Zeroizing::new(scalar.to_bytes());
    bytes.reverse();
    bytes
}
