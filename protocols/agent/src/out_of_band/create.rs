//! We invite.

use chancery_didcomm::message::{Attachment, MessageType, Thread, Version};
use serde_json::{Map, Value, json};

use super::commands::{AttachmentRef, CreateInvitation};
use super::invitation::{self, PROTOCOL, handshake_protocol};
use super::state::{Input, Role, State};
use crate::engine::Agent;
use crate::peers::own::{self, OwnDid, Purpose};
use crate::peers::{self, Connection, INVITEE, OobRecord, attach_invitation, service_of, set_metadata};
use crate::unit::{AgentError, Kind, Unit};

/// Where answers to the invitation come to.
struct Here {
    service: Value,
    key: String,
    endpoint: String,
    inline: bool,
}

/// Makes an invitation -> `{state, trace, invi_msg_id, oob_id, invitation, invitation_url}`.
pub async fn create(
    agent: &Agent,
    unit: &mut Unit<'_>,
    command: &CreateInvitation,
) -> Result<Value, AgentError> {
    let protocols = handshake_protocols(agent, command)?;
    check(unit, command, &protocols)?;
    let id = unit.new_id();
    let attachments = attachments(agent, unit, command, &id).await?;
    let here = here(unit, command).await?;
    let invitation = message(unit, command, &protocols, &id, attachments, &here)?;

    let mut record = OobRecord::new(unit, State::Initial, Role::Sender, &invitation);
    record.our_recipient_key = Some(here.key.clone());
    record.multi_use = command.multi_use;
    if protocols.is_empty() {
        record.our_service = Some(json!(service_of(unit, &here.key)?));
    } else {
        let connection = waiting_connection(agent, unit, command, &protocols, &id, &here.key).await?;
        attach_invitation(unit, &connection.connection_id, &invitation).await?;
        record.connection_id = Some(connection.connection_id);
    }
    record.advance(unit, Input::Invited)?;
    unit.insert(&record)?;

    Ok(json!({
        "state": "initial",
        "trace": false,
        "invi_msg_id": id,
        "oob_id": record.oob_id,
        "invitation": invitation,
        "invitation_url": invitation::url(&here.endpoint, &invitation),
    }))
}

fn handshake_protocols(agent: &Agent, command: &CreateInvitation) -> Result<Vec<&'static str>, AgentError> {
    let given = command.handshake_protocols.as_deref().unwrap_or_default();
    given
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let invalid = || AgentError::unprocessable(format!("handshake_protocols.{at}"), "Invalid value.");
            handshake_protocol(agent, text).ok_or_else(invalid)
        })
        .collect()
}

fn check(unit: &Unit<'_>, command: &CreateInvitation, protocols: &[&str]) -> Result<(), AgentError> {
    if command.mediation_id.is_some() {
        return Err(AgentError::not_supported("mediation is not supported yet: leave mediation_id out"));
    }
    let attachments = command.attachments.as_ref().is_some_and(|list| !list.is_empty());
    let public = command.use_public_did.unwrap_or(false);
    let (did, method) = (command.use_did.is_some(), command.use_did_method.is_some());
    let metadata = command.metadata.as_ref().is_some_and(|m| !m.is_empty());
    let fault = if protocols.is_empty() && !attachments {
        "Invitation must include handshake protocols, request attachments, or both."
    } else if command.multi_use && attachments {
        "Cannot create multi use invitation with attachments."
    } else if public && did {
        "use_public_did and use_did are mutually exclusive."
    } else if public && method {
        "use_public_did and use_did_method are mutually exclusive."
    } else if did && method {
        "use_did and use_did_method are mutually exclusive."
    } else if command.create_unique_did && !method {
        "create_unique_did can only be used with use_did_method."
    } else if metadata && protocols.is_empty() {
        "Cannot store metadata without handshake protocols."
    } else if public && !unit.settings().public_invites {
        "Public invitations are not enabled."
    } else {
        return Ok(());
    };
    Err(AgentError::bad_request("contradicting-options", fault))
}

async fn attachments(
    agent: &Agent,
    unit: &mut Unit<'_>,
    command: &CreateInvitation,
    id: &str,
) -> Result<Value, AgentError> {
    let mut list = Vec::new();
    for (at, wanted) in command.attachments.iter().flatten().enumerate() {
        let mut message = attached_message(agent, unit, wanted, at).await?;
        message.set_thread(&Thread { pthid: Some(id.to_owned()), ..Thread::default() });
        list.push(Attachment::json_inline("request-0", message.into_json()).to_json());
    }
    Ok(Value::Array(list))
}

async fn attached_message(
    agent: &Agent,
    unit: &mut Unit<'_>,
    wanted: &AttachmentRef,
    at: usize,
) -> Result<chancery_didcomm::Message, AgentError> {
    if !matches!(&*wanted.kind, "credential-offer" | "present-proof") {
        let text = "Must be one of: credential-offer, present-proof.";
        return Err(AgentError::unprocessable(format!("attachments.{at}.type"), text));
    }
    let attaches = agent.attaches().find(|attaches| attaches.kind() == wanted.kind).ok_or_else(|| {
        AgentError::not_supported(format!("attachments of type {} are not supported yet", wanted.kind))
    })?;
    // An id that isn't in the path is the caller's mistake, not a missing resource.
    attaches.attachment(unit, &wanted.id).await.map_err(|e| match e.kind {
        Kind::NotFound => e.with_kind(Kind::BadRequest),
        _ => e,
    })
}

async fn here(unit: &mut Unit<'_>, command: &CreateInvitation) -> Result<Here, AgentError> {
    let own = if command.use_public_did.unwrap_or(false) {
        let none = || {
            AgentError::bad_request("no-public-did", "Cannot create public invitation with no public DID.")
                .hint("set one with POST /wallet/did/public")
        };
        own::public(unit).await?.ok_or_else(none)?
    } else if let Some(did) = &command.use_did {
        let unknown = || {
            let text = format!("Cannot find DID for invitation reuse: {did}.");
            AgentError::bad_request("unknown-did", text)
        };
        own::own_did(unit, did).await?.ok_or_else(unknown)?
    } else if let Some(method) = &command.use_did_method {
        did_of_method(unit, method, command.create_unique_did).await?
    } else {
        return inline(unit);
    };
    let did = own.qualified();
    // The DID was the caller's choice: one that nobody can look up is no better than one without a service.
    let services = peers::services(unit, &did).await.map_err(|e| match e.kind {
        Kind::NotSupported => e.with_kind(Kind::BadRequest),
        _ => e.of_named_did(),
    })?;
    let none = || {
        AgentError::bad_request("did-without-service", format!("{did} has no service for DIDComm"))
            .hint("make a DID that has one with use_did_method did:peer:4, or name none")
    };
    let endpoint = services.first().ok_or_else(none)?.endpoint.clone();
    Ok(Here { service: json!(did), key: own.verkey, endpoint, inline: false })
}

fn inline(unit: &mut Unit<'_>) -> Result<Here, AgentError> {
    let endpoint = unit.settings().endpoints.first().cloned().ok_or_else(|| {
        AgentError::bad_request("no-endpoint", "This agent has no endpoint that could stand in an invitation")
            .hint("start it with --endpoint")
    })?;
    let secret = own::new_key(unit);
    let key = secret.as_public();
    let service = json!({
        "id": "#inline",
        "type": "did-communication",
        "recipientKeys": [key.did_key_url()],
        "serviceEndpoint": endpoint,
    });
    Ok(Here { service, key: key.base58(), endpoint, inline: true })
}

/// A did:peer for the invitation: its own, or one that invitations share as long as our endpoints are the same.
async fn did_of_method(unit: &mut Unit<'_>, method: &str, unique: bool) -> Result<OwnDid, AgentError> {
    let settings = unit.settings();
    let endpoints: Vec<&str> = settings.endpoints.iter().map(String::as_str).collect();
    let shared = if unique { Vec::new() } else { own::shared_dids(unit, method).await? };
    for own in shared {
        let services = peers::services(unit, &own.did).await?;
        if services.iter().map(|s| s.endpoint.as_str()).eq(endpoints.iter().copied()) {
            return Ok(own);
        }
    }
    let purpose = Purpose::Invitation { shared: !unique };
    match method {
        "did:peer:2" => own::new_peer2(unit, &endpoints, purpose),
        _ => own::new_peer4(unit, &endpoints, purpose),
    }
}

fn message(
    unit: &Unit<'_>,
    command: &CreateInvitation,
    protocols: &[&str],
    id: &str,
    attachments: Value,
    here: &Here,
) -> Result<Value, AgentError> {
    let version = command.protocol_version.as_deref().unwrap_or("1.1");
    let version = Version::parse(version).ok_or_else(|| {
        AgentError::bad_request("bad-version", format!("not a protocol version: {version}"))
            .at("protocol_version")
    })?;
    let settings = unit.settings();
    let qualified: Vec<String> = protocols.iter().map(|p| format!("https://didcomm.org/{p}")).collect();
    let mut members = Map::new();
    members.insert("@type".into(), json!(MessageType::new(PROTOCOL, version, "invitation").to_string()));
    members.insert("@id".into(), json!(id));
    members.insert("label".into(), json!(command.my_label.as_ref().unwrap_or(&settings.label)));
    members.insert("imageUrl".into(), json!(settings.image_url));
    members.insert("handshake_protocols".into(), json!(qualified));
    if version != Version::new(1, 0) {
        members.insert("accept".into(), json!(command.accept));
    }
    members.insert("requests~attach".into(), attachments);
    members.insert("services".into(), json!([here.service]));
    if here.inline {
        // ACA-Py leaves the goal out where the service is a DID.
        members.insert("goal_code".into(), json!(command.goal_code));
        members.insert("goal".into(), json!(command.goal));
    }
    Ok(invitation::ordered(members))
}

async fn waiting_connection(
    agent: &Agent,
    unit: &mut Unit<'_>,
    command: &CreateInvitation,
    protocols: &[&str],
    id: &str,
    key: &str,
) -> Result<Connection, AgentError> {
    let auto = command.auto_accept.unwrap_or_else(|| unit.settings().auto_accept_requests);
    let mut connection = Connection::new(unit, peers::State::Invitation, INVITEE, auto);
    connection.invitation_key = Some(key.to_owned());
    connection.invitation_msg_id = Some(id.to_owned());
    connection.alias = command.alias.clone();
    if command.multi_use {
        connection.invitation_mode = "multi".to_owned();
    }
    if let [protocol] = protocols {
        connection.connection_protocol = agent.handshake_version(protocol).map(str::to_owned);
    }
    unit.insert(&connection)?;
    connection.notify(unit);
    for (name, value) in command.metadata.iter().flatten() {
        set_metadata(unit, &connection.connection_id, name, value).await?;
    }
    Ok(connection)
}
