//! The connection record (ACA-Py's `ConnRecord`).

use chancery_did::methods::peer::four;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{rotated, rows, their_did, waiting};
use crate::ports::store::Tag;
use crate::unit::{AgentError, Record, Unit};

/// The webhook topic of connection records.
pub const TOPIC: &str = "connections";

/// Where a connection stands, by the names of RFC 23; stored and shown in the words of RFC 160.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Made for a request to a multi-use invitation.
    Start,
    /// Invitation sent or received.
    Invitation,
    /// Request sent or received.
    Request,
    /// Response sent or received.
    Response,
    /// Complete.
    Completed,
    /// Rejected or failed; also what calls itself by a word that nobody knows.
    #[default]
    Abandoned,
}

impl State {
    /// From a word of either RFC; unknown words count as abandoned.
    pub fn of(word: &str) -> Self {
        match word {
            "init" | "start" => Self::Start,
            "invitation" | "invitation-sent" | "invitation-received" => Self::Invitation,
            "request" | "request-sent" | "request-received" => Self::Request,
            "response" | "response-sent" | "response-received" => Self::Response,
            "active" | "completed" => Self::Completed,
            _ => Self::Abandoned,
        }
    }

    /// The word in the record.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "init",
            Self::Invitation => "invitation",
            Self::Request => "request",
            Self::Response => "response",
            Self::Completed => "active",
            Self::Abandoned => "error",
        }
    }

    /// Messages other than those of the handshake may be sent and are accepted.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Response | Self::Completed)
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&std::borrow::Cow::<str>::deserialize(deserializer)?))
    }
}

/// A pairwise connection, stored as ACA-Py stores it (category `connection`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Connection {
    /// Record id, not part of the stored value.
    #[serde(skip)]
    pub connection_id: String,
    /// Where it stands.
    pub state: State,
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

/// The words that rows of connections may hold, ours and those that others have written.
pub const STATES: [&str; 8] =
    ["init", "invitation", "request", "response", "active", "completed", "error", "abandoned"];
/// `their_role` of a connection to whom invited us.
pub const INVITER: &str = "inviter";
/// `their_role` of a connection to whom we invited.
pub const INVITEE: &str = "invitee";

impl Connection {
    /// A new record of this moment in state `state`.
    pub fn new(unit: &Unit<'_>, state: State, their_role: &str, auto_accept: bool) -> Self {
        let now = unit.now().to_text();
        Self {
            connection_id: unit.new_id(),
            state,
            their_role: Some(their_role.to_owned()),
            created_at: now.clone(),
            updated_at: now,
            accept: if auto_accept { "auto" } else { "manual" }.to_owned(),
            invitation_mode: "once".to_owned(),
            ..Self::default()
        }
    }

    /// Messages other than those of the handshake may be sent and are accepted.
    pub fn is_ready(&self) -> bool {
        self.state.is_ready()
    }

    /// The handshake is over.
    pub fn is_active(&self) -> bool {
        self.state == State::Completed
    }

    /// We invited them: they are the requester of the DID Exchange.
    pub fn they_were_invited(&self) -> bool {
        matches!(self.their_role.as_deref(), Some("invitee" | "requester"))
    }

    /// Any number of requests may refer to its invitation.
    pub fn is_multi_use(&self) -> bool {
        self.invitation_mode == "multi"
    }

    /// What comes next happens without the controller.
    pub fn auto_accepts(&self) -> bool {
        self.accept == "auto"
    }

    /// The controller has made it for somebody: it has a name or metadata.
    pub async fn is_for_somebody(&self, unit: &mut Unit<'_>) -> Result<bool, AgentError> {
        Ok(self.alias.is_some() || !rows::metadata(unit, &self.connection_id).await?.is_empty())
    }

    /// RFC 23's word for the state, which depends on the role.
    pub fn rfc23_state(&self) -> &'static str {
        match (self.state, self.they_were_invited()) {
            (State::Start, _) => "start",
            (State::Invitation, false) => "invitation-received",
            (State::Invitation, true) => "invitation-sent",
            (State::Request, false) => "request-sent",
            (State::Request, true) => "request-received",
            (State::Response, false) => "response-received",
            (State::Response, true) => "response-sent",
            (State::Completed, _) => "completed",
            (State::Abandoned, _) => "abandoned",
        }
    }

    /// The record as the admin API and webhooks show it: ACA-Py's members and order, without nulls.
    pub fn view(&self) -> Value {
        let mut view = Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                view.insert(name.to_owned(), Value::from(value));
            }
        };
        put("state", Some(self.state.word()));
        put("created_at", Some(&self.created_at));
        put("updated_at", Some(&self.updated_at));
        put("connection_id", Some(&self.connection_id));
        put("my_did", self.my_did.as_deref());
        put("their_did", self.their_did.as_deref());
        put("their_label", self.their_label.as_deref());
        put("their_role", self.their_role.as_deref());
        put("connection_protocol", self.connection_protocol.as_deref());
        put("rfc23_state", Some(self.rfc23_state()));
        put("inbound_connection_id", self.inbound_connection_id.as_deref());
        put("invitation_key", self.invitation_key.as_deref());
        put("invitation_msg_id", self.invitation_msg_id.as_deref());
        put("request_id", self.request_id.as_deref());
        put("accept", Some(&self.accept));
        put("error_msg", self.error_msg.as_deref());
        put("invitation_mode", Some(&self.invitation_mode));
        put("alias", self.alias.as_deref());
        put("their_public_did", self.their_public_did.as_deref());
        Value::Object(view)
    }

    /// Tells the controller the present state.
    pub fn notify(&self, unit: &mut Unit<'_>) {
        unit.notify(TOPIC, &self.connection_id, &self.view());
    }

    /// Goes over to `state`, saves and tells the controller. The record was loaded or inserted in this unit.
    pub fn advance(&mut self, unit: &mut Unit<'_>, state: State) -> Result<(), AgentError> {
        self.state = state;
        self.store(unit)?;
        self.notify(unit);
        Ok(())
    }

    /// Saves a change that the controller isn't told of.
    pub fn store(&mut self, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        self.updated_at = unit.now().to_text();
        unit.save(self)
    }

    /// Removes the record with what is attached to it and what only it knows of the other side, and tells the controller.
    /// Messages that still wait to be sent name keys and endpoint themselves.
    pub async fn delete(&self, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        let mut view = self.view();
        view["state"] = json!("deleted");
        if let Value::Object(members) = &mut view {
            members.shift_remove("rfc23_state");
        }
        unit.notify(TOPIC, &self.connection_id, &view);
        rows::remove_all(unit, &self.connection_id).await?;
        for did in [&self.their_did, &self.their_public_did].into_iter().flatten() {
            their_did::forget(unit, self, did).await?;
        }
        rotated::forget(unit, &self.connection_id);
        waiting::forget(unit, self).await?;
        unit.remove(self.key());
        Ok(())
    }

    /// Replaces long forms of did:peer:4 by short ones.
    pub fn shorten_dids(&mut self) {
        for did in [&mut self.my_did, &mut self.their_did].into_iter().flatten() {
            *did = short_form(did).to_owned();
        }
    }
}

/// The short form of a did:peer:4, any other DID as it is.
pub fn short_form(did: &str) -> &str {
    four::short_form(did).unwrap_or(did)
}

impl Record for Connection {
    const CATEGORY: &'static str = "connection";

    fn id(&self) -> &str {
        &self.connection_id
    }

    fn connection_id(&self) -> Option<&str> {
        Some(&self.connection_id)
    }

    fn set_id(&mut self, id: String) {
        self.connection_id = id;
    }

    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        let mut tags = vec![Tag::new("state", self.state.word())];
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
