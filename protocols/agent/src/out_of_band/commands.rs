//! Commands of the `out-of-band` tag of the admin API.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

/// A message to attach to an invitation.
#[derive(Clone, Debug, Deserialize)]
pub struct AttachmentRef {
    /// Id of the exchange record.
    pub id: String,
    /// `credential-offer` or `present-proof`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// `POST /out-of-band/create-invitation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateInvitation {
    /// Names or aliases of handshake protocols.
    pub handshake_protocols: Option<Vec<String>>,
    /// Messages to attach.
    pub attachments: Option<Vec<AttachmentRef>>,
    /// Copied into the invitation.
    pub accept: Option<Vec<String>>,
    /// The service is the public DID.
    pub use_public_did: Option<bool>,
    /// The service is this DID of the wallet.
    pub use_did: Option<String>,
    /// `did:peer:2` or `did:peer:4`: the service is a DID of this method.
    pub use_did_method: Option<String>,
    /// Metadata of the connection to come.
    pub metadata: Option<Map<String, Value>>,
    /// Label instead of the agent's.
    pub my_label: Option<String>,
    /// The controller's name for the connection.
    pub alias: Option<String>,
    /// Sent along.
    pub goal: Option<String>,
    /// Sent along.
    pub goal_code: Option<String>,
    /// Not supported yet.
    pub mediation_id: Option<String>,
    /// Version of the invitation, default `1.1`.
    pub protocol_version: Option<String>,
    /// Query: accept requests without being asked.
    pub auto_accept: Option<bool>,
    /// Query: for any number of receivers.
    pub multi_use: bool,
    /// Query: a DID of its own for this invitation.
    pub create_unique_did: bool,
}

/// `POST /out-of-band/receive-invitation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReceiveInvitation {
    /// The invitation (the body).
    pub invitation: Value,
    /// The controller's name for the connection.
    pub alias: Option<String>,
    /// Send the request without being asked.
    pub auto_accept: Option<bool>,
    /// Reuse a connection with the invitation's DID; default true.
    pub use_existing_connection: Option<bool>,
    /// Not supported yet.
    pub mediation_id: Option<String>,
}

/// `GET /out-of-band/records`.
#[derive(Clone, Debug, Deserialize)]
pub struct ListOob {
    /// State of the record.
    pub state: Option<String>,
    /// `sender` or `receiver`.
    pub role: Option<String>,
    /// The connection.
    pub connection_id: Option<String>,
    /// `@id` of the invitation.
    pub invi_msg_id: Option<String>,
    /// Most records to return.
    #[serde(default = "crate::connection::default_limit")]
    pub limit: usize,
    /// Records to skip.
    #[serde(default)]
    pub offset: usize,
    /// Newest first.
    #[serde(default)]
    pub descending: bool,
}

/// `GET /out-of-band/invitations`.
#[derive(Clone, Debug, Deserialize)]
pub struct OobId {
    /// The record's id.
    pub oob_id: String,
}

/// `DELETE /out-of-band/invitations/{invi_msg_id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct InvitationId {
    /// `@id` of the invitation.
    pub invi_msg_id: String,
}

/// `POST /out-of-band/create-invitation` -> `{state, trace, invi_msg_id, oob_id, invitation, invitation_url}`.
pub async fn create_invitation(_: &Agent, _: &Tenant, _command: CreateInvitation) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /out-of-band/create-invitation"))
}

/// `POST /out-of-band/receive-invitation` -> the out-of-band record. Waits for the answer to a reuse (15 s), or for the
/// connection that an attachment needs (7 s).
pub async fn receive_invitation(_: &Agent, _: &Tenant, _command: ReceiveInvitation) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /out-of-band/receive-invitation"))
}

/// `GET /out-of-band/records` -> `{"results": […]}`.
pub async fn records(_: &Agent, _: &Tenant, _command: ListOob) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /out-of-band/records"))
}

/// `GET /out-of-band/invitations` -> the record. 404 when unknown.
pub async fn invitation(_: &Agent, _: &Tenant, _command: OobId) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /out-of-band/invitations"))
}

/// `DELETE /out-of-band/invitations/{invi_msg_id}` -> `{}`.
pub async fn delete_invitation(_: &Agent, _: &Tenant, _command: InvitationId) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("DELETE /out-of-band/invitations/{invi_msg_id}"))
}
