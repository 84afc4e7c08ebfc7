//! `did:peer:4`: a whole document inside the DID (long form), and its hash (short form).

use serde_json::{Map, Value, json};

use crate::base58::{self, is_base58};
use crate::document::RELATIONSHIPS;
use crate::json::{from_slice_strict, to_python_json_compact};
use crate::key::{KeyType, PublicKey};
use crate::methods::{Chosen, Creatable, Properties, is_sha256_multihash, sha256_multihash, visit_methods};
use crate::{DidDocument, DidError};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "did:peer:4",
    resolver: "PeerDID4Resolver",
    immutable: true,
    stored: None,
    creatable: Some(Creatable { key_types: &[KeyType::Ed25519], chosen: Chosen::Never }),
    rotatable: false,
    understands: Some("did:peer:4"),
};

const PREFIX: &str = "did:peer:4";
/// Multicodec `json` as varint.
const JSON_CODEC: [u8; 2] = [0x80, 0x04];
/// Longest document, in bytes, that still fits a DID this agent reads.
const MAX_DOCUMENT: usize = 11_800;

/// Whether the text has the form of a long DID. Says nothing of its hash.
pub fn is_long(did: &str) -> bool {
    parts(did).is_some()
}

/// Whether the text has the form of a short DID, `did:peer:4zQm…`.
pub fn check_short(did: &str) -> Result<(), DidError> {
    match did.strip_prefix(PREFIX) {
        Some(hash) if is_sha256_multihash(hash) => Ok(()),
        _ => Err(DidError::malformed(did, "peer:4", "neither long nor short form")),
    }
}

/// The short form of a long DID.
pub fn short_form(long: &str) -> Result<&str, DidError> {
    match parts(long) {
        Some((short, ..)) => Ok(short),
        None => Err(DidError::malformed(long, "peer:4", "not a long form")),
    }
}

/// Short form, hash and encoded document.
fn parts(did: &str) -> Option<(&str, &str, &str)> {
    let (short, encoded) = did.rsplit_once(':')?;
    let hash = short.strip_prefix(PREFIX)?;
    (is_sha256_multihash(hash) && encoded.len() >= 7 && encoded.starts_with('z') && is_base58(encoded))
        .then_some((short, hash, encoded))
}

/// Build the long form from an input document: no `id`, resources with relative ids and a type.
pub fn build(document: &Value) -> Result<String, DidError> {
    check_input(document)?;
    let json = to_python_json_compact(document);
    if json.len() > MAX_DOCUMENT {
        return Err(DidError::Document(format!(
            "an input document for did:peer:4 may have {MAX_DOCUMENT} bytes, this has {}",
            json.len()
        )));
    }
    let mut bytes = JSON_CODEC.to_vec();
    bytes.extend_from_slice(json.as_bytes());
    let encoded = format!("z{}", base58::encode(&bytes));
    Ok(format!("{PREFIX}{}:{encoded}", sha256_multihash(encoded.as_bytes())))
}

/// The long form that ACA-Py makes for a connection: one Ed25519 Multikey `#key-0` for authentication and key agreement, and
/// one `did-communication` service per endpoint, in order of priority.
pub fn build_for_connection(
    key: &PublicKey,
    endpoints: &[&str],
    routing_keys: &[PublicKey],
) -> Result<String, DidError> {
    let routing: Vec<String> = routing_keys.iter().map(PublicKey::did_key_url).collect();
    let services: Vec<Value> = endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| {
            json!({
                "id": format!("#didcomm-{index}"),
                "type": "did-communication",
                "recipientKeys": ["#key-0"],
                "routingKeys": routing,
                "serviceEndpoint": endpoint,
                "priority": index,
            })
        })
        .collect();
    let mut document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "verificationMethod": [{"id": "#key-0", "type": "Multikey", "publicKeyMultibase": key.multikey()}],
        "authentication": ["#key-0"],
        "keyAgreement": ["#key-0"],
    });
    if !services.is_empty() {
        document["service"] = Value::Array(services);
    }
    build(&document)
}

/// Resolve a long form: the document under the long DID, `alsoKnownAs` the short one. The hash is checked.
pub fn resolve(long: &str) -> Result<DidDocument, DidError> {
    let document = decode(long)?;
    contextualised(document, long, short_form(long)?)
}

/// Resolve a short form with the long one that it stands for; `alsoKnownAs` names that.
pub fn resolve_short(short: &str, long: &str) -> Result<DidDocument, DidError> {
    check_short(short)?;
    let document = decode(long)?;
    let computed = short_form(long)?;
    if computed != short {
        return Err(DidError::WrongDocument { expected: short.to_owned(), found: computed.to_owned() });
    }
    contextualised(document, short, long)
}

/// The input document inside a long form. The hash is checked.
pub fn decode(long: &str) -> Result<Map<String, Value>, DidError> {
    let malformed = |reason| DidError::malformed(long, "peer:4", reason);
    if long.len() > crate::did::MAX_LENGTH {
        return Err(DidError::TooLong(long.len()));
    }
    let (_, hash, encoded) = parts(long).ok_or_else(|| malformed("not a long form"))?;
    if sha256_multihash(encoded.as_bytes()) != hash {
        return Err(malformed("the hash does not fit the document"));
    }
    let bytes = base58::decode(encoded.get(1..).unwrap_or_default())
        .ok_or_else(|| malformed("the document is not base58"))?;
    let json = bytes.strip_prefix(&JSON_CODEC).ok_or_else(|| malformed("the document is not JSON"))?;
    let document: Value = from_slice_strict(json).map_err(|_| malformed("the document is not JSON"))?;
    check_input(&document)?;
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(malformed("the document is not a JSON object")),
    }
}

fn contextualised(
    mut document: Map<String, Value>,
    id: &str,
    also_known_as: &str,
) -> Result<DidDocument, DidError> {
    document.insert("id".into(), id.into());
    visit_methods(&mut document, |method| {
        method.entry("controller").or_insert_with(|| id.into());
    });
    if let Value::Array(names) = document.entry("alsoKnownAs").or_insert_with(|| Value::Array(Vec::new())) {
        names.push(also_known_as.into());
    }
    DidDocument::from_json(Value::Object(document))
}

/// The rules for input documents of the method's specification.
fn check_input(document: &Value) -> Result<(), DidError> {
    let refuse = |text: &str| Err(DidError::Document(format!("input document of did:peer:4: {text}")));
    let Some(document) = document.as_object().filter(|document| !document.is_empty()) else {
        return refuse("not a JSON object with members");
    };
    if document.contains_key("id") {
        return refuse("`id` must not be present");
    }
    if document.get("alsoKnownAs").is_some_and(|names| !names.is_array()) {
        return refuse("`alsoKnownAs` is not a list");
    }
    for name in ["verificationMethod", "service"].into_iter().chain(RELATIONSHIPS) {
        let Some(list) = document.get(name) else { continue };
        let Some(list) = list.as_array() else {
            return refuse(&format!("`{name}` is not a list"));
        };
        for resource in list.iter().filter_map(Value::as_object) {
            if !resource.get("id").and_then(Value::as_str).is_some_and(|id| id.starts_with('#')) {
                return refuse(&format!("an entry of `{name}` has no relative id"));
            }
            if !resource.contains_key("type") {
                return refuse(&format!("an entry of `{name}` has no type"));
            }
        }
    }
    Ok(())
}
