//! The same documents through pyld 3.3.0 and jsonld.js 9.0.0, byte for byte: 86 from recorded ACA-Py traces, 67 of our
//! own. `differential/make.py` and `make.mjs` made the vectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;

use chancery_jsonld::{Documents, Error, ExpandOptions, Processor};
use serde_json::{Value, json};
use support::json;

fn vectors(name: &str) -> Value {
    json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential").join(name))
}

/// pyld resolves against this when it is given no base.
fn pyld_options() -> ExpandOptions {
    ExpandOptions { base: Some("http://example.org/base/".into()), ..ExpandOptions::lax() }
}

fn outcome(result: Result<String, Error>) -> Value {
    match result {
        Ok(text) => Value::String(text),
        Err(_) => Value::Null,
    }
}

fn compare(reference: &str, options: &ExpandOptions, exceptions: &[(&str, &str)]) {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let expected = vectors(reference);
    let documents = vectors("documents.json");
    let mut differences = Vec::new();
    let mut compared = 0;
    for entry in documents["documents"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let ours = processor.canonicalize(&entry["document"], options);
        let theirs = &expected[name]["nquads"];
        let reason = format!("{ours:?}");
        let excepted = exceptions.iter().any(|(known, _)| *known == name);
        compared += 1;
        if (outcome(ours) == *theirs) == excepted {
            let text = if excepted { "is excepted, yet agrees".to_owned() } else { reason };
            differences.push(format!("{name}: {} {theirs}\n   {text}", expected[name]["error"]));
        }
    }
    assert!(compared >= 100);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn pyld_gives_the_same_quads() {
    let exceptions = [
        ("bad-language", "pyld writes the ill-formed tag; the specification drops the statement"),
        ("duplicates-by-literal", "pyld writes one statement twice"),
        ("controls", "pyld writes control characters raw; RDFC-1.0 escapes them"),
    ];
    compare("pyld.json", &pyld_options(), &exceptions);
}

#[test]
fn jsonld_js_gives_the_same_quads() {
    let exceptions = [
        ("bad-language", "jsonld.js writes the ill-formed tag; the specification drops the statement"),
        ("duplicates-by-literal", "jsonld.js writes one statement twice"),
        ("big-integer", "jsonld.js rounds it to a double"),
        ("small-double", "jsonld.js makes it the integer 0"),
        ("cycle", "jsonld.js gives up on four blank nodes in a ring"),
    ];
    compare("jsonld-js.json", &ExpandOptions::lax(), &exceptions);
}

/// jsonld.js has a safe mode as well. Ours takes and refuses the same, but for `@direction`.
#[test]
fn safe_mode_accepts_nothing_that_jsonld_js_refuses() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let expected = vectors("jsonld-js.json");
    let mut laxer = Vec::new();
    let mut stricter = Vec::new();
    for entry in vectors("documents.json")["documents"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap().to_owned();
        let ours = processor.canonicalize(&entry["document"], &ExpandOptions::default());
        match (ours, expected[&name]["safe"].as_bool().unwrap()) {
            (Ok(_), false) => laxer.push(name),
            (Err(Error::Unsafe { .. }), true) => stricter.push(name),
            (Err(error), true) => panic!("{name}: {error}"),
            _ => {}
        }
    }
    // Four blank nodes in a ring: more work than jsonld.js allows, nothing dropped.
    assert_eq!(laxer, ["cycle"], "laxer");
    // jsonld.js drops @direction without a word.
    assert_eq!(stricter, ["direction"], "stricter");
}

#[test]
fn the_check_takes_and_refuses_what_canonicalization_does() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let options = ExpandOptions::default();
    let (mut taken, mut refused) = (0, 0);
    for file in ["documents.json", "fuzz-documents.json"] {
        for entry in vectors(file)["documents"].as_array().unwrap() {
            let document = &entry["document"];
            let checked = processor.check(document, &options);
            assert_eq!(checked, processor.canonicalize(document, &options).map(|_| ()), "{document}");
            if checked.is_ok() { taken += 1 } else { refused += 1 }
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} {refused}");
    // Nodes that all know one another: costly to order.
    let nodes = (0..12).map(|one| {
        let known: Vec<Value> =
            (0..12).filter(|other| *other != one).map(|at| json!({"@id": format!("_:b{at}")})).collect();
        json!({"@id": format!("_:b{one}"), "urn:knows": known})
    });
    let costly = json!({"@graph": nodes.collect::<Vec<_>>()});
    assert!(matches!(processor.check(&costly, &options), Err(Error::WorkLimit(_))));
}

/// Random documents, half of them hostile, half orderly: where both references give the same quads, so do we; where both
/// refuse, we never stand alone with success.
#[test]
fn random_documents_come_out_as_both_references_agree() {
    /// What may differ, by what the document holds.
    const EXCEPTIONS: [(&str, &str); 8] = [
        ("\"x y\"", "the references write ill-formed language tags"),
        ("\"@base\":\"rel\"", "a relative @base without base: an error by the specification"),
        ("\"@protected\":\"x\"", "no boolean: an error by the specification"),
        ("\"@language\":1", "the references look at it later, or not at all"),
        ("\"@id\":\"@foo\"", "the references make a reserved word a blank node"),
        ("\"id\":\"@foo\"", "the same"),
        ("\"@language\",\"@set\"", "the references take @set and @value for language tags"),
        ("@included", "by the text nothing may float free there"),
    ];
    /// One by one.
    const NAMES: [(&str, &str); 2] = [
        ("0265", "the references write a statement twice that differs by its @index only"),
        ("0831", "a context scoped to a term defines that term anew, with a scoped context of its own"),
    ];
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let agreed = vectors("fuzz-agreed.json");
    let (mut same, mut refused) = (0, 0);
    let mut differences = Vec::new();
    for entry in vectors("fuzz-documents.json")["documents"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let text = entry["document"].to_string();
        let ours = processor.canonicalize(&entry["document"], &ExpandOptions::lax());
        let good = match (agreed[name].as_str(), &ours) {
            (None, _) => continue,
            (Some("refuse"), Err(_)) => {
                refused += 1;
                true
            }
            (Some(hash), Ok(quads)) if hash == sha256(quads) => {
                same += 1;
                true
            }
            _ => {
                EXCEPTIONS.iter().any(|(part, _)| text.contains(part))
                    || NAMES.iter().any(|(known, _)| *known == name)
            }
        };
        if !good {
            differences.push(format!("{name}: {text}\n  {}\n  {ours:?}", agreed[name]));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(same > 500 && refused > 500, "{same} same, {refused} refused");
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
