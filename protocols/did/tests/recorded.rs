//! Keys, DIDs and documents recorded from ACA-Py 1.7.0 come out the same here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use chancery_did::key::{KeyError, KeyType, PublicKey, SecretKey};
use chancery_did::methods::{self, peer, sov};
use chancery_did::{DidDocument, DidError, Needed, Resolution, resolve_local};
use rand_core::{OsRng, RngCore as _};
use serde_json::{Value, json};

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn seeds_give_the_recorded_keys() {
    let vectors = vectors(include_str!("vectors/keys.json"));
    for entry in vectors["seeds"].as_array().unwrap() {
        let kind = KeyType::from_name(text(&entry["key_type"])).unwrap();
        let seed = text(&entry["seed"]).as_bytes().try_into().unwrap();
        let key = SecretKey::from_seed(kind, seed).unwrap().public();
        if let Some(did) = entry["did"].as_str() {
            assert_eq!(key.did_key(), did);
            assert_eq!(key.base58(), text(&entry["verkey"]));
        } else {
            assert_eq!(key.multikey(), text(&entry["multikey"]));
        }
    }
}

#[test]
fn dids_belong_to_their_verkeys() {
    let vectors = vectors(include_str!("vectors/keys.json"));
    for entry in vectors["dids"].as_array().unwrap() {
        let (did, kind) = (text(&entry["did"]), KeyType::from_name(text(&entry["key_type"])).unwrap());
        let key = PublicKey::from_base58(kind, text(&entry["verkey"])).unwrap();
        match text(&entry["method"]) {
            "key" => assert_eq!(PublicKey::from_did_key(did).unwrap(), key),
            "sov" => assert_eq!(sov::nym_from_verkey(&key), did),
            "did:peer:2" | "did:peer:4" => {
                let Resolution::Document(document) = resolve_local(did).unwrap() else { panic!("{did}") };
                assert!(document.has_key(&key));
            }
            _ => {}
        }
    }
}

#[test]
fn documents_are_the_recorded_ones() {
    let mut documents = 0;
    for entry in vectors(include_str!("vectors/resolver.json")).as_array().unwrap() {
        let did = text(&entry["did"]);
        match (resolve_local(did), entry["status"].as_u64().unwrap()) {
            (Ok(Resolution::Document(document)), 200) => {
                // As text: the order of members is part of what a controller sees.
                assert_eq!(document.into_json().to_string(), entry["document"].to_string());
                documents += 1;
            }
            (Ok(Resolution::Needs(Needed::Resolver { method })), 500) => {
                assert_eq!(method, "web");
                let url = methods::web::url(did).unwrap();
                assert_eq!(url, "https://example.invalid/.well-known/did.json");
            }
            (Ok(Resolution::Needs(Needed::StoredDocument { did: nym })), 501) => {
                assert_eq!(format!("did:sov:{nym}"), did);
            }
            (Ok(Resolution::Needs(Needed::Resolver { method })), 501) => assert_eq!(method, "unknown"),
            (Err(DidError::NotADid(_)), 422) => {}
            (other, status) => panic!("{did}: {status} but {other:?}"),
        }
    }
    assert_eq!(documents, 6);
}

#[test]
fn an_x25519_did_key_has_key_agreement_only() {
    let key = SecretKey::from_seed(KeyType::X25519, &[3; 32]).unwrap().public();
    let Resolution::Document(document) = resolve_local(&key.did_key()).unwrap() else { panic!() };
    assert_eq!(document.key_agreement()[0].key, Ok(key));
    assert!(document.authentication().is_empty());
}

#[test]
fn peer_four_round_trips() {
    let vectors = vectors(include_str!("vectors/peer.json"));
    let shorts: Vec<&str> = vectors["four_short"].as_array().unwrap().iter().map(text).collect();
    let mut matched = 0;
    for did in vectors["four_long"].as_array().unwrap().iter().map(text) {
        let input = peer::four::decode(did).unwrap();
        assert_eq!(peer::four::build(&Value::Object(input.clone())).unwrap(), did);

        let Resolution::Document(long) = resolve_local(did).unwrap() else { panic!("{did}") };
        let short = peer::four::short_form(did).unwrap();
        assert_eq!((long.id(), long.also_known_as().collect::<Vec<_>>()), (did, vec![short]));
        assert_eq!(long.verification_methods()[0].controller, did);
        let service = &long.didcomm_services().unwrap()[0];
        assert_eq!((service.id.as_str(), service.priority), ("#didcomm-0", 0));
        let key = &service.recipient_keys[0];
        assert_eq!(long.authentication()[0].key.as_ref(), Ok(key));
        assert_eq!(peer::four::build_for_connection(key, &[&service.endpoint], &[]).unwrap(), did);

        // Either form finds the key in either document.
        let resolved = peer::four::resolve_short(short, did).unwrap();
        assert_eq!((resolved.id(), resolved.also_known_as().collect::<Vec<_>>()), (short, vec![did]));
        for document in [&long, &resolved] {
            for owner in [did, short, ""] {
                assert!(document.verification_method(&format!("{owner}#key-0")).is_some());
            }
            assert!(document.verification_method("did:peer:4zQmOther#key-0").is_none());
        }
        assert!(matches!(
            resolve_local(short),
            Ok(Resolution::Needs(Needed::LongForm { short: asked })) if asked == short
        ));
        matched += usize::from(shorts.contains(&short));
    }
    assert!(matched >= 5, "{matched}");
}

#[test]
fn peer_four_is_bound_to_its_hash() {
    let vectors = vectors(include_str!("vectors/peer.json"));
    let long = text(&vectors["four_long"][0]);
    let other = text(&vectors["four_long"][1]);
    let mut changed = long.to_owned();
    let last = if changed.pop() == Some('x') { 'y' } else { 'x' };
    changed.push(last);
    assert!(matches!(resolve_local(&changed), Err(DidError::Malformed { .. })));
    let short = peer::four::short_form(long).unwrap();
    assert!(matches!(peer::four::resolve_short(short, other), Err(DidError::WrongDocument { .. })));
    let longest = peer::four::build(&json!({"x": "y".repeat(11_790)})).unwrap();
    assert!(resolve_local(&longest).is_ok());
    assert!(matches!(resolve_local("did:peer:4zQmshort"), Err(DidError::Malformed { .. })));
    for document in [
        json!({}),
        json!([]),
        json!({"id": "x"}),
        json!({"service": {}}),
        json!({"alsoKnownAs": "x", "a": 1}),
        json!({"verificationMethod": [{"id": "key", "type": "x"}]}),
        json!({"authentication": [{"id": "#key"}]}),
        json!({"x": "y".repeat(12_000)}),
    ] {
        assert!(peer::four::build(&document).is_err(), "{document}");
    }
}

#[test]
fn peer_two_is_rebuilt_and_resolved() {
    let vectors = vectors(include_str!("vectors/peer.json"));
    for did in vectors["two"].as_array().unwrap().iter().map(text) {
        let Resolution::Document(document) = resolve_local(did).unwrap() else { panic!("{did}") };
        let service = &document.didcomm_services().unwrap()[0];
        let agreement = document.key_agreement()[0].key.clone().unwrap();
        assert_eq!(agreement.kind(), KeyType::X25519);
        let key = &service.recipient_keys[0];
        assert_eq!(peer::two::build_for_connection(key, &agreement, &[&service.endpoint], &[]), did);

        let three = peer::three::from_two(did).unwrap();
        assert_eq!(document.also_known_as().collect::<Vec<_>>(), [three.as_str()]);
        let resolved = peer::three::resolve(&three, did).unwrap();
        assert_eq!((resolved.id(), resolved.also_known_as().next()), (three.as_str(), Some(did)));
        assert!(matches!(resolve_local(&three), Ok(Resolution::Needs(Needed::PeerTwo { .. }))));
    }
    // A pair that a wallet of ACA-Py holds, and one from the method's Python library.
    let two = vectors["two"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .find(|did| did.contains("Vz6Mksg2JWtv8dorycoSC7"));
    assert_eq!(
        peer::three::from_two(two.unwrap()).unwrap(),
        "did:peer:3zQmaR8inexUEvmPC1APUvF35ZkiURvEPg5KErjXH1cqegU6"
    );
    let library = "did:peer:2.Ez6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc.Vz6MkqRYqQiSgvZQdnBytw86Qbs2ZWUkGv22od935YF4s8M7V.Vz6MkgoLTnTypo3tDRwCkZXSccTPHRLhF4ZnjhueYAFpEX6vg.SeyJ0IjoiZG0iLCJzIjoiaHR0cHM6Ly9leGFtcGxlLmNvbS9lbmRwb2ludCIsInIiOlsiZGlkOmV4YW1wbGU6c29tZW1lZGlhdG9yI3NvbWVrZXkiXSwiYSI6WyJkaWRjb21tL3YyIiwiZGlkY29tbS9haXAyO2Vudj1yZmM1ODciXX0";
    assert_eq!(
        peer::three::from_two(library).unwrap(),
        "did:peer:3zQmS19jtYDvGtKVrJhQnRFpBQAx3pJ9omx2HpNrcXFuRCz9"
    );
    let resolved = peer::two::resolve(library).unwrap();
    assert_eq!(
        resolved.as_json()["service"],
        json!([{
            "type": "DIDCommMessaging",
            "serviceEndpoint": "https://example.com/endpoint",
            "routingKeys": ["did:example:somemediator#somekey"],
            "accept": ["didcomm/v2", "didcomm/aip2;env=rfc587"],
            "id": "#service",
        }])
    );
    assert_eq!(resolved.didcomm_services(), Ok(vec![]));
}

#[test]
fn legacy_documents_are_rebuilt_and_read() {
    for entry in vectors(include_str!("vectors/legacy.json")).as_array().unwrap() {
        let (nym, json) = (text(&entry["nym"]), vectors(text(&entry["json"])));
        let document = sov::document(nym, json.clone()).unwrap();
        let service = &document.didcomm_services().unwrap()[0];
        let key = &service.recipient_keys[0];
        assert_eq!(sov::nym_from_verkey(key), nym);
        let rebuilt = sov::build(key, &[&service.endpoint], &[]);
        assert_eq!(chancery_did::json::to_python_json(&rebuilt), text(&entry["json"]));
        assert_eq!(service.kind, "did-communication");
        assert_eq!(document.as_json()["service"][0]["recipientKeys"], json!([format!("did:sov:{nym}#1")]));
    }
}

#[test]
fn services_are_sorted_and_ask_for_the_documents_they_need() {
    let (one, two) = (
        SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap().public(),
        SecretKey::from_seed(KeyType::Ed25519, &[2; 32]).unwrap().public(),
    );
    let mediator = DidDocument::from_json(json!({
        "id": "did:web:mediator.example",
        "verificationMethod": [{"id": "#k", "type": "JsonWebKey2020", "publicKeyJwk": two.to_jwk()}],
    }))
    .unwrap();
    let service = |priority: i64, key: &str, routing: Value| {
        json!({"id": format!("#s{priority}"), "type": "did-communication", "priority": priority,
               "recipientKeys": [key], "routingKeys": routing, "serviceEndpoint": "https://a"})
    };
    let document = |services: Value| {
        DidDocument::from_json(json!({
            "id": "did:web:a.example",
            "verificationMethod": [
                {"id": "did:web:a.example#2020", "type": "Ed25519VerificationKey2020", "publicKeyMultibase": one.multikey()},
                {"id": "#raw", "type": "Ed25519VerificationKey2020", "publicKeyMultibase": format!("z{}", one.base58())},
                {"id": "#x", "type": "X25519KeyAgreementKey2019", "publicKeyBase58": one.base58()},
                {"id": "#odd", "type": "SchnorrKey", "publicKeyHex": "00"},
            ],
            "service": services,
        }))
        .unwrap()
    };
    let needing = document(json!([
        service(2, "#raw", json!([two.base58(), two.did_key_url(), two.did_key()])),
        service(1, "did:web:a.example#2020", json!(["did:web:mediator.example#k"])),
        {"id": "#v2", "type": "DIDCommMessaging", "serviceEndpoint": {"uri": "https://a"}},
    ]));
    assert_eq!(needing.didcomm_services(), Err(DidError::Needs(vec!["did:web:mediator.example".into()])));
    let services = needing.didcomm_services_with(&[mediator]).unwrap();
    assert_eq!(services.iter().map(|service| service.priority).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        (&services[0].recipient_keys, &services[0].routing_keys),
        (&vec![one.clone()], &vec![two.clone()])
    );
    assert_eq!(services[1].routing_keys, vec![two; 3]);

    // Unusable services are left out as long as one is usable.
    let one_good = document(json!([service(1, "#odd", json!([])), service(2, "#raw", json!([]))]));
    assert_eq!(one_good.didcomm_services().unwrap().len(), 1);
    for (key, error) in [
        ("#missing", DidError::Document("no verification method #missing".into())),
        (
            "did:web:a.example#missing",
            DidError::Document("no verification method did:web:a.example#missing".into()),
        ),
        ("not base58!", DidError::Key(KeyError::Base58)),
        (
            "#x",
            DidError::Key(KeyError::Unsupported {
                kind: KeyType::X25519,
                operation: "receive DIDComm v1 messages",
            }),
        ),
    ] {
        assert_eq!(document(json!([service(1, key, json!([]))])).didcomm_services(), Err(error));
    }
}

#[test]
fn signatures_verify_until_something_changes() {
    for kind in [KeyType::Ed25519, KeyType::P256] {
        let key = SecretKey::generate(kind, &mut OsRng);
        let mut signature = key.sign(b"message").unwrap();
        assert_eq!(signature.len(), 64);
        assert!(key.as_public().verify(b"message", &signature));
        assert!(!key.as_public().verify(b"massage", &signature));
        assert!(!key.as_public().verify(b"message", &signature[..63]));
        signature[7] ^= 1;
        assert!(!key.as_public().verify(b"message", &signature));
    }
    for kind in [KeyType::X25519, KeyType::Bls12381G2] {
        let key = SecretKey::from_seed(kind, &[5; 32]).unwrap();
        assert!(matches!(key.sign(b"message"), Err(KeyError::Unsupported { .. })));
        assert!(!key.as_public().verify(b"message", &[0; 64]));
    }
    // RFC 8032, test 2; RFC 6979 A.2.5, "sample" with SHA-256.
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    };
    let ed = SecretKey::from_bytes(
        KeyType::Ed25519,
        &hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    );
    assert_eq!(
        ed.unwrap().sign(&[0x72]).unwrap(),
        hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
    );
    let p256 = SecretKey::from_bytes(
        KeyType::P256,
        &hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
    );
    assert_eq!(
        p256.unwrap().sign(b"sample").unwrap(),
        hex(
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        )
    );
}

#[test]
fn key_agreement_is_mutual_and_refuses_weak_keys() {
    for kind in [KeyType::Ed25519, KeyType::X25519, KeyType::P256] {
        let (a, b) = (SecretKey::generate(kind, &mut OsRng), SecretKey::generate(kind, &mut OsRng));
        let shared = a.diffie_hellman(b.as_public()).unwrap();
        assert_eq!(shared, b.diffie_hellman(a.as_public()).unwrap());
        assert_ne!(*shared, [0; 32]);
    }
    let (ed, x) =
        (SecretKey::generate(KeyType::Ed25519, &mut OsRng), SecretKey::generate(KeyType::X25519, &mut OsRng));
    assert_eq!(ed.diffie_hellman(x.as_public()).unwrap(), x.diffie_hellman(ed.as_public()).unwrap());
    assert_eq!(ed.to_x25519().unwrap().public(), ed.public().to_x25519().unwrap());
    for weak in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        assert_eq!(PublicKey::new(KeyType::X25519, &weak), Err(KeyError::Invalid(KeyType::X25519)));
    }
    // RFC 7748, 5.2; the second has a superfluous high bit.
    let hex = |text: &str| -> [u8; 32] {
        std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
    };
    for (scalar, u, product) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        let shared = SecretKey::from_bytes(KeyType::X25519, &hex(scalar))
            .unwrap()
            .diffie_hellman(&PublicKey::new(KeyType::X25519, &hex(u)).unwrap());
        assert_eq!(*shared.unwrap(), hex(product));
    }
    // Any other 32 bytes are an X25519 key; every second one lies on the twist.
    for _ in 0..40 {
        let (mut secret, mut u) = ([0; 32], [0; 32]);
        OsRng.fill_bytes(&mut secret);
        OsRng.fill_bytes(&mut u);
        let ours = SecretKey::from_bytes(KeyType::X25519, &secret).unwrap();
        let theirs = x25519_dalek::StaticSecret::from(secret);
        assert_eq!(ours.public().bytes(), x25519_dalek::PublicKey::from(&theirs).as_bytes());
        let shared = ours.diffie_hellman(&PublicKey::new(KeyType::X25519, &u).unwrap()).unwrap();
        assert_eq!(*shared, theirs.diffie_hellman(&u.into()).to_bytes());
    }
    let no_point = PublicKey::new(KeyType::Ed25519, &[2; 32]).unwrap();
    assert!(no_point.to_x25519().is_err() && !no_point.verify(b"", &[0; 64]));
}

#[test]
fn jwks_are_askars() {
    // From the tests of askar-crypto: a BLS key in G2 with its secret.
    let jwk = r#"{"crv":"BLS12381G2","kty":"EC","x":"GJ4CTKTdbhJ606E_zoXvBerW3susF0rCRkkOjSSoXzAbo75pF5a_TuUGrYICNRpKA6cQe4FqWEgLW0KKW3-5nAXX1BEKk2flns1VE-2hpbRZqmfA0xPyLPomtUBmLZsR","y":"AnUhMCJ0P0MITDiU4Xf_NHGiJZoyVXGol99Xrrn4fqAcQ-SIXTgbIEP3aBHvsaiQCKqnpWzWycJ4AYOVcaDgKs-ms5bweXiDAafBO-tiuCcrqeAJzY_ZJtNon8IvP_5-","d":"3nc6_s38FVVlawbwmPFOjB4TlAPy_K2Tx39I7XnEnDc"}"#;
    let key = SecretKey::from_jwk(jwk.as_bytes()).unwrap();
    assert_eq!(key.to_jwk_secret().as_slice(), jwk.as_bytes());

    for kind in KeyType::ALL {
        let key = SecretKey::from_seed(kind, &[9; 32]).unwrap();
        let text = key.to_jwk_secret();
        let read = SecretKey::from_jwk(&text).unwrap();
        assert_eq!((read.secret_bytes(), read.public()), (key.secret_bytes(), key.public()));
        let public = key.as_public().to_jwk();
        assert_eq!(PublicKey::from_jwk(&public).unwrap(), key.public());
        assert!(SecretKey::from_jwk(public.to_string().as_bytes()).is_err());
        let mut order: Vec<&String> = public.as_object().unwrap().keys().collect();
        order.retain(|name| *name != "y");
        assert_eq!(order, ["crv", "kty", "x"]);

        let other = SecretKey::from_seed(kind, &[8; 32]).unwrap();
        let mut mixed: Value = serde_json::from_slice(&text).unwrap();
        let theirs: Value = serde_json::from_slice(&other.to_jwk_secret()).unwrap();
        mixed["d"] = theirs["d"].clone();
        assert!(matches!(SecretKey::from_jwk(mixed.to_string().as_bytes()), Err(KeyError::Mismatch)));
        assert!(!format!("{key:?}").contains(theirs["d"].as_str().unwrap()));
    }
    // RFC 8037, appendix A.3.
    let key = PublicKey::from_jwk(
        &json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
    );
    assert_eq!(key.unwrap().jwk_thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    // The form that older wallets hold: compressed, secret big-endian.
    let bls = SecretKey::from_seed(KeyType::Bls12381G2, &[9; 32]).unwrap();
    let encode = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    };
    let old = json!({"kty": "OKP", "crv": "BLS12381_G2", "x": encode(bls.as_public().bytes()), "d": encode(bls.secret_bytes())});
    assert_eq!(SecretKey::from_jwk(old.to_string().as_bytes()).unwrap().public(), bls.public());
}

#[test]
fn malformed_keys_are_refused() {
    assert!(matches!(PublicKey::new(KeyType::Ed25519, &[0; 31]), Err(KeyError::Length { got: 31, .. })));
    assert_eq!(PublicKey::new(KeyType::P256, &[2; 33]).unwrap().bytes().len(), 33);
    assert_eq!(PublicKey::new(KeyType::P256, &[9; 33]), Err(KeyError::Invalid(KeyType::P256)));
    assert_eq!(PublicKey::new(KeyType::Bls12381G2, &[1; 96]), Err(KeyError::Invalid(KeyType::Bls12381G2)));
    assert_eq!(PublicKey::from_base58(KeyType::Ed25519, "0OIl"), Err(KeyError::Base58));
    assert_eq!(PublicKey::from_base58(KeyType::Ed25519, &"1".repeat(5000)), Err(KeyError::Base58));
    for text in ["", "z", "m123", "z6Mk!", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"] {
        assert_eq!(PublicKey::from_multikey(text), Err(KeyError::Multikey), "{text}");
    }
    assert_eq!(PublicKey::from_did_key("did:web:a"), Err(KeyError::NotDidKey));
    assert!(SecretKey::from_bytes(KeyType::P256, &[0; 32]).is_err());
    assert!(SecretKey::from_bytes(KeyType::P256, &[255; 32]).is_err());
    assert!(SecretKey::from_bytes(KeyType::Bls12381G2, &[255; 32]).is_err());
    for jwk in [
        json!({}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
    ] {
        assert!(PublicKey::from_jwk(&jwk).is_err(), "{jwk}");
    }
}

#[test]
fn mutilated_dids_and_documents_never_panic() {
    let peer = vectors(include_str!("vectors/peer.json"));
    let mut sources: Vec<String> =
        ["four_long", "four_short", "two"].iter().map(|name| text(&peer[*name][0]).to_owned()).collect();
    let mut documents: Vec<String> = Vec::new();
    for entry in vectors(include_str!("vectors/resolver.json")).as_array().unwrap() {
        sources.push(text(&entry["did"]).to_owned());
        documents.push(entry["document"].to_string());
    }
    documents.push(text(&vectors(include_str!("vectors/legacy.json"))[0]["json"]).to_owned());
    documents.extend(sources.iter().filter_map(|did| match resolve_local(did) {
        Ok(Resolution::Document(document)) => Some(document.into_json().to_string()),
        _ => None,
    }));
    let mut state = 1u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut mutilate = |source: &str| -> String {
        let mut bytes = source.as_bytes().to_vec();
        for _ in 0..1 + next(3) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = b" .:#%zS[]{}\"\\0,-"[next(16)],
                1 => bytes[at] = next(256) as u8,
                _ if bytes.len() > 2 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    for _ in 0..300 {
        for source in &sources {
            let did = mutilate(source);
            let _ = chancery_did::DidUrl::parse(&did);
            if let Ok(Resolution::Document(document)) = resolve_local(&did) {
                let _ = document.didcomm_services();
            }
            let _ = (PublicKey::from_did_key(&did), PublicKey::from_multikey(&did), sov::is_nym(&did));
        }
        for source in &documents {
            let Ok(json) = serde_json::from_str::<Value>(&mutilate(source)) else { continue };
            let did = json["id"].as_str().unwrap_or_default().to_owned();
            let _ = sov::document(&did, json.clone());
            let _ = peer::one::document(&did, json.clone());
            let _ = peer::four::build(&json);
            if let Ok(document) = DidDocument::parse(json.to_string().as_bytes()) {
                let _ = (document.didcomm_services(), document.assertion_method(), document.key_agreement());
            }
        }
    }
}
