//! `cargo bench -p chancery-jsonld`: microseconds from document to the hash that is signed. Prints, never fails: figures
//! depend on the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use chancery_jsonld::{Documents, ExpandOptions, Processor, WorkLimit, canonicalize_dataset};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// 12 claims on VCDM 1.1, citizenship and Ed25519Signature2020.
fn credential_a() -> Value {
    json!({
        "@context": [
            "https://www.w3.org/2018/credentials/v1",
            "https://w3id.org/citizenship/v1",
            "https://w3id.org/security/suites/ed25519-2020/v1"
        ],
        "id": "https://issuer.example/credentials/83627465",
        "type": ["VerifiableCredential", "PermanentResidentCard"],
        "issuer": "did:key:z6MkjRagNiMu91DduvCvgEsqLZDVzrJzFrwahc4tXLt9DoHd",
        "identifier": "83627465",
        "name": "Permanent Resident Card",
        "description": "Government of Example Permanent Resident Card.",
        "issuanceDate": "2019-12-03T12:19:52Z",
        "expirationDate": "2029-12-03T12:19:52Z",
        "credentialSubject": {
            "id": "did:example:b34ca6cd37bbf23",
            "type": ["PermanentResident", "Person"],
            "givenName": "JOHN",
            "familyName": "SMITH",
            "gender": "Male",
            "image": "data:image/png;base64,iVBORw0KGgokJggg==",
            "residentSince": "2015-01-01",
            "lprCategory": "C09",
            "lprNumber": "999-999-999",
            "commuterClassification": "C1",
            "birthCountry": "Bahamas",
            "birthDate": "1958-07-17"
        }
    })
}

/// 12 claims on VCDM 2.0 with `@vocab`.
fn credential_b() -> Value {
    let mut subject = json!({"id": "did:example:b34ca6cd37bbf23"});
    for at in 0..12 {
        subject[format!("claim{at}")] = json!(format!("value {at}"));
    }
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", {"@vocab": "https://issuer.example/vocab#"}],
        "id": "https://issuer.example/credentials/83627465",
        "type": ["VerifiableCredential"],
        "issuer": "did:key:z6MkjRagNiMu91DduvCvgEsqLZDVzrJzFrwahc4tXLt9DoHd",
        "validFrom": "2019-12-03T12:19:52Z",
        "credentialSubject": subject
    })
}

fn proof_options() -> Value {
    json!({
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/security/suites/ed25519-2020/v1"],
        "type": "Ed25519Signature2020",
        "created": "2024-01-01T00:00:00Z",
        "proofPurpose": "assertionMethod",
        "verificationMethod": "did:key:z6MkjRagNiMu91DduvCvgEsqLZDVzrJzFrwahc4tXLt9DoHd#key-1"
    })
}

fn measure(name: &str, mut run: impl FnMut()) {
    for _ in 0..200 {
        run();
    }
    let mut medians: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..200 {
                run();
            }
            start.elapsed().as_secs_f64() * 1e6 / 200.0
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    println!("{name:<44} {:>9.1} us", medians[15]);
}

fn main() {
    let documents = Arc::new(Documents::bundled());
    let processor = Processor::new(Arc::clone(&documents));
    let options = ExpandOptions::default();
    for (name, document) in [("A", credential_a()), ("B", credential_b()), ("proof options", proof_options())]
    {
        measure(&format!("{name}: document to SHA-256"), || {
            let text = processor.canonicalize(&document, &options).unwrap();
            black_box(Sha256::digest(text));
        });
        measure(&format!("{name}: document to expanded JSON"), || {
            black_box(processor.expand(&document, &options).unwrap());
        });
        measure(&format!("{name}: document to data set"), || {
            black_box(processor.to_rdf(&document, &options).unwrap());
        });
        let dataset = processor.to_rdf(&document, &options).unwrap();
        measure(&format!("{name}: RDFC-1.0"), || {
            black_box(canonicalize_dataset(&dataset, WorkLimit::default()).unwrap());
        });
        let start = Instant::now();
        for _ in 0..20 {
            let cold = Processor::new(Arc::clone(&documents));
            black_box(cold.canonicalize(&document, &options).unwrap());
        }
        println!(
            "{:<44} {:>9.1} us",
            format!("{name}: nothing cached"),
            start.elapsed().as_secs_f64() * 1e6 / 20.0
        );
    }
    let mut at = 0;
    measure("B with an inline context never seen before", || {
        at += 1;
        let mut document = credential_b();
        document["@context"][1] = json!({"@vocab": format!("https://issuer.example/vocab/{at}#")});
        black_box(processor.canonicalize(&document, &options).unwrap());
    });
    for count in [2, 5] {
        let mut one = credential_a();
        one["proof"] = proof_options();
        one["proof"]["proofValue"] = json!(
            "z58DAdFfa9SkqZMVPxAQpic7ndSayn1PzZs6ZjWp1CktyGesjuTSwRdoWhAfGFCF5bppETSTojQCrfFPP2oumHKtz"
        );
        one["proof"].as_object_mut().unwrap().remove("@context");
        let presentation = json!({
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiablePresentation"],
            "verifiableCredential": vec![one; count]
        });
        measure(&format!("presentation of {count}: document to SHA-256"), || {
            let text = processor.canonicalize(&presentation, &options).unwrap();
            black_box(Sha256::digest(text));
        });
    }
}
