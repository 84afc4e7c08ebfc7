//! The protocol as the engine sees it.

use async_trait::async_trait;
use chancery_didcomm::message::MessageType;
use serde_json::Value;

use super::invitation::PROTOCOL;
use super::{CreateInvitation, ReceiveInvitation, accompany, create, receive, record, reuse};
use crate::engine::{
    About, Accompanies, Agent, HandlerError, Happening, Inviter, Protocol, Received, Registration, Spoken,
    Watches,
};
use crate::ports::Tenant;
use crate::unit::{AgentError, Unit};

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration {
        protocol: Some(Box::new(Handler)),
        inviter: Some(Box::new(Handler)),
        accompanies: Some(Box::new(Handler)),
        watches: Some(Box::new(Handler)),
        ..Registration::default()
    }
}

const SPOKEN: &[Spoken] = &[Spoken {
    name: PROTOCOL,
    major: 1,
    minors: &[0, 1],
    messages: &[
        ("invitation", "InvitationMessage"),
        ("handshake-reuse", "HandshakeReuse"),
        ("handshake-reuse-accepted", "HandshakeReuseAccept"),
        ("problem_report", "OOBProblemReport"),
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
        _agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        match received.message.message_type().name() {
            "handshake-reuse" => reuse::receive_reuse(unit, received).await,
            "handshake-reuse-accepted" => reuse::receive_accepted(unit, received).await,
            "problem_report" => reuse::receive_report(unit, received).await,
            // An invitation is a matter between controllers; the agent takes it at its admin API.
            other => Err(HandlerError::dropped("not-for-the-agent", other)),
        }
    }
}

#[async_trait]
impl Accompanies for Handler {
    async fn accompany(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        received: &mut Received,
    ) -> Result<(), HandlerError> {
        accompany::accompany(agent, unit, received).await
    }
}

#[async_trait]
impl Watches for Handler {
    /// An invitation is done with the connection that it has led to, unless a message that it carries is still to be answered
    /// over that.
    async fn happened(&self, unit: &mut Unit<'_>, what: &Happening<'_>) -> Result<(), AgentError> {
        match what {
            Happening::InvitationAnswered { invi_msg_id, connection } => {
                record::invitation_used(unit, invi_msg_id, connection).await
            }
            Happening::Connected(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Inviter for Handler {
    fn invites(&self, kind: &MessageType) -> bool {
        kind.is(PROTOCOL, 1, "invitation")
    }

    async fn invite(&self, agent: &Agent, unit: &mut Unit<'_>) -> Result<Value, AgentError> {
        let command = CreateInvitation {
            handshake_protocols: agent
                .handshake()?
                .versions()
                .last()
                .map(|newest| vec![(*newest).to_owned()]),
            use_did_method: Some("did:peer:4".to_owned()),
            ..CreateInvitation::default()
        };
        let mut made = create::create(agent, unit, &command).await?;
        Ok(made["invitation"].take())
    }

    async fn take(&self, agent: &Agent, tenant: &Tenant, invitation: &Value) -> Result<(), AgentError> {
        let command = ReceiveInvitation {
            invitation: invitation.clone(),
            forwarded: true,
            ..ReceiveInvitation::default()
        };
        receive::receive(agent, tenant, command).await.map(drop)
    }
}
