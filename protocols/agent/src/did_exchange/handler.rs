//! The protocol as the engine sees it.

use async_trait::async_trait;
use chancery_did::{KeyType, PublicKey};
use chancery_didcomm::message::{Message, ReturnRoute};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::messages::{PROTOCOL, Request, Response, VERSIONS};
use super::{report, requester, responder};
use crate::engine::{
    About, Accompanies, Agent, HandlerError, Handshake, Protocol, Received, Registration, Routes, Spoken,
    errand,
};
use crate::peers::{self, Connection, State};
use crate::ports::Timestamp;
use crate::quoted::Quoted;
use crate::unit::{AgentError, Errand, Heading, Outbound, Unit};

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration {
        protocol: Some(Box::new(Handler)),
        handshake: Some(Box::new(Handler)),
        routes: Some(Box::new(Handler)),
        accompanies: Some(Box::new(Handler)),
        jobs: vec![errand::<Kept>(), errand::<LookUpAgain>()],
        ..Registration::default()
    }
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
    about: About::MakingConnections,
}];

#[async_trait]
impl Protocol for Handler {
    fn speaks(&self) -> &'static [Spoken] {
        SPOKEN
    }

    async fn receive(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        if received.sender.is_none() {
            return Err(HandlerError::dropped("anonymous", "a handshake message must be authenticated"));
        }
        if let Some(later) = brought_later(unit, received)? {
            unit.later(&later)?;
            return Ok(());
        }
        match received.message.message_type().name() {
            "request" => responder::receive_request(agent, unit, received).await,
            "response" => requester::receive_response(agent, unit, received).await,
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
}

#[async_trait]
impl Accompanies for Handler {
    async fn accompany(
        &self,
        _agent: &Agent,
        unit: &mut Unit<'_>,
        received: &mut Received,
    ) -> Result<(), HandlerError> {
        let Some(connection) = &received.connection else { return Ok(()) };
        let kind = received.message.message_type();
        let handshake = kind.protocol() == PROTOCOL && kind.name() != "complete";
        if connection.state != State::Response || !connection.they_were_invited() || handshake {
            return Ok(());
        }
        let id = connection.connection_id.clone();
        if let Some(connection) = responder::completed(unit, &id).await? {
            received.connection = Some(connection);
        }
        Ok(())
    }
}

#[async_trait]
impl Routes for Handler {
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
        let (they_asked, state) = (connection.they_were_invited(), connection.state);
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
}

#[async_trait]
impl Handshake for Handler {
    fn versions(&self) -> &'static [&'static str] {
        &VERSIONS
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["didexchange", "did-exchange", "didx", "didex", "rfc23", "rfc-23", "23", "new"]
    }

    async fn accept(&self, unit: &mut Unit<'_>, connection_id: &str) -> Result<(), AgentError> {
        let mut connection = unit.require::<Connection>(connection_id).await?;
        requester::send_request(unit, &mut connection, &requester::Options::default()).await
    }
}

/// A message whose sender's DID has to be fetched. Whoever waits for a server holds no turn of the transport's.
#[derive(Serialize, Deserialize)]
struct Kept {
    message: Value,
    /// Base58.
    sender: String,
    /// Base58.
    recipient: String,
}

#[async_trait]
impl Errand for Kept {
    const NAME: &'static str = "did_exchange";
    type World = Agent;

    fn cause(&self) -> Option<&str> {
        Some(&self.sender)
    }

    async fn run(&self, agent: &Agent, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        take(agent, unit, self).await
    }
}

/// A row of an earlier version: a DID to be looked up again, which is a job of its own by now.
#[derive(Serialize, Deserialize)]
struct LookUpAgain {
    look_up: String,
}

#[async_trait]
impl Errand for LookUpAgain {
    const NAME: &'static str = "did_exchange";
    type World = Agent;

    async fn run(&self, _agent: &Agent, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        peers::published::look_up_later(unit, &self.look_up).await
    }
}

/// What a message is left as, when it names a DID that only the network knows.
fn brought_later(unit: &Unit<'_>, received: &Received) -> Result<Option<Kept>, HandlerError> {
    let malformed = |e: chancery_didcomm::MessageError| HandlerError::Malformed(e.to_string());
    let did = match received.message.message_type().name() {
        "request" => Request::read(&received.message).map_err(malformed)?.did,
        "response" => Response::read(&received.message).map_err(malformed)?.did,
        _ => return Ok(None),
    };
    let remote = unit.is_remote(&did);
    let (true, Some(sender), Some(recipient)) = (remote, &received.sender, &received.recipient) else {
        return Ok(None);
    };
    Ok(Some(Kept {
        message: Message::clone(&received.message).into_json(),
        sender: sender.base58(),
        recipient: recipient.base58(),
    }))
}

/// Goes on with a message that was left for later. What is not accepted leaves nothing, as at the door.
async fn take(agent: &Agent, unit: &mut Unit<'_>, kept: &Kept) -> Result<(), AgentError> {
    let unreadable = |e: String| AgentError::internal("work-unreadable", format!("did_exchange: {e}"));
    let key =
        |text: &str| PublicKey::from_base58(KeyType::Ed25519, text).map_err(|e| unreadable(e.to_string()));
    let received = Received {
        message: Message::from_json(kept.message.clone()).map_err(|e| unreadable(e.to_string()))?.into(),
        sender: Some(key(&kept.sender)?),
        recipient: Some(key(&kept.recipient)?),
        connection: None,
        return_route: ReturnRoute::None,
        oob_id: None,
    };
    unit.caused_by(Some(&kept.sender));
    let outcome = match received.message.message_type().name() {
        "request" => responder::receive_request(agent, unit, &received).await,
        _ => requester::receive_response(agent, unit, &received).await,
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(HandlerError::Failed(error)) if !error.ends() => Err(error),
        Err(error) => {
            unit.start_over();
            tracing::info!(tenant = %unit.tenant(), reason = %Quoted(&error.to_string()), "a handshake message had no effect");
            Ok(())
        }
    }
}
