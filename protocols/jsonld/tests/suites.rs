//! The official test suites: JSON-LD 1.1 expansion and toRdf, RDFC-1.0. Each test cold (an empty cache), warm (the same
//! again), and all of them in one process on shared caches, in random order, on several threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chancery_jsonld::{
    Documents, Error, ExpandOptions, Processor, RdfDirection, WorkLimit, canonicalize_dataset,
};
use serde_json::Value;
use support::{Random, json, nquads, suites};

const BASE: &str = "https://w3c.github.io/json-ld-api/tests/";

/// Every JSON-LD file of the suite under its address.
fn documents(root: &Path) -> Arc<Documents> {
    let documents = Documents::empty();
    for folder in ["expand", "expand/c031", "toRdf", "toRdf/c031"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // A few are no JSON on purpose.
            if name.ends_with(".jsonld")
                && let Ok(value) = serde_json::from_str(&std::fs::read_to_string(&path).unwrap())
            {
                documents.insert(format!("{BASE}{folder}/{name}"), value);
            }
        }
    }
    Arc::new(documents)
}

struct Case {
    name: String,
    input: Value,
    options: ExpandOptions,
    expected: Expected,
}

enum Expected {
    Expanded(Value),
    /// Canonical N-Quads.
    Quads(String),
    /// It is processed without error.
    Success,
    Code(String),
}

/// The tests that apply: not those of JSON-LD 1.0 alone, and not HTML.
fn cases(root: &Path, manifest: &str) -> Vec<Case> {
    let manifest = json(&root.join(manifest));
    let mut cases = Vec::new();
    for test in manifest["sequence"].as_array().unwrap() {
        let option = &test["option"];
        if option["specVersion"] == "json-ld-1.0" || option["processingMode"] == "json-ld-1.0" {
            continue;
        }
        let path = test["input"].as_str().unwrap();
        let options = ExpandOptions {
            base: Some(option["base"].as_str().map_or_else(|| format!("{BASE}{path}"), str::to_owned)),
            expand_context: option["expandContext"].as_str().map(|path| json(&root.join(path))),
            rdf_direction: match option["rdfDirection"].as_str() {
                Some("i18n-datatype") => Some(RdfDirection::I18nDatatype),
                Some("compound-literal") => Some(RdfDirection::CompoundLiteral),
                _ => None,
            },
            ..ExpandOptions::lax()
        };
        let expected = if let Some(code) = test["expectErrorCode"].as_str() {
            Expected::Code(code.to_owned())
        } else if let Some(path) = test["expect"].as_str() {
            if path.ends_with(".nq") {
                Expected::Quads(canonical(&std::fs::read_to_string(root.join(path)).unwrap()))
            } else {
                Expected::Expanded(sorted(json(&root.join(path)), false))
            }
        } else {
            Expected::Success
        };
        let name = format!("{} {path}", test["@id"].as_str().unwrap());
        cases.push(Case { name, input: json(&root.join(path)), options, expected });
    }
    cases
}

fn canonical(text: &str) -> String {
    canonicalize_dataset(&nquads(text), WorkLimit::default()).unwrap().nquads
}

/// Arrays other than lists are sets: compare them sorted.
fn sorted(value: Value, in_list: bool) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(|item| sorted(item, false)).collect();
            if !in_list {
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let is_list = key == "@list";
                        (key, sorted(value, is_list))
                    })
                    .collect(),
            )
        }
        // 5 and 5.0 are one number.
        Value::Number(number) => number.as_f64().map_or(Value::Number(number), Value::from),
        other => other,
    }
}

fn check(processor: &Processor, case: &Case, to_rdf: bool) -> Result<(), String> {
    let code = |error: Error| match error {
        Error::JsonLd { code, .. } => code.as_str().to_owned(),
        Error::MissingDocuments(_) => "loading remote context failed".to_owned(),
        other => other.to_string(),
    };
    let outcome = if to_rdf {
        processor.canonicalize(&case.input, &case.options).map(|quads| (Value::Null, quads)).map_err(code)
    } else {
        processor
            .expand(&case.input, &case.options)
            .map(|value| (sorted(value, false), String::new()))
            .map_err(code)
    };
    match (&case.expected, outcome) {
        (Expected::Expanded(expected), Ok((value, _))) if *expected == value => Ok(()),
        (Expected::Expanded(expected), Ok((value, _))) => Err(format!("\n  want {expected}\n  got  {value}")),
        (Expected::Quads(expected), Ok((_, quads))) if *expected == quads => Ok(()),
        (Expected::Quads(expected), Ok((_, quads))) => Err(format!("\nwant\n{expected}got\n{quads}")),
        (Expected::Success, Ok(_)) => Ok(()),
        (Expected::Code(expected), Err(code)) if *expected == code => Ok(()),
        (Expected::Code(expected), Err(code)) => Err(format!("want error {expected}, got error {code}")),
        (Expected::Code(expected), Ok(_)) => Err(format!("want error {expected}, got none")),
        (_, Err(code)) => Err(format!("error {code}")),
    }
}

fn run(manifest: &str, to_rdf: bool, applicable: usize) {
    let Some(root) = suites().map(|suites| suites.join("json-ld-api")) else { return };
    let cases = cases(&root, manifest);
    assert_eq!(cases.len(), applicable, "tests that apply");
    let documents = documents(&root);
    let mut failures = Vec::new();
    for case in &cases {
        let processor = Processor::new(Arc::clone(&documents));
        for state in ["cold", "warm"] {
            if let Err(reason) = check(&processor, case, to_rdf) {
                failures.push(format!("{} ({state}): {reason}", case.name));
            }
        }
    }
    let shared = Processor::new(documents);
    let failures = std::sync::Mutex::new(failures);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (cases, shared, failures) = (&cases, &shared, &failures);
            scope.spawn(move || {
                let mut order: Vec<&Case> = cases.iter().collect();
                Random(seed).shuffle(&mut order);
                for case in order {
                    if let Err(reason) = check(shared, case, to_rdf) {
                        failures.lock().unwrap().push(format!("{} (shared): {reason}", case.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn expansion() {
    run("expand-manifest.jsonld", false, 367);
}

#[test]
fn to_rdf() {
    run("toRdf-manifest.jsonld", true, 448);
}

/// RDFC-1.0: all but the one that wants SHA-384 (075, twice).
#[test]
fn rdfc_1_0() {
    let Some(root) = suites().map(|suites| suites.join("rdf-canon")) else { return };
    let manifest = json(&root.join("manifest.jsonld"));
    let mut failures = Vec::new();
    let (mut evaluations, mut maps) = (0, 0);
    for test in manifest["entries"].as_array().unwrap() {
        if test["hashAlgorithm"] == "SHA384" {
            continue;
        }
        let read = |key: &str| -> PathBuf { root.join(test[key].as_str().unwrap()) };
        let dataset = nquads(&std::fs::read_to_string(read("action")).unwrap());
        let outcome = canonicalize_dataset(&dataset, WorkLimit::default());
        let good = match test["type"].as_str().unwrap() {
            "rdfc:RDFC10EvalTest" => {
                evaluations += 1;
                let expected = std::fs::read_to_string(read("result")).unwrap();
                outcome.is_ok_and(|canonical| canonical.nquads == expected)
            }
            "rdfc:RDFC10MapTest" => {
                maps += 1;
                let expected = json(&read("result"));
                outcome.is_ok_and(|canonical| serde_json::to_value(canonical.labels).unwrap() == expected)
            }
            "rdfc:RDFC10NegativeEvalTest" => {
                evaluations += 1;
                matches!(outcome, Err(Error::WorkLimit(_)))
            }
            other => panic!("{other}"),
        };
        if !good {
            failures.push(test["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(evaluations, 64, "tests that apply");
    assert!(maps > 0);
    assert!(failures.is_empty(), "{failures:?}");
}
