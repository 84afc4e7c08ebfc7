use serde_json::Value;

use super::{Resolve, resolve};
use crate::testing::{World, now};
use crate::unit::Kind;

#[test]
fn golden_documents_and_refusals() {
    let golden: Value = serde_json::from_str(include_str!("../../testdata/resolver.json")).unwrap();
    let world = World::new(&["agent"], Vec::new);
    let party = world.party("agent");
    for (did, expected) in golden.as_object().unwrap() {
        let answer = now(resolve(&party.agent, &party.tenant, Resolve { did: did.clone() }));
        match expected["status"].as_u64().unwrap() {
            200 => {
                let answer = answer.unwrap();
                let text = |v: &Value| v.to_string();
                assert_eq!(
                    text(&answer["did_document"]),
                    text(&expected["response"]["did_document"]),
                    "{did}"
                );
                assert_eq!(answer["metadata"]["resolver"], expected["response"]["metadata"]["resolver"]);
                let names = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
                assert_eq!(names(&answer["metadata"]), names(&expected["response"]["metadata"]));
                assert_eq!(answer["metadata"]["retrieved_time"], "2026-01-02T03:04:05Z");
            }
            // The test's network answers 404 where ACA-Py's had no network at all.
            500 => assert_eq!(answer.unwrap_err().kind, Kind::NotFound),
            501 => {
                let error = answer.unwrap_err();
                assert_eq!(error.kind, Kind::NotSupported);
                assert_eq!(format!("501: {}", error.message), expected["response"]);
            }
            422 => assert_eq!(answer.unwrap_err().kind, Kind::Unprocessable),
            other => panic!("status {other}"),
        }
    }
}

#[test]
fn a_did_web_document_that_names_a_member_twice_is_refused() {
    let world = World::new(&["agent"], Vec::new);
    let party = world.party("agent");
    let did = "did:web:issuer.example";
    let ask = || now(resolve(&party.agent, &party.tenant, Resolve { did: did.into() }));
    let url = "https://issuer.example/.well-known/did.json";
    party.publish(url, format!(r#"{{"id": "{did}", "service": []}}"#).as_bytes());
    assert!(ask().is_ok());
    party.publish(url, format!(r#"{{"id": "did:web:other.example", "id": "{did}"}}"#).as_bytes());
    let error = ask().unwrap_err();
    assert_eq!(error.code, "did-document-invalid");
    assert!(error.message.contains(r#"the member "id" is named twice"#), "{}", error.message);
}
