//! Nothing unsigned: whatever leaf or key of a document is changed, either its quads change or safe mode refuses it.
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
    assert_eq!(unnoticed, Vec::<String>::new());
}

#[test]
fn empty_and_null_are_refused_unless_allowed() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let document = |claim: Value| {
        json!({
            "@context": ["https://www.w3.org/ns/credentials/v2", {"@vocab": "https://example.org/v#"}],
            "type": "VerifiableCredential",
            "credentialSubject": {"id": "did:example:s", "convictions": claim},
        })
    };
    let allowing = ExpandOptions { allow_empty: true, ..ExpandOptions::default() };
    for claim in [json!([]), json!({"@set": []})] {
        let document = document(claim);
        let error = processor.canonicalize(&document, &ExpandOptions::default()).unwrap_err();
        let what = Dropped::Empty("convictions".into());
        assert_eq!(error, Error::Unsafe { what, pointer: "/credentialSubject/convictions".into() });
        processor.canonicalize(&document, &allowing).unwrap();
    }
    for claim in [json!(null), json!([null]), json!(["x", null])] {
        let error = processor.canonicalize(&document(claim), &allowing).unwrap_err();
        assert!(matches!(error, Error::Unsafe { what: Dropped::Null(_), .. }), "{error}");
    }
    // An empty list is rdf:nil: it is signed.
    processor.canonicalize(&document(json!({"@list": []})), &ExpandOptions::default()).unwrap();
}
