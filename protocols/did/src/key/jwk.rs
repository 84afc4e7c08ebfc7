//! JSON Web Keys (RFC 7517, RFC 8037), with the member order and the BLS encoding of Askar.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyError, KeyType, PublicKey, SecretKey, bls};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn names(kind: KeyType) -> (&'static str, &'static str) {
    match kind {
        KeyType::Ed25519 => ("Ed25519", "OKP"),
        KeyType::X25519 => ("X25519", "OKP"),
        KeyType::P256 => ("P-256", "EC"),
        KeyType::Bls12381G2 => ("BLS12381G2", "EC"),
    }
}

/// The public members as a JSON object without its closing brace. Their order is also the sorted order that
/// RFC 7638 asks for.
fn open_object(key: &PublicKey) -> String {
    let (crv, kty) = names(key.kind());
    match key.coordinates() {
        Some((x, y)) => format!(
            r#"{{"crv":"{crv}","kty":"{kty}","x":"{}","y":"{}""#,
            URL_SAFE_NO_PAD.encode(x),
            URL_SAFE_NO_PAD.encode(y)
        ),
        None => format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{}""#, URL_SAFE_NO_PAD.encode(key.bytes())),
    }
}

pub(super) fn public(key: &PublicKey) -> Map<String, Value> {
    let (crv, kty) = names(key.kind());
    let mut jwk = Map::new();
    jwk.insert("crv".into(), crv.into());
    jwk.insert("kty".into(), kty.into());
    match key.coordinates() {
        Some((x, y)) => {
            jwk.insert("x".into(), URL_SAFE_NO_PAD.encode(x).into());
            jwk.insert("y".into(), URL_SAFE_NO_PAD.encode(y).into());
        }
        None => {
            jwk.insert("x".into(), URL_SAFE_NO_PAD.encode(key.bytes()).into());
        }
    }
    jwk
}

pub(super) fn thumbprint(key: &PublicKey) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(open_object(key) + "}"))
}

pub(super) fn secret(key: &SecretKey) -> Zeroizing<Vec<u8>> {
    let mut d = Zeroizing::new(*key.secret_bytes());
    if key.kind() == KeyType::Bls12381G2 {
        d.reverse();
    }
    let head = open_object(key.as_public());
    // Sized once: a growing buffer would leave copies of the secret behind.
    let mut json = Zeroizing::new(Vec::with_capacity(head.len() + 64));
    json.extend_from_slice(head.as_bytes());
    json.extend_from_slice(br#","d":""#);
    json.extend_from_slice(Zeroizing::new(URL_SAFE_NO_PAD.encode(*d)).as_bytes());
    json.extend_from_slice(br#""}"#);
    json
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: Option<String>,
    d: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    LENIENT.decode(text).map_err(|_| KeyError::Jwk("a member is not base64url"))
}

impl Jwk {
    fn public(&self) -> Result<PublicKey, KeyError> {
        let x = decode(&self.x)?;
        let y = || decode(self.y.as_deref().ok_or(KeyError::Jwk("`y` is missing"))?);
        match (self.kty.as_str(), self.crv.as_str()) {
            ("OKP", "Ed25519") => PublicKey::new(KeyType::Ed25519, &x),
            ("OKP", "X25519") => PublicKey::new(KeyType::X25519, &x),
            ("EC", "P-256") => {
                let y = y()?;
                if x.len() != 32 || y.len() != 32 {
                    return Err(KeyError::Jwk("a coordinate of P-256 has 32 bytes"));
                }
                PublicKey::new(KeyType::P256, &[&[4], x.as_slice(), &y].concat())
            }
            ("EC", "BLS12381G2") => Ok(PublicKey::from_bls(bls::PublicPoint::from_coordinates(&x, &y()?)?)),
            ("OKP", "BLS12381_G2") => PublicKey::new(KeyType::Bls12381G2, &x),
            _ => Err(KeyError::Jwk("`kty` and `crv` are not of a known key type")),
        }
    }
}

pub(super) fn parse_public(jwk: &Value) -> Result<PublicKey, KeyError> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
    Jwk {
        kty: member("kty").ok_or(KeyError::Jwk("`kty` is missing"))?,
        crv: member("crv").ok_or(KeyError::Jwk("`crv` is missing"))?,
        x: member("x").ok_or(KeyError::Jwk("`x` is missing"))?,
        y: member("y"),
        d: None,
    }
    .public()
}

pub(super) fn parse_secret(json: &[u8]) -> Result<SecretKey, KeyError> {
    let jwk: Jwk =
        serde_json::from_slice(json).map_err(|_| KeyError::Jwk("not a JSON object with kty, crv, x"))?;
    let public = jwk.public()?;
    let secret = jwk.d.as_ref().ok_or(KeyError::Jwk("`d` is missing: this is a public key"))?;
    let mut d = Zeroizing::new(decode(&secret.0)?);
    if public.kind() == KeyType::Bls12381G2 && jwk.kty == "EC" {
        d.reverse();
    }
    let key = SecretKey::from_bytes(public.kind(), &d)?;
    if *key.as_public() == public { Ok(key) } else { Err(KeyError::Mismatch) }
}
