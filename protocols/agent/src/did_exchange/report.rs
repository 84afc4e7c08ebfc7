//! Problem reports of the handshake.

use chancery_didcomm::message::Attachment;
use serde_json::Value;

use super::messages::{CODES, problem_report, read_document};
use super::state::{Input, Role, State, step};
use crate::connection::{Connection, target_of};
use crate::engine::{HandlerError, Received, Scope, Unit};
use crate::ports::store::Query;

/// Tells the sender why its message was refused, if the message carried a document that says where.
pub fn refuse(
    unit: &mut Unit<'_>,
    received: &Received,
    minor: u32,
    document: Option<&Attachment>,
    did: &str,
    code: &str,
    text: &str,
) {
    tracing::info!(tenant = %unit.tenant(), code, text, "a handshake message was refused");
    let services = document
        .and_then(|attachment| attachment.content().ok())
        .and_then(|content| chancery_did::methods::sov::corrected(content).ok())
        .and_then(|content| chancery_did::DidDocument::from_json(content).ok())
        .and_then(|document| document.didcomm_services().ok());
    let sender_key = received.recipient.as_ref().map(|key| key.base58());
    let Some(target) = services.and_then(|services| target_of(&services, sender_key)) else {
        tracing::debug!(did, "nobody is told: the message has no DID document with a service");
        return;
    };
    let thid = received.message.thread_id().unwrap_or_default();
    let report = problem_report(minor, &unit.new_id(), thid, code, text);
    unit.send(&report, target, None, Scope::Thread);
}

/// A response that answers no request of ours.
pub fn unknown_thread(
    unit: &mut Unit<'_>,
    received: &Received,
    minor: u32,
    document: Option<&Attachment>,
    did: &str,
) {
    // Only what verifies is worth an answer: else we could be made to send messages anywhere.
    let document = document.filter(|attachment| read_document(attachment, did).is_ok());
    let text = "No corresponding connection request found";
    refuse(unit, received, minor, document, did, "response_not_accepted", text);
}

/// Takes a `problem_report`: a known code ends the handshake, any other is logged.
pub async fn receive(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let description = received.message.get("description").unwrap_or(&Value::Null);
    let code = description["code"].as_str().unwrap_or_default();
    if !CODES.contains(&code) {
        return Err(HandlerError::dropped("unknown-code", format!("problem report with code {code:?}")));
    }
    let thid = received.message.thread_id().unwrap_or_default();
    let query = Query::tagged("connection", "request_id", thid);
    let Some(mut connection) = unit.find::<Connection>(&query).await?.into_iter().next() else {
        return Err(HandlerError::dropped(
            "unknown-thread",
            format!("problem report about unknown thread {thid}"),
        ));
    };
    let role = if connection.they_were_invited() { Role::Responder } else { Role::Requester };
    let next = step(role, State::of(&connection.state), Input::ReportReceived)
        .map_err(|e| HandlerError::dropped("wrong-state", e.to_string()))?;
    if let Some(state) = next.next {
        let text = description["en"].as_str().unwrap_or_default();
        connection.error_msg =
            Some(if text.is_empty() { code.to_owned() } else { format!("{code}: {text}") });
        connection.advance(unit, state.word())?;
    }
    Ok(())
}
