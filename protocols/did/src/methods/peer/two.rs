//! `did:peer:2`: keys and abbreviated services inside the DID.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::base58::is_base58;
use crate::json::{from_slice_strict, to_python_json_compact};
use crate::key::{KeyType, PublicKey};
use crate::methods::{Chosen, Creatable, Properties};
use crate::{DidDocument, DidError};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "did:peer:2",
    resolver: "PeerDID2Resolver",
    immutable: true,
    stored: None,
    creatable: Some(Creatable { key_types: &[KeyType::Ed25519], chosen: Chosen::Never }),
    rotatable: false,
    understands: Some("did:peer:2"),
};

const PREFIX: &str = "did:peer:2";
const DECODE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a key of the DID is for: the letter before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `A`, `assertionMethod`
    Assertion,
    /// `E`, `keyAgreement`
    Agreement,
    /// `V`, `authentication`
    Authentication,
    /// `I`, `capabilityInvocation`
    Invocation,
    /// `D`, `capabilityDelegation`
    Delegation,
}

impl Purpose {
    const ALL: [Self; 5] =
        [Self::Assertion, Self::Agreement, Self::Authentication, Self::Invocation, Self::Delegation];

    fn letter(self) -> char {
        match self {
            Self::Assertion => 'A',
            Self::Agreement => 'E',
            Self::Authentication => 'V',
            Self::Invocation => 'I',
            Self::Delegation => 'D',
        }
    }

    fn relationship(self) -> &'static str {
        match self {
            Self::Assertion => "assertionMethod",
            Self::Agreement => "keyAgreement",
            Self::Authentication => "authentication",
            Self::Invocation => "capabilityInvocation",
            Self::Delegation => "capabilityDelegation",
        }
    }
}

/// Build a DID from keys, which become `#key-1`, `#key-2`, …, and services with unabbreviated names.
pub fn build(keys: &[(Purpose, &PublicKey)], services: &[Value]) -> String {
    let mut did = PREFIX.to_owned();
    for (purpose, key) in keys {
        did.push('.');
        did.push(purpose.letter());
        did.push_str(&key.multikey());
    }
    for service in services {
        did.push_str(".S");
        let mut service = service.clone();
        abbreviate(&mut service);
        did.push_str(&URL_SAFE_NO_PAD.encode(to_python_json_compact(&service)));
    }
    did
}

/// The DID that ACA-Py makes for a connection: `authentication` (Ed25519, `#key-1`), `agreement` (X25519, `#key-2`), and one
/// `did-communication` service per endpoint, in order of priority.
pub fn build_for_connection(
    authentication: &PublicKey,
    agreement: &PublicKey,
    endpoints: &[&str],
    routing_keys: &[PublicKey],
) -> String {
    let routing: Vec<String> = routing_keys.iter().map(PublicKey::did_key_url).collect();
    let services: Vec<Value> = endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| {
            json!({
                "id": format!("#didcomm-{index}"),
                "type": "did-communication",
                "priority": index,
                "recipientKeys": ["#key-1"],
                "routingKeys": routing,
                "serviceEndpoint": endpoint,
            })
        })
        .collect();
    build(&[(Purpose::Authentication, authentication), (Purpose::Agreement, agreement)], &services)
}

/// Resolve a `did:peer:2`: Multikey methods with relative ids, `alsoKnownAs` its `did:peer:3`.
pub fn resolve(did: &str) -> Result<DidDocument, DidError> {
    let also_known_as = super::three::from_two(did)?;
    document(did, did, &also_known_as)
}

/// The document of the elements in `source`, under the name `id`.
pub(super) fn document(source: &str, id: &str, also_known_as: &str) -> Result<DidDocument, DidError> {
    let mut document = Map::new();
    document.insert(
        "@context".into(),
        json!(["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]),
    );
    document.insert("id".into(), id.into());
    let mut methods = 0;
    let mut unnamed = 0;
    for element in elements(source)? {
        match element {
            Element::Key(purpose, multikey) => {
                methods += 1;
                let key_id = format!("#key-{methods}");
                push(
                    &mut document,
                    "verificationMethod",
                    json!({"type": "Multikey", "id": key_id, "controller": id, "publicKeyMultibase": multikey}),
                );
                push(&mut document, purpose.relationship(), key_id.into());
            }
            Element::Service(mut service) => {
                if !service.contains_key("id") {
                    let name = match unnamed {
                        0 => "#service".to_owned(),
                        n => format!("#service-{n}"),
                    };
                    service.insert("id".into(), name.into());
                    unnamed += 1;
                }
                push(&mut document, "service", Value::Object(service));
            }
        }
    }
    document.insert("alsoKnownAs".into(), json!([also_known_as]));
    DidDocument::from_json(Value::Object(document))
}

fn push(document: &mut Map<String, Value>, list: &str, entry: Value) {
    if let Value::Array(entries) = document.entry(list).or_insert_with(|| Value::Array(Vec::new())) {
        entries.push(entry);
    }
}

enum Element<'a> {
    Key(Purpose, &'a str),
    Service(Map<String, Value>),
}

/// Keys first, then services: the order in which a document is put together.
fn elements(did: &str) -> Result<Vec<Element<'_>>, DidError> {
    let malformed = |reason| DidError::malformed(did, "peer:2", reason);
    let body = did
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| malformed("it has no elements"))?;
    let (mut keys, mut services) = (Vec::new(), Vec::new());
    for element in body.split('.') {
        let mut chars = element.chars();
        let (letter, value) = (chars.next().unwrap_or_default(), chars.as_str());
        if letter == 'S' {
            let bytes = DECODE.decode(value).map_err(|_| malformed("a service is not base64url"))?;
            let json: Value = from_slice_strict(&bytes).map_err(|_| malformed("a service is not JSON"))?;
            // Several services may stand in one element as a list.
            let list = match json {
                Value::Array(list) => list,
                one => vec![one],
            };
            for mut service in list {
                expand(&mut service);
                let Value::Object(service) = service else {
                    return Err(malformed("a service is not a JSON object"));
                };
                services.push(Element::Service(service));
            }
        } else {
            let purpose = Purpose::ALL
                .into_iter()
                .find(|purpose| purpose.letter() == letter)
                .ok_or_else(|| malformed("an element has an unknown purpose"))?;
            if value.len() < 2 || !value.starts_with('z') || !is_base58(value) {
                return Err(malformed("a key is not a multikey"));
            }
            keys.push(Element::Key(purpose, value));
        }
    }
    keys.append(&mut services);
    Ok(keys)
}

/// Check the form of a DID without building its document.
pub(super) fn check(did: &str) -> Result<(), DidError> {
    elements(did).map(|_| ())
}

const ABBREVIATIONS: [(&str, &str); 4] =
    [("type", "t"), ("serviceEndpoint", "s"), ("routingKeys", "r"), ("accept", "a")];

fn abbreviate(service: &mut Value) {
    rename(
        service,
        &|name| ABBREVIATIONS.iter().find(|(long, _)| *long == name).map(|(_, short)| *short),
        &|kind| {
            match kind {
                "DIDCommMessaging" => Some("dm"),
                // The Python library abbreviates a type through the same table as member names.
                other => ABBREVIATIONS.iter().find(|(long, _)| *long == other).map(|(_, short)| *short),
            }
        },
    );
}

fn expand(service: &mut Value) {
    rename(
        service,
        &|name| ABBREVIATIONS.iter().find(|(_, short)| *short == name).map(|(long, _)| *long),
        &|kind| match kind {
            "dm" => Some("DIDCommMessaging"),
            other => ABBREVIATIONS.iter().find(|(_, short)| *short == other).map(|(long, _)| *long),
        },
    );
}

type Rename<'a> = &'a dyn Fn(&str) -> Option<&'static str>;

fn rename(value: &mut Value, member: Rename<'_>, kind: Rename<'_>) {
    match value {
        Value::Object(members) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, mut value)| {
                    let is_type = matches!(name.as_str(), "type" | "t");
                    match &mut value {
                        Value::String(text) if is_type => {
                            if let Some(new) = kind(text) {
                                *text = new.to_owned();
                            }
                        }
                        nested => rename(nested, member, kind),
                    }
                    (member(&name).map_or(name, str::to_owned), value)
                })
                .collect();
        }
        Value::Array(entries) => {
            for entry in entries.iter_mut().filter(|entry| entry.is_object()) {
                rename(entry, member, kind);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_abbreviated_and_expanded() {
        let mut service = json!({
            "type": "DIDCommMessaging",
            "serviceEndpoint": {"uri": "http://x", "accept": ["didcomm/v2"], "routingKeys": []},
        });
        let full = service.clone();
        abbreviate(&mut service);
        assert_eq!(service, json!({"t": "dm", "s": {"uri": "http://x", "a": ["didcomm/v2"], "r": []}}));
        expand(&mut service);
        assert_eq!(service, full);
    }

    #[test]
    fn malformed_dids_are_refused() {
        for did in [
            "did:peer:2",
            "did:peer:2.",
            "did:peer:2.Xz6Mk",
            "did:peer:2.V6Mk",
            "did:peer:2.Vz0",
            "did:peer:2.S!!",
            "did:peer:2.SMQ",
            "did:peer:2.é",
        ] {
            assert!(resolve(did).is_err(), "{did}");
        }
    }
}
