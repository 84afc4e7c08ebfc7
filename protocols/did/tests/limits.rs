//! Documents whose lists are looked up in one another are bounded: half a megabyte of methods and half of references took
//! a minute.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use chancery_did::document::{MAX_ENTRIES, RELATIONSHIPS};
use chancery_did::methods::sov;
use chancery_did::{DidDocument, DidError};
use serde_json::{Value, json};

const NYM: &str = "WgWxqztrNooG92RXvxSTWv";

fn list(entries: usize) -> Vec<Value> {
    (0..entries).map(|n| json!({"id": format!("#{n}"), "type": "x"})).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, DidError>) -> bool {
    matches!(result, Err(DidError::Document(reason)) if reason.contains("at most 256"))
}

#[test]
fn long_lists_of_a_document_are_refused() {
    for name in ["verificationMethod", "service", "alsoKnownAs"].into_iter().chain(RELATIONSHIPS) {
        let document = |entries| json!({"id": "did:x:y", name: list(entries)});
        assert!(DidDocument::from_json(document(MAX_ENTRIES)).is_ok());
        assert!(refused(DidDocument::from_json(document(MAX_ENTRIES + 1))), "{name}");
        assert!(refused(DidDocument::parse(document(MAX_ENTRIES + 1).to_string().as_bytes())), "{name}");
    }
}

#[test]
fn long_lists_of_an_old_document_are_refused() {
    for name in ["publicKey", "verificationMethod", "service", "authentication"] {
        let document = |entries| json!({"id": NYM, name: list(entries)});
        assert!(sov::document(NYM, document(MAX_ENTRIES)).is_ok());
        assert!(refused(sov::document(NYM, document(MAX_ENTRIES + 1))), "{name}");
    }
}

#[test]
fn long_lists_of_a_service_are_refused() {
    let key = "did:key:z6MkonVVgtVbNHnAjMyGu7k1uHfPLp6Qvfs51u9cZHPiXT9A";
    for name in ["recipientKeys", "routingKeys"] {
        let document = |entries: usize| {
            let mut service = json!({"id": "#s", "type": "did-communication", "serviceEndpoint": "", "recipientKeys": [key]});
            service[name] = vec![key; entries].into();
            json!({"id": format!("did:sov:{NYM}"), "service": [service]})
        };
        let services = |entries| DidDocument::from_json(document(entries)).unwrap().didcomm_services();
        assert_eq!(services(MAX_ENTRIES).unwrap().len(), 1);
        assert!(refused(services(MAX_ENTRIES + 1)), "{name}");
        assert!(sov::corrected(document(MAX_ENTRIES)).is_ok());
        assert!(refused(sov::corrected(document(MAX_ENTRIES + 1))), "{name}");
    }
}
