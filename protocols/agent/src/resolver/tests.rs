use async_trait::async_trait;
use chancery_did::{DidDocument, KeyType, SecretKey};
use serde_json::{Value, json};

use super::{Resolve, resolve};
use crate::testing::{World, now};
use crate::unit::{AgentError, Kind, Resolved, Resolver, Resolvers, Unit};

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

/// Resolves `did:toy`, whose DIDs are names of seeds.
struct Toy;

#[async_trait]
impl Resolver for Toy {
    fn method(&self) -> &str {
        "toy"
    }

    async fn resolve(&self, _unit: &mut Unit<'_>, did: &str) -> Result<Resolved, AgentError> {
        if did == "did:toy:nobody" {
            return Err(AgentError::not_found(format!("DID not found: {did}")));
        }
        let key = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap().public();
        let document = DidDocument::from_json(json!({
            "id": did,
            "verificationMethod": [{"id": format!("{did}#1"), "type": "Multikey", "controller": did,
                "publicKeyMultibase": key.multikey()}],
            "assertionMethod": [format!("{did}#1")],
        }));
        Ok(Resolved { document: document.unwrap(), resolver: "ToyDIDResolver" })
    }
}

#[test]
fn a_method_resolves_by_the_resolver_that_the_agent_is_made_with() {
    let world = World::made(&["toy", "plain"], Vec::new, |name, _, lists| {
        if name == "toy" {
            lists.resolvers = Resolvers::new(vec![Box::new(Toy)]);
        }
    });
    let ask = |name: &str, did: &str| {
        let party = world.party(name);
        now(resolve(&party.agent, &party.tenant, Resolve { did: did.into() }))
    };
    let answer = ask("toy", "did:toy:somebody").unwrap();
    assert_eq!(answer["did_document"]["id"], "did:toy:somebody");
    assert_eq!(answer["metadata"]["resolver"], "ToyDIDResolver");
    assert_eq!(ask("toy", "did:toy:nobody").unwrap_err().kind, Kind::NotFound);
    assert_eq!(ask("plain", "did:toy:somebody").unwrap_err().kind, Kind::NotSupported);
    // did:web is one of the list, like any other.
    assert_eq!(ask("toy", "did:web:a.example").unwrap_err().kind, Kind::NotSupported);
    assert_eq!(ask("plain", "did:web:a.example").unwrap_err().kind, Kind::NotFound);

    let is_remote = |name: &str, did: &str| {
        let party = world.party(name);
        party.agent.unit(&party.tenant).is_remote(did)
    };
    assert!(is_remote("toy", "did:toy:somebody") && !is_remote("plain", "did:toy:somebody"));
    let key = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap().public();
    assert!(!is_remote("toy", &key.did_key()) && is_remote("plain", "did:web:a.example"));
}
