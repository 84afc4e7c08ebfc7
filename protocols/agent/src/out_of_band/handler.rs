//! The protocol as the engine sees it.

use async_trait::async_trait;
use serde_json::Value;

use super::invitation::PROTOCOL;
use super::{CreateInvitation, ReceiveInvitation, accompany, create, receive, reuse};
use crate::engine::{Agent, AgentError, HandlerError, Protocol, Received, Spoken, Unit};
use crate::ports::Tenant;

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// Out-of-band for the engine's registry.
pub fn protocol() -> Box<dyn Protocol> {
    Box::new(Handler)
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
}];

#[async_trait]
impl Protocol for Handler {
    fn name(&self) -> &'static str {
        "out_of_band"
    }

    fn speaks(&self) -> &'static [Spoken] {
        SPOKEN
    }

    async fn accompany(&self, unit: &mut Unit<'_>, received: &mut Received) -> Result<(), HandlerError> {
        accompany::accompany(unit, received).await
    }

    async fn invite(&self, unit: &mut Unit<'_>) -> Result<Option<Value>, AgentError> {
        let command = CreateInvitation {
            handshake_protocols: Some(vec!["didexchange/1.1".to_owned()]),
            use_did_method: Some("did:peer:4".to_owned()),
            ..CreateInvitation::default()
        };
        let mut made = create::create(unit, &command).await?;
        Ok(Some(made["invitation"].take()))
    }

    async fn take_invitation(
        &self,
        agent: &Agent,
        tenant: &Tenant,
        invitation: &Value,
    ) -> Result<bool, AgentError> {
        let command = ReceiveInvitation {
            invitation: invitation.clone(),
            forwarded: true,
            ..ReceiveInvitation::default()
        };
        receive::receive(agent, tenant, command).await?;
        Ok(true)
    }

    async fn receive(&self, unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
        match received.message.message_type().name() {
            "handshake-reuse" => reuse::receive_reuse(unit, received).await,
            "handshake-reuse-accepted" => reuse::receive_accepted(unit, received).await,
            "problem_report" => reuse::receive_report(unit, received).await,
            // An invitation is a matter between controllers; the agent takes it at its admin API.
            other => Err(HandlerError::dropped("not-for-the-agent", other)),
        }
    }
}
