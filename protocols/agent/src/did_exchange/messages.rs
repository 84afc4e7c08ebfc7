//! The messages as on the wire, and the signed parts in them.

use chancery_did::SecretKey;
use chancery_didcomm::message::{Attachment, Message, MessageError, MessageType, Thread, Version};

use crate::exchange::report;
use crate::unit::AgentError;

/// Name in the message types.
pub const PROTOCOL: &str = "didexchange";

/// As invitations and records name them, by their minor version.
pub const VERSIONS: [&str; 2] = ["didexchange/1.0", "didexchange/1.1"];

/// Codes of problem reports.
pub const CODES: [&str; 6] = [
    "invitation_not_accepted",
    "request_not_accepted",
    "request_processing_error",
    "response_not_accepted",
    "response_processing_error",
    "complete_not_accepted",
];

/// `didexchange/1.<minor>/<name>`
pub fn kind(minor: u32, name: &str) -> MessageType {
    MessageType::new(PROTOCOL, Version::new(1, minor), name)
}

/// The minor version that a connection's handshake runs in: 0 or 1.
pub fn minor_of(connection_protocol: Option<&str>) -> u32 {
    u32::from(connection_protocol != Some(VERSIONS[0]))
}

/// `connection_protocol` of a record; versions above ours are handled by ours.
pub fn protocol_name(minor: u32) -> &'static str {
    VERSIONS[usize::from(minor > 0)]
}

/// A `request`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub label: String,
    /// Their DID: any method; unqualified in 1.0.
    pub did: String,
    /// The DID's document, signed.
    pub document: Option<Attachment>,
}

impl Request {
    /// Reads the members that the schema demands.
    pub fn read(message: &Message) -> Result<Self, MessageError> {
        Ok(Self {
            label: text(message, "label", "DIDXRequest")?,
            did: text(message, "did", "DIDXRequest")?,
            document: message.attachment("did_doc")?,
        })
    }
}

/// A `response`.
#[derive(Clone, Debug)]
pub struct Response {
    /// Their DID.
    pub did: String,
    /// The DID's document, signed by the invitation's key.
    pub document: Option<Attachment>,
    /// The DID itself, signed by the invitation's key.
    pub rotation: Option<Attachment>,
}

impl Response {
    /// Reads the members that the schema demands.
    pub fn read(message: &Message) -> Result<Self, MessageError> {
        Ok(Self {
            did: text(message, "did", "DIDXResponse")?,
            document: message.attachment("did_doc")?,
            rotation: message.attachment("did_rotate")?,
        })
    }
}

fn text(message: &Message, name: &str, class: &'static str) -> Result<String, MessageError> {
    message
        .text(name)
        .map(str::to_owned)
        .ok_or_else(|| MessageError::schema(class, format!("`{name}` is missing")))
}

/// `~thread` of an answer within the handshake.
pub fn thread(thid: &str, pthid: Option<&str>) -> Thread {
    let thread = Thread::new(thid);
    match pthid {
        Some(pthid) => thread.with_parent(pthid),
        None => thread,
    }
}

/// A `problem_report`.
pub fn problem_report(minor: u32, id: &str, thid: &str, code: &str, text: &str) -> Message {
    report(kind(minor, "problem_report"), id, thid, text, code)
}

/// A document or DID as a signed attachment.
pub fn sign(mut attachment: Attachment, key: &SecretKey) -> Result<Attachment, AgentError> {
    attachment.sign(key).map_err(|e| {
        AgentError::internal("signing-failed", format!("the DID document could not be signed: {e}"))
    })?;
    Ok(attachment)
}
