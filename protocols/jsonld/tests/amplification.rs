//! Small documents that would become large, or take the whole stack: refused before they do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use chancery_jsonld::{Documents, Error, ExpandOptions, Processor};
use serde_json::{Map, Value, json};

fn processor() -> Processor {
    Processor::new(Arc::new(Documents::bundled()))
}

fn canonical(document: &Value) -> Result<String, Error> {
    processor().canonicalize(document, &ExpandOptions::lax())
}

/// `t0` is defined by `t1`, that by `t2`, and so on.
fn chain(terms: usize, reversed: bool) -> Value {
    let mut entries: Vec<(String, Value)> = (0..terms)
        .map(|n| {
            (format!("t{n}"), if n + 1 < terms { format!("t{}:a:", n + 1) } else { "urn:".into() }.into())
        })
        .collect();
    if reversed {
        entries.reverse();
    }
    json!({"@context": Map::from_iter(entries), "t0:p": 1})
}

#[test]
fn a_long_chain_of_definitions_is_refused() {
    // On a thread with the stack that a server's threads have.
    assert_eq!(canonical(&chain(50_000, false)).err(), Some(Error::WorkLimit("contexts")));
    let ordinary = canonical(&chain(20, false)).unwrap();
    assert!(ordinary.contains(&format!("urn:{}p", "a:".repeat(19))));
    assert_eq!(canonical(&chain(20, true)).unwrap(), ordinary);
}

#[test]
fn definitions_that_grow_are_refused() {
    // Each as long as all before it together with its own suffix.
    let suffix = "x".repeat(1000);
    let terms = (0..2000).map(|n| match n {
        0 => ("t0".to_owned(), json!("urn:a:")),
        n => (format!("t{n}"), json!(format!("t{}:{suffix}:", n - 1))),
    });
    let document = json!({"@context": Map::from_iter(terms), "t1:p": 1});
    assert_eq!(canonical(&document).err(), Some(Error::WorkLimit("contexts")));
}

/// What 2000 uses of a text of 100 kB come to.
fn used_often(document: impl Fn(&str, &[Value]) -> Value) {
    let numbers: Vec<Value> = (0..2000).map(Value::from).collect();
    let short = document("urn:x:", &numbers);
    let long = document(&format!("urn:{}:", "x".repeat(100_000)), &numbers);
    for options in [
        ExpandOptions::lax(),
        ExpandOptions { base: Some("https://example.org/".into()), ..ExpandOptions::lax() },
    ] {
        assert!(processor().canonicalize(&short, &options).is_ok());
        let refused = processor().canonicalize(&long, &options);
        assert!(matches!(refused, Err(Error::WorkLimit(_))), "{:?}", refused.map(|text| text.len()));
    }
}

#[test]
fn a_long_iri_used_often_is_refused() {
    let nodes =
        |numbers: &[Value], node: &dyn Fn(&Value) -> Value| -> Value { numbers.iter().map(node).collect() };
    used_often(|iri, n| json!({"@context": {"@vocab": iri}, "@graph": nodes(n, &|n| json!({"p": n}))}));
    used_often(|iri, n| json!({"@context": {"p": iri}, "@graph": nodes(n, &|n| json!({"p:q": n}))}));
    used_often(|iri, n| json!({"@context": {"p": iri}, "@graph": nodes(n, &|n| json!({"p": n}))}));
    used_often(
        |iri, n| json!({"@context": {"p": {"@id": "urn:p", "@type": iri}}, "@graph": nodes(n, &|n| json!({"p": n}))}),
    );
    used_often(
        |iri, n| json!({"@context": {"@base": iri}, "urn:p": nodes(n, &|n| json!({"@id": format!("#{n}"), "urn:q": 1}))}),
    );
    used_often(
        |iri, n| json!({"@context": {"T": iri}, "urn:p": nodes(n, &|n| json!({"@id": format!("urn:{n}"), "@type": "T"}))}),
    );
    used_often(|iri, n| json!({"@id": iri, "urn:p": n}));
    used_often(|iri, n| json!({iri: n}));
}

#[test]
fn a_long_language_used_often_is_refused() {
    let document = |tags: usize| {
        let texts: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
        json!({"@context": {"@language": format!("de{}", "-aaaaaaaa".repeat(tags))}, "urn:p": texts})
    };
    assert!(canonical(&document(1)).is_ok());
    assert!(matches!(canonical(&document(10_000)), Err(Error::WorkLimit(_))));
}

#[test]
fn undefined_terms_far_down_are_refused() {
    let document = |length: usize| {
        let bottom = Map::from_iter((0..1000).map(|n| (format!("u{n}"), json!(1))));
        let key = "k".repeat(length);
        let deep = (0..100).fold(Value::Object(bottom), |value, _| json!({key.clone(): value}));
        json!({"@context": {key: "urn:p"}, "urn:p": deep})
    };
    assert_eq!(processor().undefined_terms(&document(1)).unwrap().len(), 1000);
    assert!(matches!(processor().undefined_terms(&document(5000)), Err(Error::WorkLimit(_))));
}

#[test]
fn hashing_a_long_predicate_again_and_again_is_refused() {
    let clique = |predicate: &str| {
        let nodes = (0..5).map(|n| {
            let others: Vec<Value> =
                (0..5).filter(|m| *m != n).map(|m| json!({"@id": format!("_:{m}")})).collect();
            json!({"@id": format!("_:{n}"), predicate: others})
        });
        json!({"@graph": nodes.collect::<Vec<_>>()})
    };
    assert!(canonical(&clique("urn:p")).is_ok());
    let long = format!("urn:{}", "p".repeat(500_000));
    assert_eq!(canonical(&clique(&long)).err(), Some(Error::WorkLimit("canonicalization")));
}
