//! We were invited (or ask on our own): send the request, take the response, send complete.

use chancery_did::methods::sov;
use chancery_did::{PublicKey, SecretKey};
use chancery_didcomm::message::{Attachment, Message};
use serde_json::Value;

use super::messages::{self, Response, kind, minor_of, thread};
use super::state::{Input, Role, step};
use crate::engine::{Agent, HandlerError, Happening, Received};
use crate::peers::own::{self, OwnDid, Purpose};
use crate::peers::{
    self, Claim, Connection, Distrust, INVITER, State, learn, send_with_connection, services, target_of,
};
use crate::ports::store::Query;
use crate::unit::{AgentError, Scope, Target, Unit};

/// What may be chosen when a request is sent.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Endpoint for a new DID instead of the agent's.
    pub my_endpoint: Option<String>,
    /// Label instead of the agent's.
    pub my_label: Option<String>,
    /// A DID of the wallet.
    pub use_did: Option<String>,
    /// `did:peer:2` or `did:peer:4`.
    pub use_did_method: Option<String>,
    /// Our public DID.
    pub use_public_did: bool,
    /// Sent along.
    pub goal_code: Option<String>,
    /// Sent along.
    pub goal: Option<String>,
}

/// Sends the request of a connection in state `invitation`. The record was loaded or inserted in this unit.
///
/// Errors: 400 wrong state, unknown DID; 500 the invitation's service cannot be used.
pub async fn send_request(
    unit: &mut Unit<'_>,
    connection: &mut Connection,
    options: &Options,
) -> Result<(), AgentError> {
    let role = if connection.they_were_invited() { Role::Responder } else { Role::Requester };
    let next = step(role, connection.state, Input::AcceptInvitation)
        .map_err(|_| AgentError::bad_request("wrong-state", "Connection not in state invitation."))?;
    let (target, pthid) = invited(unit, connection).await?;
    let minor = minor_of(connection.connection_protocol.as_deref());
    let (own, fresh) = match known_did(unit, connection, options).await? {
        Some(own) => (own, false),
        None => {
            let method = options.use_did_method.as_deref();
            (new_did(unit, minor, method, options.my_endpoint.as_deref())?, true)
        }
    };

    let id = unit.new_id();
    let label = options.my_label.clone().unwrap_or_else(|| unit.settings().label.clone());
    let did = if minor == 0 { own.did.clone() } else { own.qualified() };
    let mut request = Message::build(kind(minor, "request"), &id)
        .thread(&thread(&id, pthid.as_deref()))
        .field("label", label)
        .field("did", did);
    if minor == 0 && is_local_nym(unit, &own).await? {
        let secret = secret_of(unit, &own.verkey).await?;
        request = request
            .attachment("did_doc", &signed_document(unit, &own, &secret, options.my_endpoint.as_deref())?);
    }
    let request = request
        .optional("goal_code", options.goal_code.clone())
        .optional("goal", options.goal.clone())
        .finish();

    if !fresh {
        peers::asked::note(unit, &own.did, &connection.connection_id).await?;
    }
    connection.my_did = Some(own.did.clone());
    connection.request_id = Some(id);
    if connection.invitation_key.is_none() {
        connection.invitation_key = target.recipient_keys.first().cloned();
    }
    connection.advance(unit, next.record)?;
    let target = Target { sender_key: Some(own.verkey), ..target };
    unit.send(&request, target, Some(&connection.connection_id), Scope::Connection);
    Ok(())
}

/// Where the request goes, and its parent thread.
async fn invited(
    unit: &mut Unit<'_>,
    connection: &Connection,
) -> Result<(Target, Option<String>), AgentError> {
    let unusable = |text: String| AgentError::bad_request("invitation-unusable", text);
    let invitation = peers::invitation(unit, &connection.connection_id).await?;
    let service = invitation.as_ref().map(|i| &i["services"][0]);
    let did = match service {
        Some(Value::String(did)) => did.clone(),
        Some(service @ Value::Object(_)) => {
            return Ok((
                peers::inline_target(service).map_err(unusable)?,
                connection.invitation_msg_id.clone(),
            ));
        }
        Some(_) => return Err(unusable("the invitation has no service".into())),
        None => {
            connection.their_public_did.clone().ok_or_else(|| unusable("the invitation is gone".into()))?
        }
    };
    let services = services(unit, &did).await.map_err(AgentError::of_named_did)?;
    let target = target_of(&services, unit.settings().outbound)
        .ok_or_else(|| unusable(format!("{did} has no DIDComm service")))?;
    let pthid = match &connection.invitation_msg_id {
        Some(id) => Some(id.clone()),
        None => services
            .first()
            .map(|s| if s.id.starts_with('#') { format!("{did}{}", s.id) } else { s.id.clone() }),
    };
    Ok((target, pthid))
}

/// The DID that is to be asked with, when it is one that we have.
async fn known_did(
    unit: &mut Unit<'_>,
    connection: &Connection,
    options: &Options,
) -> Result<Option<OwnDid>, AgentError> {
    let unknown =
        |did: &str| AgentError::bad_request("unknown-did", format!("DID not found in wallet: {did}"));
    if let Some(did) = options.use_did.as_ref().or(connection.my_did.as_ref()) {
        return own::own_did_to_connect(unit, did).await?.ok_or_else(|| unknown(did)).map(Some);
    }
    if options.use_public_did {
        let none = || AgentError::bad_request("no-public-did", "No public DID configured.");
        return own::public(unit).await?.ok_or_else(none).map(Some);
    }
    Ok(None)
}

/// A new DID for a connection: a nym in 1.0, else a did:peer of the given method (default did:peer:4).
pub fn new_did(
    unit: &mut Unit<'_>,
    minor: u32,
    method: Option<&str>,
    my_endpoint: Option<&str>,
) -> Result<OwnDid, AgentError> {
    if minor == 0 {
        return own::new_nym(unit);
    }
    let settings = unit.settings();
    let endpoints = endpoints_of(&settings.endpoints, my_endpoint);
    match method {
        Some("did:peer:2") => own::new_peer2(unit, &endpoints, Purpose::Connection),
        _ => own::new_peer4(unit, &endpoints, Purpose::Connection),
    }
}

/// The endpoints for a new DID: the given one instead of the agent's.
pub fn endpoints_of<'a>(agents: &'a [String], my_endpoint: Option<&'a str>) -> Vec<&'a str> {
    match my_endpoint {
        Some(endpoint) => vec![endpoint],
        None => agents.iter().map(String::as_str).collect(),
    }
}

/// A nym that only its attached document explains.
pub async fn is_local_nym(unit: &mut Unit<'_>, own: &OwnDid) -> Result<bool, AgentError> {
    if own.method != "sov" || own.is_posted() {
        return Ok(false);
    }
    Ok(own::public(unit).await?.is_none_or(|public| public.did != own.did))
}

/// A secret key of ours that must be there.
pub async fn secret_of(unit: &Unit<'_>, verkey: &str) -> Result<SecretKey, AgentError> {
    let gone = || AgentError::internal("key-gone", format!("our key {verkey} is no longer in the wallet"));
    unit.secret(verkey).await?.ok_or_else(gone)
}

/// `did_doc~attach` of a nym of ours.
pub fn signed_document(
    unit: &Unit<'_>,
    own: &OwnDid,
    signer: &SecretKey,
    my_endpoint: Option<&str>,
) -> Result<Attachment, AgentError> {
    let settings = unit.settings();
    let endpoints = endpoints_of(&settings.endpoints, my_endpoint);
    let document = sov::build_for(&own.did, &own.public_key()?, &endpoints, &[]);
    messages::sign(Attachment::json_base64(unit.new_id(), &document), signer)
}

/// Takes a `response`: checks who signed it, completes the handshake.
pub async fn receive_response(
    agent: &Agent,
    unit: &mut Unit<'_>,
    received: &Received,
) -> Result<(), HandlerError> {
    let malformed = |e: chancery_didcomm::MessageError| HandlerError::Malformed(e.to_string());
    let response = Response::read(&received.message).map_err(malformed)?;
    let thid = received.message.thread_id().unwrap_or_default();
    let query = Query::tagged("connection", "request_id", thid);
    let connections = unit.find::<Connection>(&query).await?;
    let asked = connections.into_iter().find(|c| c.their_role.as_deref() == Some(INVITER));
    let Some(mut connection) = asked else {
        return Err(HandlerError::dropped("unknown-thread", "a response to no request of ours"));
    };
    let next = step(Role::Requester, connection.state, Input::ResponseReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    let my_did = connection.my_did.clone().unwrap_or_default();
    let asked_with = peers::verkey(unit, &my_did).await?;
    if received.recipient.as_ref().map(PublicKey::as_base58) != asked_with.as_deref() {
        return Err(HandlerError::dropped(
            "response-not-verified",
            "it came to another key than the one that asked",
        ));
    }
    unit.on_our_thread(thid);
    let claim = Claim {
        did: &response.did,
        document: response.document.as_ref(),
        rotation: response.rotation.as_ref(),
        sender: received.sender.as_ref(),
        invited_by: Some(connection.invitation_key.as_deref().unwrap_or_default()),
    };
    learn(unit, &claim).await.map_err(|distrust| match distrust {
        Distrust::Refused(text) => HandlerError::dropped("response-not-verified", text),
        Distrust::Failed(error) => error.into(),
    })?;
    if !next.moved() {
        if connection.their_did.as_deref() == Some(peers::short_form(&response.did)) {
            send_complete(unit, &connection, thid).await?;
        }
        return Ok(());
    }
    connection.their_did = Some(response.did.clone());
    connection.shorten_dids();
    if !peers::has_service(unit, &response.did).await? {
        connection.error_msg =
            Some(format!("the inviter's DID {} has no service to answer to", response.did));
        connection.advance(unit, State::Abandoned)?;
        return Ok(());
    }
    connection.advance(unit, next.record)?;
    send_complete(unit, &connection, thid).await?;
    if let Ok(next) = step(Role::Requester, connection.state, Input::CompleteSent) {
        connection.advance(unit, next.record)?;
    }
    agent.happened(unit, Happening::Connected(&connection)).await?;
    if let Some(verkey) = asked_with {
        unit.ready(&verkey);
    }
    Ok(())
}

async fn send_complete(unit: &mut Unit<'_>, connection: &Connection, thid: &str) -> Result<(), HandlerError> {
    let minor = minor_of(connection.connection_protocol.as_deref());
    // Some inviters answer without `pthid`: it is that of the invitation (or what our own request had).
    let pthid = connection.invitation_msg_id.as_deref().or(connection.their_public_did.as_deref());
    let complete =
        Message::build(kind(minor, "complete"), unit.new_id()).thread(&thread(thid, pthid)).finish();
    Ok(send_with_connection(unit, connection, &complete).await?)
}
