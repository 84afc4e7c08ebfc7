//! Times inputs built to be costly: fuzzers find them hardly ever, senders know how to make them. All have about as many
//! bytes as a message may have (2 MiB by default). Prints milliseconds; anything beyond a second wants a look.
#![allow(missing_docs)]

use std::sync::Arc;
use std::time::Instant;

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::securing::Securing;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::{ExchangeFormat, Facts, Gathered, Step, validate_credential};
use chancery_did::document::RELATIONSHIPS;
use chancery_did::{DidDocument, KeyType, SecretKey, methods};
use chancery_didcomm::message::Attachment;
use chancery_didcomm::{Envelope, Message};
use chancery_fuzz::target::envelope::{RECIPIENT, SENDER};
use chancery_jsonld::{Documents, ExpandOptions, Processor};
use serde_json::{Map, Value, json};

const BYTES: usize = 1 << 20;

fn main() {
    documents();
    messages();
    linked_data();
    credentials();
}

fn timed<T>(name: &str, input: &Value, run: impl FnOnce() -> T) {
    let began = Instant::now();
    run();
    println!("{:>8.1} ms  {:>8} bytes  {name}", began.elapsed().as_secs_f64() * 1e3, input.to_string().len());
}

/// As many entries as fit.
fn fill(bytes: usize, entry: impl Fn(usize) -> Value) -> Vec<Value> {
    let size = entry(99_999).to_string().len() + 1;
    (0..bytes / size).map(entry).collect()
}

fn read(name: &str, json: Value) {
    timed(name, &json, || {
        let Ok(document) = DidDocument::from_json(json.clone()) else { return };
        let _ = document.didcomm_services();
        for relationship in RELATIONSHIPS {
            let _ = document.relationship(relationship);
        }
    });
}

fn documents() {
    let half = BYTES / 2;
    read(
        "document: references to methods that are not there",
        json!({
            "id": "did:x:y",
            "verificationMethod": fill(half, |n| json!({"id": format!("#{n}")})),
            "authentication": fill(half, |n| format!("#x{n}").into()),
        }),
    );
    read(
        "document: services whose key is not there",
        json!({
            "id": "did:x:y",
            "verificationMethod": fill(half, |n| json!({"id": format!("#{n}")})),
            "service": fill(half, |n| {
                json!({"type": "IndyAgent", "serviceEndpoint": "", "recipientKeys": [format!("#x{n}")]})
            }),
        }),
    );
    read(
        "document: many names",
        json!({
            "id": "did:x:y",
            "alsoKnownAs": fill(half, |n| format!("d:{n}").into()),
            "authentication": fill(half, |n| format!("e:{n}#").into()),
        }),
    );
    for kind in KeyType::ALL {
        let Ok(secret) = SecretKey::from_seed(kind, &[5; 32]) else { continue };
        let (multikey, jwk) = (secret.public().multikey(), secret.public().to_jwk());
        let by = |member: &str, value: &Value| {
            fill(BYTES, |n| json!({"id": format!("#{n}"), "type": "Multikey", member: value}))
        };
        let multikeys = by("publicKeyMultibase", &multikey.clone().into());
        read(&format!("document: multikeys of {kind}"), json!({"id": "d", "verificationMethod": multikeys}));
        let jwks = by("publicKeyJwk", &jwk);
        read(&format!("document: JWKs of {kind}"), json!({"id": "d", "verificationMethod": jwks}));
        let keys = fill(BYTES, |_| secret.public().did_key().into());
        read(
            &format!("document: recipients of {kind}"),
            json!({"id": "d", "service": [{"type": "IndyAgent", "serviceEndpoint": "", "recipientKeys": keys}]}),
        );
    }
    let inner = json!({"verificationMethod": fill(11_000, |n| json!({"id": format!("#{n}"), "type": "x"}))});
    let four = methods::peer::four::build(&inner).unwrap_or_default();
    let keys = fill(BYTES, |_| format!("{four}#0").into());
    read(
        "document: services with a did:peer:4 each",
        json!({"id": "d", "service": keys.into_iter().map(|key| {
            json!({"type": "IndyAgent", "serviceEndpoint": "", "recipientKeys": [key]})
        }).collect::<Vec<_>>()}),
    );
    let legacy = json!({
        "id": "WgWxqztrNooG92RXvxSTWv",
        "publicKey": fill(half, |n| json!({"id": "1", "publicKeyBase58": format!("a{n}")})),
        "service": [{
            "type": "IndyAgent",
            "recipientKeys": fill(half / 2, |n| format!("b{n}").into()),
            "routingKeys": fill(half / 2, |n| format!("did:key:{n}").into()),
        }],
    });
    timed("document: an old one", &legacy, || drop(methods::sov::corrected(legacy.clone())));
    let legacy = json!({
        "id": "WgWxqztrNooG92RXvxSTWv",
        "publicKey": fill(half, |n| json!({"publicKeyBase58": format!("a{n}")})),
        "service": fill(half, |n| json!({"routingKeys": [format!("did:key:{n}")]})),
    });
    timed("document: an old one with many services", &legacy, || {
        drop(methods::sov::corrected(legacy.clone()))
    });
}

fn messages() {
    let mut attachment = Attachment::text("id", &"x".repeat(BYTES / 2));
    if attachment.sign(&SENDER).is_ok() {
        let mut json = attachment.to_json();
        let one = json["data"]["jws"].take();
        json["data"]["jws"] = json!({"signatures": fill(BYTES / 2, |_| one.clone())});
        timed("message: an attachment signed often", &json, || {
            Attachment::from_json(&json).map(|attachment| attachment.verify())
        });
    }
    let message = json!({
        "@type": "https://didcomm.org/x/1.0/y",
        "offers~attach": fill(BYTES, |_| json!({"data": {"base64": ""}})),
        "~thread": {"received_orders": Map::from_iter((0..9999).map(|n| (n.to_string(), n.into())))},
    });
    timed("message: many attachments", &message, || {
        let Ok(message) = Message::parse(message.to_string().as_bytes()) else { return };
        let _ = (message.attachments("offers"), message.thread(), message.to_json());
    });
    let kid = RECIPIENT.as_public().base58();
    let mut recipients = fill(BYTES, |n| json!({"encrypted_key": "AA", "header": {"kid": format!("{n}")}}));
    recipients.push(json!({"encrypted_key": "AA", "header": {"kid": kid}}));
    let envelope = json!({
        "protected": chancery_didcomm::encoding::base64url(br#"{"alg": "Anoncrypt"}"#),
        "recipients": recipients, "iv": "", "ciphertext": "", "tag": "",
    });
    timed("envelope: many recipients", &envelope, || {
        let Ok(envelope) = Envelope::parse(envelope.to_string().as_bytes()) else { return };
        let _ = envelope.open(&RECIPIENT, &chancery_didcomm::SharedSecrets::new(0));
    });
}

fn canonical(name: &str, document: Value) {
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    for (pass, options) in [("", ExpandOptions::default()), (", lax", ExpandOptions::lax())] {
        let mut end = String::new();
        timed(&format!("json-ld: {name}{pass}"), &document, || {
            end = match jsonld.canonicalize(&document, &options) {
                Ok(text) => format!("{} bytes", text.len()),
                Err(error) => error.to_string().chars().take(90).collect(),
            };
        });
        println!("{:32}{end}", "");
    }
    timed(&format!("json-ld: {name}, undefined terms"), &document, || {
        drop(jsonld.undefined_terms(&document))
    });
}

fn deep(levels: usize, inner: Value, wrap: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(inner, |value, _| wrap(value))
}

fn linked_data() {
    let v1 = "https://www.w3.org/2018/credentials/v1";
    let vocab = json!({"@vocab": "urn:v:"});
    canonical("like blank nodes", json!({"@context": vocab, "p": fill(BYTES, |_| json!({"q": "a"}))}));
    canonical(
        "a ring of blank nodes",
        json!({"@context": vocab, "@graph": fill(BYTES, |n| {
            json!({"@id": format!("_:{n}"), "p": {"@id": format!("_:{}", (n + 1) % 5000)}})
        })}),
    );
    let clique = |size: usize| {
        let ids = |skip: usize| {
            (0..size)
                .filter(move |n| *n != skip)
                .map(|n| json!({"@id": format!("_:{n}")}))
                .collect::<Vec<_>>()
        };
        json!({"@context": vocab, "@graph":
            (0..size).map(|n| json!({"@id": format!("_:{n}"), "p": ids(n)})).collect::<Vec<_>>()})
    };
    canonical("a clique of 10", clique(10));
    canonical("a clique of 200", clique(200));
    canonical("literals", json!({"@context": vocab, "p": fill(BYTES, |n| n.into())}));
    canonical("a list", json!({"@context": vocab, "p": {"@list": fill(BYTES, |n| n.into())}}));
    canonical("properties", {
        let mut document =
            Map::from_iter(fill(BYTES, |n| n.into()).into_iter().map(|n| (n.to_string(), 1.into())));
        document.insert("@context".into(), vocab.clone());
        document.into()
    });
    canonical("empty contexts", json!({"@context": fill(BYTES, |_| json!({})), "urn:p": 1}));
    let mut many = vec![v1.into(), "https://www.w3.org/ns/odrl.jsonld".into()];
    many.extend(fill(BYTES, |n| json!({format!("t{n}"): "urn:x"})));
    canonical("contexts of one term", json!({"@context": many, "urn:p": 1}));
    canonical("a big context", {
        let terms: Map<String, Value> =
            (0..BYTES / 24).map(|n| (format!("t{n}"), format!("t{}:", n + 1).into())).collect();
        json!({"@context": terms, "urn:p": 1})
    });
    canonical(
        "a context in each of many nodes",
        json!({"@context": [v1, vocab], "p": fill(BYTES, |n| json!({"@context": {"a": format!("urn:{n}")}, "a": 1}))}),
    );
    canonical(
        "a big context, then one in each of many nodes",
        json!({
            "@context": Map::from_iter((0..20_000).map(|n| (format!("t{n}"), format!("urn:{n}").into()))),
            "urn:p": fill(BYTES / 2, |n| json!({"@context": {"a": format!("urn:{n}")}, "a": 1})),
        }),
    );
    canonical(
        "bundled contexts again and again",
        json!({"@context": fill(BYTES, |n| if n % 2 == 0 { v1.into() } else { Value::Null }), "urn:p": 1}),
    );
    canonical("types", json!({"@context": [v1, vocab], "@type": fill(BYTES, |n| format!("t{n}").into())}));
    canonical(
        "scoped types",
        json!({
            "@context": Map::from_iter((0..10_000).map(|n| {
                (format!("T{n}"), json!({"@id": "urn:t", "@context": {"a": format!("urn:{n}")}}))
            })),
            "@type": (0..10_000).map(|n| format!("T{n}")).collect::<Vec<_>>(),
            "a": "x",
        }),
    );
    canonical(
        "deep and wide",
        deep(100, json!(1), |value| json!({"@context": vocab, "p": value, "q": "x".repeat(BYTES / 100)})),
    );
    canonical("deep undefined terms", deep(100, json!({"u": 1}), |value| json!({"u".repeat(5000): value})));
    canonical(
        "deep, with names at the bottom",
        json!({"@context": {"p": "urn:p"}, "p": deep(100, Map::from_iter((0..50_000).map(|n| (format!("u{n}"), 1.into()))).into(), |value| json!({"p": value}))}),
    );
    canonical(
        "nested nests",
        json!({"@context": {"n": "@nest", "p": "urn:p"}, "n": deep(100, json!({"p": fill(BYTES, |n| n.into())}), |value| json!({"n": value}))}),
    );
    canonical(
        "language maps",
        json!({"@context": {"p": {"@id": "urn:p", "@container": "@language"}},
            "p": Map::from_iter((0..50_000).map(|n| (format!("de-{n:05}"), "x".into())))}),
    );
    canonical(
        "id maps",
        json!({"@context": {"p": {"@id": "urn:p", "@container": "@id"}, "q": "urn:q"},
            "p": Map::from_iter((0..30_000).map(|n| (format!("urn:{n}"), json!({"q": 1}))))}),
    );
    canonical(
        "JSON literals",
        json!({"@context": {"p": {"@id": "urn:p", "@type": "@json"}},
            "p": Map::from_iter((0..50_000).map(|n| (format!("{}", 50_000 - n), json!(1e21))))}),
    );
    canonical("one long text", json!({"@context": vocab, "p": "\u{1}".repeat(BYTES)}));
    canonical(
        "prefixes of prefixes",
        json!({"@context": Map::from_iter((0..500).map(|n| {
            (format!("p{n}"), if n == 0 { "urn:aaaaaaaaaaaa:".into() } else { json!({"@id": format!("p{}:{}", n - 1, "x".repeat(2000)), "@prefix": true}) })
        })), "p499:x": 1}),
    );
}

fn credentials() {
    let did = SENDER.as_public().did_key();
    let url = SENDER.as_public().did_key_url();
    let proof = json!({"type": "Ed25519Signature2020", "proofPurpose": "assertionMethod",
        "verificationMethod": url, "created": "2024-01-01T00:00:00Z", "proofValue": "z1"});
    let credential = |proofs: Vec<Value>, subjects: Vec<Value>| {
        json!({
            "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/security/suites/ed25519-2020/v1"],
            "type": ["VerifiableCredential"],
            "issuer": did,
            "issuanceDate": "2024-01-01T00:00:00Z",
            "credentialSubject": subjects,
            "proof": proofs,
        })
    };
    let subjects = fill(BYTES / 2, |n| json!({"id": format!("urn:{n}"), "type": "urn:x"}));
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    let facts = Facts { jsonld: &jsonld, now: 0, gathered: &Gathered::default() };
    for (name, json) in [
        ("one proof", credential(vec![proof.clone()], subjects.clone())),
        ("many proofs", credential(fill(BYTES / 2, |_| proof.clone()), subjects)),
        ("wrong members", credential(fill(BYTES, |n| n.into()), vec![])),
    ] {
        timed(&format!("credential: {name}"), &json, || {
            LinkedData.verify(&facts, &json).map(|answer| answer.to_json(&json))
        });
        timed(&format!("credential: {name}, rules"), &json, || validate_credential(&json));
        timed(&format!("credential: {name}, step"), &json, || LdProof.validate(Step::Issue, &json));
    }
}
