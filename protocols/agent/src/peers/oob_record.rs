//! The out-of-band record (ACA-Py's `OobRecord`): what an invitation was sent or received for, and how a connectionless
//! exchange reaches the other side.

use chancery_didcomm::message::{Attachment, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ports::store::{Query, Tag};
use crate::unit::{AgentError, Record, Unit};

/// Records of one invitation that are looked at: our own and those that were received, with room for what is received at once.
const MOST_LOOKED_AT: usize = 256;

/// An out-of-band record (category `oob_record`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OobRecord {
    /// Record id, not part of the stored value.
    #[serde(skip)]
    pub oob_id: String,
    /// Thread of the attached message, once it is known.
    pub attach_thread_id: Option<String>,
    /// `@id` of the invitation.
    pub invi_msg_id: String,
    /// Base58 key of ours that answers come to.
    pub our_recipient_key: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// `initial`, `prepare-response`, `await-response`, `reuse-not-accepted`, `reuse-accepted`, `done`, `deleted`.
    pub state: String,
    /// Where the other side of a connectionless exchange is reached; JSON of [`Service`].
    pub their_service: Option<Value>,
    /// The connection that it led to.
    pub connection_id: Option<String>,
    /// `sender` or `receiver` of the invitation.
    pub role: String,
    /// Any number of receivers.
    pub multi_use: bool,
    /// The invitation message.
    pub invitation: Value,
    /// Our side of a connectionless exchange; JSON of [`Service`].
    pub our_service: Option<Value>,
    /// `@id` of the handshake-reuse that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_msg_id: Option<String>,
    /// Members of ACA-Py's record that we don't know, kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Record for OobRecord {
    const CATEGORY: &'static str = "oob_record";

    fn id(&self) -> &str {
        &self.oob_id
    }

    fn set_id(&mut self, id: String) {
        self.oob_id = id;
    }

    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        let mut tags = vec![Tag::new("invi_msg_id", &*self.invi_msg_id)];
        let optional = [
            ("attach_thread_id", &self.attach_thread_id),
            ("our_recipient_key", &self.our_recipient_key),
            ("connection_id", &self.connection_id),
        ];
        tags.extend(optional.into_iter().filter_map(|(n, v)| v.as_deref().map(|v| Tag::new(n, v))));
        tags
    }
}

impl OobRecord {
    /// The record as the admin API and webhooks show it: ACA-Py's members and order, without nulls.
    pub fn view(&self) -> Value {
        let mut view = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                view.insert(name.to_owned(), value);
            }
        };
        put("state", Some(json!(self.state)));
        put("created_at", Some(json!(self.created_at)));
        put("updated_at", Some(json!(self.updated_at)));
        put("trace", Some(json!(false)));
        put("oob_id", Some(json!(self.oob_id)));
        put("invi_msg_id", Some(json!(self.invi_msg_id)));
        put("invitation", Some(self.invitation.clone()));
        put("their_service", self.their_service.clone());
        put("connection_id", self.connection_id.as_ref().map(|id| json!(id)));
        put("attach_thread_id", self.attach_thread_id.as_ref().map(|id| json!(id)));
        put("our_recipient_key", self.our_recipient_key.as_ref().map(|key| json!(key)));
        put("role", Some(json!(self.role)));
        put("multi_use", Some(json!(self.multi_use)));
        Value::Object(view)
    }

    /// The messages attached to the invitation, inline or as base64.
    pub fn attached(&self) -> impl Iterator<Item = Value> {
        let attachments = self.invitation["requests~attach"].as_array().into_iter().flatten();
        let read = |attachment: &Value| Attachment::from_json(attachment).ok()?.content().ok();
        attachments.filter_map(read).filter(Value::is_object)
    }

    /// Whether the invitation carries messages.
    pub fn has_attachments(&self) -> bool {
        self.invitation["requests~attach"].as_array().is_some_and(|list| !list.is_empty())
    }

    /// Whether a thread is one of the attached messages'.
    pub fn is_attached_thread(&self, thread_id: &str) -> bool {
        self.attach_thread_id.as_deref() == Some(thread_id)
            || self.attached().any(|m| {
                let thid = m["~thread"]["thid"].as_str().filter(|t| !t.is_empty());
                thid.or(m["@id"].as_str()) == Some(thread_id)
            })
    }

    /// [`OobRecord::their_service`], parsed.
    pub fn their_service(&self) -> Option<Service> {
        self.their_service.as_ref().and_then(|s| serde_json::from_value(s.clone()).ok())
    }

    /// [`OobRecord::our_service`], parsed.
    pub fn our_service(&self) -> Option<Service> {
        self.our_service.as_ref().and_then(|s| serde_json::from_value(s.clone()).ok())
    }
}

/// The records of an invitation, oldest first, guarded.
pub async fn oob_of_invitation(unit: &mut Unit<'_>, invi_msg_id: &str) -> Result<Vec<OobRecord>, AgentError> {
    oob_with(unit, &[("invi_msg_id", invi_msg_id)]).await
}

/// The records with these tags, oldest first, guarded. Each tag is one that few have: see `keep_received`.
pub(crate) async fn oob_with(
    unit: &mut Unit<'_>,
    tags: &[(&'static str, &str)],
) -> Result<Vec<OobRecord>, AgentError> {
    let all = Query::all(OobRecord::CATEGORY).any(MOST_LOOKED_AT);
    let query = tags.iter().fold(all, |query, (tag, value)| query.and(tag, *value));
    let mut records: Vec<OobRecord> = unit.find(&query).await?;
    records.sort_by(|one, other| one.created_at.cmp(&other.created_at));
    Ok(records)
}
