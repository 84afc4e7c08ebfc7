//! A dead letter: what could not be delivered, with why.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ports::Timestamp;
use crate::ports::store::{EventNo, Item};
use crate::unit::{Heading, Outbound, Work};

/// An event that a webhook target did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The event's number.
    pub event: EventNo,
    /// The event's id.
    pub id: String,
    /// The event's topic.
    pub topic: String,
    /// The record that it is about.
    pub record: String,
    /// The target's id.
    pub target: String,
}

/// What could not be delivered or done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A message to a peer.
    Message(Outbound),
    /// An event for a webhook target.
    Webhook(Webhook),
    /// Work that a step left for after its commit.
    Work(Work),
}

/// The value of a row of [`crate::ports::store::Queue::Dead`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letter {
    /// What could not be delivered.
    pub content: Content,
    /// Where it was to go, as far as there is such a place.
    pub endpoint: Option<String>,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first to be delivered.
    pub since: Timestamp,
}

impl Content {
    /// `message`, `webhook` or `work`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Webhook(_) => "webhook",
            Self::Work(_) => "work",
        }
    }

    /// What it is, without what it says.
    fn describe(&self) -> Map<String, Value> {
        let described = match self {
            Self::Message(outbound) => return describe_message(outbound),
            Self::Webhook(Webhook { event, id, topic, record, target: _ }) => {
                json!({ "event": event, "event_id": id, "topic": topic, "record": record })
            }
            Self::Work(work) => json!({ "protocol": work.protocol, "job_id": work.job }),
        };
        match described {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

/// Type, ids and destination of a message.
pub(super) fn describe_message(outbound: &Outbound) -> Map<String, Value> {
    let Heading { message_type, id } = outbound.message.heading();
    Map::from_iter([
        ("type".to_owned(), json!(message_type)),
        ("message_id".to_owned(), json!(id)),
        ("thread_id".to_owned(), json!(outbound.thread_id)),
        ("connection_id".to_owned(), json!(outbound.connection_id)),
    ])
}

impl Letter {
    /// The letter of a row; `None`: a row that could not even be read when it was to be delivered.
    pub fn read(item: &Item) -> Option<Self> {
        serde_json::from_slice(&item.value).ok()
    }

    /// Number, kind, destination, reason; never the content of a message.
    pub(super) fn describe(&self, seq: i64) -> Value {
        let mut described = Map::from_iter([
            ("seq".to_owned(), json!(seq)),
            ("kind".to_owned(), json!(self.content.kind())),
            ("reason".to_owned(), json!(self.reason)),
            ("endpoint".to_owned(), json!(self.endpoint)),
            ("attempts".to_owned(), json!(self.attempts)),
            ("created".to_owned(), json!(self.since.to_text())),
        ]);
        described.append(&mut self.content.describe());
        Value::Object(described)
    }
}
