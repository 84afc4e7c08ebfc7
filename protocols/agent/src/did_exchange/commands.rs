//! Commands of the `did-exchange` tag of the admin API.

use chancery_did::{KeyType, PublicKey};
use chancery_didcomm::message::{Message, ReturnRoute};
use serde::Deserialize;
use serde_json::Value;

use super::messages::protocol_name;
use super::state::{Input, Role, step};
use super::{requester, responder};
use crate::answer;
use crate::engine::{Agent, HandlerError, Received};
use crate::peers::own;
use crate::peers::{Connection, INVITER, State, record_expansion, services, short_form};
use crate::ports::Tenant;
use crate::unit::{AgentError, Kind, Unit};

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

/// `POST /didexchange/{conn_id}/accept-invitation` -> the connection. 404 unknown, 400 wrong state or unknown DID.
pub async fn accept_invitation(
    agent: &Agent,
    tenant: &Tenant,
    command: AcceptInvitation,
) -> Result<Value, AgentError> {
    let options = requester::Options {
        my_endpoint: command.my_endpoint,
        my_label: command.my_label,
        use_did: command.use_did,
        use_did_method: command.use_did_method,
        ..requester::Options::default()
    };
    answer!(agent, tenant, |unit| async {
        let mut connection = unit.require::<Connection>(&command.conn_id).await?;
        requester::send_request(&mut unit, &mut connection, &options).await?;
        Ok::<_, AgentError>(connection.view())
    }
    .await)
}

/// `POST /didexchange/{conn_id}/accept-request` -> the connection. 404 unknown, 400 wrong state.
pub async fn accept_request(
    agent: &Agent,
    tenant: &Tenant,
    command: AcceptRequest,
) -> Result<Value, AgentError> {
    no_mediation(command.mediation_id.as_deref())?;
    let options = responder::Options {
        my_endpoint: command.my_endpoint,
        use_public_did: command.use_public_did.unwrap_or(false),
    };
    answer!(agent, tenant, |unit| async {
        let mut connection = unit.require::<Connection>(&command.conn_id).await?;
        responder::respond(&mut unit, &mut connection, &options).await?;
        Ok::<_, AgentError>(connection.view())
    }
    .await)
}

/// `POST /didexchange/{conn_id}/reject` -> the connection. The other side is not told: we have no DID for it yet.
/// 404 unknown, 400 wrong state.
pub async fn reject(agent: &Agent, tenant: &Tenant, command: Reject) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let mut connection = unit.require::<Connection>(&command.conn_id).await?;
        let role = if connection.they_were_invited() { Role::Responder } else { Role::Requester };
        let next = step(role, connection.state, Input::Reject).map_err(|_| {
            let state = connection.rfc23_state();
            AgentError::bad_request("wrong-state", format!("Cannot reject connection in state: {state}."))
        })?;
        connection.error_msg =
            Some(command.reason.clone().unwrap_or_else(|| "Connection abandoned".to_owned()));
        connection.advance(&mut unit, next.record)?;
        Ok::<_, AgentError>(connection.view())
    }
    .await)
}

/// `POST /didexchange/create-request` -> the connection. Asks a DID for a connection without an invitation.
///
/// Errors: 400 unknown DID, contradicting options, a DID without service; 404 a DID that doesn't resolve.
pub async fn create_request(
    agent: &Agent,
    tenant: &Tenant,
    command: CreateRequest,
) -> Result<Value, AgentError> {
    no_mediation(command.mediation_id.as_deref())?;
    let use_public_did = command.use_public_did.unwrap_or(false);
    if use_public_did && (command.use_did.is_some() || command.use_did_method.is_some()) {
        return Err(AgentError::bad_request(
            "contradicting-options",
            "use_public_did is mutually exclusive with use_did and use_did_method.",
        ));
    }
    let minor = u32::from(command.protocol.as_deref() == Some("didexchange/1.1"));
    let options = requester::Options {
        my_endpoint: command.my_endpoint,
        my_label: command.my_label,
        use_did: command.use_did,
        use_did_method: command.use_did_method,
        use_public_did,
        goal_code: command.goal_code,
        goal: command.goal,
    };
    let did = command.their_public_did;
    answer!(agent, tenant, |unit| async {
        if own::public(&mut unit).await?.is_some_and(|own| own.did == did || own.qualified() == did) {
            let text = "Cannot connect to yourself through public DID";
            return Err(AgentError::bad_request("own-did", text));
        }
        if services(&mut unit, &did).await?.is_empty() {
            let text = format!("No DIDComm service found in the document of {did}");
            return Err(AgentError::bad_request("did-without-service", text));
        }
        let auto = command.auto_accept.unwrap_or_else(|| unit.settings().auto_accept_requests);
        let mut connection = Connection::new(&unit, State::Invitation, INVITER, auto);
        // The record keeps the short form of a did:peer:4; what it stands for is remembered beside it.
        record_expansion(&mut unit, &did);
        connection.their_public_did = Some(short_form(&did).to_owned());
        connection.alias = command.alias.clone();
        connection.connection_protocol = Some(protocol_name(minor).to_owned());
        unit.insert(&connection)?;
        requester::send_request(&mut unit, &mut connection, &options).await?;
        Ok::<_, AgentError>(connection.view())
    }
    .await)
}

/// `POST /didexchange/receive-request` -> the connection. A request that came by another way than DIDComm.
///
/// Errors: 400 malformed, or it belongs to no invitation.
pub async fn receive_request(
    agent: &Agent,
    tenant: &Tenant,
    command: ReceiveRequest,
) -> Result<Value, AgentError> {
    no_mediation(command.mediation_id.as_deref())?;
    let refused = |text: String| AgentError::bad_request("request-refused", text);
    let mut message = Message::from_json(command.request).map_err(|e| refused(e.to_string()))?;
    let thid = message.ensure_id(|| agent.new_id());
    let thid = message.thread_id().map_or(thid, str::to_owned);
    answer!(agent, tenant, |unit| async {
        let recipient = recipient_of(&mut unit, &message).await?;
        let received = Received {
            message: message.clone().into(),
            sender: None,
            recipient,
            connection: None,
            return_route: ReturnRoute::None,
            oob_id: None,
        };
        responder::receive_request(agent, &mut unit, &received).await.map_err(|error| match error {
            HandlerError::Failed(error) => error,
            other => refused(other.to_string()),
        })?;
        let query = crate::ports::store::Query::tagged("connection", "request_id", &*thid);
        let connections = unit.find::<Connection>(&query).await?;
        let mut connection = connections
            .into_iter()
            .find(Connection::they_were_invited)
            .ok_or_else(|| refused("the request was not accepted".into()))?;
        if command.alias.is_some() {
            connection.alias = command.alias.clone();
            connection.store(&mut unit)?;
        }
        if command.auto_accept == Some(true) && connection.state == State::Request {
            let options = responder::Options {
                my_endpoint: command.my_endpoint.clone(),
                ..responder::Options::default()
            };
            responder::respond(&mut unit, &mut connection, &options).await?;
        }
        Ok::<_, AgentError>(connection.view())
    }
    .await)
}

/// The key that a request without envelope would have been packed for: that of our public DID.
async fn recipient_of(unit: &mut Unit<'_>, message: &Message) -> Result<Option<PublicKey>, AgentError> {
    let pthid = message.parent_thread_id().unwrap_or_default();
    let Some(own) = own::public(unit).await?.filter(|own| responder::names(pthid, own)) else {
        return Ok(None);
    };
    PublicKey::from_base58(KeyType::Ed25519, &own.verkey)
        .map(Some)
        .map_err(|e| AgentError::internal("did-unreadable", e.to_string()).with_kind(Kind::BadRequest))
}

fn no_mediation(mediation_id: Option<&str>) -> Result<(), AgentError> {
    match mediation_id {
        None => Ok(()),
        Some(_) => Err(AgentError::not_supported("mediation is not supported yet: leave mediation_id out")),
    }
}
