//! Caches: bounded, and without a trace of failures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use chancery_jsonld::{Documents, Error, ExpandOptions, Processor};
use serde_json::{Value, json};

fn document(context: Value) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", context],
        "type": "VerifiableCredential",
        "credentialSubject": {"id": "did:example:s", "claim": "x"},
    })
}

fn quads(processor: &Processor, document: &Value) -> String {
    processor.canonicalize(document, &ExpandOptions::default()).unwrap()
}

#[test]
fn a_hundred_thousand_inline_contexts_do_not_pile_up() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let mut most = (0, 0);
    for at in 0..100_000 {
        let document = document(json!({"claim": format!("https://example.org/{at}#claim")}));
        let text = quads(&processor, &document);
        if at % 5_000 == 0 {
            assert!(text.contains(&format!("<https://example.org/{at}#claim>")), "{text}");
        }
        let size = processor.cache_size();
        most = (most.0.max(size.0), most.1.max(size.1));
    }
    assert!(most.1 <= 32 << 20, "{most:?}");
    assert!(most.0 > 100 && most.0 < 50_000, "{most:?}");
}

#[test]
fn many_base_iris_do_not_pile_up() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    for at in 0..200 {
        let options =
            ExpandOptions { base: Some(format!("https://example.org/{at}")), ..ExpandOptions::default() };
        processor.canonicalize(&document(json!({"claim": "urn:claim"})), &options).unwrap();
    }
    assert!(processor.cache_size().0 < 200, "{:?}", processor.cache_size());
}

#[test]
fn a_missing_document_leaves_nothing_behind() {
    let documents = Arc::new(Documents::bundled());
    let processor = Processor::new(Arc::clone(&documents));
    let url = "https://example.org/context";
    let document = document(json!(url));
    for _ in 0..2 {
        let error = processor.canonicalize(&document, &ExpandOptions::default()).unwrap_err();
        assert_eq!(error, Error::MissingDocuments(vec![url.into()]));
    }
    documents.insert(url, json!({"@context": {"claim": "urn:first"}}));
    assert!(quads(&processor, &document).contains("<urn:first>"));
    // Another document under the same address: what was compiled from the old one is gone.
    documents.insert(url, json!({"@context": {"claim": "urn:second"}}));
    assert!(quads(&processor, &document).contains("<urn:second>"));
    assert!(documents.remove(url));
    assert!(matches!(
        processor.canonicalize(&document, &ExpandOptions::default()),
        Err(Error::MissingDocuments(_))
    ));
}

/// Some megabytes of memory.
fn large(at: usize) -> Value {
    json!({"@context": {format!("t{at}"): "urn:t", "@vocab": format!("urn:{}", "x".repeat(4 << 20))}})
}

#[test]
fn documents_in_memory_are_bounded_and_the_longest_unused_go_first() {
    let documents = Arc::new(Documents::bundled());
    let bundled = documents.list().len();
    let url = |at: usize| format!("https://example.org/{at}");
    let held = documents.insert(url(0), large(0));
    for at in 1..30 {
        documents.insert(url(at), large(at));
        // Used again and again, it stays.
        assert!(documents.get(&url(1)).is_some(), "{at}");
        assert!(documents.weight() <= 64 << 20, "{}", documents.weight());
    }
    assert!(documents.contains(&url(29)) && !documents.contains(&url(2)));
    assert!(documents.contains(&url(0)), "somebody holds it");
    drop(held);
    for at in 30..60 {
        documents.insert(url(at), large(at));
    }
    assert!(!documents.contains(&url(0)) && !documents.contains(&url(1)));
    assert!(documents.list().len() > bundled + 10, "{}", documents.list().len() - bundled);
    assert!(documents.contains("https://www.w3.org/ns/credentials/v2"));
}

#[test]
fn what_is_known_beside_is_known_nowhere_else() {
    let shared = Processor::new(Arc::new(Documents::bundled()));
    let url = "https://example.org/context";
    let document = document(json!(url));
    let beside = shared.beside();
    beside.documents().insert(url, json!({"@context": {"claim": "urn:beside"}}));
    assert!(quads(&beside, &document).contains("<urn:beside>"));
    let missing = shared.canonicalize(&document, &ExpandOptions::default()).unwrap_err();
    assert_eq!(missing, Error::MissingDocuments(vec![url.into()]));
    shared.documents().insert(url, json!({"@context": {"claim": "urn:shared"}}));
    assert!(quads(&shared, &document).contains("<urn:shared>"));
    assert!(quads(&shared.beside(), &document).contains("<urn:shared>"));
}

#[test]
fn all_that_is_missing_is_reported_at_once() {
    let documents = Arc::new(Documents::bundled());
    let processor = Processor::new(Arc::clone(&documents));
    documents.insert(
        "https://example.org/known",
        json!({"@context": ["beside", {"term": {"@id": "urn:t", "@context": "https://example.org/scoped"}}]}),
    );
    let document = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://example.org/one", "https://example.org/known"],
        "type": "VerifiablePresentation",
        "verifiableCredential": [{"@context": ["https://example.org/two", {"@import": "https://example.org/import"}]}],
    });
    let error = processor.expand(&document, &ExpandOptions::default()).unwrap_err();
    let expected =
        ["beside", "import", "one", "scoped", "two"].map(|name| format!("https://example.org/{name}"));
    assert_eq!(error, Error::MissingDocuments(expected.to_vec()));
    assert!(error.to_string().contains("https://example.org/two"));
}

#[test]
fn the_same_text_in_another_place_is_another_context() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    // As the whole and as an item; below different parents.
    let inner = json!({"@propagate": false, "a": "urn:a"});
    let whole = json!({"@context": inner, "a": {"@id": "urn:x", "a": "y"}});
    let item = json!({"@context": [{"a": "urn:other"}, inner], "a": {"@id": "urn:x", "a": "y"}});
    let lax = ExpandOptions::lax();
    for _ in 0..2 {
        // Not propagated: within, `a` is undefined.
        assert_eq!(processor.expand(&whole, &lax).unwrap(), json!([{"urn:a": [{"@id": "urn:x"}]}]));
        // An item that is not the first cannot say so.
        let expanded = json!([{"urn:a": [{"@id": "urn:x", "urn:a": [{"@value": "y"}]}]}]);
        assert_eq!(processor.expand(&item, &lax).unwrap(), expanded);
    }
}

#[test]
fn bundled_documents_are_the_ones_in_the_manifest() {
    let manifest: Value = serde_json::from_str(include_str!("../contexts/manifest.json")).unwrap();
    let documents = Documents::bundled();
    let mut listed = Vec::new();
    for entry in manifest.as_array().unwrap() {
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        listed.push((text("url"), text("sha256")));
        assert!(documents.get(&text("url")).unwrap().get("@context").is_some(), "{}", text("url"));
    }
    listed.sort();
    assert_eq!(documents.list(), listed);
    // Each compiles, with nothing missing.
    let processor = Processor::new(Arc::new(documents));
    for (url, _) in listed {
        let document = json!({"@context": url, "@id": "urn:a", "@type": "urn:T"});
        processor.canonicalize(&document, &ExpandOptions::default()).unwrap();
    }
}

#[test]
fn a_processor_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let processor = Processor::new(Arc::new(Documents::bundled()));
    shared(&processor);
    let expected = quads(&processor, &document(json!({"claim": "urn:claim"})));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (processor, expected) = (&processor, &expected);
            scope.spawn(move || {
                for at in 0..300 {
                    quads(processor, &document(json!({"claim": format!("urn:{thread}:{at}")})));
                    assert_eq!(quads(processor, &document(json!({"claim": "urn:claim"}))), *expected);
                }
            });
        }
    });
}
