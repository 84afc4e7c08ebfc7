//! Messages recorded from ACA-Py 1.7.0: read, taken apart and written again they are the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::Read as _;

use chancery_did::key::{KeyError, KeyType, SecretKey};
use chancery_didcomm::message::{
    Attachment, AttachmentContent, AttachmentError, Jws, MessageType, ReturnRoute, Service,
    SignatureDecorator, SignatureError, Thread, Version,
};
use chancery_didcomm::{BodyError, Message, MessageError};
use serde_json::{Value, json};

fn recorded() -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("vectors/envelopes.jsonl.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn message(json: Value) -> Message {
    Message::from_json(json).unwrap()
}

const PING: &str = "https://didcomm.org/trust_ping/1.0/ping";

#[test]
fn recorded_messages_are_written_as_they_were_read() {
    let (mut attachments, mut signed, mut services) = (0, 0, 0);
    for line in recorded() {
        let text = line["plaintext"].as_str().unwrap();
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.to_json(), text);
        assert!(message.message_type().is_known_doc_uri());
        assert!(message.id().is_some() && message.thread_id().is_some());
        message.thread().unwrap();
        assert_eq!(message.transport().unwrap(), ReturnRoute::None);
        if let Some(service) = message.service().unwrap() {
            let mut again = message.clone();
            again.set_service(&service);
            assert_eq!(again.to_json(), text);
            services += 1;
        }
        for (name, value) in message.as_json() {
            let Some(field) = name.strip_suffix("~attach") else { continue };
            let (list, again) = if value.is_array() {
                let list = message.attachments(field).unwrap();
                let again = list.iter().map(Attachment::to_json).collect::<Value>();
                (list, again)
            } else {
                let one = message.attachment(field).unwrap().unwrap();
                (vec![one.clone()], one.to_json())
            };
            assert_eq!(again.to_string(), value.to_string());
            for attachment in list {
                attachments += 1;
                if attachment.data.jws.is_some() {
                    assert_eq!(attachment.verify().unwrap().len(), 1);
                    signed += 1;
                } else {
                    attachment.content().unwrap();
                    assert_eq!(attachment.verify(), Err(AttachmentError::NotSigned));
                }
            }
        }
    }
    assert!(attachments > 100 && signed >= 10 && services > 0, "{attachments} {signed} {services}");
}

#[test]
fn signing_again_gives_the_recorded_signature() {
    let mut seen = 0;
    for line in recorded() {
        let message = Message::parse(line["plaintext"].as_str().unwrap().as_bytes()).unwrap();
        if !message.message_type().is("didexchange", 1, "request") {
            continue;
        }
        let Some(recorded) = message.attachment("did_doc").unwrap() else { continue };
        // The key of the DID signs; the recorded secret is that of the sender.
        let bytes: Vec<u8> = (0..32)
            .map(|i| {
                u8::from_str_radix(&line["from_secret"].as_str().unwrap()[2 * i..2 * i + 2], 16).unwrap()
            })
            .collect();
        let key = SecretKey::from_bytes(KeyType::Ed25519, &bytes).unwrap();
        let mut ours = Attachment::json_base64(recorded.id.clone().unwrap(), &recorded.content().unwrap());
        ours.sign(&key).unwrap();
        if recorded.verify().unwrap() == [key.public()] {
            assert_eq!(ours.to_json().to_string(), recorded.to_json().to_string());
            seen += 1;
        }
    }
    assert!(seen >= 1);
}

#[test]
fn the_builder_keeps_the_order_of_the_wire() {
    let key = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap().public();
    let service = Service {
        recipient_keys: vec![key.clone()],
        service_endpoint: "http://a".into(),
        routing_keys: vec![],
    };
    let kind = MessageType::new("issue-credential", Version::new(2, 0), "offer-credential");
    let built = Message::build(kind, "id-1")
        .service(&service)
        .field("comment", "é")
        .optional("goal_code", None::<String>)
        .field("nothing", Value::Null)
        .attachments("offers", &[Attachment::json_inline("ld_proof", json!({"a": 1}))])
        .thread(&Thread::default())
        .decorator("~timing", json!({"out_time": "x"}))
        .finish();
    let expected = format!(
        concat!(
            r#"{{"@type": "https://didcomm.org/issue-credential/2.0/offer-credential", "@id": "id-1", "~thread": {{}}, "#,
            r#""~timing": {{"out_time": "x"}}, "comment": "\u00e9", "offers~attach": [{{"@id": "ld_proof", "#,
            r#""mime-type": "application/json", "data": {{"json": {{"a": 1}}}}}}], "#,
            r#""~service": {{"recipientKeys": ["{}"], "serviceEndpoint": "http://a", "routingKeys": []}}}}"#,
        ),
        key
    );
    assert_eq!(built.to_json(), expected);
    assert_eq!(Message::parse(expected.as_bytes()).unwrap(), built);
    assert_eq!(built.service().unwrap(), Some(service));

    let mut message = message(json!({"@type": PING, "@id": "1", "comment": "x"}));
    message.set_thread(&Thread::new("t").with_parent("p"));
    message.set_return_route(ReturnRoute::All);
    message.set_thread(&Thread::new("t2").with_parent("p"));
    assert_eq!(
        message.to_json(),
        format!(
            r#"{{"@type": "{PING}", "@id": "1", "~thread": {{"thid": "t2", "pthid": "p"}}, "~transport": {{"return_route": "all"}}, "comment": "x"}}"#
        )
    );
}

#[test]
fn threads_are_found_even_in_broken_messages() {
    for (thread, thid, pthid, valid) in [
        (json!(null), Some("own"), None, true),
        (json!({}), Some("own"), None, true),
        (json!({"thid": null, "pthid": "p"}), Some("own"), Some("p"), true),
        (
            json!({"thid": "t", "sender_order": 1, "received_orders": {"did:a": 2}, "x": 1}),
            Some("t"),
            None,
            true,
        ),
        (json!({"thid": ""}), Some("own"), None, true),
        (json!({"thid": 5}), Some("own"), None, false),
        (json!("t"), Some("own"), None, false),
        (json!({"thid": "t", "sender_order": "1"}), Some("t"), None, false),
    ] {
        let message = message(json!({"@type": PING, "@id": "own", "~thread": thread}));
        assert_eq!((message.thread_id(), message.parent_thread_id()), (thid, pthid), "{thread}");
        assert_eq!(message.thread().is_ok(), valid, "{thread}");
    }
    let mut without = message(json!({"@type": PING}));
    assert_eq!((without.id(), without.thread_id()), (None, None));
    assert_eq!(without.ensure_id(|| "new".into()), "new");
    assert_eq!(without.ensure_id(|| unreachable!()), "new");
    assert_eq!(without.thread_id(), Some("new"));
}

#[test]
fn unusable_messages_have_their_reason() {
    for (text, error) in [
        ("", MessageError::Body(BodyError::Empty)),
        ("[]", MessageError::Body(BodyError::NotAnObject)),
        (r#"{"@type": "a", "@type": "b"}"#, MessageError::Body(BodyError::NotJson)),
        ("{}", MessageError::MissingType),
        (r#"{"@type": 1}"#, MessageError::MissingType),
        (r#"{"@type": "ping"}"#, MessageError::InvalidType("ping".into())),
    ] {
        assert_eq!(Message::parse(text.as_bytes()), Err(error), "{text}");
    }
    let deep = format!(r#"{{"@type": "{PING}", "x": {}}}"#, "[".repeat(200));
    assert_eq!(Message::parse(deep.as_bytes()), Err(MessageError::Body(BodyError::NotJson)));

    let routed = message(json!({"@type": PING, "~transport": {"return_route": "thread", "unknown": 1}}));
    assert_eq!(routed.transport().unwrap(), ReturnRoute::Thread);
    let error =
        message(json!({"@type": PING, "~transport": {"return_route": "bogus"}})).transport().unwrap_err();
    assert_eq!(error.to_string(), "Error deserializing message: TransportDecorator schema validation failed");
    for service in [
        json!({"recipientKeys": [], "serviceEndpoint": "x"}),
        json!({"recipientKeys": ["did:key:z6MkwjevGiX5k8kFe3jyS3tkrFn11UvPT2U5Mhq1LtZVdDT"], "serviceEndpoint": "x"}),
        json!({"recipientKeys": ["AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9"]}),
    ] {
        assert!(message(json!({"@type": PING, "~service": service})).service().is_err(), "{service}");
    }
}

#[test]
fn attachments_are_read_strictly() {
    use AttachmentError as E;
    let read = |data: Value| Attachment::from_json(&json!({"data": data}));
    for (data, error) in [
        (json!({}), E::Choice),
        (json!({"base64": "e30", "json": {}}), E::Choice),
        (json!({"base64": null, "links": []}), E::Choice),
        (json!({"base64": "e30-"}), E::Member("base64")),
        (json!({"base64": "e30==="}), E::Member("base64")),
        (json!({"json": "text"}), E::Member("json")),
        (json!({"json": [1]}), E::Member("json")),
        (json!({"links": [1]}), E::Member("links")),
        (json!({"base64": "e30", "sha256": "abc"}), E::Member("sha256")),
        (
            json!({"base64": "e30", "jws": {"signatures": [], "signature": "x"}}),
            E::Jws("flattened and general form at once"),
        ),
        (
            json!({"base64": "e30", "jws": {"header": {}}}),
            E::Jws("a signature lacks header.kid or signature"),
        ),
    ] {
        assert_eq!(read(data.clone()), Err(error), "{data}");
    }
    assert_eq!(Attachment::from_json(&json!({})), Err(E::NoData));
    assert_eq!(
        Attachment::from_json(&json!({"data": {"json": {}}, "lastmod_time": "yesterday"})),
        Err(E::Member("lastmod_time"))
    );
    for padded in ["e30", "e30="] {
        assert_eq!(read(json!({"base64": padded})).unwrap().content().unwrap(), json!({}));
    }
    assert_eq!(read(json!({"links": ["http://a"]})).unwrap().content(), Err(E::Linked));
    assert_eq!(read(json!({"base64": "AAAA"})).unwrap().content(), Err(E::NotJson));
    assert_eq!(read(json!({"base64": "/w=="})).unwrap().content_text(), Err(E::NotText));
    assert_eq!(Attachment::text("1", "did:x:y").content_text().unwrap(), "did:x:y");
    let list = read(json!({"json": [{"a": 1}, {}], "unknown": 1})).unwrap();
    assert_eq!(list.data.content, AttachmentContent::Json(json!([{"a": 1}, {}])));
}

#[test]
fn a_signature_binds_data_and_both_keys() {
    use AttachmentError as E;
    let (alice, bob) = (
        SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap(),
        SecretKey::from_seed(KeyType::Ed25519, &[2; 32]).unwrap(),
    );
    // 0xfb 0xff needs both alphabets.
    let mut signed = Attachment::text("1", "\u{7ff}\u{3ff}>>??");
    signed.sign(&alice).unwrap();
    assert_eq!(signed.verify().unwrap(), [alice.public()]);

    // Without padding it is the same payload.
    let mut unpadded = signed.clone();
    let AttachmentContent::Base64(text) = &mut unpadded.data.content else { panic!() };
    *text = text.trim_end_matches('=').to_owned();
    assert!(unpadded.verify().is_ok());

    let mut other_data = signed.clone();
    other_data.data.content = Attachment::text("1", "other").data.content;
    assert_eq!(other_data.verify(), Err(E::Signature));

    let edit = |change: &dyn Fn(&mut Value)| {
        let mut json = signed.to_json();
        change(&mut json["data"]["jws"]);
        Attachment::from_json(&json).unwrap().verify()
    };
    assert_eq!(edit(&|jws| jws["header"]["kid"] = bob.as_public().did_key().into()), Err(E::Signature));
    assert_eq!(
        edit(&|jws| jws["header"]["kid"] = alice.as_public().did_key_url().into()),
        Ok(vec![alice.public()])
    );
    assert_eq!(edit(&|jws| jws["header"]["kid"] = "did:web:a#1".into()), Err(E::Key(KeyError::NotDidKey)));
    assert_eq!(edit(&|jws| jws["signature"] = "AAAA".into()), Err(E::Signature));
    assert_eq!(edit(&|jws| jws["protected"] = "e30".into()), Err(E::Jws("`alg` is not EdDSA")));
    assert_eq!(
        edit(&|jws| jws["protected"] = "AAAA".into()),
        Err(E::Jws("`protected` is not base64url of JSON"))
    );
    assert_eq!(
        edit(&|jws| drop(jws.as_object_mut().unwrap().remove("protected"))),
        Err(E::Jws("`protected` is missing"))
    );
    assert_eq!(edit(&|jws| *jws = json!({"signatures": []})), Err(E::NotSigned));

    // Several signatures: all must fit.
    let mut by_bob = signed.clone();
    by_bob.sign(&bob).unwrap();
    let one = |attachment: &Attachment| attachment.data.jws.as_ref().unwrap().signatures()[0].clone();
    let mut both = signed.clone();
    both.data.jws = Some(Jws::General(vec![one(&signed), one(&by_bob)]));
    let both = Attachment::from_json(&both.to_json()).unwrap();
    assert_eq!(both.verify().unwrap(), [alice.public(), bob.public()]);
    let mut broken = both.clone();
    let mut second = one(&by_bob);
    second.signature = one(&signed).signature;
    broken.data.jws = Some(Jws::General(vec![one(&signed), second]));
    assert_eq!(broken.verify(), Err(E::Signature));

    assert_eq!(Attachment::json_inline("1", json!({})).sign(&alice), Err(E::NotBase64));
}

/// Signs `{}` as whoever has the key says: `header` goes into `protected` as it is, and `kid` names the signer.
fn signed_as(key: &SecretKey, kid: &str, header: &str) -> Attachment {
    use chancery_didcomm::encoding::base64url;
    let mut attachment = Attachment::json_base64("1", &json!({})).to_json();
    let payload = attachment["data"]["base64"].as_str().unwrap().trim_end_matches('=').to_owned();
    let protected = base64url(header.as_bytes());
    let signature = base64url(&key.sign(format!("{protected}.{payload}").as_bytes()).unwrap());
    attachment["data"]["jws"] =
        json!({"header": {"kid": kid}, "protected": protected, "signature": signature});
    Attachment::from_json(&attachment).unwrap()
}

#[test]
fn the_header_of_a_signature_agrees_with_its_key() {
    use AttachmentError as E;
    let key = |kind, seed| SecretKey::from_seed(kind, &[seed; 32]).unwrap();
    let (alice, bob) = (key(KeyType::Ed25519, 1), key(KeyType::Ed25519, 2));
    let kid = alice.public().did_key();
    let jwk = alice.public().to_jwk();
    let verify = |header: Value| signed_as(&alice, &kid, &header.to_string()).verify();
    let fits = Ok(vec![alice.public()]);
    assert_eq!(verify(json!({"alg": "EdDSA", "jwk": jwk})), fits);
    assert_eq!(verify(json!({"alg": "EdDSA", "jwk": jwk, "kid": kid})), fits);
    assert_eq!(verify(json!({"alg": "EdDSA", "jwk": jwk, "kid": "key-1"})), fits);
    assert_eq!(verify(json!({"jwk": jwk})), Err(E::Jws("`alg` is not EdDSA")));
    assert_eq!(verify(json!({"alg": "ES256", "jwk": jwk})), Err(E::Jws("`alg` is not EdDSA")));
    assert_eq!(verify(json!({"alg": "EdDSA"})), Err(E::Jws("`jwk` is missing")));
    assert_eq!(
        verify(json!({"alg": "EdDSA", "jwk": jwk, "crit": ["b64"], "b64": false})),
        Err(E::Jws("`crit` is not supported"))
    );
    let of_bob = bob.public().did_key();
    assert_eq!(verify(json!({"alg": "EdDSA", "jwk": jwk, "kid": of_bob})), Err(E::Signature));
    for (member, value) in [("kid", of_bob.as_str()), ("x", bob.public().to_jwk()["x"].as_str().unwrap())] {
        let mut other = jwk.clone();
        other[member] = value.into();
        assert_eq!(verify(json!({"alg": "EdDSA", "jwk": other})), Err(E::Signature), "{member}");
    }
    for (member, value) in [("crv", "X25519"), ("kty", "EC"), ("crv", "P-256")] {
        let mut other = jwk.clone();
        other[member] = value.into();
        assert!(verify(json!({"alg": "EdDSA", "jwk": other})).is_err(), "{member} {value}");
    }
    // A member twice: the key that one reader sees is not the key that another sees.
    let twice = format!(r#"{{"alg": "EdDSA", "jwk": {}, "jwk": {jwk}}}"#, bob.public().to_jwk());
    assert_eq!(signed_as(&alice, &kid, &twice).verify(), Err(E::Jws("`protected` is not base64url of JSON")));

    let p256 = key(KeyType::P256, 3);
    let header = json!({"alg": "EdDSA", "jwk": p256.public().to_jwk()}).to_string();
    let verified = signed_as(&p256, &p256.public().did_key(), &header).verify();
    assert_eq!(verified, Err(E::Jws("`alg` is not that of the key")));
}

#[test]
fn a_signature_is_written_in_one_way() {
    let alice = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
    let mut signed = Attachment::json_base64("1", &json!({}));
    signed.sign(&alice).unwrap();
    let json = signed.to_json();
    let signature = json["data"]["jws"]["signature"].as_str().unwrap();
    // 64 bytes leave four bits of the last character over, which are zero.
    let last = signature.chars().last().unwrap();
    assert!("AQgw".contains(last));
    let garbled = char::from(last as u8 + 1);
    for other in [
        format!("{}{garbled}", &signature[..85]),
        format!("{}\n{}", &signature[..9], &signature[9..]),
        format!("*{signature}"),
        format!("{signature}AA"),
        signature[..84].to_owned(),
    ] {
        let mut json = json.clone();
        json["data"]["jws"]["signature"] = other.as_str().into();
        assert!(Attachment::from_json(&json).unwrap().verify().is_err(), "{other}");
    }
    for member in ["signature", "sig_data"] {
        let field = SignatureDecorator::sign(&json!({"a": 1}), &alice, 1).unwrap();
        assert!(field.verify().is_ok());
        let mut json = serde_json::to_value(field).unwrap();
        json[member] = format!("*{}", json[member].as_str().unwrap()).into();
        let changed: SignatureDecorator = serde_json::from_value(json).unwrap();
        assert_eq!(changed.verify(), Err(SignatureError::Malformed), "{member}");
    }
}

/// Attack (f): with the identity as key, R the identity and s zero "sign" every message.
#[test]
fn a_key_of_small_order_signs_no_attachment_and_no_field() {
    use chancery_didcomm::encoding::base64url;
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let did = format!("did:key:z{}", bs58_of(&[&[0xed, 1], identity.as_slice()].concat()));
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&identity)});
    let mut attachment = Attachment::json_base64("1", &json!({"id": "did:web:victim.example"})).to_json();
    attachment["data"]["jws"] = json!({
        "header": {"kid": did},
        "protected": base64url(json!({"alg": "EdDSA", "jwk": jwk}).to_string().as_bytes()),
        "signature": base64url(&signature),
    });
    let invalid = KeyError::Invalid(KeyType::Ed25519);
    let verified = Attachment::from_json(&attachment).unwrap().verify();
    assert_eq!(verified, Err(AttachmentError::Key(invalid.clone())));

    let key = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
    let field = SignatureDecorator::sign(&json!({"DID": "x"}), &key, 1).unwrap();
    let forged = SignatureDecorator { signature: base64url(&signature), signer: bs58_of(&identity), ..field };
    assert_eq!(forged.verify(), Err(SignatureError::Signer(invalid)));
}

fn bs58_of(bytes: &[u8]) -> String {
    chancery_did::base58::encode(bytes)
}

#[test]
fn a_list_is_no_decorator() {
    // Read in order as the members of a struct, ["x"] would name a thread that the untyped accessors don't see.
    let thread = message(json!({"@type": PING, "@id": "1", "~thread": ["x"]}));
    assert!(matches!(thread.thread(), Err(MessageError::Schema { class: "ThreadDecorator", .. })));
    assert_eq!(thread.thread_id(), Some("1"));
    let lists = message(json!({
        "@type": PING,
        "~transport": ["all"],
        "~service": [["9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu"], "http://a", []],
        "~l10n": ["en"],
        "~timing": ["2026-01-02 03:04:05"],
        "x~sig": ["https://didcomm.org/signature/1.0/ed25519Sha512_single", "", "", ""],
    }));
    assert!(lists.transport().is_err());
    assert!(lists.service().is_err());
    assert!(lists.l10n().is_err());
    assert!(lists.timing().is_err());
    assert!(lists.signed("x").is_err());
}

#[test]
fn signatures_are_objects_and_few() {
    let key = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
    let mut attachment = Attachment::text("1", "text");
    attachment.sign(&key).unwrap();
    let json = attachment.to_json();
    let one = json["data"]["jws"].clone();
    let read = |jws: Value| {
        let mut json = json.clone();
        json["data"]["jws"] = jws;
        Attachment::from_json(&json)
    };
    let general = read(json!({"signatures": vec![one.clone(); 16]})).unwrap();
    assert_eq!(general.verify().unwrap().len(), 16);
    assert_eq!(
        read(json!({"signatures": vec![one.clone(); 17]})),
        Err(AttachmentError::Jws("more than 16 signatures"))
    );
    let list = json!([one["header"], one["protected"], one["signature"]]);
    assert!(read(json!({"signatures": [list]})).is_err());
    let mut header = one.clone();
    header["header"] = json!([one["header"]["kid"]]);
    assert!(read(header).is_err());
    assert!(read(one).is_ok());
}
