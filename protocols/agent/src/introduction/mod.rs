//! Introduction service 0.1: an agent brings two of its connections together.
//!
//! The introducer asks the target for an invitation (`invitation-request`), the target answers with one (`invitation`),
//! the introducer hands it to the initiator (`forward-invitation`), who takes it as if its controller had been given it.
//! The invitation itself is a matter of the protocol that invites; see `Protocol::invite`.

mod handler;
mod record;
#[cfg(test)]
mod tests;

pub use handler::{Handler, registration};

use chancery_didcomm::message::{Message, MessageType, Version};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer;
use crate::engine::Agent;
use crate::peers::{Connection, send_in_exchange};
use crate::ports::Tenant;
use crate::unit::{AgentError, Unit};
use record::Introduction;

const PROTOCOL: &str = "introduction-service";

fn kind(name: &str) -> MessageType {
    MessageType::new(PROTOCOL, Version::new(0, 1), name)
}

/// `POST /connections/{conn_id}/start-introduction`.
#[derive(Clone, Debug, Deserialize)]
pub struct StartIntroduction {
    /// Who is to get the invitation.
    pub conn_id: String,
    /// Who is asked for it.
    pub target_connection_id: String,
    /// Sent along.
    pub message: Option<String>,
}

/// `POST /connections/{conn_id}/start-introduction` -> `{}`. 400 a connection that is unknown or not active.
pub async fn start_introduction(
    agent: &Agent,
    tenant: &Tenant,
    command: StartIntroduction,
) -> Result<Value, AgentError> {
    let (initiator, target) = (&command.conn_id, &command.target_connection_id);
    answer!(agent, tenant, |unit| async {
        let introduced = active(&mut unit, "Initiator", initiator).await?;
        active(&mut unit, "Target", target).await?;
        let thread = unit.new_id();
        // The member is required; a connection made by hand may have no label.
        let responder = introduced.their_label.or(introduced.alias).unwrap_or_default();
        let request = Message::build(kind("invitation-request"), &thread)
            .field("responder", responder)
            .optional("message", command.message.clone())
            .finish();
        unit.insert(&Introduction::pending(initiator, target, &thread))?;
        send_in_exchange(&mut unit, Some(target), &thread, request).await?;
        Ok::<_, AgentError>(json!({}))
    }
    .await)
}

async fn active(unit: &mut Unit<'_>, which: &str, id: &str) -> Result<Connection, AgentError> {
    let connection = unit.peek::<Connection>(id).await?.ok_or_else(|| {
        AgentError::bad_request("record-not-found", format!("{which} connection {id} not found"))
            .hint("GET /connections lists the connections")
    })?;
    if !connection.is_active() {
        let text = format!("{which} connection {id} not active");
        return Err(
            AgentError::bad_request("connection-not-ready", text).hint("wait until the connection is active")
        );
    }
    Ok(connection)
}
