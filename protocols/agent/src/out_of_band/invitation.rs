//! The invitation message: what we make, what we take, its URL.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_did::PublicKey;
use chancery_didcomm::message::{MessageType, OLD_DOC_URI, Service};
use serde_json::{Map, Value, json};

use crate::peers::{inline_target, services, target_of};

use crate::engine::{Agent, kept};
use crate::unit::{AgentError, Target, Unit};

/// Name in the message types.
pub const PROTOCOL: &str = "out-of-band";

const TYPE: &str = "https://didcomm.org/out-of-band/1.1/invitation";

/// Members in the order in which they are written.
const MEMBERS: [&str; 10] = [
    "@type",
    "@id",
    "label",
    "imageUrl",
    "handshake_protocols",
    "accept",
    "requests~attach",
    "services",
    "goal_code",
    "goal",
];

/// RFC 0160, which may stand in an invitation beside others; it isn't spoken.
const CONNECTIONS: &str = "connections/1.0";

/// A handshake protocol by name or alias, as `didexchange/1.1`. `None`: no such.
pub fn handshake_protocol(agent: &Agent, text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let old = format!("{}/", OLD_DOC_URI.to_lowercase());
    let bare = lower.strip_prefix("https://didcomm.org/").or(lower.strip_prefix(&old)).unwrap_or(&lower);
    match bare {
        CONNECTIONS | "connection" | "connections" | "conn" | "conns" | "rfc160" | "rfc-160" | "160"
        | "old" => Some(CONNECTIONS),
        _ => agent.handshake_version(bare),
    }
}

/// Puts the members into their order, leaves out nulls, unknown ones and empty `requests~attach`.
pub fn ordered(mut members: Map<String, Value>) -> Value {
    let mut invitation = Map::new();
    for name in MEMBERS {
        let Some(value) = members.shift_remove(name).filter(|v| !v.is_null()) else { continue };
        if name == "requests~attach" && value.as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        invitation.insert(name.to_owned(), value);
    }
    Value::Object(invitation)
}

/// Reads an invitation as it was handed in; missing `@type` and `@id` are filled in.
///
/// Errors: 422 with ACA-Py's text where it has one.
pub fn read(invitation: Value, new_id: impl FnOnce() -> String) -> Result<Value, AgentError> {
    let Value::Object(mut members) = invitation else {
        return Err(AgentError::unprocessable("_schema", "Invalid input type."));
    };
    let list = |members: &Map<String, Value>, name: &str| -> Result<bool, AgentError> {
        match members.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Array(list)) => Ok(!list.is_empty()),
            Some(_) => Err(AgentError::unprocessable(name, "Not a valid list.")),
        }
    };
    let handshake = list(&members, "handshake_protocols")?;
    let attachments = list(&members, "requests~attach")?;
    list(&members, "services")?;
    if !handshake && !attachments {
        let text = "Model must include non-empty handshake_protocols or requests~attach or both";
        return Err(AgentError::unprocessable("_schema", text));
    }
    // An empty text is none, as ACA-Py has it.
    let has = |name: &str| members.get(name).is_some_and(|v| !v.is_null() && v.as_str() != Some(""));
    let alone = |without: &str| AgentError::unprocessable("_schema", format!("Model cannot have {without}"));
    match (has("goal"), has("goal_code")) {
        (true, false) => return Err(alone("goal without goal_code")),
        (false, true) => return Err(alone("goal_code without goal")),
        _ => {}
    }
    if let Some(kind) = members.get("@type").filter(|v| !v.is_null()) {
        let known = kind.as_str().and_then(|text| MessageType::parse(text).ok()).is_some_and(|kind| {
            kind.is_known_doc_uri() && kind.protocol() == PROTOCOL && kind.name() == "invitation"
        });
        if !known {
            return Err(AgentError::unprocessable("@type", "Must be the type of an out-of-band invitation."));
        }
    } else {
        members.insert("@type".into(), json!(TYPE));
    }
    if members.get("@id").and_then(Value::as_str).is_none_or(str::is_empty) {
        members.insert("@id".into(), json!(new_id()));
    }
    kept::check_ids(&members).map_err(|text| AgentError::unprocessable("@id", text))?;
    kept::shorten(&mut members);
    Ok(ordered(members))
}

/// The minor version of an invitation's type.
pub fn minor(invitation: &Value) -> u32 {
    let kind = invitation["@type"].as_str().and_then(|text| MessageType::parse(text).ok());
    kind.map_or(1, |kind| kind.version().minor)
}

/// The only service of an invitation.
#[derive(Clone, Debug)]
pub enum InvitedService {
    /// A DID.
    Did(String),
    /// Keys and endpoint.
    Inline(Target),
}

/// The service of a received invitation, which must have exactly one.
///
/// Errors: 400; ACA-Py answers 500.
pub fn service(invitation: &Value) -> Result<InvitedService, AgentError> {
    let unusable = |text: String| AgentError::bad_request("invitation-unusable", text);
    let services = invitation["services"].as_array().map(Vec::as_slice).unwrap_or_default();
    match services {
        [Value::String(did)] => Ok(InvitedService::Did(did.clone())),
        [service @ Value::Object(_)] => inline_target(service).map(InvitedService::Inline).map_err(unusable),
        [_] => Err(unusable("the invitation's service is neither a DID nor an object".into())),
        _ => Err(unusable("service array must have exactly one element".into())),
    }
}

impl InvitedService {
    /// Keys and endpoint, the DID resolved.
    ///
    /// Errors: 400 when the DID doesn't resolve or has no service; ACA-Py answers 500.
    pub async fn target(&self, unit: &mut Unit<'_>) -> Result<Target, AgentError> {
        match self {
            Self::Inline(target) => Ok(target.clone()),
            Self::Did(did) => {
                let services = services(unit, did).await.map_err(AgentError::of_named_did)?;
                let none = || {
                    AgentError::bad_request(
                        "invitation-unusable",
                        format!("{did} has no service for DIDComm"),
                    )
                };
                target_of(&services, unit.settings().outbound).ok_or_else(none)
            }
        }
    }
}

/// A target as `~service`.
pub fn as_service(target: &Target) -> Result<Service, AgentError> {
    let keys = |keys: &[String]| {
        let parsed = keys.iter().map(|key| PublicKey::from_base58(chancery_did::KeyType::Ed25519, key));
        parsed.collect::<Result<Vec<_>, _>>().map_err(|e| {
            AgentError::bad_request("invitation-unusable", format!("the invitation's keys: {e}"))
        })
    };
    Ok(Service {
        recipient_keys: keys(&target.recipient_keys)?,
        service_endpoint: target.endpoint.clone().unwrap_or_default(),
        routing_keys: keys(&target.routing_keys)?,
    })
}

/// `<endpoint>?oob=<invitation>`; a query or fragment of the endpoint is replaced.
pub fn url(endpoint: &str, invitation: &Value) -> String {
    let base = endpoint.split(['?', '#']).next().unwrap_or_default();
    let json = chancery_didcomm::to_python_json(invitation);
    format!("{base}?oob={}", URL_SAFE_NO_PAD.encode(json))
}
