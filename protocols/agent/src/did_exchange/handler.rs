//! The protocol as the engine sees it.

use async_trait::async_trait;

use super::messages::PROTOCOL;
use super::state::State;
use super::{report, requester, responder};
use crate::connection::{Accept, Connection};
use crate::engine::{AgentError, HandlerError, Heading, Outbound, Protocol, Received, Spoken, Unit, Work};
use crate::ports::Timestamp;

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// DID Exchange for the engine's registry.
pub fn protocol() -> Box<dyn Protocol> {
    Box::new(Handler)
}

const SPOKEN: &[Spoken] = &[Spoken {
    name: PROTOCOL,
    major: 1,
    minors: &[0, 1],
    messages: &[
        ("request", "DIDXRequest"),
        ("response", "DIDXResponse"),
        ("complete", "DIDXComplete"),
        ("problem_report", "DIDXProblemReport"),
    ],
}];

#[async_trait]
impl Protocol for Handler {
    fn name(&self) -> &'static str {
        "did_exchange"
    }

    fn speaks(&self) -> &'static [Spoken] {
        SPOKEN
    }

    async fn accompany(&self, unit: &mut Unit<'_>, received: &mut Received) -> Result<(), HandlerError> {
        let Some(connection) = &received.connection else { return Ok(()) };
        let kind = received.message.message_type();
        let handshake = kind.protocol() == PROTOCOL && kind.name() != "complete";
        if connection.state != "response" || !connection.they_were_invited() || handshake {
            return Ok(());
        }
        let id = connection.connection_id.clone();
        if let Some(connection) = responder::completed(unit, &id).await? {
            received.connection = Some(connection);
        }
        Ok(())
    }

    async fn receive(&self, unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
        if received.sender.is_none() {
            return Err(HandlerError::dropped("anonymous", "a handshake message must be authenticated"));
        }
        match received.message.message_type().name() {
            "request" => responder::receive_request(unit, received).await,
            "response" => requester::receive_response(unit, received).await,
            "problem_report" => report::receive(unit, received).await,
            // What a complete does, any message does: it was done before this handler was asked.
            _ => match &received.connection {
                Some(connection) if connection.is_active() => Ok(()),
                _ => {
                    Err(HandlerError::dropped("unknown-thread", "complete for no connection that awaits it"))
                }
            },
        }
    }

    async fn answered(
        &self,
        unit: &mut Unit<'_>,
        sent: &Outbound,
        since: Timestamp,
    ) -> Result<bool, AgentError> {
        let Some(id) = &sent.connection_id else { return Ok(false) };
        let Some(connection) = unit.peek::<Connection>(id).await? else { return Ok(false) };
        if connection.updated_at <= since.to_text() {
            return Ok(false);
        }
        let (they_asked, state) = (connection.they_were_invited(), State::of(&connection.state));
        let Heading { message_type, id: request_id } = sent.message.heading();
        let name = message_type.as_deref().and_then(|kind| kind.rsplit('/').next());
        Ok(match name {
            Some("request") => {
                !they_asked
                    && connection.request_id == request_id
                    && matches!(state, State::Response | State::Completed)
            }
            Some("response") => they_asked && state == State::Completed,
            _ => false,
        })
    }

    async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError> {
        let connection = unit.peek::<Connection>(connection_id).await?;
        let connection = connection.filter(|c| c.request_id.as_deref() == Some(thread_id));
        Ok(connection.map(|c| c.created_at))
    }

    async fn work(&self, unit: &mut Unit<'_>, work: &Work) -> Result<(), AgentError> {
        let accept: Accept = serde_json::from_value(work.detail.clone())
            .map_err(|e| AgentError::internal("work-unreadable", format!("did_exchange: {e}")))?;
        let mut connection = unit.require::<Connection>(&accept.connection_id).await?;
        requester::send_request(unit, &mut connection, &requester::Options::default()).await
    }
}
