//! Which invitation a message belongs to (ACA-Py's `OobMessageProcessor`).

use chancery_did::PublicKey;
use serde_json::json;

use super::state::Input;
use crate::engine::{About, Agent, HandlerError, Received};
use crate::peers::{Connection, OobRecord, State, oob_of_invitation, oob_with, waiting};
use crate::unit::{AgentError, Unit};

/// Looks at an authenticated message. If it belongs to an exchange that an invitation began: over a connection, the
/// invitation is done; without one, where to answer is remembered and `received.oob_id` set.
pub async fn accompany(
    agent: &Agent,
    unit: &mut Unit<'_>,
    received: &mut Received,
) -> Result<(), HandlerError> {
    let kind = received.message.message_type();
    if agent.about(kind.protocol()) != Some(About::AnythingElse) {
        return Ok(());
    }
    let Some(record) = find(unit, received).await? else { return Ok(()) };
    match received.connection.clone() {
        Some(connection) => over_connection(unit, received, record, &connection).await?,
        None => connectionless(agent, unit, received, record)?,
    }
    Ok(())
}

/// The record named by `~thread.pthid`, else (without a connection) the one whose attached message began the thread.
async fn find(unit: &mut Unit<'_>, received: &Received) -> Result<Option<OobRecord>, AgentError> {
    let recipient = received.recipient.as_ref().map(PublicKey::base58);
    if let Some(pthid) = received.message.parent_thread_id() {
        let mut records = oob_of_invitation(unit, pthid).await?;
        if records.len() > 1 && records.iter().any(|r| r.our_recipient_key == recipient) {
            records.retain(|r| r.our_recipient_key == recipient);
        }
        if let Some(at) = records.iter().position(|r| r.role == "sender") {
            return Ok(Some(records.swap_remove(at)));
        }
        if let Some(record) = records.pop() {
            return Ok(Some(record));
        }
    }
    let (None, Some(key), Some(thread)) = (&received.connection, &recipient, received.message.thread_id())
    else {
        return Ok(None);
    };
    Ok(oob_with(unit, &[("attach_thread_id", thread), ("our_recipient_key", key)]).await?.pop())
}

async fn over_connection(
    unit: &mut Unit<'_>,
    received: &mut Received,
    mut record: OobRecord,
    connection: &Connection,
) -> Result<(), AgentError> {
    let thread = received.message.thread_id().unwrap_or_default();
    // Whoever answered first without a connection has the exchange.
    let taken = record.their_service.is_some();
    if record.role != "sender" || !record.is_attached_thread(thread) || record.multi_use || taken {
        return Ok(());
    }
    let other = record.connection_id.clone().filter(|id| *id != connection.connection_id);
    if let Some(other) = other {
        // Only while nobody has answered may the exchange come over another connection than the invitation's.
        if !record.takes(Input::Connected) {
            return Ok(());
        }
        if let Some(stale) = unit.load::<Connection>(&other).await?
            && stale.state == State::Invitation
            && !stale.is_multi_use()
        {
            if stale.is_for_somebody(unit).await? {
                waiting::note(unit, &record.invi_msg_id, &stale.connection_id).await?;
            } else {
                stale.delete(unit).await?;
            }
        }
    }
    record.attach_thread_id = Some(thread.to_owned());
    received.oob_id = Some(record.oob_id.clone());
    record.finish(unit, &connection.connection_id, Input::Connected)
}

fn connectionless(
    agent: &Agent,
    unit: &mut Unit<'_>,
    received: &mut Received,
    mut record: OobRecord,
) -> Result<(), HandlerError> {
    let message = &received.message;
    let refuse = |text: &str| Err(HandlerError::dropped("no-connectionless-exchange", text));
    let kind = message.message_type();
    let thread = message.thread_id().unwrap_or_default();
    if agent.attaches().any(|attaches| attaches.proposes(kind)) {
        return Ok(());
    }
    // Whom the exchange is with may end it; nobody begins one so.
    if kind.name() == "problem-report" {
        let keys = record.their_service().map(|their| their.recipient_keys).unwrap_or_default();
        if record.is_attached_thread(thread) && received.sender.as_ref().is_some_and(|s| keys.contains(s)) {
            received.oob_id = Some(record.oob_id);
        }
        return Ok(());
    }
    if !record.takes(Input::Message) {
        return refuse("the invitation does not await a message");
    }
    if !record.is_attached_thread(thread) {
        return refuse("the thread is not that of a message of the invitation");
    }
    if record.connection_id.is_some() {
        return refuse("the exchange belongs to a connection");
    }
    let service = message.service().map_err(|e| HandlerError::Malformed(e.to_string()))?;
    let Some(their) = record.their_service().or_else(|| service.clone()) else {
        return refuse("the message has no ~service to answer to");
    };
    let Some(sender) = received.sender.as_ref().filter(|sender| their.recipient_keys.contains(sender)) else {
        return refuse("the sender is not the one that the exchange is with");
    };
    let present = (record.their_service.clone(), record.attach_thread_id.clone());
    if let Some(mut service) = service {
        // The others that it lists have shown nothing.
        service.recipient_keys = vec![sender.clone()];
        record.their_service = Some(json!(service));
    }
    record.attach_thread_id = Some(thread.to_owned());
    if present != (record.their_service.clone(), record.attach_thread_id.clone()) {
        record.store(unit)?;
        record.notify(unit);
    }
    received.oob_id = Some(record.oob_id);
    Ok(())
}
