//! Envelopes packed by ACA-Py 1.7.0 open here; what is packed here opens again; what was changed does not open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::Read as _;

use chancery_did::key::{KeyType, PublicKey, SecretKey};
use chancery_didcomm::encoding::{base64url, decode_base64url};
use chancery_didcomm::v1::Part;
use chancery_didcomm::{
    BodyError, Envelope, EnvelopeError, Inbound, PackError, SharedSecrets, Unpacked, classify,
    pack_anoncrypt, pack_authcrypt, wrap_forward,
};
use rand_core::{OsRng, RngCore as _};
use serde_json::{Value, json};

fn envelopes() -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("vectors/envelopes.jsonl.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn secret(hex: &str) -> SecretKey {
    let bytes: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
    SecretKey::from_bytes(KeyType::Ed25519, &bytes).unwrap()
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[n; 32]).unwrap()
}

#[test]
fn every_recorded_envelope_opens() {
    let shared = SharedSecrets::default();
    let all = envelopes();
    assert_eq!(all.len(), 208);
    for line in &all {
        let envelope = Envelope::parse(line["packed"].as_str().unwrap().as_bytes()).unwrap();
        let secrets = line["secrets"].as_object().unwrap();
        assert_eq!(envelope.recipient_kids(), secrets.keys().collect::<Vec<_>>());
        for (kid, hex) in secrets {
            let secret = secret(hex.as_str().unwrap());
            assert_eq!(secret.as_public().as_base58(), kid);
            let opened = envelope.open(&secret, &shared).unwrap();
            assert_eq!(opened.plaintext(), line["plaintext"].as_str().unwrap().as_bytes());
            match opened {
                Unpacked::Authenticated { sender, recipient, .. } => {
                    assert_eq!(line["alg"], "Authcrypt");
                    assert_eq!(sender.base58(), line["from"].as_str().unwrap());
                    assert_eq!(recipient.as_base58(), kid);
                }
                Unpacked::Anonymous { .. } => assert_eq!(line["alg"], "Anoncrypt"),
            }
        }
    }
}

#[test]
fn pack_vectors_open_for_every_recipient() {
    let mut lines =
        include_str!("vectors/pack.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let keys = lines.next().unwrap()["keys"].clone();
    let secret_of = |name: &Value| secret(keys[name.as_str().unwrap()]["ed25519_seed_hex"].as_str().unwrap());
    let shared = SharedSecrets::default();
    let mut seen = 0;
    for vector in lines {
        let envelope = Envelope::parse(vector["packed_raw"].as_str().unwrap().as_bytes()).unwrap();
        for to in vector["to"].as_array().unwrap() {
            let opened = envelope.open(&secret_of(to), &shared).unwrap();
            assert_eq!(opened.plaintext(), vector["plaintext_raw"].as_str().unwrap().as_bytes());
            match opened {
                Unpacked::Authenticated { sender, .. } => {
                    assert_eq!(sender, secret_of(&vector["from"]).public())
                }
                Unpacked::Anonymous { .. } => assert_eq!(vector["alg"], "Anoncrypt"),
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 7);
}

#[test]
fn forwarding_has_the_form_of_the_recorded_forward() {
    let (alice, bob, mediator) = (key(1), key(2), key(4));
    let shared = SharedSecrets::default();
    let recorded = include_str!("vectors/pack.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["name"] == "forward-anoncrypt-to-mediator")
        .unwrap();
    let inner = pack_authcrypt(b"{}", &[bob.public()], &alice, &mut OsRng, &shared).unwrap();
    let id = "7e7fb8f1-4e0d-4b6c-8d27-1e1a3a0b8f11";
    let outer =
        wrap_forward(inner.clone(), bob.public().as_base58(), &[mediator.public()], || id.into(), &mut OsRng)
            .unwrap();
    let opened = Envelope::parse(&outer).unwrap().open(&mediator, &shared).unwrap();
    // Byte for byte the recorded forward, but for the envelope inside.
    let ours = String::from_utf8(opened.plaintext().to_vec()).unwrap();
    let theirs = recorded["plaintext_raw"].as_str().unwrap();
    let head = |text: &str| text.split_once("\"msg\": ").unwrap().0.to_owned();
    assert_eq!(head(&ours), head(theirs));
    assert!(ours.ends_with(&format!("\"msg\": {}}}", String::from_utf8(inner).unwrap())));

    let theirs: Value = serde_json::from_str(theirs).unwrap();
    let inner = Envelope::from_json(theirs["msg"].clone()).unwrap().open(&bob, &shared).unwrap();
    assert!(matches!(inner, Unpacked::Authenticated { sender, .. } if sender == alice.public()));
}

#[test]
fn two_routing_keys_are_wrapped_in_list_order() {
    let (bob, near, far) = (key(2), key(3), key(4));
    let shared = SharedSecrets::default();
    let inner = pack_anoncrypt(b"{}", &[bob.public()], &mut OsRng).unwrap();
    let mut n = 0;
    let mut id = || {
        n += 1;
        n.to_string()
    };
    let to = bob.public().base58();
    let wrapped =
        wrap_forward(inner.clone(), &to, &[near.public(), far.public()], &mut id, &mut OsRng).unwrap();
    let open = |bytes: &[u8], key: &SecretKey| -> Value {
        serde_json::from_slice(Envelope::parse(bytes).unwrap().open(key, &shared).unwrap().plaintext())
            .unwrap()
    };
    let outer = open(&wrapped, &far);
    assert_eq!((&outer["to"], &outer["@id"]), (&json!(near.public().base58()), &json!("2")));
    let middle = open(outer["msg"].to_string().as_bytes(), &near);
    assert_eq!((&middle["to"], &middle["@id"]), (&json!(to), &json!("1")));
    assert_eq!(middle["msg"], serde_json::from_slice::<Value>(&inner).unwrap());

    assert_eq!(wrap_forward(inner.clone(), &to, &[], || unreachable!(), &mut OsRng).unwrap(), inner);
    assert_eq!(
        wrap_forward(b"[]".to_vec(), &to, &[near.public()], || "1".into(), &mut OsRng),
        Err(PackError::NotAnEnvelope)
    );
}

#[test]
fn what_is_packed_opens_for_each_recipient_and_nobody_else() {
    let (alice, bob, carol) = (key(1), key(2), key(3));
    let text = "{\"content\": \"h\u{e9}llo\"}".as_bytes();
    let to = [bob.public(), carol.public()];
    for shared in [SharedSecrets::default(), SharedSecrets::new(0)] {
        for _ in 0..2 {
            let packed = pack_authcrypt(text, &to, &alice, &mut OsRng, &shared).unwrap();
            let envelope = Envelope::parse(&packed).unwrap();
            for secret in [&bob, &carol] {
                let expected = Unpacked::Authenticated {
                    plaintext: text.to_vec().into(),
                    sender: alice.public(),
                    recipient: secret.public(),
                };
                assert_eq!(envelope.open(secret, &shared).unwrap(), expected);
            }
            assert_eq!(envelope.open(&alice, &shared), Err(EnvelopeError::NotARecipient));
        }
        let packed = pack_anoncrypt(text, &to, &mut OsRng).unwrap();
        let expected = Unpacked::Anonymous { plaintext: text.to_vec().into(), recipient: carol.public() };
        assert_eq!(Envelope::parse(&packed).unwrap().open(&carol, &shared).unwrap(), expected);
    }
}

#[test]
fn the_form_is_that_of_the_recorded_envelopes() {
    let packed =
        pack_authcrypt(&[b' '; 80], &[key(2).public()], &key(1), &mut OsRng, &SharedSecrets::default())
            .unwrap();
    let ours = String::from_utf8(packed).unwrap();
    let recorded = include_str!("vectors/pack.jsonl").lines().nth(1).unwrap();
    let theirs: Value = serde_json::from_str(recorded).unwrap();
    let shape = |text: &str| {
        let json: Value = serde_json::from_str(text).unwrap();
        let protected = decode_base64url(json["protected"].as_str().unwrap()).unwrap();
        // The separators and names, without the encoded values.
        let blank = |text: &str| {
            let mut inside = false;
            text.split('"')
                .map(|part| {
                    inside = !inside;
                    if inside || part.len() < 12 { part } else { "" }
                })
                .collect::<Vec<_>>()
                .join("\"")
        };
        (blank(text), blank(&String::from_utf8(protected).unwrap()))
    };
    assert_eq!(shape(&ours), shape(theirs["packed_raw"].as_str().unwrap()));
}

#[test]
fn keys_that_cannot_be_packed_for_are_refused() {
    let shared = SharedSecrets::default();
    let p256 = SecretKey::from_seed(KeyType::P256, &[7; 32]).unwrap();
    assert_eq!(pack_anoncrypt(b"{}", &[], &mut OsRng), Err(PackError::NoRecipients));
    assert!(matches!(pack_anoncrypt(b"{}", &[p256.public()], &mut OsRng), Err(PackError::Recipient { .. })));
    assert!(matches!(
        pack_authcrypt(b"{}", &[key(1).public()], &p256, &mut OsRng, &shared),
        Err(PackError::Sender(_))
    ));
    // Bytes that are no point of the curve.
    let no_point = PublicKey::new(KeyType::Ed25519, &[2; 32]).unwrap();
    assert!(matches!(
        pack_authcrypt(b"{}", &[no_point], &key(1), &mut OsRng, &shared),
        Err(PackError::Recipient { .. })
    ));
}

/// An envelope from key 1 to key 2 as JSON: the outer object and the decoded `protected`.
fn parts() -> (Value, Value) {
    let packed =
        pack_authcrypt(b"{\"a\": 1}", &[key(2).public()], &key(1), &mut OsRng, &SharedSecrets::default())
            .unwrap();
    let outer: Value = serde_json::from_slice(&packed).unwrap();
    let protected =
        serde_json::from_slice(&decode_base64url(outer["protected"].as_str().unwrap()).unwrap()).unwrap();
    (outer, protected)
}

fn with_protected(mut outer: Value, protected: &Value) -> Value {
    outer["protected"] = base64url(protected.to_string().as_bytes()).into();
    outer
}

#[test]
fn a_changed_envelope_does_not_open() {
    let shared = SharedSecrets::default();
    let (outer, protected) = parts();
    let flip = |value: &Value| -> Value {
        let mut bytes = decode_base64url(value.as_str().unwrap()).unwrap();
        bytes[3] ^= 1;
        base64url(&bytes).into()
    };
    for (name, part) in [("ciphertext", Part::Content), ("tag", Part::Content), ("iv", Part::Content)] {
        let mut changed = outer.clone();
        changed[name] = flip(&changed[name]);
        let opened = Envelope::from_json(changed).unwrap().open(&key(2), &shared);
        assert_eq!(opened, Err(EnvelopeError::Undecryptable(part)), "{name}");
    }
    for (pointer, part) in [
        ("/recipients/0/encrypted_key", Part::Key),
        ("/recipients/0/header/iv", Part::Key),
        ("/recipients/0/header/sender", Part::Sender),
    ] {
        let mut changed = protected.clone();
        let at = changed.pointer_mut(pointer).unwrap();
        *at = flip(at);
        let opened =
            Envelope::from_json(with_protected(outer.clone(), &changed)).unwrap().open(&key(2), &shared);
        assert_eq!(opened, Err(EnvelopeError::Undecryptable(part)), "{pointer}");
    }
    // The same header in other bytes: it is the associated data.
    let opened =
        Envelope::from_json(with_protected(outer.clone(), &protected)).unwrap().open(&key(2), &shared);
    assert_eq!(opened, Err(EnvelopeError::Undecryptable(Part::Content)));
    let mut short = outer;
    short["iv"] = "AAAA".into();
    assert_eq!(
        Envelope::from_json(short).unwrap().open(&key(2), &shared),
        Err(EnvelopeError::Encoding("iv"))
    );
}

#[test]
fn a_sender_that_is_no_key_or_no_match_is_refused() {
    let shared = SharedSecrets::default();
    let (outer, mut protected) = parts();
    // Key 3 seals key 1's name beside a box of its own: it can't pretend to be key 1.
    let forged = pack_authcrypt(b"{}", &[key(2).public()], &key(3), &mut OsRng, &shared).unwrap();
    let forged: Value = serde_json::from_slice(&forged).unwrap();
    let forged: Value =
        serde_json::from_slice(&decode_base64url(forged["protected"].as_str().unwrap()).unwrap()).unwrap();
    protected["recipients"][0]["encrypted_key"] = forged["recipients"][0]["encrypted_key"].clone();
    protected["recipients"][0]["header"]["iv"] = forged["recipients"][0]["header"]["iv"].clone();
    let envelope = Envelope::from_json(with_protected(outer, &protected)).unwrap();
    assert_eq!(envelope.open(&key(2), &shared), Err(EnvelopeError::Undecryptable(Part::Key)));
}

#[test]
fn malformed_envelopes_have_their_reason() {
    use EnvelopeError as E;
    type Change = fn(&mut Value, &mut Value);
    let cases: &[(&str, Change, EnvelopeError)] = &[
        ("no protected", |o, _| drop(o.as_object_mut().unwrap().remove("protected")), E::Member("protected")),
        ("no iv", |o, _| drop(o.as_object_mut().unwrap().remove("iv")), E::Member("iv")),
        ("tag a number", |o, _| o["tag"] = json!(1), E::Member("tag")),
        ("ciphertext one character", |o, _| o["ciphertext"] = json!("A"), E::Encoding("ciphertext")),
        ("protected a number", |_, p| *p = json!(1), E::Protected),
        ("alg missing", |_, p| drop(p.as_object_mut().unwrap().remove("alg")), E::Algorithm),
        ("alg unknown", |_, p| p["alg"] = json!("ECDH-1PU+A256KW"), E::Algorithm),
        ("recipients empty", |_, p| p["recipients"] = json!([]), E::NoRecipients),
        ("recipients no list", |_, p| p["recipients"] = json!({}), E::Member("recipients")),
        ("recipient no object", |_, p| p["recipients"] = json!([1]), E::Member("recipients")),
        ("recipients twice", |o, p| o["recipients"] = p["recipients"].clone(), E::DuplicateRecipients),
        ("flattened and listed", |o, _| o["encrypted_key"] = json!("AAAA"), E::DuplicateRecipients),
        (
            "kid missing",
            |_, p| drop(p["recipients"][0]["header"].as_object_mut().unwrap().remove("kid")),
            E::MissingKid,
        ),
        ("kid empty", |_, p| p["recipients"][0]["header"]["kid"] = json!(""), E::MissingKid),
        ("kid a number", |_, p| p["recipients"][0]["header"]["kid"] = json!(1), E::Member("kid")),
        (
            "header missing",
            |_, p| drop(p["recipients"][0].as_object_mut().unwrap().remove("header")),
            E::MissingKid,
        ),
        ("header no object", |_, p| p["recipients"][0]["header"] = json!("x"), E::Member("header")),
        (
            "key missing",
            |_, p| drop(p["recipients"][0].as_object_mut().unwrap().remove("encrypted_key")),
            E::Member("encrypted_key"),
        ),
        (
            "iv missing",
            |_, p| drop(p["recipients"][0]["header"].as_object_mut().unwrap().remove("iv")),
            E::MissingIv,
        ),
        (
            "sender missing",
            |_, p| drop(p["recipients"][0]["header"].as_object_mut().unwrap().remove("sender")),
            E::UnexpectedIv,
        ),
        (
            "kid twice",
            |_, p| {
                let one = p["recipients"][0].clone();
                p["recipients"].as_array_mut().unwrap().push(one)
            },
            E::DuplicateKid,
        ),
        ("kid in two headers", |_, p| p["kid"] = json!("x"), E::DuplicateHeader),
        ("kid in the unprotected header", |o, _| o["unprotected"] = json!({"kid": "x"}), E::DuplicateHeader),
        ("alg in two headers", |o, _| o["unprotected"] = json!({"alg": "Authcrypt"}), E::DuplicateHeader),
        ("unprotected no object", |o, _| o["unprotected"] = json!([]), E::Member("unprotected")),
    ];
    for (name, change, reason) in cases {
        let (mut outer, mut protected) = parts();
        outer.as_object_mut().unwrap().remove("protected");
        change(&mut outer, &mut protected);
        if !matches!(reason, E::Member("protected")) {
            outer = with_protected(outer, &protected);
        }
        assert_eq!(Envelope::from_json(outer.clone()).map(|_| ()), Err(reason.clone()), "{name}");
        assert!(
            matches!(classify(outer.to_string().as_bytes()), Ok(Inbound::Unreadable(error)) if error == *reason)
        );
    }
    assert_eq!(Envelope::parse(b"[]").map(|_| ()), Err(E::NotAnObject));
    assert_eq!(Envelope::parse(b"x").map(|_| ()), Err(E::NotAnObject));
}

#[test]
fn authcrypt_without_a_sender_is_refused_and_anoncrypt_with_one_is_authenticated() {
    use chacha20poly1305::aead::{AeadInPlace, KeyInit};
    let shared = SharedSecrets::default();
    // Headers are rewritten, so the content must be encrypted anew under its associated data.
    let reseal = |protected: &Value, content_key: &[u8; 32]| -> Envelope {
        let text = base64url(protected.to_string().as_bytes());
        let mut content = b"{}".to_vec();
        let tag = chacha20poly1305::ChaCha20Poly1305::new(content_key.into())
            .encrypt_in_place_detached(&[0; 12].into(), text.as_bytes(), &mut content)
            .unwrap();
        Envelope::from_json(json!({
            "protected": text, "iv": base64url(&[0; 12]), "ciphertext": base64url(&content), "tag": base64url(&tag),
        }))
        .unwrap()
    };
    // A fixed source of randomness makes the content key known: the first 32 bytes drawn.
    let packed = pack_authcrypt(b"{}", &[key(2).public()], &key(1), &mut Counter(0), &shared).unwrap();
    let mut content_key = [0; 32];
    Counter(0).fill_bytes(&mut content_key);
    let json: Value = serde_json::from_slice(&packed).unwrap();
    let mut protected: Value =
        serde_json::from_slice(&decode_base64url(json["protected"].as_str().unwrap()).unwrap()).unwrap();
    protected["alg"] = "Anoncrypt".into();
    let opened = reseal(&protected, &content_key).open(&key(2), &shared).unwrap();
    assert!(matches!(opened, Unpacked::Authenticated { sender, .. } if sender == key(1).public()));

    let packed = pack_anoncrypt(b"{}", &[key(2).public()], &mut Counter(0)).unwrap();
    let json: Value = serde_json::from_slice(&packed).unwrap();
    let mut protected: Value =
        serde_json::from_slice(&decode_base64url(json["protected"].as_str().unwrap()).unwrap()).unwrap();
    protected["alg"] = "Authcrypt".into();
    assert_eq!(reseal(&protected, &content_key).open(&key(2), &shared), Err(EnvelopeError::MissingSender));

    // The flattened form, inside `protected` and outside; padding; characters that Python skips.
    protected["alg"] = "Anoncrypt".into();
    let entry = protected.as_object_mut().unwrap().remove("recipients").unwrap()[0].clone();
    let mut flat = protected.clone();
    flat["encrypted_key"] = format!("{}==\n", entry["encrypted_key"].as_str().unwrap()).into();
    flat["header"] = entry["header"].clone();
    assert!(reseal(&flat, &content_key).open(&key(2), &shared).is_ok());
}

/// Counts up: for tests that must know what was drawn.
struct Counter(u64);
impl rand_core::RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }
    fn next_u64(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        rand_core::impls::fill_bytes_via_next(self, dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}
impl rand_core::CryptoRng for Counter {}

#[test]
fn recipients_outside_protected_are_found() {
    let (mut outer, mut protected) = parts();
    let entry = protected.as_object_mut().unwrap().remove("recipients").unwrap();
    outer["recipients"] = entry.clone();
    let listed = Envelope::from_json(with_protected(outer.clone(), &protected)).unwrap();
    assert_eq!(listed.recipient_kids(), [key(2).public().base58()]);
    outer.as_object_mut().unwrap().remove("recipients");
    outer["encrypted_key"] = entry[0]["encrypted_key"].clone();
    outer["header"] = json!({"sender": entry[0]["header"]["sender"], "iv": entry[0]["header"]["iv"]});
    outer["unprotected"] = json!({"kid": entry[0]["header"]["kid"]});
    let flat = Envelope::from_json(with_protected(outer, &protected)).unwrap();
    assert_eq!(flat.recipient_kids(), [key(2).public().base58()]);
}

#[test]
fn an_envelope_has_sixty_four_recipients_at_most() {
    let (outer, protected) = parts();
    let entry = protected["recipients"][0].clone();
    let for_many = |many: u8| {
        let mut protected = protected.clone();
        let entries = (0..many).map(|n| {
            let mut entry = entry.clone();
            entry["header"]["kid"] = json!(key(n + 1).public().base58());
            entry
        });
        protected["recipients"] = entries.collect();
        Envelope::from_json(with_protected(outer.clone(), &protected))
            .map(|envelope| envelope.recipient_kids().len())
    };
    assert_eq!(for_many(64), Ok(64));
    assert_eq!(for_many(65), Err(EnvelopeError::TooManyRecipients));
}

#[test]
fn bodies_are_told_apart() {
    assert_eq!(classify(b"").map(|_| ()), Err(BodyError::Empty));
    for body in [&b"not json"[..], b"{", b"\xff", br#"{"@type": 1, "@type": 2}"#] {
        assert_eq!(classify(body).map(|_| ()), Err(BodyError::NotJson));
    }
    for body in ["[]", "1", "null", "\"x\""] {
        assert_eq!(classify(body.as_bytes()).map(|_| ()), Err(BodyError::NotAnObject));
    }
    assert!(matches!(classify(br#"{"@type": null}"#), Ok(Inbound::Plaintext(_))));
    assert!(matches!(classify(b"{}"), Ok(Inbound::Unreadable(EnvelopeError::Member("protected")))));
    assert!(matches!(classify(parts().0.to_string().as_bytes()), Ok(Inbound::Envelope(_))));
    assert_eq!(BodyError::NotAnObject.to_string(), "Message JSON result is not an object");
}

#[test]
fn random_and_mutilated_bytes_never_panic() {
    let shared = SharedSecrets::new(16);
    let (outer, protected) = parts();
    let whole = outer.to_string().into_bytes();
    let inner = protected.to_string().into_bytes();
    let mut rng = Counter(42);
    let mut next = move |below: usize| {
        // A small mixing step over the counter: the runs are the same each time.
        let mut x = rng.next_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x ^ (x >> 32)) as usize) % below
    };
    let mut mutilate = |source: &[u8]| -> Vec<u8> {
        let mut bytes = source.to_vec();
        for _ in 0..1 + next(4) {
            let at = next(bytes.len().max(1));
            if at + 1 >= bytes.len() {
                break;
            }
            match next(4) {
                0 => bytes[at] = next(256) as u8,
                1 => bytes[at] ^= 1 << next(8),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        bytes
    };
    let try_open = |bytes: &[u8]| {
        let _ = classify(bytes);
        if let Ok(envelope) = Envelope::parse(bytes) {
            let opened = envelope.open(&key(2), &shared);
            assert!(opened.is_err() || bytes == whole, "a changed envelope opened");
        }
    };
    for _ in 0..1500 {
        let bytes = mutilate(&whole);
        // Characters outside the alphabet are skipped, so some changes of the outer object change nothing.
        let same = serde_json::from_slice::<Value>(&bytes).is_ok_and(|json| {
            ["iv", "ciphertext", "tag"].iter().all(|name| {
                json[name].as_str().and_then(decode_base64url)
                    == outer[name].as_str().and_then(decode_base64url)
            }) && json["protected"] == outer["protected"]
        });
        if !same {
            try_open(&bytes);
        }
        let mut changed = outer.clone();
        changed["protected"] = base64url(&mutilate(&inner)).into();
        try_open(changed.to_string().as_bytes());
        let mut noise = vec![0; 1 + bytes.len() % 64];
        OsRng.fill_bytes(&mut noise);
        let _ = classify(&noise);
        let _ = Envelope::parse(&noise);
    }
}

#[test]
fn the_plaintext_of_an_opened_envelope_is_wiped_when_dropped() {
    fn wiped(_: &impl zeroize::ZeroizeOnDrop) {}
    let packed = pack_authcrypt(b"{}", &[key(2).public()], &key(1), &mut OsRng, &SharedSecrets::new(0));
    match Envelope::parse(&packed.unwrap()).unwrap().open(&key(2), &SharedSecrets::new(0)).unwrap() {
        Unpacked::Authenticated { plaintext, .. } | Unpacked::Anonymous { plaintext, .. } => {
            wiped(&plaintext)
        }
    }
}
