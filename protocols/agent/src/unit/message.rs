//! Messages and work that wait in a queue.

use chancery_didcomm::message::Message;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ports::store::Owner;

/// Where a message goes: a snapshot of the other side's service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Base58 Ed25519 keys to pack for.
    pub recipient_keys: Vec<String>,
    /// Base58 keys of mediators, innermost first.
    pub routing_keys: Vec<String>,
    /// URL; `None`: only reachable on a return route.
    pub endpoint: Option<String>,
    /// Base58 key of ours to pack with; `None`: anonymously.
    pub sender_key: Option<String>,
}

/// Whether later messages of the connection wait for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Ordered within its thread.
    Thread,
    /// Ordered within the whole connection: DID Exchange, rotate, hangup, reuse.
    Connection,
}

/// An outbound message as kept in the queue: packed anew at each try.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outbound {
    /// The message with its `@id`.
    pub message: Plaintext,
    /// The target when it was sent.
    pub target: Target,
    /// The connection, whose present target is preferred to the snapshot.
    pub connection_id: Option<String>,
    /// Thread id, for the order of delivery.
    pub thread_id: String,
    /// What it is ordered with.
    pub scope: Scope,
    /// Whose message it follows from; `None`: the controller's call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The trace that it belongs to, when traces are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// A plaintext message (RFC 0044) as it is packed: the text of a JSON object, written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plaintext(String);

impl Plaintext {
    /// The text of a message, in the form of Python's `json.dumps`.
    pub fn of(message: &Message) -> Self {
        Self(message.to_json())
    }

    /// The text of what need not be a message.
    #[cfg(any(test, feature = "testing"))]
    pub fn of_json(message: &Value) -> Self {
        Self(chancery_didcomm::to_python_json(message))
    }

    /// What is packed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The message.
    pub fn to_json(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// `@type` and `@id`; the rest of the message isn't read.
    pub fn heading(&self) -> Heading {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Serialize for Plaintext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Plaintext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::from(Box::<str>::from(Box::<RawValue>::deserialize(deserializer)?))))
    }
}

/// What a message is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Heading {
    /// `@type`.
    #[serde(rename = "@type")]
    pub message_type: Option<String>,
    /// `@id`.
    #[serde(rename = "@id")]
    pub id: Option<String>,
}

impl Outbound {
    /// The lane of the queue: rows of one lane are delivered in order.
    pub fn lane(&self) -> String {
        let whom = self
            .connection_id
            .as_deref()
            .or(self.target.recipient_keys.first().map(String::as_str))
            .unwrap_or("-");
        match self.scope {
            Scope::Thread => format!("{whom}|{}", self.thread_id),
            Scope::Connection => format!("{whom}|*"),
        }
    }
}

/// Work that a worker goes on with after the commit: a chain that needs the network or much time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    /// Registered name of the protocol that does it.
    pub protocol: String,
    /// The protocol's own description.
    pub detail: Value,
    /// Whom it is done for: a connection, or a key that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whose message it follows from; `None`: the controller's call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The trace that it belongs to, when traces are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Work {
    /// Work of ours for whoever goes by this name.
    pub fn of<T: Serialize + ?Sized>(name: &str, detail: &T) -> Self {
        let detail = serde_json::to_value(detail).unwrap_or_default();
        Self { protocol: name.to_owned(), detail, cause: None, owner: None, trace: None }
    }

    /// What a peer causes is fair among those who do.
    #[must_use]
    pub fn caused_by(self, cause: &str) -> Self {
        Self { cause: Some(cause.to_owned()), ..self }
    }

    /// The lane of the queue: what a lane has under way at once is bounded, so that nobody's work holds up another's.
    pub fn lane(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}|{cause}", self.protocol),
            None => self.protocol.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn work_that_one_party_causes_has_a_lane_of_its_own() {
        let work = |cause: Option<&str>| Work {
            protocol: "p".into(),
            detail: json!({}),
            cause: cause.map(str::to_owned),
            owner: None,
            trace: None,
        };
        assert_eq!(work(Some("one")).lane(), "p|one");
        assert_ne!(work(Some("one")).lane(), work(Some("two")).lane());
        assert_eq!(work(None).lane(), "p");
        let older: Work = serde_json::from_value(json!({"protocol": "p", "detail": {}})).unwrap();
        assert_eq!(older.lane(), "p");
    }
}
