//! Messages: a JSON object with `@type`, read through typed accessors and built in ACA-Py's member order.

mod attachment;
mod build;
mod decorators;
mod jws;
mod message_type;
mod objects;
mod signature;

pub use attachment::{Attachment, AttachmentContent, AttachmentData, AttachmentError};
pub use build::MessageBuilder;
pub use decorators::{L10n, ReturnRoute, Service, Thread, Timing, Transport};
pub use jws::{Jws, JwsHeader, JwsSignature};
pub use message_type::{DIDCOMM_ORG, MessageType, OLD_DOC_URI, Version};
pub use signature::{SignatureDecorator, SignatureError, Signed};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::inbound::{BodyError, parse_object};
use objects::Objects;

/// Why a message could not be read. `Display` is the text of ACA-Py's problem report where it sends one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The plaintext is not a JSON object.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// No `@type`, or one that is not text.
    #[error("Message does not contain '@type' parameter")]
    MissingType,
    /// `@type` has not the form `<doc uri>/<protocol>/<major>.<minor>/<name>`. ACA-Py drops such a message silently.
    /// What the sender wrote is not shown: it may be anything.
    #[error("Invalid message type")]
    InvalidType(String),
    /// A decorator, attachment or other part of the message is malformed. The text is what ACA-Py reports: the name of
    /// the class, not the reason.
    #[error("Error deserializing message: {class} schema validation failed")]
    Schema {
        /// ACA-Py's class: `ThreadDecorator`, `AttachDecorator`, `V20CredOffer`, …
        class: &'static str,
        /// What is wrong, for our own log.
        reason: String,
    },
}

impl MessageError {
    /// A malformed part, named by ACA-Py's class.
    pub fn schema(class: &'static str, reason: impl ToString) -> Self {
        Self::Schema { class, reason: reason.to_string() }
    }
}

/// A message: its members in the order they came, and its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    kind: MessageType,
    members: Map<String, Value>,
}

impl Message {
    /// Parse an unpacked plaintext. An object that names a member twice is refused.
    pub fn parse(plaintext: &[u8]) -> Result<Self, MessageError> {
        Self::from_json(parse_object(plaintext)?)
    }

    /// From JSON that is already parsed.
    pub fn from_json(json: Value) -> Result<Self, MessageError> {
        let Value::Object(members) = json else { return Err(BodyError::NotAnObject.into()) };
        let kind = members.get("@type").and_then(Value::as_str).ok_or(MessageError::MissingType)?;
        Ok(Self { kind: MessageType::parse(kind)?, members })
    }

    /// Begin a message; members come out in ACA-Py's order whatever the order of calls.
    pub fn build(kind: MessageType, id: impl Into<String>) -> MessageBuilder {
        MessageBuilder::new(kind, id.into())
    }

    /// A problem report (Aries RFC 0035) that belongs to no protocol of its own: a code, and a sentence.
    pub fn problem_report(id: impl Into<String>, thread: &Thread, code: &str, text: &str) -> Self {
        let kind = MessageType::new("notification", Version::new(1, 0), "problem-report");
        let description = serde_json::json!({"en": text, "code": code});
        Self::build(kind, id).thread(thread).field("description", description).finish()
    }

    /// `@type`.
    pub fn message_type(&self) -> &MessageType {
        &self.kind
    }

    /// `@id`. A received message may lack it: give it one with [`ensure_id`](Self::ensure_id).
    pub fn id(&self) -> Option<&str> {
        self.text("@id").filter(|id| !id.is_empty())
    }

    /// `@id`, made by `generate` where the message has none.
    pub fn ensure_id(&mut self, generate: impl FnOnce() -> String) -> String {
        if let Some(id) = self.id() {
            return id.to_owned();
        }
        let id = generate();
        self.members.insert("@id".into(), id.clone().into());
        id
    }

    /// Changes members other than `@type`, which has been read.
    pub fn change(&mut self, change: impl FnOnce(&mut Map<String, Value>)) {
        let kind = self.members.get("@type").cloned();
        change(&mut self.members);
        if let Some(kind) = kind {
            self.members.insert("@type".into(), kind);
        }
    }

    /// A member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// All members, in order.
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The message as JSON.
    pub fn into_json(self) -> Value {
        Value::Object(self.members)
    }

    /// The bytes to pack: as Python's `json.dumps` writes them.
    pub fn to_json(&self) -> String {
        chancery_did::json::object_to_python_json(&self.members)
    }

    /// Read the members into a struct; `class` is ACA-Py's name of it, for the problem report.
    pub fn read<T: DeserializeOwned>(&self, class: &'static str) -> Result<T, MessageError> {
        T::deserialize(serde::de::value::MapDeserializer::new(
            self.members.iter().map(|(name, value)| (name.as_str(), Objects(value))),
        ))
        .map_err(|error: serde_json::Error| MessageError::schema(class, error))
    }

    /// A decorator or other member as a struct; `None` when it is absent or null.
    pub fn member<T: DeserializeOwned>(
        &self,
        name: &str,
        class: &'static str,
    ) -> Result<Option<T>, MessageError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                T::deserialize(Objects(value)).map(Some).map_err(|error| MessageError::schema(class, error))
            }
        }
    }

    /// `~thread`; empty when it is absent or `{}`.
    pub fn thread(&self) -> Result<Thread, MessageError> {
        Ok(self.member("~thread", "ThreadDecorator")?.unwrap_or_default())
    }

    /// The thread this belongs to: `~thread.thid`, or else its own `@id`. Never fails, so that a problem report about a
    /// broken message still finds its thread.
    pub fn thread_id(&self) -> Option<&str> {
        self.thread_member("thid").or_else(|| self.id())
    }

    /// `~thread.pthid`. Never fails.
    pub fn parent_thread_id(&self) -> Option<&str> {
        self.thread_member("pthid")
    }

    fn thread_member(&self, name: &str) -> Option<&str> {
        self.members.get("~thread")?.get(name)?.as_str().filter(|id| !id.is_empty())
    }

    /// `~transport.return_route`; `none` when it is absent. Other values than the three are an error.
    pub fn transport(&self) -> Result<ReturnRoute, MessageError> {
        let transport: Option<Transport> = self.member("~transport", "TransportDecorator")?;
        Ok(transport.and_then(|transport| transport.return_route).unwrap_or_default())
    }

    /// `~service`: where to answer a connectionless message.
    pub fn service(&self) -> Result<Option<Service>, MessageError> {
        self.member("~service", "ServiceDecorator")
    }

    /// `~l10n`.
    pub fn l10n(&self) -> Result<Option<L10n>, MessageError> {
        self.member("~l10n", "LocalizationDecorator")
    }

    /// `~timing`.
    pub fn timing(&self) -> Result<Option<Timing>, MessageError> {
        self.member("~timing", "TimingDecorator")
    }

    /// `<name>~attach` as a list; empty when it is absent.
    pub fn attachments(&self, name: &str) -> Result<Vec<Attachment>, MessageError> {
        Ok(self.member(&format!("{name}~attach"), "AttachDecorator")?.unwrap_or_default())
    }

    /// `<name>~attach` as one object, as DID Exchange has it.
    pub fn attachment(&self, name: &str) -> Result<Option<Attachment>, MessageError> {
        self.member(&format!("{name}~attach"), "AttachDecorator")
    }

    /// `<name>~sig`.
    pub fn signed(&self, name: &str) -> Result<Option<SignatureDecorator>, MessageError> {
        self.member(&format!("{name}~sig"), "SignatureDecorator")
    }

    /// Set `~thread`, in the place it has or behind `@id`.
    pub fn set_thread(&mut self, thread: &Thread) {
        self.set_decorator("~thread", thread.to_json());
    }

    /// Set `~transport.return_route`.
    pub fn set_return_route(&mut self, route: ReturnRoute) {
        self.set_decorator("~transport", serde_json::json!({"return_route": route.as_str()}));
    }

    /// Set `~service`, as the last member.
    pub fn set_service(&mut self, service: &Service) {
        self.members.shift_remove("~service");
        self.members.insert("~service".into(), service.to_json());
    }

    fn set_decorator(&mut self, name: &str, value: Value) {
        if let Some(present) = self.members.get_mut(name) {
            *present = value;
            return;
        }
        let before =
            self.members.keys().take_while(|name| name.starts_with('@') || name.starts_with('~')).count();
        self.members.shift_insert(before, name.to_owned(), value);
    }
}
