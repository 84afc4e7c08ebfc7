//! Decorators of `didcomm-v1` messages: RFC 0008, 0011, 0032, 0043, 0056, 0092.

use chancery_did::key::{KeyType, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// `~thread` (RFC 0008). Members that are absent, null or unknown do no harm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// `@id` of the thread's first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thid: Option<String>,
    /// Thread that this one came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pthid: Option<String>,
    /// Running number of the sender's messages. Never set or checked here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_order: Option<i64>,
    /// Highest `sender_order` seen of each party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_orders: Option<Map<String, Value>>,
}

impl Thread {
    /// A thread id alone.
    pub fn new(thid: impl Into<String>) -> Self {
        Self { thid: Some(thid.into()), ..Self::default() }
    }

    /// With a parent thread.
    pub fn with_parent(mut self, pthid: impl Into<String>) -> Self {
        self.pthid = Some(pthid.into());
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = Map::new();
        for (name, id) in [("thid", &self.thid), ("pthid", &self.pthid)] {
            if let Some(id) = id {
                json.insert(name.into(), id.as_str().into());
            }
        }
        if let Some(order) = self.sender_order {
            json.insert("sender_order".into(), order.into());
        }
        if let Some(orders) = &self.received_orders {
            json.insert("received_orders".into(), Value::Object(orders.clone()));
        }
        Value::Object(json)
    }
}

/// Which messages may come back over the channel that a message came in on (RFC 0092).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReturnRoute {
    /// None.
    #[default]
    None,
    /// Any for the sender.
    All,
    /// Those of the message's thread.
    Thread,
}

impl ReturnRoute {
    /// `none`, `all` or `thread`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::Thread => "thread",
        }
    }
}

/// `~transport` (RFC 0092). Only `return_route` has an effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transport {
    /// `return_route`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_route: Option<ReturnRoute>,
    /// Thread that `return_route: thread` means, where it is not the message's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_route_thread: Option<String>,
    /// Messages waiting at the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_message_count: Option<i64>,
}

/// `~service` (RFC 0056): where to answer a message that came without a connection. Keys are raw base58 Ed25519;
/// did:key values are refused, as by ACA-Py.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Keys to pack for, at least one.
    #[serde(rename = "recipientKeys", serialize_with = "to_verkeys", deserialize_with = "from_verkeys")]
    pub recipient_keys: Vec<PublicKey>,
    /// URL to send to.
    #[serde(rename = "serviceEndpoint")]
    pub service_endpoint: String,
    /// Mediators, innermost first. Written also when empty.
    #[serde(
        rename = "routingKeys",
        default,
        serialize_with = "to_verkeys",
        deserialize_with = "from_optional_verkeys"
    )]
    pub routing_keys: Vec<PublicKey>,
}

impl Service {
    pub(super) fn to_json(&self) -> Value {
        let keys = |keys: &[PublicKey]| keys.iter().map(PublicKey::base58).collect::<Value>();
        serde_json::json!({
            "recipientKeys": keys(&self.recipient_keys),
            "serviceEndpoint": self.service_endpoint,
            "routingKeys": keys(&self.routing_keys),
        })
    }
}

fn to_verkeys<S: Serializer>(keys: &[PublicKey], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(PublicKey::as_base58))
}

fn from_verkeys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PublicKey>, D::Error> {
    let keys = verkeys(Vec::deserialize(deserializer)?)?;
    if keys.is_empty() {
        return Err(serde::de::Error::custom("no recipient keys"));
    }
    Ok(keys)
}

fn from_optional_verkeys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PublicKey>, D::Error> {
    verkeys(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

fn verkeys<E: serde::de::Error>(texts: Vec<String>) -> Result<Vec<PublicKey>, E> {
    texts
        .iter()
        .map(|text| PublicKey::from_base58(KeyType::Ed25519, text))
        .collect::<Result<_, _>>()
        .map_err(E::custom)
}

/// `~timing` (RFC 0032): ISO 8601 times. Informational, never enforced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// When the preceding message was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_time: Option<String>,
    /// When this message was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_time: Option<String>,
    /// Ideally answered by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_time: Option<String>,
    /// Void from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_time: Option<String>,
    /// Wait this long before handling, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_milli: Option<i64>,
    /// Not to be handled before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until_time: Option<String>,
}

/// `~l10n` (RFC 0043).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct L10n {
    /// Language of the texts: `en`, `de-CH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Members that may be translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localizable: Option<Vec<String>>,
    /// URLs of translations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogs: Option<Vec<String>>,
}
