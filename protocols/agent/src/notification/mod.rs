//! Notification 1.0 (Aries RFC 0015): an acknowledgement that belongs to no protocol of its own. Nothing waits for one; it is
//! known so that whoever sends it is not told of a failure.

use async_trait::async_trait;

use crate::engine::{About, Agent, HandlerError, Protocol, Received, Registration, Spoken};
use crate::unit::Unit;

#[cfg(test)]
mod tests;

const PROTOCOL: &str = "notification";

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration { protocol: Some(Box::new(Handler)), ..Registration::default() }
}

#[async_trait]
impl Protocol for Handler {
    fn speaks(&self) -> &'static [Spoken] {
        const SPOKEN: &[Spoken] = &[Spoken {
            name: PROTOCOL,
            major: 1,
            minors: &[0],
            messages: &[("ack", "V10Ack")],
            about: About::AnythingElse,
        }];
        SPOKEN
    }

    async fn receive(
        &self,
        _agent: &Agent,
        _unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let connection = received.ready_connection()?;
        let thread = received.message.thread_id().unwrap_or_default();
        tracing::debug!(connection = connection.connection_id, thread, "acknowledged");
        Ok(())
    }
}
