//! Ordinary credentials, from document to canonical N-Quads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use chancery_jsonld::{Documents, Dropped, Error, ExpandOptions, Processor};
use serde_json::json;

fn processor() -> Processor {
    Processor::new(Arc::new(Documents::bundled()))
}

#[test]
fn an_ordinary_credential_has_canonical_quads() {
    let credential = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"],
        "id": "urn:uuid:1",
        "type": ["VerifiableCredential", "PermanentResidentCard"],
        "issuer": "did:example:issuer",
        "issuanceDate": "2024-01-01T00:00:00Z",
        "credentialSubject": {"type": "PermanentResident", "givenName": "A\"B", "birthDate": "1990-01-01"},
    });
    let text = processor().canonicalize(&credential, &ExpandOptions::default()).unwrap();
    assert_eq!(
        text,
        concat!(
            "<urn:uuid:1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://w3id.org/citizenship#PermanentResidentCard> .\n",
            "<urn:uuid:1> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://www.w3.org/2018/credentials#VerifiableCredential> .\n",
            "<urn:uuid:1> <https://www.w3.org/2018/credentials#credentialSubject> _:c14n0 .\n",
            "<urn:uuid:1> <https://www.w3.org/2018/credentials#issuanceDate> \"2024-01-01T00:00:00Z\"^^<http://www.w3.org/2001/XMLSchema#dateTime> .\n",
            "<urn:uuid:1> <https://www.w3.org/2018/credentials#issuer> <did:example:issuer> .\n",
            "_:c14n0 <http://schema.org/birthDate> \"1990-01-01\"^^<http://www.w3.org/2001/XMLSchema#dateTime> .\n",
            "_:c14n0 <http://schema.org/givenName> \"A\\\"B\" .\n",
            "_:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://w3id.org/citizenship#PermanentResident> .\n",
        )
    );
}

#[test]
fn undefined_properties_are_named_with_their_place() {
    let credential = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "type": ["VerifiableCredential"],
        "issuer": "did:example:issuer",
        "extra": 1,
        "credentialSubject": [{"id": "did:example:s"}, {"id": "did:example:t", "name": "x"}],
    });
    assert_eq!(processor().undefined_terms(&credential).unwrap(), ["extra", "credentialSubject[1].name"]);
    let error = processor().canonicalize(&credential, &ExpandOptions::default()).unwrap_err();
    assert_eq!(
        error,
        Error::Unsafe { what: Dropped::UndefinedProperty("extra".into()), pointer: "/extra".into() }
    );
}
