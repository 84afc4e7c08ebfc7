//! Commands of the `did-exchange` tag of the admin API.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

/// `POST /didexchange/{conn_id}/accept-invitation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AcceptInvitation {
    /// The connection, in state `invitation`.
    pub conn_id: String,
    /// Endpoint for the new DID instead of the agent's.
    pub my_endpoint: Option<String>,
    /// Label instead of the agent's.
    pub my_label: Option<String>,
    /// A DID of the wallet to use.
    pub use_did: Option<String>,
    /// `did:peer:2` or `did:peer:4`: make a DID of this method.
    pub use_did_method: Option<String>,
}

/// `POST /didexchange/{conn_id}/accept-request`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AcceptRequest {
    /// The connection, in state `request`.
    pub conn_id: String,
    /// Endpoint for the new DID instead of the agent's.
    pub my_endpoint: Option<String>,
    /// Not supported yet.
    pub mediation_id: Option<String>,
    /// Answer with the public DID.
    pub use_public_did: Option<bool>,
}

/// `POST /didexchange/{conn_id}/reject`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reject {
    /// The connection.
    pub conn_id: String,
    /// Becomes the record's `error_msg`.
    pub reason: Option<String>,
}

/// `POST /didexchange/create-request`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CreateRequest {
    /// The DID to connect with.
    pub their_public_did: String,
    /// The controller's name for the connection.
    pub alias: Option<String>,
    /// Accept what follows without being asked.
    pub auto_accept: Option<bool>,
    /// Label instead of the agent's.
    pub my_label: Option<String>,
    /// Endpoint for the new DID instead of the agent's.
    pub my_endpoint: Option<String>,
    /// Not supported yet.
    pub mediation_id: Option<String>,
    /// Use our public DID.
    pub use_public_did: Option<bool>,
    /// A DID of the wallet to use.
    pub use_did: Option<String>,
    /// `did:peer:2` or `did:peer:4`: make a DID of this method.
    pub use_did_method: Option<String>,
    /// Sent along.
    pub goal: Option<String>,
    /// Sent along.
    pub goal_code: Option<String>,
    /// `didexchange/1.0` (default) or `didexchange/1.1`.
    pub protocol: Option<String>,
}

/// `POST /didexchange/receive-request`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReceiveRequest {
    /// The request message (the body).
    pub request: Value,
    /// The controller's name for the connection.
    pub alias: Option<String>,
    /// Answer without being asked.
    pub auto_accept: Option<bool>,
    /// Endpoint for the new DID instead of the agent's.
    pub my_endpoint: Option<String>,
    /// Not supported yet.
    pub mediation_id: Option<String>,
}

/// `POST /didexchange/{conn_id}/accept-invitation` -> the connection.
pub async fn accept_invitation(_: &Agent, _: &Tenant, _command: AcceptInvitation) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /didexchange/{conn_id}/accept-invitation"))
}

/// `POST /didexchange/{conn_id}/accept-request` -> the connection.
pub async fn accept_request(_: &Agent, _: &Tenant, _command: AcceptRequest) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /didexchange/{conn_id}/accept-request"))
}

/// `POST /didexchange/{conn_id}/reject` -> the connection.
pub async fn reject(_: &Agent, _: &Tenant, _command: Reject) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /didexchange/{conn_id}/reject"))
}

/// `POST /didexchange/create-request` -> the connection.
pub async fn create_request(_: &Agent, _: &Tenant, _command: CreateRequest) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /didexchange/create-request"))
}

/// `POST /didexchange/receive-request` -> the connection.
pub async fn receive_request(_: &Agent, _: &Tenant, _command: ReceiveRequest) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /didexchange/receive-request"))
}
