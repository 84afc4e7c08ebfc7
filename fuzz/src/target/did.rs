//! DIDs, DID documents and keys: in messages, in credentials, from web servers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_did::document::RELATIONSHIPS;
use chancery_did::json::{from_slice_strict, to_python_json, to_python_json_compact};
use chancery_did::key::{KeyType, PublicKey, SecretKey};
use chancery_did::methods::{jwk, peer, sov, web};
use chancery_did::{Did, DidDocument, DidError, DidUrl, Needed, Resolution, base58, parse, resolve_local};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::mutate::{self, Bytes, Choice};

/// Members and values of documents.
pub const WORDS: &[&str] = &[
    "@context",
    "id",
    "type",
    "controller",
    "alsoKnownAs",
    "verificationMethod",
    "publicKey",
    "authentication",
    "assertionMethod",
    "keyAgreement",
    "capabilityInvocation",
    "capabilityDelegation",
    "service",
    "serviceEndpoint",
    "recipientKeys",
    "routingKeys",
    "priority",
    "accept",
    "did-communication",
    "IndyAgent",
    "DIDCommMessaging",
    "publicKeyBase58",
    "publicKeyMultibase",
    "publicKeyJwk",
    "Multikey",
    "JsonWebKey2020",
    "Ed25519VerificationKey2018",
    "Ed25519VerificationKey2020",
    "X25519KeyAgreementKey2019",
    "Bls12381G2Key2020",
    "EcdsaSecp256r1VerificationKey2019",
    "kty",
    "crv",
    "x",
    "y",
    "d",
    "use",
    "sig",
    "enc",
    "OKP",
    "EC",
    "Ed25519",
    "X25519",
    "P-256",
    "BLS12381G2",
    "BLS12381_G2",
    "#key-1",
    "#id",
    ";indy",
    "did:key:z6MkonVVgtVbNHnAjMyGu7k1uHfPLp6Qvfs51u9cZHPiXT9A",
    "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
    "did:web:example.com",
    "did:sov:WgWxqztrNooG92RXvxSTWv",
    "WgWxqztrNooG92RXvxSTWv",
    "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuwa",
    "did:jwk:",
    "did:peer:2",
    "did:peer:4",
    ".V",
    ".E",
    ".S",
    "%3A8443",
    "%2F",
];

/// A text is taken for a DID or a key, JSON for a document or a JWK.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        did(text);
        key(text);
        base(text);
    }
    let Ok(json) = from_slice_strict(data) else {
        assert!(DidDocument::parse(data).is_err());
        return;
    };
    if let Ok(document) = DidDocument::parse(data) {
        assert_eq!(document.clone().into_json(), json);
        read(&document);
        let own = web::document(document.id(), json.clone()).expect("its own id");
        assert_eq!(own, document);
    }
    documents(&json);
    if let Ok(key) = PublicKey::from_jwk(&json) {
        forms(&key);
    }
    if let Ok(secret) = SecretKey::from_jwk(data) {
        let again = SecretKey::from_jwk(&secret.to_jwk_secret()).expect("its own JWK");
        assert_eq!(again.secret_bytes(), secret.secret_bytes());
        forms(secret.as_public());
    }
    for text in [to_python_json(&json), to_python_json_compact(&json)] {
        let again = from_slice_strict(text.as_bytes()).expect("JSON stays JSON");
        assert_eq!(again, json);
    }
}

fn did(text: &str) {
    if let Ok(url) = DidUrl::parse(text) {
        assert_eq!(url.to_string(), text);
    }
    let parsed = parse(text);
    let resolved = resolve_local(text);
    let Ok(did) = parsed else {
        assert!(resolved.is_err());
        return;
    };
    assert_eq!(did.as_str(), text);
    assert_eq!(parse(&did.qualified()).as_ref().map(Did::as_str), Ok(did.qualified().as_str()));
    match resolved {
        Ok(Resolution::Document(document)) => {
            assert_eq!(document.id(), text);
            let bytes = Value::Object(document.as_json().clone()).to_string().into_bytes();
            assert_eq!(DidDocument::parse(&bytes).as_ref(), Ok(&document));
            read(&document);
        }
        Ok(Resolution::Needs(Needed::Resolver { method })) if method == "web" => {
            let url = web::url(text).expect("checked before");
            assert!(url.starts_with("https://") && url.ends_with("/did.json"));
            let host =
                url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
            assert!(
                host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b':')),
                "{url}"
            );
            assert!(!url.contains(['@', '?', '#', ' ']), "{url}");
        }
        Ok(Resolution::Needs(_)) => {}
        Err(error) => drop(error.to_string()),
    }
    if peer::four::is_long(text)
        && let Ok(document) = peer::four::resolve(text)
    {
        let short = peer::four::short_form(text).expect("a long form has a short one");
        let by_short = peer::four::resolve_short(short, text).expect("its own short form");
        assert_eq!(by_short.verification_methods().len(), document.verification_methods().len());
        assert!(document.also_known_as().any(|name| name == short));
    }
    if let Ok(three) = peer::three::from_two(text) {
        let by_two = peer::two::resolve(text);
        let by_three = peer::three::resolve(&three, text);
        assert_eq!(by_two.is_ok(), by_three.is_ok());
    }
}

fn read(document: &DidDocument) {
    for method in document.verification_methods() {
        assert!(document.verification_method(&method.id).is_some());
        if let Ok(key) = &method.key {
            assert!(document.has_key(key));
            forms(key);
        }
    }
    for name in RELATIONSHIPS {
        for method in document.relationship(name) {
            assert!(document.verification_methods().contains(method));
        }
    }
    match document.didcomm_services() {
        Ok(services) => {
            assert!(services.is_sorted_by_key(|service| service.priority));
            for service in services {
                assert!(!service.recipient_keys.is_empty());
            }
        }
        Err(DidError::Needs(dids)) => {
            assert!(!dids.is_empty());
            let others: Vec<DidDocument> = dids
                .iter()
                .filter_map(|did| DidDocument::from_json(serde_json::json!({"id": did})).ok())
                .collect();
            let second = document.didcomm_services_with(&others);
            assert!(!matches!(second, Err(DidError::Needs(_))), "{second:?}");
        }
        Err(error) => drop(error.to_string()),
    }
}

fn documents(json: &Value) {
    let one = "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuwa";
    if let Ok(document) = peer::one::document(one, json.clone()) {
        read(&document);
    }
    if let Ok(corrected) = sov::corrected(json.clone())
        && let Some(id) = corrected.get("id").and_then(Value::as_str)
        && let Ok(document) = sov::document(id, json.clone())
    {
        read(&document);
    }
    if let Ok(long) = peer::four::build(json) {
        let document = peer::four::decode(&long).expect("what is built is read");
        assert_eq!(&Value::Object(document), json);
        did(&long);
    }
    if let Value::Array(services) = json {
        let two = peer::two::build(
            &[(peer::two::Purpose::Authentication, &super::envelope::SENDER.public())],
            services,
        );
        did(&two);
    }
}

fn key(text: &str) {
    for kind in KeyType::ALL {
        if let Ok(key) = PublicKey::from_base58(kind, text) {
            forms(&key);
        }
        assert_eq!(KeyType::from_name(kind.as_str()), Some(kind));
    }
    for key in [PublicKey::from_multikey(text), PublicKey::from_did_key(text)].into_iter().flatten() {
        forms(&key);
    }
}

/// All ways to write a key lead back to it.
fn forms(key: &PublicKey) {
    let kind = key.kind();
    assert_eq!(PublicKey::new(kind, key.bytes()).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_base58(kind, key.as_base58()).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_multikey(&key.multikey()).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_did_key(&key.did_key_url()).as_ref(), Ok(key));
    assert_eq!(PublicKey::from_jwk(&key.to_jwk()).as_ref(), Ok(key));
    assert!(!key.jwk_thumbprint().is_empty());
    assert!(!key.verify(b"nothing", &[0; 64]), "a signature of zeros");
    let _ = key.to_x25519();
    let _ = super::envelope::RECIPIENT.diffie_hellman(key);
    assert_eq!(parse(&jwk::build(key)).map(|did| did.method.name().to_owned()).as_deref(), Ok("jwk"));
}

fn base(text: &str) {
    let decoded = base58::decode(text);
    if text.len() < 2000 {
        assert_eq!(decoded, bs58::decode(text).into_vec().ok());
    }
    if let Some(bytes) = decoded {
        assert!(base58::is_base58(text));
        assert_eq!(base58::encode(&bytes), text);
    }
    if text.len() < 2000 {
        assert_eq!(base58::encode(text.as_bytes()), bs58::encode(text).into_string());
    }
}

/// Changes documents inside DIDs too, with the hash put right again.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, bytes: Bytes) -> usize {
    let mut choice = Choice::new(seed);
    let text = data.get(..size).and_then(|text| std::str::from_utf8(text).ok());
    let new = text.filter(|_| !choice.one_in(4)).and_then(|text| {
        if let Some(rest) = text.strip_prefix("did:peer:4") {
            four(rest, &mut choice, bytes)
        } else if let Some(rest) = text.strip_prefix("did:peer:2") {
            two(rest, &mut choice, bytes)
        } else {
            let rest = text.strip_prefix("did:jwk:")?;
            Some(format!(
                "did:jwk:{}",
                URL_SAFE_NO_PAD.encode(changed(&URL_SAFE_NO_PAD.decode(rest).ok()?, &mut choice, bytes))
            ))
        }
    });
    new.and_then(|new| mutate::write(data, max_size, new.as_bytes()))
        .unwrap_or_else(|| mutate::json(data, size, max_size, seed, WORDS, bytes))
}

fn changed(text: &[u8], choice: &mut Choice, bytes: Bytes) -> Vec<u8> {
    match serde_json::from_slice::<Value>(text) {
        Ok(mut value) if !choice.one_in(8) => {
            mutate::change(&mut value, choice, WORDS, bytes);
            value.to_string().into_bytes()
        }
        _ => mutate::part(text, bytes),
    }
}

fn four(rest: &str, choice: &mut Choice, bytes: Bytes) -> Option<String> {
    let decoded = base58::decode(rest.split_once(":z")?.1)?;
    let mut document = vec![0x80, 0x04];
    document.extend(changed(decoded.get(2..)?, choice, bytes));
    let encoded = format!("z{}", base58::encode(&document));
    let mut hash = vec![0x12, 0x20];
    hash.extend_from_slice(&Sha256::digest(&encoded));
    Some(format!("did:peer:4z{}:{encoded}", base58::encode(&hash)))
}

fn two(rest: &str, choice: &mut Choice, bytes: Bytes) -> Option<String> {
    let mut elements: Vec<String> = rest.split('.').map(str::to_owned).collect();
    let at = choice.below(elements.len());
    let twin = elements.get(choice.below(elements.len()))?.clone();
    let element = elements.get_mut(at)?;
    match element.strip_prefix('S').and_then(|service| URL_SAFE_NO_PAD.decode(service).ok()) {
        Some(service) => *element = format!("S{}", URL_SAFE_NO_PAD.encode(changed(&service, choice, bytes))),
        None => elements.insert(at, twin),
    }
    Some(format!("did:peer:2{}", elements.join(".")))
}
