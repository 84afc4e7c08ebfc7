//! Trust ping 1.0 (Aries RFC 0048): answers on ready connections, and pings when the controller asks.

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType, Thread, Version};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer;
use crate::engine::{
    About, Agent, HandlerError, Happening, Protocol, Received, Registration, Spoken, Watches,
};
use crate::peers::{Connection, send_in_exchange, send_with_connection};
use crate::ports::Tenant;
use crate::unit::{AgentError, Record, Unit};

#[cfg(test)]
mod tests;

const PROTOCOL: &str = "trust_ping";

fn kind(name: &str) -> MessageType {
    MessageType::new(PROTOCOL, Version::new(1, 0), name)
}

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration {
        protocol: Some(Box::new(Handler)),
        watches: Some(Box::new(Handler)),
        ..Registration::default()
    }
}

/// A boolean in any of the spellings that ACA-Py reads.
fn as_boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        _ => None,
    }
}

#[async_trait]
impl Protocol for Handler {
    fn speaks(&self) -> &'static [Spoken] {
        const SPOKEN: &[Spoken] = &[Spoken {
            name: PROTOCOL,
            major: 1,
            minors: &[0],
            messages: &[("ping", "Ping"), ("ping_response", "PingResponse")],
            about: About::TheConnection,
        }];
        SPOKEN
    }

    async fn receive(
        &self,
        _agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let Some(connection) = received.connection.as_ref().filter(|c| c.is_ready()) else {
            return Err(HandlerError::dropped(
                "connection-not-ready",
                "a ping outside of a ready connection",
            ));
        };
        let message = &received.message;
        let thread = message.thread_id().unwrap_or_default();
        let ping = message.message_type().name() == "ping";
        let wanted = match message.get("response_requested") {
            None | Some(Value::Null) => true,
            Some(given) => as_boolean(given)
                .ok_or_else(|| HandlerError::Malformed("response_requested is no boolean".into()))?,
        };
        if unit.settings().monitor_ping {
            let state = if ping { "received" } else { "response_received" };
            let payload = json!({
                "comment": message.text("comment"),
                "connection_id": connection.connection_id,
                "responded": ping && wanted,
                "state": state,
                "thread_id": thread,
            });
            unit.notify("ping", &connection.connection_id, &payload);
        }
        if ping && wanted {
            let answer =
                Message::build(kind("ping_response"), unit.new_id()).thread(&Thread::new(thread)).finish();
            send_in_exchange(unit, Some(&connection.connection_id), thread, answer).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Watches for Handler {
    /// `--auto-ping-connection`: whoever invited us learns that the connection works.
    async fn happened(&self, unit: &mut Unit<'_>, what: &Happening<'_>) -> Result<(), AgentError> {
        let Happening::Connected(connection) = what else { return Ok(()) };
        if !unit.settings().auto_ping_connection {
            return Ok(());
        }
        let ping = Message::build(kind("ping"), unit.new_id()).field("response_requested", true).finish();
        send_with_connection(unit, connection, &ping).await
    }
}

/// `POST /connections/{conn_id}/send-ping`.
#[derive(Clone, Debug, Deserialize)]
pub struct SendPing {
    /// The connection.
    pub conn_id: String,
    /// Sent along.
    pub comment: Option<String>,
}

/// `POST /connections/{conn_id}/send-ping` -> `{"thread_id"}`. 404 unknown, 400 not ready.
pub async fn send_ping(agent: &Agent, tenant: &Tenant, command: SendPing) -> Result<Value, AgentError> {
    let id = &command.conn_id;
    answer!(agent, tenant, |unit| async {
        let connection = unit.peek::<Connection>(id).await?;
        let connection = connection.ok_or_else(|| AgentError::no_record(Connection::CATEGORY, id))?;
        if !connection.is_ready() {
            let text = format!("Connection {id} not ready");
            return Err(AgentError::bad_request("connection-not-ready", text));
        }
        let thread = unit.new_id();
        let ping = Message::build(kind("ping"), &thread)
            .field("response_requested", true)
            .optional("comment", command.comment.clone())
            .finish();
        send_in_exchange(&mut unit, Some(id), &thread, ping).await?;
        Ok::<_, AgentError>(json!({"thread_id": thread}))
    }
    .await)
}
