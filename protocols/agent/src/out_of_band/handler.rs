//! The protocol as the engine sees it.

use async_trait::async_trait;

use super::invitation::PROTOCOL;
use super::{accompany, reuse};
use crate::engine::{HandlerError, Protocol, Received, Spoken, Unit};

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
