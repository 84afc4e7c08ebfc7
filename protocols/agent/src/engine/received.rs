//! A message with what is known of its sender, and what a handler asks before it takes one: is the connection ready, has the
//! message been here before.

use std::sync::Arc;

use chancery_did::PublicKey;
use chancery_didcomm::message::{Message, ReturnRoute};

use super::HandlerError;
use crate::peers::Connection;
use crate::unit::{Target, Unit};

/// A message that a handler gets, with what is known of its sender.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message.
    pub message: Arc<Message>,
    /// The key that authenticated it; `None`: anonymous or plaintext.
    pub sender: Option<PublicKey>,
    /// The key of ours that it was packed for; `None`: plaintext.
    pub recipient: Option<PublicKey>,
    /// The connection that (sender, recipient) belong to.
    pub connection: Option<Connection>,
    /// `~transport.return_route`.
    pub return_route: ReturnRoute,
    /// Set by out-of-band for messages of a connectionless exchange: the oob record's id.
    pub oob_id: Option<String>,
}

impl Received {
    /// The connection's id.
    pub fn connection_id(&self) -> Option<&str> {
        self.connection.as_ref().map(|c| c.connection_id.as_str())
    }
}

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

    /// For messages that leave no record by which a repeat could be told: takes each (sender's key, `@id`) once, as
    /// long as tombstones are kept. Of two that are handled at once, one commits; the other is decided again.
    ///
    /// Errors: dropped with `repeated-message`.
    pub async fn take_once(&self, unit: &mut Unit<'_>) -> Result<(), HandlerError> {
        let (Some(sender), Some(id)) = (&self.sender, self.message.id()) else { return Ok(()) };
        if unit.take_once(sender, id).await? {
            return Ok(());
        }
        Err(HandlerError::dropped("repeated-message", id))
    }

    /// The target of an answer to a message outside of any connection: the sender's key, reachable on the return route only.
    pub fn reply_target(&self) -> Option<Target> {
        let to = self.sender.as_ref()?;
        Some(Target {
            recipient_keys: vec![to.base58()],
            routing_keys: Vec::new(),
            endpoint: None,
            sender_key: self.recipient.as_ref().map(PublicKey::base58),
        })
    }
}
