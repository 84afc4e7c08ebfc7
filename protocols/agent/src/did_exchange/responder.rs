//! We invited (or are asked at our public DID): take the request, send the response, see the handshake complete.

use chancery_did::methods::sov;
use chancery_did::{PublicKey, methods};
use chancery_didcomm::message::{Attachment, Message};

use super::messages::{self, Request, kind, minor_of, protocol_name, thread};
use super::report;
use super::requester::{is_local_nym, new_did, secret_of, signed_document};
use super::state::{Input, Role, Send, step};
use crate::engine::{Agent, HandlerError, Happening, Received};
use crate::exchange::Effect;
use crate::peers::own::{self, OwnDid};
use crate::peers::{
    self, Claim, Connection, Distrust, INVITEE, State, attach_request, counts, learn, metadata, set_metadata,
    short_form, waiting,
};
use crate::ports::store::{Guard, Query, Space};
use crate::unit::{AgentError, Scope, Unit};

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

/// What a request asks for.
enum Asked {
    /// An invitation of ours: the record that waits for it.
    Invited(Box<Connection>),
    /// A connection to our public DID, unasked.
    PublicDid(Box<OwnDid>),
}

/// Takes a `request`.
pub async fn receive_request(
    agent: &Agent,
    unit: &mut Unit<'_>,
    received: &Received,
) -> Result<(), HandlerError> {
    let request = Request::read(&received.message).map_err(|e| HandlerError::Malformed(e.to_string()))?;
    let thid = received.message.thread_id().unwrap_or_default().to_owned();
    if let Some(connection) = asked_before(unit, &thid).await? {
        return repeat(unit, received, connection, &request).await;
    }
    let asked = asked(unit, received).await?;
    let minor = received.message.message_type().version().minor.min(1);
    let claim = Claim {
        did: &request.did,
        document: request.document.as_ref(),
        rotation: None,
        sender: received.sender.as_ref(),
        invited_by: None,
    };
    let believed = match learn(unit, &claim).await {
        Ok(()) if !peers::has_service(unit, &request.did).await? => {
            Err(format!("DID {} has no service for DIDComm to answer to", request.did))
        }
        Ok(()) => Ok(()),
        Err(Distrust::Failed(error)) => return Err(error.into()),
        Err(Distrust::Refused(text)) => Err(text),
    };
    match believed {
        Ok(()) => {}
        Err(text) => {
            unit.start_over();
            if matches!(asked, Asked::Invited(_)) && received.sender.is_some() {
                report::refuse(unit, received, minor, &request, &text);
                return Ok(());
            }
            return Err(HandlerError::dropped("did-not-believed", text));
        }
    }
    let (mut connection, invited) = begin(unit, received, asked).await?;
    let next = step(Role::Responder, connection.state, Input::RequestReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    connection.their_did = Some(request.did.clone());
    connection.their_label = Some(request.label.clone());
    connection.request_id = Some(thid);
    connection.connection_protocol = Some(protocol_name(minor).to_owned());
    connection.advance(unit, next.record)?;
    attach_request(unit, &connection.connection_id, &Message::clone(&received.message).into_json()).await?;
    if let Some(invi_msg_id) = invited {
        let answered = Happening::InvitationAnswered { invi_msg_id: &invi_msg_id, connection: &connection };
        agent.happened(unit, answered).await?;
    }
    if !connection.auto_accepts() {
        return Ok(());
    }
    match respond(unit, &mut connection, &Options::default()).await {
        Ok(()) => Ok(()),
        Err(error) if !error.ends() => Err(error.into()),
        Err(error) => {
            // Nobody called who could hear of it: the record says so, and whoever asked is told.
            report::refuse(unit, received, minor, &request, &error.message);
            connection.error_msg = Some(error.message);
            connection.advance(unit, State::Abandoned)?;
            Ok(())
        }
    }
}

async fn asked_before(unit: &mut Unit<'_>, thid: &str) -> Result<Option<Connection>, AgentError> {
    let connections = unit.find::<Connection>(&Query::tagged("connection", "request_id", thid)).await?;
    Ok(connections.into_iter().find(Connection::they_were_invited))
}

/// The same request again: the stored answer again, as long as it has not been confirmed, to whoever asked.
async fn repeat(
    unit: &mut Unit<'_>,
    received: &Received,
    connection: Connection,
    request: &Request,
) -> Result<(), HandlerError> {
    let next = step(Role::Responder, connection.state, Input::RequestReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    let same_party = connection.their_did.as_deref() == Some(&request.did)
        && match &received.sender {
            Some(sender) => counts(unit, &request.did, sender).await?,
            // The controller brought it.
            None => true,
        };
    if next.effects.contains(&Effect::Send(Send::Response))
        && same_party
        && let Some(my_did) = &connection.my_did
        && let Some(own) = own::own_did(unit, my_did).await?
    {
        send_response(unit, &connection, &own, None).await?;
    }
    Ok(())
}

/// What the request asks for. An invitation is found by its id alone, and only by a request to its own key; without one the
/// request is to our public DID.
///
/// Errors: dropped where nothing of ours may be asked for so.
async fn asked(unit: &mut Unit<'_>, received: &Received) -> Result<Asked, HandlerError> {
    let none = |text: &str| HandlerError::dropped("no-invitation", text);
    let recipient = received.recipient.as_ref().map(PublicKey::as_base58);
    let settings = unit.settings();
    let public = own::public(unit).await?;
    let pthid = received.message.parent_thread_id();
    let invitation = match pthid {
        Some(pthid) => waiting::with(unit, pthid).await?,
        None => None,
    };
    if let Some(connection) = invitation {
        let key = connection.invitation_key.as_deref();
        if recipient.is_some() && recipient != key {
            return Err(none("the request came to another key than the invitation's"));
        }
        if public.is_some_and(|own| Some(&*own.verkey) == key) && !settings.public_invites {
            return Err(HandlerError::dropped(
                "public-invites-off",
                "invitations with the public DID are not enabled",
            ));
        }
        return Ok(Asked::Invited(Box::new(connection)));
    }
    let Some(public) = public.filter(|own| Some(&*own.verkey) == recipient) else {
        return Err(none("the request belongs to no invitation, or to one that is used up"));
    };
    if !pthid.is_none_or(|pthid| names(pthid, &public)) {
        return Err(none("the request names neither an invitation that waits nor the public DID"));
    }
    if !settings.public_invites || !settings.requests_through_public_did {
        return Err(HandlerError::dropped(
            "unsolicited-request",
            "unsolicited connection requests to the public DID are not enabled",
        ));
    }
    Ok(Asked::PublicDid(Box::new(public)))
}

/// Whether a text is a DID of ours, or the id of a service of it.
pub(super) fn names(text: &str, own: &OwnDid) -> bool {
    let did = text.split(['#', ';', '?', '/']).next().unwrap_or(text);
    sov::unqualified(short_form(did)) == sov::unqualified(short_form(&own.did))
}

/// The record of the connection that the request begins, inserted or loaded in this unit, and the id of the invitation.
async fn begin(
    unit: &mut Unit<'_>,
    received: &Received,
    asked: Asked,
) -> Result<(Connection, Option<String>), HandlerError> {
    let invited = match asked {
        Asked::PublicDid(public) => {
            let auto = unit.settings().auto_accept_requests;
            let mut connection = Connection::new(unit, State::Start, INVITEE, auto);
            connection.invitation_key = Some(public.verkey);
            first_time(unit, received).await?;
            unit.insert(&connection)?;
            return Ok((connection, None));
        }
        Asked::Invited(connection) => *connection,
    };
    let id = invited.invitation_msg_id.clone();
    if !invited.is_multi_use() {
        // Our controller asked for this one.
        unit.on_our_thread(received.message.thread_id().unwrap_or_default());
        return Ok((invited, id));
    }
    first_time(unit, received).await?;
    let mut connection = Connection::new(unit, State::Start, INVITEE, invited.auto_accepts());
    connection.invitation_key = invited.invitation_key.clone();
    connection.invitation_msg_id = invited.invitation_msg_id.clone();
    unit.insert(&connection)?;
    connection.notify(unit);
    for (key, value) in metadata(unit, &invited.connection_id).await? {
        set_metadata(unit, &connection.connection_id, &key, &value).await?;
    }
    Ok((connection, id))
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

/// Sends the response of a connection in state `request`. The record was loaded or inserted in this unit.
///
/// Errors: 400 wrong state, no public DID; 500 when the requester cannot be reached.
pub async fn respond(
    unit: &mut Unit<'_>,
    connection: &mut Connection,
    options: &Options,
) -> Result<(), AgentError> {
    let role = if connection.they_were_invited() { Role::Responder } else { Role::Requester };
    let next = step(role, connection.state, Input::AcceptRequest)
        .map_err(|_| AgentError::bad_request("wrong-state", "Connection not in state request."))?;
    // Before anything is made for the response.
    secret_of(unit, connection.invitation_key.as_deref().unwrap_or_default()).await?;
    let own = choose_did(unit, connection, options).await?;
    connection.my_did = Some(own.did.clone());
    send_response(unit, connection, &own, options.my_endpoint.as_deref()).await?;
    connection.advance(unit, next.record)?;
    unit.ready(&own.verkey);
    Ok(())
}

async fn choose_did(
    unit: &mut Unit<'_>,
    connection: &Connection,
    options: &Options,
) -> Result<OwnDid, AgentError> {
    if let Some(did) = &connection.my_did
        && let Some(own) = own::own_did(unit, did).await?
    {
        return Ok(own);
    }
    if options.use_public_did {
        let none = || AgentError::bad_request("no-public-did", "No public DID configured.");
        return own::public(unit).await?.ok_or_else(none);
    }
    let minor = minor_of(connection.connection_protocol.as_deref());
    // The method mirrors the requester's; one that is no did:peer may not be understood at all over there.
    let their = connection.their_did.as_deref().and_then(methods::of);
    let (minor, method) = match their.and_then(|method| method.understands) {
        Some(method) => (minor, method),
        None => (0, ""),
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
    let request = peers::request(unit, &connection.connection_id).await?.unwrap_or_default();
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
    let target = peers::target(unit, &present).await?.ok_or_else(|| {
        AgentError::internal("no-target", format!("connection {} has no service", connection.connection_id))
    })?;
    unit.send(&response.finish(), target, Some(&connection.connection_id), Scope::Connection);
    Ok(())
}

/// An authenticated message arrived over the connection: the requester has our response.
pub async fn completed(unit: &mut Unit<'_>, id: &str) -> Result<Option<Connection>, HandlerError> {
    let Some(mut connection) = unit.load::<Connection>(id).await? else { return Ok(None) };
    let next = step(Role::Responder, connection.state, Input::MessageReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    if next.moved() {
        connection.shorten_dids();
        connection.advance(unit, next.record)?;
    }
    Ok(Some(connection))
}
