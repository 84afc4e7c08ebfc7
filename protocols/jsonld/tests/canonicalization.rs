//! RDFC-1.0 beyond its suite: names and order do not matter, costly graphs are refused, cheap symmetric ones are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use chancery_jsonld::{Documents, Error, ExpandOptions, Processor, WorkLimit, canonicalize_dataset};
use serde_json::Value;
use support::{Random, json, nquads};

fn canonical(text: &str) -> String {
    canonicalize_dataset(&nquads(text), WorkLimit::default()).unwrap().nquads
}

/// New names for all blank nodes, lines in another order.
fn disguise(text: &str, random: &mut Random) -> String {
    let mut labels: Vec<String> = Vec::new();
    for line in text.lines() {
        for word in line.split(' ') {
            if word.starts_with("_:") && !labels.iter().any(|known| known == word) {
                labels.push(word.to_owned());
            }
        }
    }
    let mut numbers: Vec<usize> = (0..labels.len()).collect();
    random.shuffle(&mut numbers);
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let words: Vec<String> = line
                .split(' ')
                .map(|word| match labels.iter().position(|label| label == word) {
                    Some(at) => format!("_:z{}", numbers[at]),
                    None => word.to_owned(),
                })
                .collect();
            words.join(" ") + "\n"
        })
        .collect();
    random.shuffle(&mut lines);
    lines.concat()
}

#[test]
fn names_and_order_do_not_matter() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/documents.json");
    let mut random = Random(5);
    let mut graphs = 0;
    for entry in json(&path)["documents"].as_array().unwrap() {
        let Ok(text) = processor.canonicalize(&entry["document"], &ExpandOptions::lax()) else { continue };
        // Literals with spaces would be taken apart by `disguise`.
        if !text.contains("_:c14n1") || text.contains("\"_:") {
            continue;
        }
        graphs += 1;
        for _ in 0..20 {
            assert_eq!(canonical(&disguise(&text, &mut random)), text, "{}", entry["name"]);
        }
    }
    assert!(graphs > 20, "{graphs}");
}

/// Small random graphs are full of symmetry.
#[test]
fn random_graphs_have_one_form() {
    let mut random = Random(11);
    for _ in 0..400 {
        let (nodes, edges) = (2 + random.below(5), 2 + random.below(9));
        let mut text = String::new();
        for _ in 0..edges {
            let (s, p, o) = (random.below(nodes), random.below(2), random.below(nodes));
            let graph =
                if random.below(4) == 0 { format!(" _:n{}", random.below(nodes)) } else { String::new() };
            writeln!(text, "_:n{s} <urn:p{p}> _:n{o}{graph} .").unwrap();
        }
        let expected = canonical(&text);
        for _ in 0..5 {
            assert_eq!(canonical(&disguise(&text, &mut random)), expected, "{text}");
        }
        assert_eq!(canonical(&expected), expected, "{text}");
    }
}

/// Presentation-shaped data sets as rdf-canonize labels them: 2 to 5 credentials of one shape, each in a graph of its
/// own. That is where lists of related nodes and sets of them part.
#[test]
fn presentations_are_labelled_as_by_the_references() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let vectors = json(&folder.join("presentations.json"));
    let mut checked = 0;
    for pair in vectors.as_array().unwrap() {
        assert_eq!(canonical(pair["input"].as_str().unwrap()), pair["canonical"].as_str().unwrap());
        checked += 1;
    }
    assert!(checked >= 40);
}

/// Every node related to every other: n! permutations.
fn complete(nodes: usize) -> String {
    let mut text = String::new();
    for a in 0..nodes {
        for b in 0..nodes {
            if a != b {
                writeln!(text, "_:n{a} <urn:p> _:n{b} .").unwrap();
            }
        }
    }
    text
}

#[test]
fn costly_graphs_are_refused_and_cheap_ones_are_not() {
    for nodes in [9, 10, 12, 20] {
        let outcome = canonicalize_dataset(&nquads(&complete(nodes)), WorkLimit::default());
        assert!(matches!(outcome, Err(Error::WorkLimit(_))), "{nodes} nodes");
    }
    canonical(&complete(4));
    // A list of a thousand, and a hundred like nodes that hang on one.
    let mut list = String::new();
    let mut star = String::new();
    for at in 0..1000 {
        writeln!(list, "_:l{at} <urn:first> \"{at}\" .\n_:l{at} <urn:rest> _:l{} .", at + 1).unwrap();
        writeln!(star, "_:s{at} <urn:name> \"{at}\" .\n_:hub <urn:has> _:s{at} .").unwrap();
    }
    canonical(&list);
    canonical(&star);
    // Long chains of nodes that are told apart by their distance to the end only: no stack is used up.
    let mut chain = String::new();
    for at in 0..20_000 {
        writeln!(chain, "_:l{at} <urn:rest> _:l{} .", at + 1).unwrap();
    }
    let run = move || canonicalize_dataset(&nquads(&chain), WorkLimit::default());
    let outcome = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    assert!(matches!(outcome, Err(Error::WorkLimit(_))));
    let none = WorkLimit { steps: 0, per_quad: 0 };
    assert!(matches!(canonicalize_dataset(&nquads("_:a <urn:p> _:b ."), none), Err(Error::WorkLimit(_))));
}

#[test]
fn labels_in_literals_are_left_alone() {
    let text = "_:x <urn:p> \"_:x urn:bnid:_:c14n7\" .\n";
    let canonical = canonicalize_dataset(&nquads(text), WorkLimit::default()).unwrap();
    assert_eq!(canonical.nquads, "_:c14n0 <urn:p> \"_:x urn:bnid:_:c14n7\" .\n");
    assert_eq!(canonical.labels.get("x").map(String::as_str), Some("c14n0"));
}

/// A presentation of many like credentials stays within the limit.
#[test]
fn many_like_credentials_are_within_the_limit() {
    let processor = Processor::new(Arc::new(Documents::bundled()));
    let one = serde_json::json!({
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"],
        "type": ["VerifiableCredential", "PermanentResidentCard"],
        "issuer": "did:example:issuer",
        "issuanceDate": "2024-01-01T00:00:00Z",
        "credentialSubject": {"type": "PermanentResident", "givenName": "A"},
    });
    let presentation = |count: usize| {
        let credentials: Vec<Value> = (0..count)
            .map(|at| {
                let mut one = one.clone();
                one["credentialSubject"]["givenName"] = Value::from(format!("name {at}"));
                one
            })
            .collect();
        serde_json::json!({
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": "VerifiablePresentation",
            "verifiableCredential": credentials,
        })
    };
    for count in [2, 3, 5, 30] {
        processor.canonicalize(&presentation(count), &ExpandOptions::default()).unwrap();
    }
}
