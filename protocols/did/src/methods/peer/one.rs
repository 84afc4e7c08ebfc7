//! `did:peer:1`: the hash of a document that was received by other means. Resolved, never made.

use serde_json::Value;

use crate::json::from_slice_strict;
use crate::methods::{Properties, is_sha256_multihash, sha256_multihash, visit_methods};
use crate::{DidDocument, DidError};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "did:peer:1",
    resolver: "DIDResolver",
    immutable: false,
    stored: Some(document),
    creatable: None,
    rotatable: false,
    understands: Some("did:peer:4"),
};

/// Whether the text has the form `did:peer:1zQm…`.
pub fn check(did: &str) -> Result<(), DidError> {
    match did.strip_prefix("did:peer:1") {
        Some(hash) if is_sha256_multihash(hash) => Ok(()),
        _ => Err(DidError::malformed(did, "peer:1", "not zQm and 44 base58 characters")),
    }
}

/// Whether the document, as it was received, is the one whose hash `did` is: as these bytes, or as compact JSON in the same
/// order, either with or without its top-level `id`.
///
/// The specification hashes the "genesis version" without saying how that is written, or whether the `id`, which can't be in
/// it, is then absent or something else. Credo hashes what `JSON.stringify` makes of the document without `id`. Each
/// reading is as hard to find a second document for. A document that is named as another DID's never fits.
pub fn fits(did: &str, received: &[u8]) -> bool {
    let Some(hash) = did.strip_prefix("did:peer:1").filter(|_| check(did).is_ok()) else { return false };
    let Ok(Value::Object(mut document)) = from_slice_strict(received) else { return false };
    if !may_be_named(did, document.get("id")) {
        return false;
    }
    let is = |bytes: &[u8]| sha256_multihash(bytes) == hash;
    if is(received) || without_id(received).is_some_and(|bytes| is(&bytes)) {
        return true;
    }
    let whole = serde_json::to_vec(&document).is_ok_and(|bytes| is(&bytes));
    whole
        || (document.shift_remove("id").is_some()
            && serde_json::to_vec(&document).is_ok_and(|bytes| is(&bytes)))
}

/// Whether the document of `did` may have this `id`: its own, none, or a placeholder that is no DID.
fn may_be_named(did: &str, id: Option<&Value>) -> bool {
    match id {
        None => true,
        Some(Value::String(id)) => id == did || !id.starts_with("did:"),
        Some(_) => false,
    }
}

/// The text of an object without its member `id`, and without the comma and blanks between that and the next member (behind
/// the last one: those before). The text is known to be JSON. `None`: there is no such member.
fn without_id(object: &[u8]) -> Option<Vec<u8>> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    // Where the members of the outermost object begin and the commas between them stand.
    let (mut starts, mut commas, mut end) = (Vec::new(), Vec::new(), object.len());
    let mut expects_name = false;
    for (at, byte) in object.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                in_string = true;
                if std::mem::take(&mut expects_name) {
                    starts.push(at);
                }
            }
            b'{' | b'[' => {
                depth += 1;
                expects_name = depth == 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    end = at;
                }
            }
            b',' if depth == 1 => {
                commas.push(at);
                expects_name = true;
            }
            _ => {}
        }
    }
    let index =
        starts.iter().position(|start| object.get(*start..).is_some_and(|at| at.starts_with(b"\"id\"")))?;
    let (from, to) = match (starts.get(index + 1), index.checked_sub(1).and_then(|before| commas.get(before)))
    {
        (Some(next), _) => (starts.get(index)?, next),
        (None, Some(comma)) => (comma, &end),
        (None, None) => (starts.get(index)?, &end),
    };
    Some([object.get(..*from)?, object.get(*to..)?].concat())
}

/// The stored document of `did`, with relative ids and the controller `#id` made absolute. Its hash was checked when it was
/// received ([`fits`]): what is stored may be written otherwise. One that is named as another DID's is refused; a
/// placeholder in place of the `id` becomes `did`.
pub fn document(did: &str, stored: Value) -> Result<DidDocument, DidError> {
    check(did)?;
    let Value::Object(mut document) = stored else {
        return Err(DidError::Document("not a JSON object".into()));
    };
    if !may_be_named(did, document.get("id")) {
        let found = document.get("id").map(Value::to_string).unwrap_or_default();
        return Err(DidError::WrongDocument { expected: did.to_owned(), found });
    }
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
    document.insert("id".into(), did.into());
    DidDocument::from_json(Value::Object(document))
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

    /// Made by Credo-TS: `packages/core/src/modules/dids/methods/peer/__tests__/__fixtures__/didPeer1zQmR.json` of 0.5.19 and
    /// `…/dids/__tests__/__fixtures__/didPeer1zQmY.json`, which its tests compare with `didDocumentJsonToNumAlgo1Did`.
    const CREDO: [(&str, &str); 2] = [
        (
            "did:peer:1zQmXv3d2vqC2Q9JrnrFqqj5h8vzcNAumL1UZbb1TGh58j2c",
            include_str!("../../../tests/vectors/did-peer-1-credo-a.json"),
        ),
        (
            "did:peer:1zQmfUsTQProCfdpDrNbHsKoJEwKWpUKn2bqK63f4e9K3cko",
            include_str!("../../../tests/vectors/did-peer-1-credo-b.json"),
        ),
    ];

    #[test]
    fn a_document_of_credo_fits_its_did_and_no_other_does() {
        for (did, text) in CREDO {
            let value: Value = serde_json::from_str(text).unwrap();
            let mut bare = value.clone();
            bare.as_object_mut().unwrap().shift_remove("id").unwrap();
            // Compact with and without `id` as Credo sends it; pretty; as Python's json.dumps.
            for fitting in [
                value.to_string(),
                bare.to_string(),
                text.to_owned(),
                crate::json::to_python_json(&value),
                crate::json::to_python_json(&bare),
            ] {
                assert!(fits(did, fitting.as_bytes()), "{fitting}");
            }
            let mut changed = value.clone();
            changed["service"][0]["serviceEndpoint"] = "https://attacker.example".into();
            let mut more = value.clone();
            more["alsoKnownAs"] = json!(["did:web:a.com"]);
            let mut reordered = value.clone();
            let context = reordered.as_object_mut().unwrap().shift_remove("@context").unwrap();
            reordered["@context"] = context;
            for other in [changed, more, reordered, json!({}), json!([])] {
                assert!(!fits(did, other.to_string().as_bytes()), "{other}");
            }
            let twice = value.to_string().replacen('{', r#"{"service":[],"#, 1);
            assert!(!fits(did, twice.as_bytes()));
            assert!(!fits(CREDO.iter().find(|(other, _)| *other != did).unwrap().0, text.as_bytes()));
        }
    }

    #[test]
    fn a_document_named_as_another_dids_never_fits_and_is_not_resolved() {
        let (did, text) = CREDO[0];
        for name in ["did:web:victim.example", CREDO[1].0] {
            let renamed = text.replace(did, name);
            assert!(!fits(did, renamed.as_bytes()));
            assert!(matches!(
                document(did, serde_json::from_str(&renamed).unwrap()),
                Err(DidError::WrongDocument { .. })
            ));
            // Not even with the hash over that very name.
            let hashed = format!("did:peer:1{}", sha256_multihash(renamed.as_bytes()));
            assert!(!fits(&hashed, renamed.as_bytes()));
        }
    }

    #[test]
    fn the_bytes_received_are_hashed_with_and_without_id() {
        for (with, without) in [
            (
                r##"{"id": "x", "service": [{"id": "#s", "a": "},\"id\": {"}]}"##,
                r##"{"service": [{"id": "#s", "a": "},\"id\": {"}]}"##,
            ),
            (r##"{"service": [{"id": "#s"}], "id": "x"}"##, r##"{"service": [{"id": "#s"}]}"##),
            (r##"{"a": {"id": "y"}, "id": "x", "b": "\\"}"##, r##"{"a": {"id": "y"}, "b": "\\"}"##),
            (r##"{ "id": "x" }"##, "{ }"),
        ] {
            assert_eq!(without_id(with.as_bytes()).unwrap(), without.as_bytes());
            assert_eq!(without_id(without.as_bytes()), None);
            for hashed in [with, without] {
                let did = format!("did:peer:1{}", sha256_multihash(hashed.as_bytes()));
                assert!(fits(&did, with.as_bytes()), "{hashed}");
                assert_eq!(fits(&did, without.as_bytes()), hashed == without);
            }
        }
        // A placeholder does not outlive the hash.
        assert_eq!(document(CREDO[0].0, json!({"id": "placeholder"})).unwrap().id(), CREDO[0].0);
    }

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
