use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use p256::ecdsa::signature::Verifier as _;

use super::often::Often;
use super::{KeyError, KeyType, bls, weak};
use crate::base58;

/// A public key. Cloning is a reference count; conversions to base58 and to X25519 are computed once.
///
/// Equality and hash are those of type and raw bytes. A key of small order, with which anybody could sign and agree, can't
/// be made, nor an Ed25519 key that is not written canonically. P-256 and BLS keys are checked to be on their curve when
/// they are made. Whether an Ed25519 key is a curve point is looked at where it is used: there it costs nothing more, and a
/// key that is none fails ([`verify`](Self::verify) is false, [`to_x25519`](Self::to_x25519) an error).
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    material: Material,
    base58: OnceLock<Box<str>>,
    x25519: OnceLock<Option<PublicKey>>,
    verifying: OnceLock<Option<ed25519_dalek::VerifyingKey>>,
    often: Often,
}

enum Material {
    Ed25519([u8; 32]),
    X25519([u8; 32]),
    P256(Box<(p256::PublicKey, [u8; 33])>),
    Bls(Box<bls::PublicPoint>),
}

impl PublicKey {
    /// From raw bytes: 32 for Ed25519 and X25519, SEC1 (33 compressed or 65 uncompressed) for P-256, 96
    /// compressed for BLS12-381 G2.
    pub fn new(kind: KeyType, bytes: &[u8]) -> Result<Self, KeyError> {
        let length = || KeyError::Length { kind, expected: kind.public_len(), got: bytes.len() };
        let material = match kind {
            KeyType::Ed25519 => {
                let bytes = bytes.try_into().map_err(|_| length())?;
                if weak::is_weak_ed25519(&bytes) {
                    return Err(KeyError::Invalid(kind));
                }
                Material::Ed25519(bytes)
            }
            KeyType::X25519 => {
                let bytes = bytes.try_into().map_err(|_| length())?;
                if weak::is_weak_x25519(&bytes) {
                    return Err(KeyError::Invalid(kind));
                }
                Material::X25519(bytes)
            }
            KeyType::P256 => {
                // SEC1 has a third form, `05` and x, in which a point and its negative are one.
                match (bytes.len(), bytes.first()) {
                    (33, Some(2 | 3)) | (65, Some(4)) => {}
                    (33 | 65, _) => return Err(KeyError::Invalid(kind)),
                    _ => return Err(length()),
                }
                let key = p256::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::Invalid(kind))?;
                return Self::from_p256(key);
            }
            KeyType::Bls12381G2 => {
                let bytes: &[u8; 96] = bytes.try_into().map_err(|_| length())?;
                Material::Bls(Box::new(bls::PublicPoint::from_compressed(bytes)?))
            }
        };
        Ok(Self::from_material(material))
    }

    pub(super) fn from_p256(key: p256::PublicKey) -> Result<Self, KeyError> {
        use p256::elliptic_curve::sec1::ToEncodedPoint as _;
        let point = key.to_encoded_point(true);
        let bytes = point.as_bytes().try_into().map_err(|_| KeyError::Invalid(KeyType::P256))?;
        Ok(Self::from_material(Material::P256(Box::new((key, bytes)))))
    }

    pub(super) fn from_bls(point: bls::PublicPoint) -> Self {
        Self::from_material(Material::Bls(Box::new(point)))
    }

    pub(super) fn from_ed25519(key: &ed25519_dalek::VerifyingKey) -> Self {
        let made = Self::from_material(Material::Ed25519(key.to_bytes()));
        let _ = made.0.verifying.set(Some(*key));
        made
    }

    pub(super) fn from_x25519(bytes: [u8; 32]) -> Self {
        Self::from_material(Material::X25519(bytes))
    }

    fn from_material(material: Material) -> Self {
        Self(Arc::new(Inner {
            material,
            base58: OnceLock::new(),
            x25519: OnceLock::new(),
            verifying: OnceLock::new(),
            often: Often::default(),
        }))
    }

    /// From the base58btc of the raw bytes: ACA-Py's *verkey*, the `kid` of an envelope.
    pub fn from_base58(kind: KeyType, text: &str) -> Result<Self, KeyError> {
        // The longest key has 96 bytes, 132 characters.
        if text.len() > 140 {
            return Err(KeyError::Base58);
        }
        Self::new(kind, &base58::decode(text).ok_or(KeyError::Base58)?)
    }

    /// From a multikey: `z` and the base58btc of codec prefix and key.
    pub fn from_multikey(text: &str) -> Result<Self, KeyError> {
        let encoded = text.strip_prefix('z').ok_or(KeyError::Multikey)?;
        if encoded.len() > 140 {
            return Err(KeyError::Multikey);
        }
        let bytes = base58::decode(encoded).ok_or(KeyError::Multikey)?;
        KeyType::ALL
            .into_iter()
            .find_map(|kind| bytes.strip_prefix(&kind.codec()).map(|key| Self::new(kind, key)))
            .ok_or(KeyError::Multikey)?
    }

    /// From `did:key:z…`, with or without a fragment. A fragment is not looked at.
    pub fn from_did_key(did: &str) -> Result<Self, KeyError> {
        let id = did.strip_prefix("did:key:").ok_or(KeyError::NotDidKey)?;
        Self::from_multikey(id.split_once('#').map_or(id, |(key, _)| key))
    }

    /// The type.
    pub fn kind(&self) -> KeyType {
        match self.0.material {
            Material::Ed25519(_) => KeyType::Ed25519,
            Material::X25519(_) => KeyType::X25519,
            Material::P256(_) => KeyType::P256,
            Material::Bls(_) => KeyType::Bls12381G2,
        }
    }

    /// The raw bytes: 32, 32, 33 (compressed SEC1) or 96 (compressed G2).
    pub fn bytes(&self) -> &[u8] {
        match &self.0.material {
            Material::Ed25519(bytes) | Material::X25519(bytes) => bytes,
            Material::P256(key) => &key.1,
            Material::Bls(point) => point.compressed(),
        }
    }

    /// Base58btc of the raw bytes: ACA-Py's *verkey*.
    pub fn base58(&self) -> String {
        self.as_base58().to_owned()
    }

    /// As [`base58`](Self::base58), borrowed.
    pub fn as_base58(&self) -> &str {
        self.0.base58.get_or_init(|| base58::encode(self.bytes()).into())
    }

    /// The multikey, `z6Mk…` for Ed25519.
    pub fn multikey(&self) -> String {
        let mut prefixed = self.kind().codec().to_vec();
        prefixed.extend_from_slice(self.bytes());
        format!("z{}", base58::encode(&prefixed))
    }

    /// `did:key:z…`.
    pub fn did_key(&self) -> String {
        format!("did:key:{}", self.multikey())
    }

    /// `did:key:z…#z…`: the verification method of the key's own did:key document.
    pub fn did_key_url(&self) -> String {
        let multikey = self.multikey();
        format!("did:key:{multikey}#{multikey}")
    }

    /// The public JWK, members in Askar's order: `crv`, `kty`, `x`, for curves with two coordinates `y`.
    pub fn to_jwk(&self) -> serde_json::Value {
        super::jwk::public(self).into()
    }

    /// From a JWK; `d` and other members are ignored. OKP Ed25519 and X25519, EC P-256 and BLS12381G2 (also the OKP form
    /// `BLS12381_G2` that older wallets hold).
    pub fn from_jwk(jwk: &serde_json::Value) -> Result<Self, KeyError> {
        super::jwk::parse_public(jwk)
    }

    /// RFC 7638 thumbprint: base64url of the SHA-256 of the key's required JWK members. Askar's `thumb` tag.
    pub fn jwk_thumbprint(&self) -> String {
        super::jwk::thumbprint(self)
    }

    /// Whether `sig` is this key's signature over `msg`: Ed25519 (64 bytes, strictly: one message and key have no
    /// signature that only some verifiers accept) or ES256 (P-256 with SHA-256, 64 bytes `r || s`, both from 1 to n - 1).
    /// False for the other types and for anything malformed.
    ///
    /// A high `s` of ES256 is accepted: RFC 7518 knows no lower half, other wallets' signers do not care, and nothing here
    /// takes the bytes of a signature for an identity.
    pub fn verify(&self, msg: &[u8], sig: &[u8]) -> bool {
        match &self.0.material {
            Material::Ed25519(bytes) => {
                match (self.verifying(bytes), ed25519_dalek::Signature::from_slice(sig)) {
                    // What `verify_strict` demands beyond `verify`: no key and no R of small order. Keys are checked when they
                    // are made, and R is compared in its canonical encoding, so the table tells; decompressing it would
                    // take a fifteenth more.
                    (Some(key), Ok(signature)) => {
                        !weak::is_weak_ed25519(signature.r_bytes()) && key.verify(msg, &signature).is_ok()
                    }
                    _ => false,
                }
            }
            Material::P256(key) => p256::ecdsa::Signature::from_slice(sig).is_ok_and(|signature| {
                p256::ecdsa::VerifyingKey::from(&key.0).verify(msg, &signature).is_ok()
            }),
            Material::X25519(_) | Material::Bls(_) => false,
        }
    }

    /// The X25519 key of an Ed25519 key by the birational map (an X25519 key is returned as it is). Fails for
    /// the other types, and for bytes that are no curve point.
    pub fn to_x25519(&self) -> Result<PublicKey, KeyError> {
        match &self.0.material {
            Material::X25519(_) => Ok(self.clone()),
            Material::Ed25519(bytes) => self
                .0
                .x25519
                .get_or_init(|| {
                    let point = self.verifying(bytes)?;
                    Some(Self::from_x25519(point.to_montgomery().to_bytes()))
                })
                .clone()
                .ok_or(KeyError::Invalid(KeyType::Ed25519)),
            _ => Err(KeyError::Unsupported { kind: self.kind(), operation: "be converted to x25519" }),
        }
    }

    /// The Ed25519 keys whose X25519 form this key is: two, since that form lacks the sign. An Ed25519 key is its own; none for
    /// the other types, and for a u without a point on the curve.
    pub fn ed25519_forms(&self) -> Vec<PublicKey> {
        match &self.0.material {
            Material::Ed25519(_) => vec![self.clone()],
            Material::X25519(bytes) => [0, 1]
                .into_iter()
                .filter_map(|sign| MontgomeryPoint(*bytes).to_edwards(sign))
                .filter_map(|point| Self::new(KeyType::Ed25519, point.compress().as_bytes()).ok())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// X25519 of a secret (clamped here) and this key; the u coordinate, zero for keys of small order.
    ///
    /// Multiplying on the Edwards form is half again as fast as the Montgomery ladder and gives the same u. A u on the
    /// curve's twist has no Edwards form and takes the ladder.
    pub(super) fn times_clamped(&self, secret: &[u8; 32]) -> Result<[u8; 32], KeyError> {
        let point: Option<EdwardsPoint> = match &self.0.material {
            Material::Ed25519(bytes) => {
                let key = self.verifying(bytes).ok_or(KeyError::Invalid(KeyType::Ed25519))?;
                Some(key.to_edwards())
            }
            Material::X25519(bytes) => MontgomeryPoint(*bytes).to_edwards(0),
            _ => {
                return Err(KeyError::Unsupported { kind: self.kind(), operation: "agree with x25519" });
            }
        };
        let product = match (point, &self.0.material) {
            (Some(point), _) => self.0.often.times_clamped(&point, secret).to_montgomery(),
            (None, Material::X25519(bytes)) => MontgomeryPoint(*bytes).mul_clamped(*secret),
            (None, _) => return Err(KeyError::Invalid(self.kind())),
        };
        Ok(product.to_bytes())
    }

    #[cfg(test)]
    pub(super) fn has_table(&self) -> bool {
        self.0.often.has_table()
    }

    fn verifying(&self, bytes: &[u8; 32]) -> Option<&ed25519_dalek::VerifyingKey> {
        self.0.verifying.get_or_init(|| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()).as_ref()
    }

    /// Affine coordinates as a JWK has them, big-endian: 32 + 32 bytes for P-256, 96 + 96 for BLS.
    pub(super) fn coordinates(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        match &self.0.material {
            Material::P256(key) => {
                use p256::elliptic_curve::sec1::ToEncodedPoint as _;
                let point = key.0.to_encoded_point(false);
                Some((point.x()?.to_vec(), point.y()?.to_vec()))
            }
            Material::Bls(point) => Some(point.coordinates()),
            _ => None,
        }
    }

    pub(super) fn as_p256(&self) -> Option<&p256::PublicKey> {
        match &self.0.material {
            Material::P256(key) => Some(&key.0),
            _ => None,
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.kind() == other.kind() && self.bytes() == other.bytes())
    }
}
impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind().hash(state);
        self.bytes().hash(state);
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.kind(), self.bytes()).cmp(&(other.kind(), other.bytes()))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_base58())
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind(), self.as_base58())
    }
}
