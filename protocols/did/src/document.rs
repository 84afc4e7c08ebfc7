//! DID documents: a typed view over the JSON that was resolved.

use serde_json::{Map, Value};

use crate::json::from_slice_strict;
use crate::key::{KeyError, KeyType, PublicKey};
use crate::{DidError, Resolution, resolve_local};

/// The relationships of DID Core 5.3, in the order of ACA-Py's documents.
pub const RELATIONSHIPS: [&str; 5] =
    ["authentication", "assertionMethod", "capabilityDelegation", "capabilityInvocation", "keyAgreement"];

/// Entries that a list of a document may have. Methods, services and references are looked up in one another, and reading
/// a key takes up to a millisecond: documents come from strangers, in messages of up to megabytes.
pub const MAX_ENTRIES: usize = 256;

/// Refuses members that have more entries than [`MAX_ENTRIES`].
pub(crate) fn check_sizes(members: &Map<String, Value>, names: &[&str]) -> Result<(), DidError> {
    for name in names {
        let entries = members.get(*name).and_then(Value::as_array).map_or(0, Vec::len);
        if entries > MAX_ENTRIES {
            return Err(DidError::Document(format!(
                "`{name}` has {entries} entries, at most {MAX_ENTRIES} are read"
            )));
        }
    }
    Ok(())
}

/// A DID document. The JSON is kept as it was resolved ([`as_json`](Self::as_json)); everything else reads from it.
#[derive(Debug, Clone, PartialEq)]
pub struct DidDocument {
    json: Map<String, Value>,
    id: String,
    methods: Vec<VerificationMethod>,
}

/// One verification method, of the list or embedded in a relationship.
#[derive(Debug, Clone, PartialEq)]
pub struct VerificationMethod {
    /// Absolute DID URL, also where the document has `#key-1`.
    pub id: String,
    /// `type`: `Ed25519VerificationKey2018`, `Multikey`, …
    pub kind: String,
    /// `controller`; the document's id where it is absent.
    pub controller: String,
    /// The key, or why it can't be used: a document may hold keys of types that nobody needs.
    pub key: Result<PublicKey, KeyError>,
}

/// A service that takes DIDComm v1 envelopes (`did-communication`, or the older `IndyAgent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DidCommService {
    /// `id` as in the document.
    pub id: String,
    /// `type` as in the document.
    pub kind: String,
    /// Lower is preferred; 0 when absent.
    pub priority: i64,
    /// `serviceEndpoint`: a URL.
    pub endpoint: String,
    /// Ed25519 keys that messages are packed for, at least one.
    pub recipient_keys: Vec<PublicKey>,
    /// Ed25519 keys of mediators, innermost first.
    pub routing_keys: Vec<PublicKey>,
    /// `accept` as in the document.
    pub accept: Vec<String>,
}

impl DidDocument {
    /// From the JSON of a document. It must be an object with a string `id`, and no list of it may have more than
    /// [`MAX_ENTRIES`]; unusable methods and services are kept and reported where they are used.
    pub fn from_json(json: Value) -> Result<Self, DidError> {
        let Value::Object(json) = json else {
            return Err(DidError::Document("not a JSON object".into()));
        };
        let id = json
            .get("id")
            .and_then(Value::as_str)
            .ok_or_else(|| DidError::Document("`id` is missing".into()))?
            .to_owned();
        check_sizes(&json, &["verificationMethod", "service", "alsoKnownAs"])?;
        check_sizes(&json, &RELATIONSHIPS)?;
        let list = |name: &str| json.get(name).and_then(Value::as_array).into_iter().flatten();
        let methods = list("verificationMethod")
            .chain(RELATIONSHIPS.into_iter().flat_map(list))
            .filter_map(Value::as_object)
            .filter_map(|method| VerificationMethod::from_json(&id, method))
            .collect();
        Ok(Self { json, id, methods })
    }

    /// From the bytes of a document, fetched or received. One that names a member twice is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, DidError> {
        let json = from_slice_strict(bytes).map_err(|error| DidError::Document(error.to_string()))?;
        Self::from_json(json)
    }

    /// `id`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The members, in the order they were resolved.
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// The JSON itself.
    pub fn into_json(self) -> Value {
        Value::Object(self.json)
    }

    /// `alsoKnownAs`.
    pub fn also_known_as(&self) -> impl Iterator<Item = &str> {
        self.json.get("alsoKnownAs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// All verification methods: those of the list, then those embedded in relationships.
    pub fn verification_methods(&self) -> &[VerificationMethod] {
        &self.methods
    }

    /// The method with this id: absolute, relative (`#key-1`), or under a DID that the document lists in `alsoKnownAs`.
    pub fn verification_method(&self, id: &str) -> Option<&VerificationMethod> {
        if let Some(method) = self.methods.iter().find(|method| method.id == id) {
            return Some(method);
        }
        let (did, fragment) = id.split_once('#')?;
        if !did.is_empty() && did != self.id && !self.also_known_as().any(|other| other == did) {
            return None;
        }
        let own = |method: &&VerificationMethod| {
            method.id.split_once('#').is_some_and(|(owner, name)| owner == self.id && name == fragment)
        };
        self.methods.iter().find(own)
    }

    /// The methods of a relationship, references resolved. Names: [`RELATIONSHIPS`].
    pub fn relationship(&self, name: &str) -> Vec<&VerificationMethod> {
        let entries = self.json.get(name).and_then(Value::as_array).into_iter().flatten();
        entries
            .filter_map(|entry| match entry {
                Value::String(id) => self.verification_method(id),
                Value::Object(method) => self.verification_method(method.get("id")?.as_str()?),
                _ => None,
            })
            .collect()
    }

    /// `assertionMethod`, references resolved.
    pub fn assertion_method(&self) -> Vec<&VerificationMethod> {
        self.relationship("assertionMethod")
    }

    /// `authentication`, references resolved.
    pub fn authentication(&self) -> Vec<&VerificationMethod> {
        self.relationship("authentication")
    }

    /// `keyAgreement`, references resolved.
    pub fn key_agreement(&self) -> Vec<&VerificationMethod> {
        self.relationship("keyAgreement")
    }

    /// Whether the document or one of its methods contains the key.
    pub fn has_key(&self, key: &PublicKey) -> bool {
        self.methods.iter().any(|method| method.key.as_ref() == Ok(key))
    }

    /// The DIDComm v1 services by priority, keys resolved.
    ///
    /// Keys may be ids of this document, did:key references, references into DIDs that resolve without I/O, or raw
    /// base58. Services with unusable keys are left out; if that leaves none, the first failure is returned.
    /// [`DidError::Needs`] names other DIDs whose documents
    /// [`didcomm_services_with`](Self::didcomm_services_with) wants.
    pub fn didcomm_services(&self) -> Result<Vec<DidCommService>, DidError> {
        self.didcomm_services_with(&[])
    }

    /// As [`didcomm_services`](Self::didcomm_services), with documents of other DIDs at hand.
    pub fn didcomm_services_with(&self, others: &[DidDocument]) -> Result<Vec<DidCommService>, DidError> {
        let services = self.json.get("service").and_then(Value::as_array).into_iter().flatten();
        let (mut usable, mut failure, mut needs) = (Vec::new(), None, Vec::new());
        for service in services.filter_map(Value::as_object) {
            let kind = service.get("type").and_then(Value::as_str).unwrap_or_default();
            if !matches!(kind, "did-communication" | "IndyAgent") {
                continue;
            }
            match self.didcomm_service(service, kind, others) {
                Ok(service) => usable.push(service),
                Err(DidError::Needs(dids)) => needs.extend(dids),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if !needs.is_empty() {
            needs.sort();
            needs.dedup();
            return Err(DidError::Needs(needs));
        }
        if let (true, Some(error)) = (usable.is_empty(), failure) {
            return Err(error);
        }
        usable.sort_by_key(|service| service.priority);
        Ok(usable)
    }

    fn didcomm_service(
        &self,
        service: &Map<String, Value>,
        kind: &str,
        others: &[DidDocument],
    ) -> Result<DidCommService, DidError> {
        check_sizes(service, &["recipientKeys", "routingKeys"])?;
        let text = |name: &str| service.get(name).and_then(Value::as_str);
        let list = |name: &str| {
            let entries = service.get(name).and_then(Value::as_array).into_iter().flatten();
            entries.filter_map(Value::as_str)
        };
        let id = text("id").unwrap_or_default().to_owned();
        let endpoint = text("serviceEndpoint")
            .ok_or_else(|| DidError::Document(format!("service {id}: `serviceEndpoint` is not a string")))?;
        let mut needs = Vec::new();
        let mut keys = |name: &str| -> Result<Vec<PublicKey>, DidError> {
            let mut found = Vec::new();
            for reference in list(name) {
                match self.service_key(reference, others) {
                    Ok(key) => found.push(key),
                    Err(DidError::Needs(dids)) => needs.extend(dids),
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        };
        let (recipient_keys, routing_keys) = (keys("recipientKeys")?, keys("routingKeys")?);
        if !needs.is_empty() {
            return Err(DidError::Needs(needs));
        }
        if recipient_keys.is_empty() {
            return Err(DidError::Document(format!("service {id}: no recipient keys")));
        }
        Ok(DidCommService {
            kind: kind.to_owned(),
            priority: service.get("priority").and_then(Value::as_i64).unwrap_or(0),
            endpoint: endpoint.to_owned(),
            recipient_keys,
            routing_keys,
            accept: list("accept").map(str::to_owned).collect(),
            id,
        })
    }

    fn service_key(&self, reference: &str, others: &[DidDocument]) -> Result<PublicKey, DidError> {
        let key = self.dereference_key(reference, others)?;
        match key.kind() {
            KeyType::Ed25519 => Ok(key),
            kind => Err(KeyError::Unsupported { kind, operation: "receive DIDComm v1 messages" }.into()),
        }
    }

    fn dereference_key(&self, reference: &str, others: &[DidDocument]) -> Result<PublicKey, DidError> {
        let missing = || DidError::Document(format!("no verification method {reference}"));
        if let Some(method) = self.verification_method(reference) {
            return Ok(method.key.clone()?);
        }
        if reference.starts_with("did:key:") {
            return Ok(PublicKey::from_did_key(reference)?);
        }
        if !reference.starts_with("did:") {
            if reference.starts_with('#') {
                return Err(missing());
            }
            return Ok(PublicKey::from_base58(KeyType::Ed25519, reference)?);
        }
        if let Some(method) = others.iter().find_map(|other| other.verification_method(reference)) {
            return Ok(method.key.clone()?);
        }
        let did = reference.split_once('#').map_or(reference, |(did, _)| did);
        if did == self.id || others.iter().any(|other| other.id == did) {
            return Err(missing());
        }
        match resolve_local(did)? {
            Resolution::Document(document) => {
                Ok(document.verification_method(reference).ok_or_else(missing)?.key.clone()?)
            }
            Resolution::Needs(_) => Err(DidError::Needs(vec![did.to_owned()])),
        }
    }
}

impl VerificationMethod {
    /// `None` for an entry without a string `id`.
    fn from_json(document: &str, method: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| method.get(name).and_then(Value::as_str);
        let id = text("id")?;
        let id = if id.starts_with('#') { format!("{document}{id}") } else { id.to_owned() };
        let kind = text("type").unwrap_or_default().to_owned();
        let key = Self::key(&kind, method);
        Some(Self { id, key, kind, controller: text("controller").unwrap_or(document).to_owned() })
    }

    fn key(kind: &str, method: &Map<String, Value>) -> Result<PublicKey, KeyError> {
        let text = |name: &str| method.get(name).and_then(Value::as_str);
        if let Some(multibase) = text("publicKeyMultibase") {
            // Some writers of the 2020 suites leave the multicodec prefix out.
            return PublicKey::from_multikey(multibase).or_else(|error| {
                if matches!(error, KeyError::Invalid(_)) {
                    return Err(error);
                }
                let raw = multibase.strip_prefix('z').ok_or(KeyError::Multikey)?;
                PublicKey::from_base58(Self::type_of(kind).ok_or(error)?, raw)
            });
        }
        if let Some(jwk) = method.get("publicKeyJwk") {
            return PublicKey::from_jwk(jwk);
        }
        let raw = text("publicKeyBase58").ok_or(KeyError::Jwk("the method has no key of a known form"))?;
        PublicKey::from_base58(Self::type_of(kind).ok_or(KeyError::Multikey)?, raw)
    }

    fn type_of(kind: &str) -> Option<KeyType> {
        match kind {
            "Ed25519VerificationKey2018" | "Ed25519VerificationKey2020" => Some(KeyType::Ed25519),
            "X25519KeyAgreementKey2019" | "X25519KeyAgreementKey2020" => Some(KeyType::X25519),
            "Bls12381G2Key2020" => Some(KeyType::Bls12381G2),
            "EcdsaSecp256r1VerificationKey2019" => Some(KeyType::P256),
            _ => None,
        }
    }
}
