//! Protected terms, scopes, propagation; strings, languages and numbers as they are signed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use chancery_jsonld::{Documents, Dropped, Error, ErrorCode, ExpandOptions, MAX_DEPTH, Processor};
use serde_json::{Value, json};

const V1: &str = "https://www.w3.org/2018/credentials/v1";
const V2: &str = "https://www.w3.org/ns/credentials/v2";

fn processor() -> Processor {
    Processor::new(Arc::new(Documents::bundled()))
}

fn safe(document: &Value) -> Result<String, Error> {
    processor().canonicalize(document, &ExpandOptions::default())
}

fn code(document: &Value) -> ErrorCode {
    match safe(document).unwrap_err() {
        Error::JsonLd { code, .. } => code,
        other => panic!("{other}"),
    }
}

/// The lexical part of the one claim.
fn claim(value: Value) -> Result<String, Error> {
    let document = json!({"@context": {"claim": "urn:claim"}, "@id": "urn:s", "claim": value});
    let text = safe(&document)?;
    Ok(text.strip_prefix("<urn:s> <urn:claim> ").unwrap().strip_suffix(" .\n").unwrap().to_owned())
}

#[test]
fn protected_terms_stay_what_they_are() {
    for context in [
        json!([V1, {"proof": "urn:other"}]),
        json!([V1, {"proof": null}]),
        json!([V1, {"VerifiableCredential": "urn:other"}]),
        json!([V2, {"name": {"@id": "urn:other"}}]),
        json!([V2, {"@protected": true, "id": "@type"}]),
    ] {
        let document =
            json!({"@context": context, "type": "VerifiableCredential", "issuer": "did:example:i"});
        assert!(
            matches!(code(&document), ErrorCode::ProtectedTermRedefinition | ErrorCode::KeywordRedefinition),
            "{context}"
        );
    }
    // `issuer` is scoped to the type, which has the last word.
    for other in [json!("urn:other"), json!(null)] {
        let document = json!({"@context": [V1, {"issuer": other}], "type": "VerifiableCredential", "issuer": "did:example:i"});
        assert!(
            safe(&document).unwrap().contains("<https://www.w3.org/2018/credentials#issuer> <did:example:i>")
        );
    }
    // A redefinition that is ignored (the form of a keyword) must not lift the protection either.
    let document = json!({
        "@context": [V2, {"@vocab": "urn:v:", "issuer": {"@id": "@foo"}, "name": "@bar"}],
        "type": "VerifiableCredential",
        "issuer": "did:example:i",
        "name": "n",
    });
    let text = safe(&document).unwrap();
    assert!(text.contains("<https://www.w3.org/2018/credentials#issuer> <did:example:i>"), "{text}");
    assert!(text.contains("<https://schema.org/name> \"n\""), "{text}");
    // The same definition again is no redefinition.
    safe(&json!({"@context": [V1, V1], "type": "VerifiableCredential", "issuer": "did:example:i"})).unwrap();
}

#[test]
fn protected_contexts_are_not_nullified() {
    for document in [
        json!({"@context": [V1, null], "@type": "urn:T"}),
        json!({"@context": V1, "type": "VerifiableCredential", "credentialSubject": {"@context": null, "@id": "urn:x"}}),
    ] {
        assert_eq!(code(&document), ErrorCode::InvalidContextNullification, "{document}");
    }
}

#[test]
fn a_property_scope_may_override_protected_terms() {
    let document = json!({
        "@context": [V2, {"p": {"@id": "urn:p", "@context": {"name": "urn:name"}}}],
        "id": "urn:s",
        "p": {"id": "urn:o", "name": "x"},
    });
    assert_eq!(safe(&document).unwrap(), "<urn:o> <urn:name> \"x\" .\n<urn:s> <urn:p> <urn:o> .\n");
    // For a scalar, too: its language comes from the scope.
    let document = json!({
        "@context": [V2, {"p": {"@id": "urn:p", "@context": {"name": "urn:name", "@language": "fr"}}}],
        "id": "urn:s",
        "p": "salut",
    });
    assert_eq!(safe(&document).unwrap(), "<urn:s> <urn:p> \"salut\"@fr .\n");
}

#[test]
fn type_scopes_end_at_the_next_node_unless_propagated() {
    let document = |propagate: Value| {
        json!({
            "@context": {
                "Card": {"@id": "urn:Card", "@context": {"@propagate": propagate, "num": "urn:card:num"}},
                "inner": "urn:inner",
                "num": "urn:num",
            },
            "@id": "urn:a",
            "@type": "Card",
            "num": "1",
            "inner": {"@id": "urn:b", "num": "2"},
        })
    };
    assert!(safe(&document(json!(false))).unwrap().contains("<urn:b> <urn:num> \"2\""));
    assert!(safe(&document(json!(true))).unwrap().contains("<urn:b> <urn:card:num> \"2\""));
}

#[test]
fn a_nested_credential_brings_its_own_contexts() {
    let inner = |term: &str| {
        json!({"@context": [V1, {"foo": term}], "id": format!("{term}:c"), "type": "VerifiableCredential",
               "credentialSubject": {"id": "did:example:s", "foo": "x"}})
    };
    let document = json!({"@context": V1, "type": "VerifiablePresentation",
                          "verifiableCredential": [inner("urn:one"), inner("urn:two")]});
    let text = safe(&document).unwrap();
    assert!(text.contains("<did:example:s> <urn:one> \"x\" _:c14n"), "{text}");
    assert!(text.contains("<did:example:s> <urn:two> \"x\" _:c14n"), "{text}");
}

#[test]
fn strings_are_escaped_as_rdfc_says() {
    for (value, expected) in [
        ("", r#""""#),
        ("a\"b\\c", r#""a\"b\\c""#),
        ("tab\tnl\ncr\r", r#""tab\tnl\ncr\r""#),
        ("\u{8}\u{c}", r#""\b\f""#),
        ("\u{1}\u{7}\u{1f}\u{7f}", r#""\u0001\u0007\u001F\u007F""#),
        ("\u{80}\u{e9}\u{4e2d}\u{1f600}\u{2028}", "\"\u{80}\u{e9}\u{4e2d}\u{1f600}\u{2028}\""),
        ("2024-01-01", r#""2024-01-01""#),
    ] {
        assert_eq!(claim(json!(value)).unwrap(), expected);
    }
}

#[test]
fn languages_are_lower_case_and_checked() {
    assert_eq!(claim(json!({"@value": "x", "@language": "en-US"})).unwrap(), "\"x\"@en-us");
    assert_eq!(claim(json!({"@value": "x", "@language": "DE"})).unwrap(), "\"x\"@de");
    for tag in ["", "a b", "en_us", "@en", "123"] {
        let error = claim(json!({"@value": "x", "@language": tag})).unwrap_err();
        assert!(matches!(error, Error::Unsafe { what: Dropped::IllFormedLanguage(_), .. }), "{tag}: {error}");
    }
}

#[test]
fn numbers_are_told_apart_by_value() {
    for (text, expected) in [
        ("1", "\"1\"^^<http://www.w3.org/2001/XMLSchema#integer>"),
        ("1.0", "\"1\"^^<http://www.w3.org/2001/XMLSchema#integer>"),
        ("1e2", "\"100\"^^<http://www.w3.org/2001/XMLSchema#integer>"),
        ("-0.0", "\"0\"^^<http://www.w3.org/2001/XMLSchema#integer>"),
        ("0.5", "\"5.0E-1\"^^<http://www.w3.org/2001/XMLSchema#double>"),
        ("1e21", "\"1.0E21\"^^<http://www.w3.org/2001/XMLSchema#double>"),
        ("9007199254740993", "\"9007199254740993\"^^<http://www.w3.org/2001/XMLSchema#integer>"),
        ("true", "\"true\"^^<http://www.w3.org/2001/XMLSchema#boolean>"),
    ] {
        assert_eq!(claim(serde_json::from_str(text).unwrap()).unwrap(), expected, "{text}");
    }
}

#[test]
fn json_literals_are_canonical_json() {
    let value = json!({"@type": "@json", "@value": {"z": [1, 2.50, 1e21, null, true], "a": "\u{1}\n\"\u{e9}", "\u{fb33}": 1, "\u{1f600}": 2}});
    let expected = "\"{\\\"a\\\":\\\"\\\\u0001\\\\n\\\\\\\"\u{e9}\\\",\\\"z\\\":[1,2.5,1e+21,null,true],\\\"\u{1f600}\\\":2,\\\"\u{fb33}\\\":1}\"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>";
    assert_eq!(claim(value).unwrap(), expected);
}

#[test]
fn safe_mode_says_what_and_where() {
    let subject = |subject: Value| json!({"@context": [V1], "type": "VerifiableCredential", "credentialSubject": subject});
    let cases = [
        (json!({"nope": 1}), Dropped::UndefinedProperty("nope".into()), "/credentialSubject/nope"),
        (json!({"@foo": 1}), Dropped::ReservedKey("@foo".into()), "/credentialSubject/@foo"),
        (json!({"id": "me"}), Dropped::RelativeIri("me".into()), "/credentialSubject/id"),
        (json!({"type": "Me"}), Dropped::UndefinedType("Me".into()), "/credentialSubject/type"),
        (json!([{"a/b~": 1}]), Dropped::UndefinedProperty("a/b~".into()), "/credentialSubject/0/a~1b~0"),
    ];
    for (value, what, pointer) in cases {
        let error = safe(&subject(value)).unwrap_err();
        assert_eq!(error, Error::Unsafe { what, pointer: pointer.into() });
    }
    for document in [
        json!({"@context": {}, "@id": "urn:alone"}),
        json!({"@context": {"p": "urn:p"}, "@graph": ["x", {"p": 1}]}),
        json!({"@context": {"p": "urn:p"}, "@graph": [{"@id": "urn:alone"}, {"p": 1}]}),
        json!({"@context": {"p": {"@id": "urn:p", "@container": "@graph"}}, "@id": "urn:a", "p": "text"}),
        json!({"@context": {"p": {"@id": "urn:p", "@container": ["@graph", "@id"]}}, "@id": "urn:a", "p": {"urn:g": "text"}}),
    ] {
        let error = safe(&document).unwrap_err();
        assert!(
            matches!(error, Error::Unsafe { what: Dropped::FreeFloating | Dropped::ReservedKey(_), .. }),
            "{document} {error}"
        );
    }
}

#[test]
fn expanded_types_are_those_of_the_top_node() {
    let document = json!({
        "@context": [V1, "https://w3id.org/citizenship/v1"],
        "type": ["VerifiableCredential", "PermanentResidentCard"],
        "credentialSubject": {"type": "PermanentResident"},
    });
    assert_eq!(
        processor().expanded_types(&document).unwrap(),
        [
            "https://www.w3.org/2018/credentials#VerifiableCredential",
            "https://w3id.org/citizenship#PermanentResidentCard"
        ]
    );
}

#[test]
fn undefined_terms_are_listed_as_acapy_lists_them() {
    let document = json!({
        "@context": [V1, {"known": "urn:known", "list": "urn:list"}],
        "type": ["VerifiableCredential"],
        "nothing": null,
        "known": null,
        "credentialSubject": {
            "id": "did:example:s",
            "a": {"below": "is not listed"},
            "known": {"b": 1, "list": [{"c": 1}, "x", {"known": {"d": 1}}]},
        },
    });
    assert_eq!(
        processor().undefined_terms(&document).unwrap(),
        [
            "nothing",
            "known",
            "credentialSubject.a",
            "credentialSubject.known.b",
            "credentialSubject.known.list[0].c",
            "credentialSubject.known.list[2].known.d"
        ]
    );
    let presentation = json!({"@context": [V1], "verifiableCredential": [], "nope": 1});
    assert!(processor().undefined_terms(&presentation).unwrap().is_empty());
}

#[test]
fn hostile_nesting_ends_in_an_error() {
    // On a thread as small as those of a server's runtime.
    let run = || {
        let mut deep = json!("x");
        for _ in 0..2 * MAX_DEPTH {
            deep = json!({"urn:p": [deep]});
        }
        assert_eq!(safe(&deep).unwrap_err(), Error::TooDeep);
        let mut fine = json!("x");
        for _ in 0..MAX_DEPTH / 2 - 1 {
            fine = json!({"urn:p": [fine]});
        }
        safe(&fine).unwrap();
        let mut context = json!({});
        for _ in 0..2 * MAX_DEPTH {
            context = json!({"t": {"@id": "urn:t", "@context": context}});
        }
        assert_eq!(safe(&json!({"@context": context, "@id": "urn:a", "t": 1})).unwrap_err(), Error::TooDeep);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn contexts_that_include_each_other_end_in_an_error() {
    let documents = Arc::new(Documents::empty());
    for (at, next) in [("a", "b"), ("b", "a")] {
        documents.insert(
            format!("https://example.org/{at}"),
            json!({"@context": format!("https://example.org/{next}")}),
        );
    }
    // Each level names the next ten times: ten to the power of depth.
    for at in 0..12 {
        let scoped: serde_json::Map<String, Value> = (0..10)
            .map(|term| {
                (
                    format!("t{term}"),
                    json!({"@id": "urn:t", "@context": format!("https://example.org/n{}", at + 1)}),
                )
            })
            .collect();
        documents.insert(format!("https://example.org/n{at}"), json!({"@context": scoped}));
    }
    documents.insert("https://example.org/n12", json!({"@context": {}}));
    let processor = Processor::new(documents);
    let expand =
        |url: &str| processor.expand(&json!({"@context": url, "@id": "urn:a"}), &ExpandOptions::lax());
    let error = expand("https://example.org/a").unwrap_err();
    assert!(matches!(error, Error::JsonLd { code: ErrorCode::ContextOverflow, .. }), "{error}");
    assert_eq!(expand("https://example.org/n0").unwrap_err(), Error::WorkLimit("contexts"));
}
