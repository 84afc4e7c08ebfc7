//! We invited (or are asked at our public DID): take the request, send the response, see the handshake complete.

use chancery_did::Method;
use chancery_didcomm::message::{Attachment, Message};
use serde_json::Value;

use super::messages::{self, Request, SignedDocument, kind, minor_of, protocol_name, read_document, thread};
use super::report;
use super::requester::{is_local_nym, new_did, secret_of, signed_document};
use super::state::{Input, Role, Send, State, step};
use crate::connection::{
    self, Connection, INVITEE, attach_request, invitation_used, metadata, record_did, record_document,
    set_metadata,
};
use crate::engine::{AgentError, HandlerError, Received, Scope, Unit};
use crate::ports::store::{Guard, Query, Space};
use crate::wallet::{self, OwnDid};

/// How long the first handling of a request to a multi-use invitation is remembered; later the record itself tells.
const SEEN_SECONDS: i64 = 86_400;

/// What may be chosen when a request is accepted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Endpoint for a new DID instead of the agent's.
    pub my_endpoint: Option<String>,
    /// Answer with our public DID.
    pub use_public_did: bool,
}

/// Takes a `request`.
pub async fn receive_request(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let request = Request::read(&received.message).map_err(|e| HandlerError::Malformed(e.to_string()))?;
    let thid = received.message.thread_id().unwrap_or_default().to_owned();
    if let Some(connection) = asked_before(unit, &thid).await? {
        return repeat(unit, connection, &request).await;
    }
    let Some((mut connection, invited)) = connection_for(unit, received).await? else {
        return Err(HandlerError::dropped(
            "no-invitation",
            "the request belongs to no invitation, or to one that is used up",
        ));
    };
    let minor = received.message.message_type().version().minor.min(1);
    if let Err((code, text)) = record_their_did(unit, &request).await? {
        report::refuse(unit, received, minor, request.document.as_ref(), &request.did, code, &text);
        return Ok(());
    }
    let next = step(Role::Responder, State::of(&connection.state), Input::RequestReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    connection.their_did = Some(request.did.clone());
    connection.their_label = Some(request.label.clone());
    connection.request_id = Some(thid);
    connection.connection_protocol = Some(protocol_name(minor).to_owned());
    connection.advance(unit, next.next.unwrap_or(State::Request).word())?;
    attach_request(unit, &connection.connection_id, &Message::clone(&received.message).into_json()).await?;
    if let Some(invi_msg_id) = invited {
        invitation_used(unit, &invi_msg_id, &connection).await?;
    }
    if connection.auto_accepts() {
        respond(unit, &mut connection, &Options::default()).await?;
    }
    Ok(())
}

async fn asked_before(unit: &mut Unit<'_>, thid: &str) -> Result<Option<Connection>, AgentError> {
    let connections = unit.find::<Connection>(&Query::tagged("connection", "request_id", thid)).await?;
    Ok(connections.into_iter().find(Connection::they_were_invited))
}

/// The same request again: the stored answer again, as long as it has not been confirmed.
async fn repeat(unit: &mut Unit<'_>, connection: Connection, request: &Request) -> Result<(), HandlerError> {
    let next = step(Role::Responder, State::of(&connection.state), Input::RequestReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    if next.send == Some(Send::Response)
        && connection.their_did.as_deref() == Some(&request.did)
        && let Some(my_did) = &connection.my_did
        && let Some(own) = wallet::own_did(unit, my_did).await?
    {
        send_response(unit, &connection, &own, None).await?;
    }
    Ok(())
}

/// The record that the request is about, inserted or loaded in this unit, and the id of the invitation.
async fn connection_for(
    unit: &mut Unit<'_>,
    received: &Received,
) -> Result<Option<(Connection, Option<String>)>, HandlerError> {
    let recipient = received.recipient.as_ref().map(|key| key.base58());
    let mut invited = None;
    if let Some(pthid) = received.message.parent_thread_id() {
        invited = waiting(unit, "invitation_msg_id", pthid).await?;
    }
    if let (None, Some(key)) = (&invited, &recipient) {
        invited = waiting(unit, "invitation_key", key).await?;
    }
    let public = wallet::public(unit).await?.filter(|own| Some(&own.verkey) == recipient.as_ref());
    let settings = unit.settings();
    if public.is_some() && !settings.public_invites {
        return Err(HandlerError::dropped(
            "public-invites-off",
            "requests to the public DID are not enabled",
        ));
    }
    let Some(invited) = invited else {
        let Some(public) = public else { return Ok(None) };
        if !settings.requests_through_public_did {
            return Err(HandlerError::dropped(
                "unsolicited-request",
                "unsolicited connection requests to the public DID are not enabled",
            ));
        }
        let mut connection =
            Connection::new(unit, State::Start.word(), INVITEE, settings.auto_accept_requests);
        connection.invitation_key = Some(public.verkey);
        first_time(unit, received).await?;
        unit.insert(&connection)?;
        return Ok(Some((connection, None)));
    };
    let id = invited.invitation_msg_id.clone();
    if !invited.is_multi_use() {
        return Ok(Some((invited, id)));
    }
    first_time(unit, received).await?;
    let mut connection = Connection::new(unit, State::Start.word(), INVITEE, invited.auto_accepts());
    connection.invitation_key = invited.invitation_key.clone();
    connection.invitation_msg_id = invited.invitation_msg_id.clone();
    unit.insert(&connection)?;
    connection.notify(unit);
    for (key, value) in metadata(unit, &invited.connection_id).await? {
        set_metadata(unit, &connection.connection_id, &key, &value).await?;
    }
    Ok(Some((connection, id)))
}

/// Two copies of a request that arrive at once must not make two records.
async fn first_time(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let sender = received.sender.as_ref().map(|key| key.base58()).unwrap_or_default();
    let id = format!("{sender} {}", received.message.thread_id().unwrap_or_default());
    if unit.recall(Space::Seen, &id).await?.is_some() {
        return Err(HandlerError::dropped(
            "repeated",
            "the request was handled before, its connection is gone",
        ));
    }
    unit.guard(Guard::Unknown(Space::Seen, id.clone()));
    unit.remember(Space::Seen, &id, Vec::new(), Some(SEEN_SECONDS));
    Ok(())
}

/// A connection of ours that waits for a request.
async fn waiting(
    unit: &mut Unit<'_>,
    tag: &'static str,
    value: &str,
) -> Result<Option<Connection>, AgentError> {
    let query = Query::tagged("connection", tag, value).and("state", State::Invitation.word());
    let connections = unit.find::<Connection>(&query).await?;
    Ok(connections.into_iter().find(Connection::they_were_invited))
}

/// Checks and remembers the requester's DID. Inner error: code and text of the problem report.
async fn record_their_did(
    unit: &mut Unit<'_>,
    request: &Request,
) -> Result<Result<(), (&'static str, String)>, HandlerError> {
    const NOT_ACCEPTED: &str = "request_not_accepted";
    let Some(attachment) = &request.document else {
        return match record_did(unit, &request.did).await {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.kind == crate::engine::Kind::Unavailable => Err(error.into()),
            Err(error) => {
                Err(HandlerError::dropped("did-unusable", format!("{}: {}", request.did, error.message)))
            }
        };
    };
    let signed = match read_document(attachment, &request.did) {
        Ok(signed) => signed,
        Err(text) => return Ok(Err((NOT_ACCEPTED, text))),
    };
    if !may_replace(unit, &request.did, &signed).await? {
        return Ok(Err((NOT_ACCEPTED, format!("DID {} is already known with other keys", request.did))));
    }
    record_document(unit, &request.did, &signed.received, &signed.document).await?;
    Ok(Ok(()))
}

/// A document that is already known is only replaced by one that a key of the known one has signed: else anybody could
/// put their own keys and endpoint in the place of another connection's.
async fn may_replace(unit: &mut Unit<'_>, did: &str, signed: &SignedDocument) -> Result<bool, AgentError> {
    let nym = chancery_did::methods::sov::unqualified(did);
    let rows = unit.find_rows(&Query::tagged("did_doc", "did", nym), false).await?;
    let Some(known) = rows.last() else { return Ok(true) };
    let known: Value = serde_json::from_slice(&known.value).unwrap_or(Value::Null);
    if known == signed.received {
        return Ok(true);
    }
    let known = unit.resolve(did).await?.document;
    Ok(signed.signers.iter().any(|signer| known.has_key(signer)))
}

/// Sends the response of a connection in state `request`. The record was loaded or inserted in this unit.
///
/// Errors: 400 wrong state, no public DID; 500 when the requester cannot be reached.
pub async fn respond(
    unit: &mut Unit<'_>,
    connection: &mut Connection,
    options: &Options,
) -> Result<(), AgentError> {
    let role = if connection.they_were_invited() { Role::Responder } else { Role::Requester };
    let next = step(role, State::of(&connection.state), Input::AcceptRequest)
        .map_err(|_| AgentError::bad_request("wrong-state", "Connection not in state request."))?;
    let own = choose_did(unit, connection, options).await?;
    connection.my_did = Some(own.did.clone());
    send_response(unit, connection, &own, options.my_endpoint.as_deref()).await?;
    connection.advance(unit, next.next.unwrap_or(State::Response).word())?;
    unit.unpark(&own.verkey);
    Ok(())
}

async fn choose_did(
    unit: &mut Unit<'_>,
    connection: &Connection,
    options: &Options,
) -> Result<OwnDid, AgentError> {
    if let Some(did) = &connection.my_did
        && let Some(own) = wallet::own_did(unit, did).await?
    {
        return Ok(own);
    }
    if options.use_public_did {
        let none = || AgentError::bad_request("no-public-did", "No public DID configured.");
        return wallet::public(unit).await?.ok_or_else(none);
    }
    let minor = minor_of(connection.connection_protocol.as_deref());
    // The method mirrors the requester's; one that is no did:peer may not be understood at all over there.
    let their = connection.their_did.as_deref().and_then(|did| chancery_did::parse(did).ok());
    let (minor, method) = match their.map(|did| did.method) {
        Some(Method::Peer2 | Method::Peer3) => (minor, "did:peer:2"),
        Some(Method::Peer1 | Method::Peer4) => (minor, "did:peer:4"),
        _ => (0, ""),
    };
    new_did(unit, minor, Some(method), options.my_endpoint.as_deref())
}

async fn send_response(
    unit: &mut Unit<'_>,
    connection: &Connection,
    own: &OwnDid,
    my_endpoint: Option<&str>,
) -> Result<(), AgentError> {
    let minor = minor_of(connection.connection_protocol.as_deref());
    let request = connection::request(unit, &connection.connection_id).await?.unwrap_or_default();
    let pthid = request["~thread"]["pthid"].as_str().or(connection.invitation_msg_id.as_deref());
    let thid = connection.request_id.as_deref().unwrap_or_default();
    let signer = secret_of(unit, connection.invitation_key.as_deref().unwrap_or_default()).await?;

    let local = is_local_nym(unit, own).await?;
    let did = if local || minor == 0 { own.did.clone() } else { own.qualified() };
    let response = Message::build(kind(minor, "response"), unit.new_id())
        .thread(&thread(thid, pthid))
        .field("did", &*did);
    let response = if local {
        response.attachment("did_doc", &signed_document(unit, own, &signer, my_endpoint)?)
    } else if minor == 0 {
        response
    } else {
        response.attachment("did_rotate", &messages::sign(Attachment::text(unit.new_id(), &did), &signer)?)
    };
    let mut present = connection.clone();
    present.my_did = Some(own.did.clone());
    let target = unit.agent().directory().target(unit, &present).await?.ok_or_else(|| {
        AgentError::internal("no-target", format!("connection {} has no service", connection.connection_id))
    })?;
    unit.send(&response.finish(), target, Some(&connection.connection_id), Scope::Connection);
    Ok(())
}

/// An authenticated message arrived over the connection: the requester has our response.
pub async fn completed(unit: &mut Unit<'_>, id: &str) -> Result<Option<Connection>, HandlerError> {
    let Some(mut connection) = unit.load::<Connection>(id).await? else { return Ok(None) };
    let next = step(Role::Responder, State::of(&connection.state), Input::MessageReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    if let Some(state) = next.next {
        connection.advance(unit, state.word())?;
        connection.shorten_dids();
        connection.store(unit)?;
    }
    Ok(Some(connection))
}
