//! Commands of the `connection` tag of the admin API.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

/// Names a connection.
#[derive(Clone, Debug, Deserialize)]
pub struct ConnectionId {
    /// The record's id.
    pub conn_id: String,
}

/// `GET /connections`. Absent filters match everything.
#[derive(Clone, Debug, Deserialize)]
pub struct ListConnections {
    /// The controller's name for the connection.
    pub alias: Option<String>,
    /// `didexchange/1.0` or `didexchange/1.1`.
    pub connection_protocol: Option<String>,
    /// Base58 key of the invitation.
    pub invitation_key: Option<String>,
    /// DID of ours.
    pub my_did: Option<String>,
    /// RFC 160 or RFC 23 word; synonyms match each other.
    pub state: Option<String>,
    /// DID of the other side, short or long form.
    pub their_did: Option<String>,
    /// The DID of the invitation's service.
    pub their_public_did: Option<String>,
    /// `invitee`, `requester`, `inviter` or `responder`.
    pub their_role: Option<String>,
    /// `@id` of the invitation.
    pub invitation_msg_id: Option<String>,
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

/// `GET /connections/{conn_id}/metadata`.
#[derive(Clone, Debug, Deserialize)]
pub struct MetadataGet {
    /// The connection.
    pub conn_id: String,
    /// Only this entry's value.
    pub key: Option<String>,
}

/// `POST /connections/{conn_id}/metadata`.
#[derive(Clone, Debug, Deserialize)]
pub struct MetadataSet {
    /// The connection.
    pub conn_id: String,
    /// Entries to add or replace.
    pub metadata: Map<String, Value>,
}

/// `POST /connections/create-static`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateStatic {
    /// Seed of our DID.
    pub my_seed: Option<String>,
    /// Our DID.
    pub my_did: Option<String>,
    /// Seed of the other side's DID.
    pub their_seed: Option<String>,
    /// The other side's DID.
    pub their_did: Option<String>,
    /// The other side's key, base58.
    pub their_verkey: Option<String>,
    /// The other side's endpoint.
    pub their_endpoint: Option<String>,
    /// The other side's label.
    pub their_label: Option<String>,
    /// The controller's name for the connection.
    pub alias: Option<String>,
}

/// `GET /connections` -> `{"results": […]}`.
pub async fn list(_agent: &Agent, _tenant: &Tenant, _command: ListConnections) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /connections"))
}

/// `GET /connections/{conn_id}` -> the record. 404 when unknown.
pub async fn get(_agent: &Agent, _tenant: &Tenant, _command: ConnectionId) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /connections/{conn_id}"))
}

/// `DELETE /connections/{conn_id}` -> `{}`. 404 when unknown.
pub async fn remove(_agent: &Agent, _tenant: &Tenant, _command: ConnectionId) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("DELETE /connections/{conn_id}"))
}

/// `GET /connections/{conn_id}/metadata` -> `{"results": …}`.
pub async fn metadata_get(_agent: &Agent, _tenant: &Tenant, _command: MetadataGet) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /connections/{conn_id}/metadata"))
}

/// `POST /connections/{conn_id}/metadata` -> `{"results": {all entries}}`.
pub async fn metadata_set(_agent: &Agent, _tenant: &Tenant, _command: MetadataSet) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /connections/{conn_id}/metadata"))
}

/// `GET /connections/{conn_id}/endpoints` -> `{"my_endpoint", "their_endpoint"}`.
pub async fn endpoints(_agent: &Agent, _tenant: &Tenant, _command: ConnectionId) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /connections/{conn_id}/endpoints"))
}

/// `POST /connections/create-static` -> `{my_did, my_endpoint, my_verkey, their_did, their_verkey, record}`.
pub async fn create_static(_agent: &Agent, _tenant: &Tenant, _command: CreateStatic) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /connections/create-static"))
}
