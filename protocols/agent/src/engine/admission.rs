//! What a handler asks before it takes a message: is the connection ready, has the message been here before.

use chancery_did::PublicKey;
use chancery_didcomm::message::Message;
use sha2::{Digest, Sha256};

use super::{AgentError, HandlerError, Received, Unit};
use crate::connection::Connection;
use crate::ports::store::{Guard, Space};

impl Received {
    /// The connection that the message came over.
    ///
    /// Errors: dropped with `connection-not-ready` when there is none, or its handshake isn't over.
    pub fn ready_connection(&self) -> Result<&Connection, HandlerError> {
        self.connection.as_ref().filter(|c| c.is_ready()).ok_or_else(|| {
            let detail = format!("{} outside of a ready connection", self.message.message_type());
            HandlerError::dropped("connection-not-ready", detail)
        })
    }
}

impl Unit<'_> {
    /// For messages that leave no record by which a repeat could be told: takes each (sender's key, `@id`) once, as
    /// long as tombstones are kept. Of two that are handled at once, one commits; the other is decided again.
    ///
    /// Errors: dropped with `repeated-message`.
    pub async fn take_once(&mut self, received: &Received) -> Result<(), HandlerError> {
        let (Some(sender), Some(id)) = (&received.sender, received.message.id()) else { return Ok(()) };
        let name = seen(sender, id);
        if self.recall(Space::Seen, &name).await?.is_some() {
            return Err(HandlerError::dropped("repeated-message", id));
        }
        let seconds = self.settings().tombstone_seconds;
        self.guard(Guard::Unknown(Space::Seen, name.clone()));
        self.remember(Space::Seen, &name, Vec::new(), Some(seconds));
        Ok(())
    }

    /// Whether [`Unit::take_once`] has taken the message.
    pub(crate) async fn was_taken(
        &mut self,
        sender: &PublicKey,
        message: &Message,
    ) -> Result<bool, AgentError> {
        let Some(id) = message.id() else { return Ok(false) };
        Ok(self.recall(Space::Seen, &seen(sender, id)).await?.is_some())
    }
}

/// The other side chooses the length of an @id.
fn seen(sender: &PublicKey, id: &str) -> String {
    let digest: String = Sha256::digest(id).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {digest}", sender.base58())
}
