//! Notification 1.0 (Aries RFC 0015): an acknowledgement that belongs to no protocol of its own. Nothing waits for one; it is
//! known so that whoever sends it is not told of a failure.

use async_trait::async_trait;

use crate::engine::{HandlerError, Protocol, Received, Spoken, Unit};

#[cfg(test)]
mod tests;

const PROTOCOL: &str = "notification";

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// Notification for the engine's registry.
pub fn protocol() -> Box<dyn Protocol> {
    Box::new(Handler)
}

#[async_trait]
impl Protocol for Handler {
    fn name(&self) -> &'static str {
        PROTOCOL
    }

    fn speaks(&self) -> &'static [Spoken] {
        const SPOKEN: &[Spoken] =
            &[Spoken { name: PROTOCOL, major: 1, minors: &[0], messages: &[("ack", "V10Ack")] }];
        SPOKEN
    }

    async fn receive(&self, _unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
        let connection = received.ready_connection()?;
        let thread = received.message.thread_id().unwrap_or_default();
        tracing::debug!(connection = connection.connection_id, thread, "acknowledged");
        Ok(())
    }
}
