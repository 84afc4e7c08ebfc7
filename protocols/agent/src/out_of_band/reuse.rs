//! An invitation whose DID we already have a connection with: handshake-reuse in both roles.

use chancery_didcomm::message::{Message, MessageType, Thread, Version};
use serde_json::{Value, json};

use super::invitation::{self, PROTOCOL};
use super::state::Input;
use crate::engine::{HandlerError, Received};
use crate::peers::own;
use crate::peers::{Connection, OobRecord, State, oob_of_invitation, send_with_connection, short_form};
use crate::ports::store::{Guard, Space};
use crate::quoted::Quoted;
use crate::unit::{AgentError, Unit};

/// How long a handled handshake-reuse is remembered.
const SEEN_SECONDS: i64 = 86_400;

fn kind(minor: u32, name: &str) -> MessageType {
    MessageType::new(PROTOCOL, Version::new(1, minor), name)
}

fn comment(connection_id: &str, invi_msg_id: &str) -> String {
    format!("Connection {connection_id} is being reused for invitation {invi_msg_id}")
}

/// Asks the inviter to reuse a connection -> the record's id.
pub async fn begin(
    unit: &mut Unit<'_>,
    mut record: OobRecord,
    connection: &Connection,
) -> Result<String, AgentError> {
    let id = unit.new_id();
    let minor = invitation::minor(&record.invitation);
    let reuse = Message::build(kind(minor, "handshake-reuse"), &id)
        .thread(&Thread::new(&id).with_parent(&record.invi_msg_id))
        .finish();
    send_with_connection(unit, connection, &reuse).await?;
    record.reuse_msg_id = Some(id);
    record.advance(unit, Input::ReuseSent)?;
    record.keep_received(unit).await?;
    Ok(record.oob_id)
}

/// The inviter did not accept, or did not answer.
pub fn not_accepted(unit: &mut Unit<'_>, record: &mut OobRecord) -> Result<(), AgentError> {
    record.advance(unit, Input::ReuseRefused)?;
    record.store(unit)?;
    tell(unit, record, "rejected");
    Ok(())
}

fn tell(unit: &mut Unit<'_>, record: &OobRecord, state: &str) {
    let connection_id = record.connection_id.as_deref().unwrap_or_default();
    let payload = json!({
        "thread_id": record.reuse_msg_id,
        "connection_id": connection_id,
        "state": state,
        "comment": comment(connection_id, &record.invi_msg_id),
    });
    unit.notify("connection_reuse_accepted", connection_id, &payload);
}

/// Inviter: takes a `handshake-reuse`.
pub async fn receive_reuse(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let message = &received.message;
    let malformed = || HandlerError::Malformed("handshake-reuse needs ~thread.thid and ~thread.pthid".into());
    let thid = message.thread_id().ok_or_else(malformed)?;
    let pthid = message.parent_thread_id().ok_or_else(malformed)?;
    let minor = message.message_type().version().minor.min(1);
    let Some(known) = &received.connection else {
        return Err(HandlerError::dropped(
            "no-connection",
            "handshake-reuse from somebody without a connection",
        ));
    };
    if !known.is_active() {
        let text = "The connection is not active";
        return report(unit, known, minor, thid, pthid, "existing_connection_not_active", text).await;
    }
    let seen = format!("{} {thid}", known.connection_id);
    let repeated = unit.recall(Space::Seen, &seen).await?.is_some();
    if !repeated && !accept(unit, known, thid, pthid).await? {
        // ACA-Py answers nothing either: the invitation is used up or was never ours.
        return Err(HandlerError::dropped(
            "no-invitation",
            format!("no invitation {pthid} awaits a response"),
        ));
    }
    if !repeated {
        unit.guard(Guard::Unknown(Space::Seen, seen.clone()));
        unit.remember(Space::Seen, &seen, Vec::new(), Some(SEEN_SECONDS));
    }
    let accepted = Message::build(kind(minor, "handshake-reuse-accepted"), unit.new_id())
        .thread(&Thread::new(thid).with_parent(pthid))
        .finish();
    send_with_connection(unit, known, &accepted).await?;
    Ok(())
}

/// Ties the invitation to the connection; false: no such invitation, or one that names another DID than the connection was
/// made with. What was made for somebody (an alias, metadata, an attached message) goes on waiting for them.
async fn accept(
    unit: &mut Unit<'_>,
    known: &Connection,
    thid: &str,
    pthid: &str,
) -> Result<bool, AgentError> {
    let records = oob_of_invitation(unit, pthid).await?;
    let awaiting = |r: &OobRecord| r.takes(Input::ReuseAsked);
    let Some(mut record) = records.into_iter().find(awaiting) else { return Ok(false) };
    if !is_with(unit, known, record.invitation["services"][0].as_str()).await? {
        return Ok(false);
    }
    let id = &known.connection_id;
    let waits = record.connection_id.clone().filter(|waits| waits != id && !record.multi_use);
    let waits = match waits {
        Some(waits) => unit.load::<Connection>(&waits).await?.filter(|c| c.state == State::Invitation),
        None => None,
    };
    // What is attached is taken by its own message.
    let for_somebody = record.has_attachments()
        || match &waits {
            Some(waits) => waits.is_for_somebody(unit).await?,
            None => false,
        };
    if !for_somebody {
        record.finish(unit, id, Input::ReuseAsked)?;
        if let Some(stale) = waits {
            stale.delete(unit).await?;
        }
    }
    if let Some(mut connection) = unit.load::<Connection>(id).await? {
        connection.invitation_msg_id = Some(pthid.to_owned());
        connection.store(unit)?;
        connection.notify(unit);
    }
    let payload = json!({"thread_id": thid, "connection_id": id, "comment": comment(id, pthid)});
    unit.notify("connection_reuse", id, &payload);
    Ok(true)
}

/// Whether the connection is one with this DID of ours: it runs on it, or was asked for at its key.
async fn is_with(
    unit: &mut Unit<'_>,
    connection: &Connection,
    did: Option<&str>,
) -> Result<bool, AgentError> {
    let Some(did) = did else { return Ok(false) };
    let Some(own) = own::own_did(unit, did).await? else { return Ok(false) };
    let runs_on_it =
        connection.my_did.as_deref().is_some_and(|my_did| short_form(my_did) == short_form(&own.did));
    let asked_at_it =
        connection.they_were_invited() && connection.invitation_key.as_ref() == Some(&own.verkey);
    Ok(runs_on_it || asked_at_it)
}

async fn report(
    unit: &mut Unit<'_>,
    connection: &Connection,
    minor: u32,
    thid: &str,
    pthid: &str,
    code: &str,
    text: &str,
) -> Result<(), HandlerError> {
    let report = Message::build(kind(minor, "problem_report"), unit.new_id())
        .thread(&Thread::new(thid).with_parent(pthid))
        .field("description", json!({"code": code, "en": text}))
        .finish();
    send_with_connection(unit, connection, &report).await?;
    Ok(())
}

/// Receiver: the record that waits for the answer to a reuse.
async fn waiting(unit: &mut Unit<'_>, received: &Received) -> Result<OobRecord, HandlerError> {
    let thid = received.message.thread_id();
    let pthid = received.message.parent_thread_id().unwrap_or_default();
    let records = oob_of_invitation(unit, pthid).await?;
    let record = records.into_iter().find(|r| {
        r.takes(Input::ReuseAccepted)
            && r.reuse_msg_id.as_deref() == thid
            && r.connection_id.as_deref() == received.connection_id()
    });
    record.ok_or_else(|| {
        HandlerError::dropped("unknown-thread", format!("no reuse of invitation {pthid} waits"))
    })
}

/// Receiver: takes a `handshake-reuse-accepted`.
pub async fn receive_accepted(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let mut record = waiting(unit, received).await?;
    record.advance(unit, Input::ReuseAccepted)?;
    tell(unit, &record, "accepted");
    Ok(())
}

/// Receiver: takes a `problem_report`.
pub async fn receive_report(unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
    let description = received.message.get("description").unwrap_or(&Value::Null);
    tracing::info!(tenant = %unit.tenant(), description = %Quoted(description), "a reuse was not accepted");
    let mut record = waiting(unit, received).await?;
    not_accepted(unit, &mut record)?;
    Ok(())
}
