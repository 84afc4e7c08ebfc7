//! `did:sov` and unqualified nyms, as DID Exchange 1.0 uses them between peers: the document is sent along, in the form of
//! years ago.

use serde_json::{Map, Value, json};

use super::{Chosen, Creatable, Properties};
use crate::base58::{self, is_base58};
use crate::document::check_sizes;
use crate::key::{KeyType, PublicKey};
use crate::{DidDocument, DidError};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "sov",
    resolver: "DIDResolver",
    immutable: false,
    stored: Some(document),
    creatable: Some(Creatable { key_types: &[KeyType::Ed25519], chosen: Chosen::Maybe }),
    rotatable: true,
    understands: None,
};

/// Whether the text is an unqualified nym: 21 or 22 base58 characters.
pub fn is_nym(text: &str) -> bool {
    matches!(text.len(), 21 | 22) && is_base58(text)
}

/// The nym of a key: base58 of the first 16 bytes.
pub fn nym_from_verkey(key: &PublicKey) -> String {
    base58::encode(&key.bytes()[..16])
}

/// The DID, or DID URL, with `did:sov:` where it has no prefix.
pub fn qualified(did_or_url: &str) -> String {
    if did_or_url.starts_with("did:") { did_or_url.to_owned() } else { format!("did:sov:{did_or_url}") }
}

/// The nym of a DID, with or without `did:sov:`. Others are returned as they are.
pub fn unqualified(did: &str) -> &str {
    did.strip_prefix("did:sov:").unwrap_or(did)
}

/// The document that is sent for a new nym in DID Exchange 1.0, member for member as ACA-Py writes it.
pub fn build(key: &PublicKey, endpoints: &[&str], routing_keys: &[PublicKey]) -> Value {
    build_for(&nym_from_verkey(key), key, endpoints, routing_keys)
}

/// As [`build`], for a nym that does not come from the key (a rotated key).
pub fn build_for(nym: &str, key: &PublicKey, endpoints: &[&str], routing_keys: &[PublicKey]) -> Value {
    let did = qualified(nym);
    let id = format!("{did}#1");
    let services: Vec<Value> = endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| {
            let suffix = if index == 0 { String::new() } else { index.to_string() };
            let mut service = json!({
                "id": format!("{did};indy{suffix}"),
                "type": "IndyAgent",
                "priority": index,
                "recipientKeys": [key.base58()],
            });
            if !routing_keys.is_empty() {
                service["routingKeys"] = routing_keys.iter().map(PublicKey::base58).collect();
            }
            service["serviceEndpoint"] = json!(endpoint);
            service
        })
        .collect();
    json!({
        "@context": "https://w3id.org/did/v1",
        "id": did,
        "publicKey": [{
            "id": id,
            "type": "Ed25519VerificationKey2018",
            "controller": did,
            "publicKeyBase58": key.base58(),
        }],
        "authentication": [{"type": "Ed25519SignatureAuthentication2018", "publicKey": id}],
        "service": services,
    })
}

/// Read a received or stored document of a nym: ids made absolute, then the corrections of [`corrected`]. `did` (with or
/// without prefix) must be the document's id.
pub fn document(did: &str, received: Value) -> Result<DidDocument, DidError> {
    let document = DidDocument::from_json(corrected(received)?)?;
    if document.id() != qualified(did) {
        return Err(DidError::WrongDocument { expected: qualified(did), found: document.id().to_owned() });
    }
    Ok(document)
}

/// Bring an old document into the form of today, as ACA-Py does (`LegacyDocCorrections`): `publicKey` becomes
/// `verificationMethod`, `authentication` a list of references, ids get `did:sov:`, `IndyAgent` becomes
/// `did-communication`, routing keys leave the methods and become did:key references, recipient keys references.
pub fn corrected(received: Value) -> Result<Value, DidError> {
    let Value::Object(mut document) = received else {
        return Err(DidError::Document("not a JSON object".into()));
    };
    if let Some(keys) = document.shift_remove("publicKey") {
        document.insert("verificationMethod".into(), keys);
    }
    check_sizes(&document, &["authentication", "verificationMethod", "service"])?;
    qualify(&mut document);
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut authentication, mut methods, mut services) = (
        take_list(&mut document, "authentication"),
        take_list(&mut document, "verificationMethod"),
        take_list(&mut document, "service"),
    );
    for entry in &mut authentication {
        if let Some(key) = entry.get("publicKey").cloned() {
            *entry = key;
        }
        match entry {
            Value::String(reference) => *reference = qualified(reference),
            Value::Object(method) => qualify(method),
            _ => {
                return Err(DidError::Document(
                    "an entry of `authentication` is neither text nor object".into(),
                ));
            }
        }
    }
    methods.iter_mut().chain(&mut services).filter_map(Value::as_object_mut).for_each(qualify);
    for (index, service) in services.iter_mut().enumerate() {
        if let Some(service) = service.as_object_mut() {
            modern_service(service, &id, index);
        }
    }
    keys_of_services(&mut methods, &mut services)?;
    document.insert("authentication".into(), Value::Array(authentication));
    document.insert("verificationMethod".into(), Value::Array(methods));
    document.insert("service".into(), Value::Array(services));
    Ok(Value::Object(document))
}

/// The entries of a list member, leaving null in its place; empty where it is absent or no list.
fn take_list(document: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match document.get_mut(name).map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

fn qualify(resource: &mut Map<String, Value>) {
    for name in ["id", "controller"] {
        if let Some(Value::String(text)) = resource.get_mut(name) {
            *text = qualified(text);
        }
    }
}

fn modern_service(service: &mut Map<String, Value>, document: &str, index: usize) {
    if service.get("type").and_then(Value::as_str) != Some("IndyAgent") {
        return;
    }
    service.insert("type".into(), "did-communication".into());
    if let Some(Value::String(id)) = service.get_mut("id") {
        if id.contains(';') {
            *id = format!("{document}#didcomm-{index}");
        }
        if !id.contains('#') {
            id.push_str(&format!("#didcomm-{index}"));
        }
    }
    if service.get("priority").is_some_and(Value::is_null) {
        service.shift_remove("priority");
    }
}

fn keys_of_services(methods: &mut Vec<Value>, services: &mut [Value]) -> Result<(), DidError> {
    let base58_of = |method: &Value| method.get("publicKeyBase58").and_then(Value::as_str).map(str::to_owned);
    for service in services.iter().filter_map(Value::as_object) {
        check_sizes(service, &["recipientKeys", "routingKeys"])?;
    }
    for service in services.iter() {
        let routing = service.get("routingKeys").and_then(Value::as_array).into_iter().flatten();
        let routing: Vec<&str> = routing.filter_map(Value::as_str).collect();
        methods.retain(|method| base58_of(method).is_none_or(|key| !routing.contains(&key.as_str())));
    }
    for service in services.iter_mut().filter_map(Value::as_object_mut) {
        if service.get("type").and_then(Value::as_str) == Some("did-communication") {
            let mut recipients = take_list(service, "recipientKeys");
            for recipient in recipients.iter_mut().filter(|recipient| recipient.is_string()) {
                let method = methods.iter().find(|method| base58_of(method).as_deref() == recipient.as_str());
                if let Some(id) = method.and_then(|method| method.get("id")) {
                    *recipient = id.clone();
                }
            }
            service.insert("recipientKeys".into(), Value::Array(recipients));
        }
        if service.contains_key("routingKeys") {
            let mut routing = take_list(service, "routingKeys");
            for key in &mut routing {
                if let Value::String(text) = key {
                    *text = routing_reference(text)?;
                }
            }
            service.insert("routingKeys".into(), Value::Array(routing));
        }
    }
    Ok(())
}

fn routing_reference(key: &str) -> Result<String, DidError> {
    if !key.contains("did:key:") {
        return Ok(PublicKey::from_base58(KeyType::Ed25519, key)?.did_key_url());
    }
    if key.contains('#') {
        return Ok(key.to_owned());
    }
    Ok(format!("{key}#{}", key.replace("did:key:", "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NYM: &str = "JNKL9kJxQi5pNCfA8QBXdJ";
    const KEY: &str = "AU2FFjtkVzjFuirgWieqGGqtNrAZWS9LDuB8TDp6EUrG";
    const ROUTING: &str = "9NnKFUZoYcCqYC2PcaXH3cnaGsoRfyGgyEHbvbLJYh8j";

    #[test]
    fn an_unqualified_document_of_years_ago_is_read() {
        let received = json!({
            "@context": "https://w3id.org/did/v1",
            "id": NYM,
            "publicKey": [
                {"id": "1", "type": "Ed25519VerificationKey2018", "controller": NYM, "publicKeyBase58": KEY},
                {"id": "routing", "type": "Ed25519VerificationKey2018", "controller": NYM, "publicKeyBase58": ROUTING},
            ],
            "authentication": [{"type": "Ed25519SignatureAuthentication2018", "publicKey": format!("{NYM}#1")}],
            "service": [{
                "id": format!("{NYM};indy"),
                "type": "IndyAgent",
                "priority": null,
                "recipientKeys": [KEY],
                "routingKeys": [ROUTING],
                "serviceEndpoint": "http://bob:3000",
            }],
        });
        let document = document(NYM, received).unwrap();
        let did = format!("did:sov:{NYM}");
        let reference = "did:key:z6Mknq3MqipEt9hJegs6J9V7tiLa6T5H5rX3fFCXksJKTuv7#z6Mknq3MqipEt9hJegs6J9V7tiLa6T5H5rX3fFCXksJKTuv7";
        assert_eq!(document.as_json()["verificationMethod"].as_array().unwrap().len(), 1);
        assert_eq!(document.as_json()["authentication"], json!([format!("{did}#1")]));
        assert_eq!(
            document.as_json()["service"],
            json!([{
                "id": format!("{did}#didcomm-0"),
                "type": "did-communication",
                "recipientKeys": ["did:sov:1"],
                "routingKeys": [reference],
                "serviceEndpoint": "http://bob:3000",
            }])
        );
    }

    #[test]
    fn routing_keys_stand_before_the_endpoint_and_are_read_back() {
        let key = PublicKey::from_base58(KeyType::Ed25519, KEY).unwrap();
        let routing = PublicKey::from_base58(KeyType::Ed25519, ROUTING).unwrap();
        let built = build(&key, &["http://a", "http://b"], std::slice::from_ref(&routing));
        assert_eq!(built["service"][1]["id"], format!("did:sov:{};indy1", nym_from_verkey(&key)));
        let services = document(&nym_from_verkey(&key), built).unwrap().didcomm_services().unwrap();
        assert_eq!(services.len(), 2);
        assert_eq!(services[0].endpoint, "http://a");
        assert_eq!(services[0].recipient_keys, [key]);
        assert_eq!(services[0].routing_keys, [routing]);
    }

    #[test]
    fn the_document_of_another_nym_is_refused() {
        let key = PublicKey::from_base58(KeyType::Ed25519, KEY).unwrap();
        assert!(matches!(
            document("WgWxqztrNooG92RXvxSTWv", build(&key, &["http://a"], &[])),
            Err(DidError::WrongDocument { .. })
        ));
    }
}
