//! `did:peer:1`: the hash of a document that was received by other means. Resolved, never made.

use serde_json::Value;

use crate::methods::{is_sha256_multihash, visit_methods};
use crate::{DidDocument, DidError};

/// Whether the text has the form `did:peer:1zQm…`.
pub fn check(did: &str) -> Result<(), DidError> {
    match did.strip_prefix("did:peer:1") {
        Some(hash) if is_sha256_multihash(hash) => Ok(()),
        _ => Err(DidError::malformed(did, "peer:1", "not zQm and 44 base58 characters")),
    }
}

/// The stored document of `did`, with relative ids and the controller `#id` made absolute. As in ACA-Py the
/// hash is not checked: its input is the variant of the document that was first stored.
pub fn document(did: &str, stored: Value) -> Result<DidDocument, DidError> {
    check(did)?;
    let Value::Object(mut document) = stored else {
        return Err(DidError::Document("not a JSON object".into()));
    };
    visit_methods(&mut document, |method| {
        if method.get("controller").and_then(Value::as_str) == Some("#id") {
            method.insert("controller".into(), did.into());
        }
        absolute_id(did, method);
    });
    let services = document.get_mut("service").and_then(Value::as_array_mut).into_iter().flatten();
    for service in services.filter_map(Value::as_object_mut) {
        absolute_id(did, service);
    }
    document.entry("id").or_insert_with(|| did.into());
    DidDocument::from_json(Value::Object(document))
}

/// temporary
pub fn fits(_did: &str, _received: &[u8]) -> bool {
    false
}

fn absolute_id(did: &str, resource: &mut serde_json::Map<String, Value>) {
    if let Some(Value::String(id)) = resource.get_mut("id")
        && id.starts_with('#')
    {
        id.insert_str(0, did);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_become_absolute() {
        let did = "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuwa";
        let stored = json!({
            "verificationMethod": [{"id": "#6MkqRYqQ", "type": "Multikey", "controller": "#id"}],
            "service": [{"id": "#didcomm", "type": "x"}],
        });
        let document = document(did, stored).unwrap();
        assert_eq!(document.id(), did);
        let method = document.verification_method("#6MkqRYqQ").unwrap();
        assert_eq!(
            (method.id.as_str(), method.controller.as_str()),
            (format!("{did}#6MkqRYqQ").as_str(), did)
        );
        assert_eq!(document.as_json()["service"][0]["id"], format!("{did}#didcomm"));
        assert!(check("did:peer:1zQmshort").is_err());
    }
}
