//! Envelopes: whatever is posted to the DIDComm endpoint.

use std::sync::LazyLock;

use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use chancery_did::key::{KeyType, SecretKey};
use chancery_didcomm::encoding::{base64url, decode_base64url};
use chancery_didcomm::{
    Envelope, Inbound, Message, SharedSecrets, Unpacked, classify, pack_anoncrypt, pack_authcrypt,
};
use crypto_box::aead::Aead as _;
use rand_core::RngCore as _;
use serde_json::{Map, Value, json};

use crate::mutate::{self, Bytes, Choice};

/// Who opens.
pub static RECIPIENT: LazyLock<SecretKey> = LazyLock::new(|| key(7));
/// Who packed what the mutator packs.
pub static SENDER: LazyLock<SecretKey> = LazyLock::new(|| key(8));
static WARM: LazyLock<SharedSecrets> = LazyLock::new(|| SharedSecrets::new(64));
static COLD: LazyLock<SharedSecrets> = LazyLock::new(|| SharedSecrets::new(0));

/// Members and values of envelopes.
pub const WORDS: &[&str] = &[
    "protected",
    "unprotected",
    "recipients",
    "encrypted_key",
    "header",
    "kid",
    "sender",
    "iv",
    "ciphertext",
    "tag",
    "aad",
    "enc",
    "typ",
    "alg",
    "Authcrypt",
    "Anoncrypt",
    "JWM/1.0",
    "xchacha20poly1305_ietf",
    "@type",
    "msg",
    "to",
    "https://didcomm.org/routing/1.0/forward",
    "e30",
    "AA==",
];

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[n; 32]).expect("32 bytes are an Ed25519 seed")
}

/// One body.
pub fn run(data: &[u8]) {
    reaches_plaintext(data);
}

/// As [`run`]; whether an envelope was opened.
pub fn reaches_plaintext(data: &[u8]) -> bool {
    let classified = classify(data);
    let parsed = Envelope::parse(data);
    match classified {
        Ok(Inbound::Plaintext(json)) => assert!(json.get("@type").is_some()),
        Ok(Inbound::Envelope(_)) => assert!(parsed.is_ok()),
        Ok(Inbound::Unreadable(ref error)) => assert_eq!(parsed.as_ref().err(), Some(error)),
        Err(_) => assert!(parsed.is_err()),
    }
    parsed.is_ok_and(|envelope| open(&envelope, 0))
}

fn open(envelope: &Envelope, depth: usize) -> bool {
    let kids = envelope.recipient_kids();
    assert!(!kids.is_empty());
    let _ = format!("{envelope:?}");
    let opened = envelope.open(&RECIPIENT, &COLD);
    // The first fills the cache, the second is answered from it.
    assert_eq!(envelope.open(&RECIPIENT, &WARM), opened);
    assert_eq!(envelope.open(&RECIPIENT, &WARM), opened);
    let Ok(opened) = opened else { return false };
    assert!(kids.contains(&RECIPIENT.as_public().as_base58()));
    match &opened {
        Unpacked::Authenticated { recipient, .. } => assert_eq!(recipient, RECIPIENT.as_public()),
        Unpacked::Anonymous { recipient, .. } => {
            assert!(!envelope.claims_authcrypt(), "Authcrypt from nobody");
            assert_eq!(recipient, RECIPIENT.as_public());
        }
    }
    super::message::run(opened.plaintext());
    let inner = Message::parse(opened.plaintext()).ok().and_then(|message| message.get("msg").cloned());
    if let Some(Ok(inner)) = inner.map(Envelope::from_json)
        && depth < 8
    {
        open(&inner, depth + 1);
    }
    true
}

/// Changes the envelope, its protected header, or what is inside it; the last sealed again so that it opens.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, bytes: Bytes) -> usize {
    let mut choice = Choice::new(seed);
    let input = data.get(..size).unwrap_or_default();
    let new = match choice.below(6) {
        0 => protected(input, &mut choice, bytes),
        1 | 2 => plaintext(input, &mut choice, bytes),
        3 | 4 => forged(input, &mut choice, bytes),
        _ => None,
    };
    new.and_then(|new| mutate::write(data, max_size, &new))
        .unwrap_or_else(|| mutate::json(data, size, max_size, seed, WORDS, bytes))
}

fn protected(input: &[u8], choice: &mut Choice, bytes: Bytes) -> Option<Vec<u8>> {
    let mut outer: Value = serde_json::from_slice(input).ok()?;
    let mut header: Value =
        serde_json::from_slice(&decode_base64url(outer.get("protected")?.as_str()?)?).ok()?;
    mutate::change(&mut header, choice, WORDS, bytes);
    *outer.get_mut("protected")? = base64url(header.to_string().as_bytes()).into();
    Some(outer.to_string().into_bytes())
}

fn plaintext(input: &[u8], choice: &mut Choice, bytes: Bytes) -> Option<Vec<u8>> {
    let new = changed_plaintext(input, choice, bytes);
    let mut to = vec![RECIPIENT.public()];
    if choice.one_in(4) {
        to.push(SENDER.public());
    }
    match choice.one_in(2) {
        true => pack_authcrypt(&new, &to, &SENDER, &mut choice.0, &COLD).ok(),
        false => pack_anoncrypt(&new, &to, &mut choice.0).ok(),
    }
}

fn changed_plaintext(input: &[u8], choice: &mut Choice, bytes: Bytes) -> Vec<u8> {
    let opened = Envelope::parse(input).ok().and_then(|envelope| envelope.open(&RECIPIENT, &COLD).ok());
    let text = opened.map(|opened| opened.plaintext().to_vec()).unwrap_or_default();
    match serde_json::from_slice::<Value>(&text) {
        Ok(mut value) => {
            mutate::change(&mut value, choice, super::message::WORDS, bytes);
            value.to_string().into_bytes()
        }
        Err(_) => mutate::part(&text, bytes),
    }
}

/// An envelope by hand, with one part that honest packers never make: other lengths of keys and nonces, a sender
/// that is no key, headers in other places.
fn forged(input: &[u8], choice: &mut Choice, bytes: Bytes) -> Option<Vec<u8>> {
    let mine =
        crypto_box::PublicKey::from(*RECIPIENT.to_x25519().ok()?.as_public().bytes().first_chunk::<32>()?);
    let theirs = crypto_box::SecretKey::from(*SENDER.to_x25519().ok()?.secret_bytes());
    let mut content_key = vec![0; if choice.one_in(4) { choice.below(80) } else { 32 }];
    choice.0.fill_bytes(&mut content_key);
    let mut header = Map::from_iter([("kid".to_owned(), json!(RECIPIENT.as_public().as_base58()))]);
    let encrypted_key = if choice.one_in(3) {
        mine.seal(&mut choice.0, &content_key).ok()?
    } else {
        let sender = SENDER.as_public().as_base58().as_bytes();
        let sender = if choice.one_in(3) { mutate::part(sender, bytes) } else { sender.to_vec() };
        let mut nonce = [0; 24];
        choice.0.fill_bytes(&mut nonce);
        header.insert("sender".into(), base64url(&mine.seal(&mut choice.0, &sender).ok()?).into());
        header.insert("iv".into(), base64url(&nonce).into());
        crypto_box::SalsaBox::new(&mine, &theirs).encrypt(&nonce.into(), content_key.as_slice()).ok()?
    };
    let entry = json!({"encrypted_key": base64url(&encrypted_key), "header": header});
    let mut protected = json!({
        "enc": "xchacha20poly1305_ietf",
        "typ": "JWM/1.0",
        "alg": if choice.one_in(2) { "Authcrypt" } else { "Anoncrypt" },
    });
    let mut outer = json!({});
    match choice.below(4) {
        0 => outer["recipients"] = json!([entry]),
        1 => outer = entry,
        2 => {
            protected.as_object_mut()?.extend(entry.as_object()?.clone());
        }
        _ => protected["recipients"] = json!([entry]),
    }
    if choice.one_in(4) {
        mutate::change(&mut protected, choice, WORDS, bytes);
    }
    let protected = base64url(protected.to_string().as_bytes());
    let mut content = changed_plaintext(input, choice, bytes);
    content_key.resize(32, 0);
    let nonce = [3; 12];
    let tag = ChaCha20Poly1305::new(Key::from_slice(&content_key))
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), protected.as_bytes(), &mut content)
        .ok()?;
    outer["protected"] = protected.into();
    outer["iv"] = base64url(&nonce).into();
    outer["ciphertext"] = base64url(&content).into();
    outer["tag"] = base64url(&tag).into();
    if choice.one_in(4) {
        mutate::change(&mut outer, choice, WORDS, bytes);
    }
    Some(outer.to_string().into_bytes())
}
