//! Encodings that are no key: points of small order, with which anybody's signature verifies and every "shared" secret is
//! known, and second ways to write a point.
//!
//! Compared as bytes: a key is read for every message, and decompressing a point takes a tenth of what opening one does.

/// y of the points of small order on Edwards25519, canonical and little-endian. Either sign of x is of small order, too.
const Y: [[u8; 32]; 5] = [
    // Order 4.
    [0; 32],
    // The identity.
    small(1),
    // Order 2: p - 1.
    below_p(1),
    // Order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// u of the points of small order on Curve25519 and its twist, canonical and little-endian.
const U: [[u8; 32]; 5] = [
    [0; 32],
    small(1),
    below_p(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

const fn small(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = value;
    bytes
}

/// 2^255 - 19 - `less`.
const fn below_p(less: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed - less;
    bytes[31] = 0x7f;
    bytes
}

/// The number without its highest bit (the sign of x, or what RFC 7748 ignores), and whether it is below p.
fn number(bytes: &[u8; 32]) -> ([u8; 32], bool) {
    let mut number = *bytes;
    number[31] &= 0x7f;
    let canonical = number[31] != 0x7f || number[0] < 0xed || number[1..31].iter().any(|byte| *byte != 0xff);
    (number, canonical)
}

/// Whether an Ed25519 key is of small order or not written canonically (RFC 8032, 5.1.3). Whether it is on the curve is
/// not said.
pub(super) fn is_weak_ed25519(bytes: &[u8; 32]) -> bool {
    let (y, canonical) = number(bytes);
    !canonical || Y.contains(&y)
}

/// Whether an X25519 key is of small order, however it is written. Others may be written in more than one way: RFC 7748
/// wants them accepted.
pub(super) fn is_weak_x25519(bytes: &[u8; 32]) -> bool {
    let (mut u, canonical) = number(bytes);
    if !canonical {
        // p to p + 18: only the first byte differs.
        u = small(u[0] - 0xed);
    }
    U.contains(&u)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::edwards::CompressedEdwardsY;
    use curve25519_dalek::montgomery::MontgomeryPoint;
    use serde_json::json;

    use super::*;
    use crate::key::{KeyError, KeyType, PublicKey, SecretKey};

    /// Every way to write a number of 255 bits in 32 bytes, given as canonical.
    fn writings(canonical: [u8; 32]) -> Vec<[u8; 32]> {
        let mut all = vec![canonical];
        if canonical[1..].iter().all(|byte| *byte == 0) && canonical[0] < 19 {
            let mut above = below_p(0);
            above[0] += canonical[0];
            all.push(above);
        }
        let high: Vec<_> = all
            .iter()
            .map(|low| {
                let mut high = *low;
                high[31] |= 0x80;
                high
            })
            .collect();
        all.extend(high);
        all
    }

    fn weak_ed25519() -> Vec<[u8; 32]> {
        Y.into_iter().flat_map(writings).collect()
    }

    #[test]
    fn the_tables_hold_exactly_the_points_of_small_order() {
        let mut y: Vec<[u8; 32]> = EIGHT_TORSION.iter().map(|point| number(&point.compress().0).0).collect();
        y.sort_unstable();
        y.dedup();
        let mut table = Y.to_vec();
        table.sort_unstable();
        assert_eq!(table, y);
        for u in U {
            assert_eq!(MontgomeryPoint(u).mul_clamped([7; 32]).to_bytes(), [0; 32], "{u:?}");
        }
        for point in EIGHT_TORSION {
            assert!(U.contains(&point.to_montgomery().to_bytes()));
        }
        assert_eq!((weak_ed25519().len(), U.into_iter().flat_map(writings).count()), (14, 14));
    }

    #[test]
    fn a_key_of_small_order_is_refused_wherever_keys_are_read() {
        let invalid = |kind| Err(KeyError::Invalid(kind));
        for (kind, name, codec, writings) in [
            (KeyType::Ed25519, "Ed25519", 0xed, weak_ed25519()),
            (KeyType::X25519, "X25519", 0xec, U.into_iter().flat_map(writings).collect()),
        ] {
            for bytes in writings {
                assert_eq!(PublicKey::new(kind, &bytes), invalid(kind), "{bytes:?}");
                let base58 = crate::base58::encode(&bytes);
                assert_eq!(PublicKey::from_base58(kind, &base58), invalid(kind));
                let multikey =
                    format!("z{}", crate::base58::encode(&[[codec, 1].as_slice(), &bytes].concat()));
                assert_eq!(PublicKey::from_multikey(&multikey), invalid(kind));
                let did = format!("did:key:{multikey}");
                assert_eq!(PublicKey::from_did_key(&did), invalid(kind));
                assert!(crate::resolve_local(&did).is_err());
                let jwk = json!({"kty": "OKP", "crv": name, "x": URL_SAFE_NO_PAD.encode(bytes)});
                assert_eq!(PublicKey::from_jwk(&jwk), invalid(kind));
                for member in [
                    json!({"type": "Multikey", "publicKeyMultibase": multikey}),
                    json!({"type": "JsonWebKey2020", "publicKeyJwk": jwk}),
                    json!({"type": if codec == 0xed { "Ed25519VerificationKey2018" } else { "X25519KeyAgreementKey2019" },
                        "publicKeyBase58": base58}),
                ] {
                    let mut method = member;
                    method["id"] = "#1".into();
                    let document = json!({"id": "did:web:a.com", "verificationMethod": [method]});
                    let document = crate::DidDocument::from_json(document).unwrap();
                    assert_eq!(document.verification_methods()[0].key, invalid(kind));
                }
                let service = json!({"id": "did:web:a.com", "service": [{
                    "id": "#s", "type": "did-communication", "serviceEndpoint": "http://a",
                    "recipientKeys": [if codec == 0xed { base58.clone() } else { did.clone() }],
                }]});
                let document = crate::DidDocument::from_json(service).unwrap();
                assert!(document.didcomm_services().is_err());
            }
        }
    }

    #[test]
    fn an_ed25519_key_is_written_in_one_way_only() {
        for y in 2..19 {
            for bytes in writings(small(y)) {
                let canonical = number(&bytes).1;
                assert_eq!(PublicKey::new(KeyType::Ed25519, &bytes).is_ok(), canonical, "{bytes:?}");
                // RFC 7748 wants both.
                assert!(PublicKey::new(KeyType::X25519, &bytes).is_ok());
            }
        }
    }

    #[test]
    fn a_key_that_is_no_point_verifies_nothing_and_agrees_on_nothing() {
        let no_point = (2..).map(small).find(|y| CompressedEdwardsY(*y).decompress().is_none()).unwrap();
        let key = PublicKey::new(KeyType::Ed25519, &no_point).unwrap();
        assert!(!key.verify(b"x", &[0; 64]));
        assert_eq!(key.to_x25519(), Err(KeyError::Invalid(KeyType::Ed25519)));
        let mine = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
        assert!(mine.diffie_hellman(&key).is_err());
    }

    /// Attack (f): with the key and R of small order and s = 0 every second message verifies, leniently.
    #[test]
    fn a_signature_whose_r_has_small_order_is_refused() {
        use sha2::Digest as _;
        // A = kB + a torsion point: not of small order itself. R = torsion, s = h*k: the lenient equation holds
        // when the torsion parts cancel.
        let k = curve25519_dalek::Scalar::from(5u8);
        let torsion = EIGHT_TORSION[1];
        let a = curve25519_dalek::constants::ED25519_BASEPOINT_POINT * k + torsion;
        let key = PublicKey::new(KeyType::Ed25519, a.compress().as_bytes()).unwrap();
        let mut forged = 0;
        for n in 0..64u8 {
            let msg = [n];
            for r in EIGHT_TORSION {
                let hash = sha2::Sha512::new()
                    .chain_update(r.compress().0)
                    .chain_update(a.compress().0)
                    .chain_update(msg)
                    .finalize();
                let h = curve25519_dalek::Scalar::from_bytes_mod_order_wide(&hash.into());
                let signature = [r.compress().0, (h * k).to_bytes()].concat();
                let lenient = ed25519_dalek::VerifyingKey::from_bytes(&a.compress().0).unwrap();
                let parsed = ed25519_dalek::Signature::from_slice(&signature).unwrap();
                forged += usize::from(ed25519_dalek::Verifier::verify(&lenient, &msg, &parsed).is_ok());
                assert!(!key.verify(&msg, &signature));
            }
        }
        assert!(forged > 0, "the attack was not even tried");
    }
}
