//! Keys: the four types of ACA-Py's wallet, public and secret.
//!
//! Names follow the wire: *verkey* and *kid* are the base58 of the raw public key, a *multikey* is the
//! multibase (`z…`) form with a multicodec prefix, a `did:key` is that with `did:key:` before it.

mod bls;
mod jwk;
mod often;
mod public;
mod secret;
mod weak;

pub use public::PublicKey;
pub use secret::SecretKey;

/// The kind of a key, with the names that wallets and the admin API use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyType {
    /// Ed25519 signatures (RFC 8032); 32 bytes public, 32 bytes secret (the seed).
    Ed25519,
    /// X25519 key agreement (RFC 7748); 32 bytes each.
    X25519,
    /// NIST P-256; public 33 bytes compressed SEC1, secret 32 bytes.
    P256,
    /// BLS12-381 with the public key in G2; public 96 bytes compressed, secret 32 bytes big-endian.
    Bls12381G2,
}

impl KeyType {
    /// All types, in the order of the admin API's description.
    pub const ALL: [KeyType; 4] = [Self::Ed25519, Self::X25519, Self::P256, Self::Bls12381G2];

    /// `ed25519`, `x25519`, `p256` or `bls12381g2`: the value of `key_type`, and Askar's `alg` tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::X25519 => "x25519",
            Self::P256 => "p256",
            Self::Bls12381G2 => "bls12381g2",
        }
    }

    /// The inverse of [`KeyType::as_str`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Length of the raw public key in bytes.
    pub fn public_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::X25519 => 32,
            Self::P256 => 33,
            Self::Bls12381G2 => 96,
        }
    }

    /// Multicodec prefix (varint) of a multikey.
    fn codec(self) -> [u8; 2] {
        match self {
            Self::Ed25519 => [0xed, 0x01],
            Self::X25519 => [0xec, 0x01],
            Self::P256 => [0x80, 0x24],
            Self::Bls12381G2 => [0xeb, 0x01],
        }
    }
}

impl std::fmt::Display for KeyType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a key could not be read or used. Never contains key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes have the wrong length for the type.
    #[error("a key of type {kind} has {expected} bytes, not {got}")]
    Length {
        /// Type that was asked for.
        kind: KeyType,
        /// Bytes a key of this type has.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// The bytes are no valid key of the type: not on the curve, out of range, or of small order.
    #[error("not a valid {0} key")]
    Invalid(KeyType),
    /// Text that is not base58btc.
    #[error("the key is not base58")]
    Base58,
    /// A multikey without the `z` prefix, or with a codec other than the four types.
    #[error("the key is not a multikey (z…) of a known type")]
    Multikey,
    /// Text that is not `did:key:…`.
    #[error("not a did:key")]
    NotDidKey,
    /// A JWK that is not of one of the four types, or whose members are missing or malformed.
    #[error("not a usable JWK: {0}")]
    Jwk(&'static str),
    /// The JWK's public members do not belong to its `d`.
    #[error("the public and the secret half of the JWK do not belong together")]
    Mismatch,
    /// The operation does not exist for this type.
    #[error("a key of type {kind} cannot {operation}")]
    Unsupported {
        /// Type of the key at hand.
        kind: KeyType,
        /// A verb: `sign`, `agree`, …
        operation: &'static str,
    },
}
