//! Messages that were taken, by their sender's key and `@id`.

use chancery_did::PublicKey;
use chancery_didcomm::message::Message;
use sha2::{Digest, Sha256};

use super::{AgentError, Unit};
use crate::ports::store::{Guard, Space};

impl Unit<'_> {
    /// Takes a message, as long as tombstones are kept; false: it was taken before.
    pub(crate) async fn take_once(&mut self, sender: &PublicKey, id: &str) -> Result<bool, AgentError> {
        let name = seen(sender, id);
        if self.recall(Space::Seen, &name).await?.is_some() {
            return Ok(false);
        }
        let seconds = self.settings().tombstone_seconds;
        self.guard(Guard::Unknown(Space::Seen, name.clone()));
        self.remember(Space::Seen, &name, Vec::new(), Some(seconds));
        Ok(true)
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
