//! DIDComm v1 without I/O: messages with their decorators and attachments, and envelopes (RFC 0019).
//!
//! An inbound body goes through [`classify`], [`Envelope::open`] and [`Message::parse`]; an outbound message through
//! [`Message::to_json`], [`pack_authcrypt`] and, where a mediator stands between, [`wrap_forward`].
//!
//! JSON is parsed to a depth of 128 (serde_json's limit); an object that names a member twice is refused, since two
//! readers could take it for two different messages.

pub mod encoding;
pub mod message;
pub mod time;
pub mod v1;

mod inbound;

pub use chancery_did::json::{to_python_json, to_python_json_compact};
pub use inbound::{BodyError, Inbound, classify};
pub use message::{Message, MessageError, MessageType};
pub use v1::{
    Envelope, EnvelopeError, PackError, SharedSecrets, Unpacked, pack_anoncrypt, pack_authcrypt, wrap_forward,
};
