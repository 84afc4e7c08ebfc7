//! Commands of the `out-of-band` tag of the admin API.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::state::Input;
use super::{create, receive};
use crate::engine::Agent;
use crate::peers::{Connection, OobRecord};
use crate::ports::Tenant;
use crate::ports::store::Query;
use crate::unit::{AgentError, Record};
use crate::{answer, transact};

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
    /// A peer handed it on, not the controller: it may begin a connection, and nothing else.
    #[serde(skip)]
    pub forwarded: bool,
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
    #[serde(default = "crate::unit::default_limit")]
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
///
/// Errors: 400 contradicting options, unknown DID or attachment; 422 unknown handshake protocol or type of attachment;
/// 500 a DID that does not resolve; 501 mediation, attachments of protocols that we don't speak.
pub async fn create_invitation(
    agent: &Agent,
    tenant: &Tenant,
    command: CreateInvitation,
) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| create::create(agent, &mut unit, &command).await)
}

/// `POST /out-of-band/receive-invitation` -> the out-of-band record. Waits for the answer to a reuse (15 s), or for the
/// connection that an attachment needs (7 s).
///
/// Errors: 403 `--no-receive-invites`; 422 malformed; 500 not exactly one service, a service that can't be used, no
/// handshake protocol that we speak, connection not ready for the attachment; 501 attachments that we don't know.
pub async fn receive_invitation(
    agent: &Agent,
    tenant: &Tenant,
    command: ReceiveInvitation,
) -> Result<Value, AgentError> {
    receive::receive(agent, tenant, command).await
}

/// `GET /out-of-band/records` -> `{"results": […]}`.
pub async fn records(agent: &Agent, tenant: &Tenant, command: ListOob) -> Result<Value, AgentError> {
    let mut query = Query::all(OobRecord::CATEGORY);
    if let Some(id) = &command.invi_msg_id {
        query = query.and("invi_msg_id", id.as_str());
    }
    if let Some(id) = &command.connection_id {
        query = query.and("connection_id", id.as_str());
    }
    query.descending = command.descending;
    let wanted = |given: &Option<String>, is: &str| given.as_deref().is_none_or(|given| given == is);
    let mut results = Vec::new();
    let mut skip = command.offset;
    for row in agent.store().find(tenant, &query).await? {
        let record = OobRecord::from_row(&row)?;
        if !wanted(&command.state, &record.state) || !wanted(&command.role, &record.role) {
            continue;
        }
        if skip > 0 {
            skip -= 1;
            continue;
        }
        if results.len() == command.limit {
            break;
        }
        results.push(record.view());
    }
    Ok(json!({"results": results}))
}

/// `GET /out-of-band/invitations` -> the record. 404 when unknown.
pub async fn invitation(agent: &Agent, tenant: &Tenant, command: OobId) -> Result<Value, AgentError> {
    let mut unit = agent.unit(tenant);
    let record = unit.peek::<OobRecord>(&command.oob_id).await?;
    record
        .map(|record| record.view())
        .ok_or_else(|| AgentError::no_record(OobRecord::CATEGORY, &command.oob_id))
}

/// `DELETE /out-of-band/invitations/{invi_msg_id}` -> `{}`. Removes the records of the invitation and every connection
/// that it has made or was reused on.
pub async fn delete_invitation(
    agent: &Agent,
    tenant: &Tenant,
    command: InvitationId,
) -> Result<Value, AgentError> {
    let id = &command.invi_msg_id;
    transact!(agent, tenant, |unit| async {
        let query = Query::tagged(Connection::CATEGORY, "invitation_msg_id", id.as_str());
        for connection in unit.find::<Connection>(&query).await? {
            connection.delete(&mut unit).await?;
        }
        let query = Query::tagged(OobRecord::CATEGORY, "invi_msg_id", id.as_str());
        for mut record in unit.find::<OobRecord>(&query).await? {
            record.advance(&mut unit, Input::Removed)?;
        }
        Ok::<_, AgentError>(json!({}))
    }
    .await)
}
