//! Nothing unsigned that says something: whatever leaf or key of a document is changed, either its quads change or safe mode
//! refuses it. Empty arrays, nulls and the keys of index maps say nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;

use chancery_jsonld::{Documents, Dropped, Error, ExpandOptions, Processor};
use serde_json::{Map, Value, json};
use support::json;

/// Every document that differs from `value` in one leaf or one key. `@context` is left alone: a term that is not used
/// says nothing. So are blank node identifiers, which mean nothing by themselves.
fn mutations(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Null => vec![("null to x".into(), json!("x"))],
        Value::Bool(flag) => vec![("flip".into(), json!(!flag))],
        Value::Number(number) => vec![("other number".into(), json!(number.as_f64().unwrap() * 2.0 + 1.0))],
        Value::String(text) if text.starts_with("_:") => vec![],
        Value::String(text) => vec![("append".into(), json!(format!("{text}x")))],
        Value::Array(items) => {
            let mut all = Vec::new();
            for (at, item) in items.iter().enumerate() {
                for (what, changed) in mutations(item) {
                    let mut copy = items.clone();
                    copy[at] = changed;
                    all.push((format!("/{at}{what}"), Value::Array(copy)));
                }
            }
            all
        }
        Value::Object(map) => {
            let mut all = Vec::new();
            for (key, item) in map.iter().filter(|(key, _)| *key != "@context") {
                for (what, changed) in mutations(item) {
                    let mut copy = map.clone();
                    copy[key] = changed;
                    all.push((format!("/{key}{what}"), Value::Object(copy)));
                }
                let renamed: Map<String, Value> = map
                    .iter()
                    .map(|(known, item)| {
                        (if known == key { format!("{known}x") } else { known.clone() }, item.clone())
                    })
                    .collect();
                all.push((format!("/{key} renamed"), Value::Object(renamed)));
                if item.as_str().is_some_and(|text| text.starts_with("_:")) {
                    continue;
                }
                let removed: Map<String, Value> = map
                    .iter()
                    .filter(|(known, _)| *known != key)
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                all.push((format!("/{key} removed"), Value::Object(removed)));
            }
            all
        }
    }
}

#[test]
fn every_change_shows_or_is_refused() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let options = ExpandOptions::default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/documents.json");
    // Nothing but what says nothing.
    let expected = [
        "\"sets-empty\": /credentialSubject/a renamed",
        "\"sets-empty\": /credentialSubject/a removed",
        "\"null-claim\": /credentialSubject/a renamed",
        "\"null-claim\": /credentialSubject/a removed",
        "\"index-map\": /credentialSubject/i/a renamed",
        "\"index-map\": /credentialSubject/i/b renamed",
    ];
    let mut unnoticed = Vec::new();
    let (mut documents, mut changes) = (0, 0);
    for entry in json(&path)["documents"].as_array().unwrap() {
        let Ok(before) = processor.canonicalize(&entry["document"], &options) else { continue };
        documents += 1;
        for (what, changed) in mutations(&entry["document"]) {
            changes += 1;
            match processor.canonicalize(&changed, &options) {
                Ok(after) if after == before => unnoticed.push(format!("{}: {what}", entry["name"])),
                _ => {}
            }
        }
    }
    assert!(documents > 90 && changes > 3000, "{documents} documents, {changes} changes");
    assert_eq!(unnoticed, expected);
}

fn claiming(claim: Value) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", {
            "@vocab": "https://example.org/v#",
            "byIndex": {"@container": "@index"}, "byId": {"@container": "@id"}, "byLanguage": {"@container": "@language"},
        }],
        "type": "VerifiableCredential",
        "credentialSubject": {"id": "did:example:s", "claim": claim},
    })
}

/// As in the safe mode of jsonld.js.
#[test]
fn what_says_nothing_passes_and_is_not_signed() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let quads = |claim| processor.canonicalize(&claiming(claim), &ExpandOptions::default()).unwrap();
    let nothing = quads(json!([]));
    assert!(!nothing.contains("v#claim"), "{nothing}");
    for claim in [json!(null), json!([null]), json!([[]]), json!({"@set": []}), json!({"@set": [null]})] {
        assert_eq!(quads(claim.clone()), nothing, "{claim}");
    }
    assert_eq!(quads(json!(["x", null, []])), quads(json!("x")));
    assert_eq!(quads(json!({"@value": "x", "@index": "i"})), quads(json!("x")));
    let subject = |member: Value| quads(json!([{"claim": "x", "more": member}]));
    assert_eq!(subject(json!(null)), subject(json!([])));
    for (map, plain) in [
        (json!({"byIndex": {"a": "x", "b": [], "c": null}}), json!({"byIndex": {"z": "x"}})),
        (json!({"byId": {"urn:a": {"id": "urn:b", "p": "x"}}}), json!({"byId": {"urn:b": {"p": "x"}}})),
        (json!({"byLanguage": {"en": ["x", null], "de": null}}), json!({"byLanguage": {"en": "x"}})),
    ] {
        assert_eq!(quads(map.clone()), quads(plain), "{map}");
    }
    // An empty list is rdf:nil: it is signed.
    assert!(quads(json!({"@list": []})).contains("#nil>"));
}

#[test]
fn what_would_be_lost_is_refused() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    for (claim, what) in [
        (json!({"@value": null}), Dropped::EmptyValue),
        (json!({"@language": "en"}), Dropped::EmptyValue),
        (json!({"@list": null}), Dropped::EmptyValue),
        (json!({"@id": "me"}), Dropped::RelativeIri("me".into())),
        (json!({"@value": "x", "@direction": "rtl"}), Dropped::Direction),
    ] {
        match processor.canonicalize(&claiming(claim.clone()), &ExpandOptions::default()) {
            Err(Error::Unsafe { what: said, pointer }) => {
                assert_eq!(said, what, "{claim}");
                // A direction is lost when triples are made: the pointer is one into the expanded document.
                let named = if what == Dropped::Direction { "v#claim/0" } else { "/credentialSubject/claim" };
                assert!(pointer.contains(named), "{claim}: {pointer}");
            }
            other => panic!("{claim}: {other:?}"),
        }
    }
}
