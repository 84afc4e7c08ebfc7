//! The connection record (ACA-Py's `ConnRecord`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::engine::Record;
use crate::ports::store::Tag;

/// A pairwise connection, stored as ACA-Py stores it (category `connection`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// Record id, not part of the stored value.
    #[serde(skip)]
    pub connection_id: String,
    /// RFC 160 word: `init`, `invitation`, `request`, `response`, `active`, `error` (`completed`, `abandoned` are read).
    pub state: String,
    /// DID of the other side; short form for did:peer:4.
    pub their_did: Option<String>,
    /// `inviter` or `invitee`.
    pub their_role: Option<String>,
    /// DID of ours; short form for did:peer:4.
    pub my_did: Option<String>,
    /// Base58 key of the invitation.
    pub invitation_key: Option<String>,
    /// `@id` of the invitation.
    pub invitation_msg_id: Option<String>,
    /// `@id` of the DID Exchange request.
    pub request_id: Option<String>,
    /// The DID of the invitation's service.
    pub their_public_did: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Declared by ACA-Py, never set.
    pub inbound_connection_id: Option<String>,
    /// `auto` or `manual`.
    pub accept: String,
    /// `once`, `multi` or `static`.
    pub invitation_mode: String,
    /// The controller's name for it.
    pub alias: Option<String>,
    /// Why it failed.
    pub error_msg: Option<String>,
    /// The other side's label.
    pub their_label: Option<String>,
    /// `didexchange/1.0` or `didexchange/1.1`.
    pub connection_protocol: Option<String>,
    /// Members of ACA-Py's record that we don't know, kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Connection {
    /// Messages other than those of the handshake may be sent and are accepted.
    pub fn is_ready(&self) -> bool {
        matches!(self.state.as_str(), "response" | "active" | "completed")
    }
}

impl Record for Connection {
    const CATEGORY: &'static str = "connection";

    fn id(&self) -> &str {
        &self.connection_id
    }

    fn set_id(&mut self, id: String) {
        self.connection_id = id;
    }

    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        let mut tags = vec![Tag::new("state", &*self.state)];
        let optional = [
            ("their_role", &self.their_role),
            ("my_did", &self.my_did),
            ("their_did", &self.their_did),
            ("their_public_did", &self.their_public_did),
            ("request_id", &self.request_id),
            ("invitation_key", &self.invitation_key),
            ("invitation_msg_id", &self.invitation_msg_id),
        ];
        tags.extend(optional.into_iter().filter_map(|(n, v)| v.as_deref().map(|v| Tag::new(n, v))));
        tags
    }
}
