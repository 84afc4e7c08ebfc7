//! Problem reports of the handshake.

use chancery_did::methods::sov;
use chancery_did::{DidDocument, Resolution};
use chancery_didcomm::message::ReturnRoute;
use serde_json::Value;

use super::messages::{CODES, Request, problem_report};
use super::state::{Input, Role, step};
use crate::engine::{HandlerError, Received};
use crate::peers::{self, Connection, counts, target_of};
use crate::ports::store::Query;
use crate::quoted::Quoted;
use crate::unit::{AgentError, Scope, Target, Unit};

const NOT_ACCEPTED: &str = "request_not_accepted";

/// Tells whoever was invited why its request was refused, with the key that it sent it with, where its DID or the document
/// with it says.
pub fn refuse(unit: &mut Unit<'_>, received: &Received, minor: u32, request: &Request, text: &str) {
    tracing::info!(tenant = %unit.tenant(), code = NOT_ACCEPTED, text = %Quoted(text), "a handshake message was refused");
    let said = match chancery_did::resolve_local(&request.did) {
        Ok(Resolution::Document(document)) => Some(document),
        _ => request
            .document
            .as_ref()
            .and_then(|attachment| attachment.content().ok())
            .and_then(|content| sov::corrected(content).ok())
            .and_then(|content| DidDocument::from_json(content).ok()),
    };
    let services = said.and_then(|document| document.didcomm_services().ok()).unwrap_or_default();
    let Some(reply) = received.reply_target() else { return };
    let target = match target_of(&services, unit.settings().outbound) {
        Some(service) => Target { routing_keys: service.routing_keys, endpoint: service.endpoint, ..reply },
        None if received.return_route != ReturnRoute::None => reply,
        None => {
            tracing::debug!(did = %Quoted(&request.did), "nobody is told: its DID has no service");
            return;
        }
    };
    let thid = received.message.thread_id().unwrap_or_default();
    let report = problem_report(minor, &unit.new_id(), thid, NOT_ACCEPTED, text);
    unit.send(&report, target, None, Scope::Thread);
}

/// Whether the report comes from the other side of the handshake: from a key of its DID, or, before there is a response, from
/// the invitation's key to the key that asked.
async fn is_party(
    unit: &mut Unit<'_>,
    received: &Received,
    connection: &Connection,
) -> Result<bool, AgentError> {
    let (Some(sender), Some(recipient)) = (&received.sender, &received.recipient) else { return Ok(false) };
    if let Some(their_did) = &connection.their_did {
        return counts(unit, their_did, sender).await;
    }
    let my_did = connection.my_did.as_deref().unwrap_or_default();
    let asked_with = peers::verkey(unit, my_did).await?;
    Ok(connection.invitation_key.as_deref() == Some(sender.as_base58())
        && asked_with.as_deref() == Some(recipient.as_base58()))
}

/// Takes a `problem_report` of the other side: a known code ends the handshake, any other is logged. What is complete stays so.
pub async fn receive(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let description = received.message.get("description").unwrap_or(&Value::Null);
    let code = description["code"].as_str().unwrap_or_default();
    if !CODES.contains(&code) {
        return Err(HandlerError::dropped("unknown-code", format!("problem report with code {code:?}")));
    }
    let thid = received.message.thread_id().unwrap_or_default();
    let query = Query::tagged("connection", "request_id", thid);
    let mut theirs = None;
    for connection in unit.find::<Connection>(&query).await? {
        if is_party(unit, received, &connection).await? {
            theirs = Some(connection);
        }
    }
    let Some(mut connection) = theirs else {
        let text = format!("problem report about thread {thid}, in which its sender has no part");
        return Err(HandlerError::dropped("not-a-party", text));
    };
    let role = if connection.they_were_invited() { Role::Responder } else { Role::Requester };
    let next = step(role, connection.state, Input::ReportReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    if next.moved() {
        let text = description["en"].as_str().unwrap_or_default();
        connection.error_msg =
            Some(if text.is_empty() { code.to_owned() } else { format!("{code}: {text}") });
        connection.advance(unit, next.record)?;
    }
    Ok(())
}
