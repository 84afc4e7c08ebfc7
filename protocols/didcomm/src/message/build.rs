use serde_json::{Map, Value};

use super::{Attachment, Message, MessageType, Service, Thread};

/// Puts a message together: `@type`, `@id`, decorators, fields in the order of the calls, `~service` last.
#[derive(Debug, Clone)]
#[must_use]
pub struct MessageBuilder {
    kind: MessageType,
    head: Map<String, Value>,
    fields: Map<String, Value>,
    service: Option<Value>,
}

impl MessageBuilder {
    pub(super) fn new(kind: MessageType, id: String) -> Self {
        let mut head = Map::new();
        head.insert("@type".into(), kind.to_string().into());
        head.insert("@id".into(), id.into());
        Self { kind, head, fields: Map::new(), service: None }
    }

    /// `~thread`. An empty one is written as `{}`, as in a first offer.
    pub fn thread(self, thread: &Thread) -> Self {
        self.decorator("~thread", thread.to_json())
    }

    /// Any other decorator; `name` with its tilde.
    pub fn decorator(mut self, name: &str, value: Value) -> Self {
        self.head.insert(name.into(), value);
        self
    }

    /// A field; null is left out.
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.fields.insert(name.into(), value);
        }
        self
    }

    /// A field that may be absent.
    pub fn optional(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Fields in the order given; nulls are left out.
    pub fn fields(mut self, fields: Map<String, Value>) -> Self {
        self.fields.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        self
    }

    /// `<name>~attach` as a list, in the place of this call.
    pub fn attachments(self, name: &str, attachments: &[Attachment]) -> Self {
        let list = attachments.iter().map(Attachment::to_json).collect::<Value>();
        self.field(&format!("{name}~attach"), list)
    }

    /// `<name>~attach` as one object, as DID Exchange has it.
    pub fn attachment(self, name: &str, attachment: &Attachment) -> Self {
        self.field(&format!("{name}~attach"), attachment.to_json())
    }

    /// `~service`, which comes last.
    pub fn service(mut self, service: &Service) -> Self {
        self.service = Some(service.to_json());
        self
    }

    /// The message.
    pub fn finish(self) -> Message {
        let mut members = self.head;
        members.extend(self.fields);
        if let Some(service) = self.service {
            members.insert("~service".into(), service);
        }
        Message { kind: self.kind, members }
    }
}
