//! Messages and work that wait in a queue.

use chancery_didcomm::message::Message;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::AgentError;
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

/// The row of an errand or a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    /// The errand's or job's name; that of a protocol in rows of earlier versions.
    pub protocol: String,
    /// Its own description.
    pub detail: Value,
    /// Whom it is done for: a connection, or a key that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What it is in order with; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// The id of the job that it drives; `None`: an errand, or a row of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Whose message it follows from; `None`: the controller's call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The trace that it belongs to, when traces are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Work {
    /// A row of this name.
    pub(super) fn of<T: Serialize + ?Sized>(name: &str, detail: &T) -> Result<Self, AgentError> {
        let detail = serde_json::to_value(detail)
            .map_err(|e| AgentError::internal("record-unwritable", format!("work of {name}: {e}")))?;
        let name = name.to_owned();
        Ok(Self { protocol: name, detail, cause: None, lane: None, job: None, owner: None, trace: None })
    }

    /// The lane of the queue.
    pub fn lane(&self) -> String {
        self.lane.clone().unwrap_or_else(|| self.party())
    }

    /// What a party has under way at once is bounded, so that nobody's work holds up another's.
    pub fn party(&self) -> String {
        match (&self.cause, &self.lane) {
            (Some(cause), _) => format!("{}|{cause}", self.protocol),
            (None, Some(lane)) => lane.clone(),
            (None, None) => self.protocol.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn work_has_the_lane_that_it_names_and_else_that_of_the_party_that_causes_it() {
        let work = |cause: Option<&str>, lane: Option<&str>| Work {
            cause: cause.map(str::to_owned),
            lane: lane.map(str::to_owned),
            ..Work::of("p", &json!({})).unwrap()
        };
        for (cause, lane, party, row) in [
            (None, None, "p", "p"),
            (Some("one"), None, "p|one", "p|one"),
            (Some("one"), Some("l"), "p|one", "l"),
            (None, Some("l"), "l", "l"),
        ] {
            let work = work(cause, lane);
            assert_eq!((&*work.party(), &*work.lane()), (party, row), "{cause:?} {lane:?}");
        }
        let older: Work = serde_json::from_value(json!({"protocol": "p", "detail": {}})).unwrap();
        assert_eq!(older.lane(), "p");
    }
}
