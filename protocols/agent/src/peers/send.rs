//! Sending within an exchange, whether it runs over a connection or without one.

use chancery_did::PublicKey;
use chancery_didcomm::message::{Message, Service};

use super::{Connection, oob_with, target};
use crate::unit::{AgentError, Record as _, Scope, Target, Unit};

/// Sends a message of an exchange.
///
/// With `connection_id` it goes to the connection's target. Without one it goes to the service remembered in the
/// out-of-band record of the exchange (found by `thread_id`, the thread of the attached message); there the message gets
/// `~thread.pthid` = the invitation's id and, as its last member, `~service` = our own service.
///
/// Errors: 404 unknown connection; 400 when the connection has no usable service, or when the thread belongs to no
/// connectionless exchange.
pub async fn send_in_exchange(
    unit: &mut Unit<'_>,
    connection_id: Option<&str>,
    thread_id: &str,
    message: Message,
) -> Result<(), AgentError> {
    match connection_id {
        Some(id) => send_over_connection(unit, id, &message).await,
        None => send_connectionless(unit, thread_id, message).await,
    }
}

/// Sends a message that is ordered with the whole connection: of the handshake, reuse, or right after it.
///
/// Errors: 500 the other side's DID has no service.
pub async fn send_with_connection(
    unit: &mut Unit<'_>,
    connection: &Connection,
    message: &Message,
) -> Result<(), AgentError> {
    let target = target(unit, connection).await?.ok_or_else(|| {
        AgentError::internal("no-target", format!("connection {} has no service", connection.connection_id))
    })?;
    unit.send(message, target, Some(&connection.connection_id), Scope::Connection);
    Ok(())
}

async fn send_over_connection(unit: &mut Unit<'_>, id: &str, message: &Message) -> Result<(), AgentError> {
    let connection =
        unit.peek::<Connection>(id).await?.ok_or_else(|| AgentError::no_record(Connection::CATEGORY, id))?;
    let target = target(unit, &connection).await?.ok_or_else(|| {
        AgentError::bad_request(
            "no-target",
            format!("Connection {id} has no endpoint that messages could go to"),
        )
        .hint("wait until the connection is active")
    })?;
    unit.send(message, target, Some(id), Scope::Thread);
    Ok(())
}

async fn send_connectionless(
    unit: &mut Unit<'_>,
    thread_id: &str,
    mut message: Message,
) -> Result<(), AgentError> {
    let newest = oob_with(unit, &[("attach_thread_id", thread_id)]).await?.pop();
    let no_exchange = || {
        AgentError::bad_request(
            "no-target",
            format!("thread {thread_id} has neither a connection nor an out-of-band record with a service"),
        )
    };
    let record = newest.ok_or_else(no_exchange)?;
    let (Some(their), Some(our_key)) = (record.their_service(), &record.our_recipient_key) else {
        return Err(no_exchange());
    };
    let ours = match record.our_service() {
        Some(service) => service,
        None => service_of(unit, our_key)?,
    };
    let mut thread = message.thread().unwrap_or_default();
    thread.thid.get_or_insert_with(|| thread_id.to_owned());
    thread.pthid = Some(record.invi_msg_id.clone());
    message.set_thread(&thread);
    message.set_service(&ours);
    let target = Target {
        recipient_keys: their.recipient_keys.iter().take(1).map(PublicKey::base58).collect(),
        routing_keys: their.routing_keys.iter().map(PublicKey::base58).collect(),
        endpoint: Some(their.service_endpoint),
        sender_key: Some(our_key.clone()),
    };
    unit.send(&message, target, None, Scope::Thread);
    Ok(())
}

/// `~service` of ours for a key.
pub fn service_of(unit: &Unit<'_>, verkey: &str) -> Result<Service, AgentError> {
    let key = PublicKey::from_base58(chancery_did::KeyType::Ed25519, verkey)
        .map_err(|e| AgentError::internal("key-unreadable", format!("our key {verkey}: {e}")))?;
    let service_endpoint = unit.settings().endpoints.first().cloned().unwrap_or_default();
    Ok(Service { recipient_keys: vec![key], service_endpoint, routing_keys: Vec::new() })
}
