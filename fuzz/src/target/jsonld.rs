//! JSON-LD: every credential and presentation, and contexts from anywhere.

use std::sync::{Arc, LazyLock};

use chancery_jsonld::{Documents, Error, ExpandOptions, Processor, RdfDirection, canonicalize_dataset};
use serde_json::Value;

/// Keywords, and contexts and terms that are bundled.
pub const WORDS: &[&str] = &[
    "@context",
    "@id",
    "@type",
    "@value",
    "@language",
    "@direction",
    "@index",
    "@list",
    "@set",
    "@graph",
    "@included",
    "@reverse",
    "@nest",
    "@none",
    "@json",
    "@vocab",
    "@base",
    "@container",
    "@propagate",
    "@protected",
    "@import",
    "@prefix",
    "@version",
    "@default",
    "ltr",
    "rtl",
    "en",
    "de-AT",
    "_:b0",
    "_:b1",
    "urn:a",
    "urn:b",
    "a",
    "b",
    "a:b",
    "",
    "./x",
    "http://example.org/",
    "http://www.w3.org/2001/XMLSchema#integer",
    "http://www.w3.org/2001/XMLSchema#double",
    "https://www.w3.org/2018/credentials/v1",
    "https://www.w3.org/ns/credentials/v2",
    "https://w3id.org/security/v2",
    "https://w3id.org/citizenship/v1",
    "https://www.w3.org/2018/credentials/examples/v1",
    "https://www.w3.org/ns/odrl.jsonld",
    "VerifiableCredential",
    "PermanentResidentCard",
    "id",
    "type",
    "issuer",
    "credentialSubject",
    "proof",
    "issuanceDate",
    "2024-01-01T00:00:00Z",
];

static DOCUMENTS: LazyLock<Arc<Documents>> = LazyLock::new(|| Arc::new(Documents::bundled()));
static WARM: LazyLock<Processor> = LazyLock::new(|| Processor::new(Arc::clone(&DOCUMENTS)));

/// One document.
pub fn run(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else { return };
    let safe = ExpandOptions::default();
    let signed = both(&document, &safe);
    let lax = both(&document, &ExpandOptions::lax());
    if let Ok(signed) = &signed {
        assert_eq!(Some(signed), lax.as_ref().ok(), "safe mode changes nothing that it lets pass");
        expanded_says_the_same(&document, signed);
    }
    order_does_not_matter(&document, &signed, &safe);
    order_does_not_matter(&document, &lax, &ExpandOptions::lax());
    let elsewhere = ExpandOptions {
        base: Some("https://example.org/a/b?c".into()),
        rdf_direction: Some(match data.len() % 2 {
            0 => RdfDirection::I18nDatatype,
            _ => RdfDirection::CompoundLiteral,
        }),
        ..ExpandOptions::lax()
    };
    drop(both(&document, &elsewhere));
    drop(same(|processor| processor.undefined_terms(&document)));
    drop(same(|processor| processor.expanded_types(&document)));
    drop(same(|processor| processor.expand(&document, &ExpandOptions::lax())));
}

/// The canonical N-Quads, which may not depend on what was processed before.
fn both(document: &Value, options: &ExpandOptions) -> Result<String, Error> {
    let canonical = same(|processor| processor.canonicalize(document, options));
    if canonical.is_ok() {
        let dataset = WARM.to_rdf(document, options).expect("what is canonicalized is RDF");
        let by_steps = canonicalize_dataset(&dataset, options.work_limit).map(|canonical| canonical.nquads);
        assert_eq!(by_steps, canonical);
    }
    canonical
}

/// The answer of a new processor, and of one that has seen much, twice.
fn same<T: PartialEq + std::fmt::Debug>(ask: impl Fn(&Processor) -> Result<T, Error>) -> Result<T, Error> {
    let cold = ask(&Processor::new(Arc::clone(&DOCUMENTS)));
    for _ in 0..2 {
        let warm = ask(&WARM);
        // A context that is compiled already takes no work.
        if !matches!(cold, Err(Error::WorkLimit(_))) {
            assert_eq!(warm, cold);
        }
    }
    cold
}

fn order_does_not_matter(document: &Value, before: &Result<String, Error>, options: &ExpandOptions) {
    let after = Processor::new(Arc::clone(&DOCUMENTS)).canonicalize(&reversed(document), options);
    match (before, &after) {
        (Err(Error::WorkLimit(_)), _) | (_, Err(Error::WorkLimit(_))) | (Err(_), Err(_)) => {}
        _ => assert_eq!(before, &after, "the order of members"),
    }
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect())
        }
        other => other.clone(),
    }
}

fn expanded_says_the_same(document: &Value, signed: &str) {
    let expanded = WARM.expand(document, &ExpandOptions::default()).expect("what is canonicalized expands");
    let again = Processor::new(Arc::clone(&DOCUMENTS)).canonicalize(&expanded, &ExpandOptions::lax());
    if !matches!(again, Err(Error::WorkLimit(_))) {
        assert_eq!(again.as_deref(), Ok(signed), "{expanded}");
    }
}
