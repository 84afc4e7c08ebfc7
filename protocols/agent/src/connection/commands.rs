//! Commands of the `connection` tag of the admin API.

use chancery_did::methods::sov;
use chancery_did::{KeyType, PublicKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::engine::Agent;
use crate::peers::{self, Connection, INVITEE, INVITER, Seed, State, declare, own};
use crate::ports::Tenant;
use crate::ports::store::Query;
use crate::unit::{AgentError, Record, Unit};
use crate::{answer, transact};

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
    #[serde(default = "crate::unit::default_limit")]
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
    pub my_seed: Option<Seed>,
    /// Our DID.
    pub my_did: Option<String>,
    /// Seed of the other side's DID.
    pub their_seed: Option<Seed>,
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

/// The stored word for a role in either RFC's words.
fn stored_role(word: &str) -> &str {
    match word {
        "responder" => INVITER,
        "requester" => INVITEE,
        other => other,
    }
}

fn given(filter: &Option<String>) -> Option<&str> {
    filter.as_deref().filter(|text| !text.is_empty())
}

/// `GET /connections` -> `{"results": […]}`.
pub async fn list(agent: &Agent, tenant: &Tenant, command: ListConnections) -> Result<Value, AgentError> {
    let tags = [
        ("invitation_key", given(&command.invitation_key)),
        ("my_did", given(&command.my_did)),
        ("their_did", given(&command.their_did)),
        ("their_public_did", given(&command.their_public_did)),
        ("invitation_msg_id", given(&command.invitation_msg_id)),
        ("state", given(&command.state).map(|word| State::of(word).word())),
        ("their_role", given(&command.their_role).map(stored_role)),
    ];
    let mut query = Query::all(Connection::CATEGORY);
    for (tag, value) in tags {
        if let Some(value) = value {
            query = query.and(tag, value);
        }
    }
    query.descending = command.descending;
    let (alias, protocol) = (given(&command.alias), given(&command.connection_protocol));
    if alias.is_none() && protocol.is_none() {
        (query.offset, query.limit) = (command.offset, Some(command.limit));
        let rows = agent.store().find(tenant, &query).await?;
        let results = rows.iter().map(|row| Connection::from_row(row).map(|c| c.view()));
        return Ok(json!({"results": results.collect::<Result<Vec<_>, _>>()?}));
    }
    let mut results = Vec::new();
    let mut skip = command.offset;
    for row in agent.store().find(tenant, &query).await? {
        let connection = Connection::from_row(&row)?;
        let fits = alias.is_none_or(|alias| connection.alias.as_deref() == Some(alias))
            && protocol.is_none_or(|protocol| connection.connection_protocol.as_deref() == Some(protocol));
        if !fits {
            continue;
        }
        if skip > 0 {
            skip -= 1;
            continue;
        }
        if results.len() == command.limit {
            break;
        }
        results.push(connection.view());
    }
    Ok(json!({"results": results}))
}

async fn peek(unit: &mut Unit<'_>, id: &str) -> Result<Connection, AgentError> {
    unit.peek::<Connection>(id).await?.ok_or_else(|| AgentError::no_record(Connection::CATEGORY, id))
}

/// `GET /connections/{conn_id}` -> the record. 404 when unknown.
pub async fn get(agent: &Agent, tenant: &Tenant, command: ConnectionId) -> Result<Value, AgentError> {
    Ok(peek(&mut agent.unit(tenant), &command.conn_id).await?.view())
}

/// `DELETE /connections/{conn_id}` -> `{}`. 404 when unknown.
pub async fn remove(agent: &Agent, tenant: &Tenant, command: ConnectionId) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| async {
        let connection = unit.require::<Connection>(&command.conn_id).await?;
        connection.delete(&mut unit).await?;
        Ok::<_, AgentError>(json!({}))
    }
    .await)
}

/// `GET /connections/{conn_id}/metadata` -> `{"results": …}`: all entries, or with `key` its value or null.
/// 404 unknown connection.
pub async fn metadata_get(agent: &Agent, tenant: &Tenant, command: MetadataGet) -> Result<Value, AgentError> {
    let mut unit = agent.unit(tenant);
    peek(&mut unit, &command.conn_id).await?;
    let mut all = peers::metadata(&mut unit, &command.conn_id).await?;
    Ok(match given(&command.key) {
        Some(key) => json!({"results": all.shift_remove(key)}),
        None => json!({"results": all}),
    })
}

/// `POST /connections/{conn_id}/metadata` -> `{"results": {all entries}}`. 404 unknown connection.
pub async fn metadata_set(agent: &Agent, tenant: &Tenant, command: MetadataSet) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        peek(&mut unit, &command.conn_id).await?;
        for (key, value) in &command.metadata {
            peers::set_metadata(&mut unit, &command.conn_id, key, value).await?;
        }
        Ok::<_, AgentError>(json!({"results": peers::metadata(&mut unit, &command.conn_id).await?}))
    }
    .await)
}

/// `GET /connections/{conn_id}/endpoints` -> `{"my_endpoint", "their_endpoint"}`. 404 unknown connection.
pub async fn endpoints(agent: &Agent, tenant: &Tenant, command: ConnectionId) -> Result<Value, AgentError> {
    let mut unit = agent.unit(tenant);
    let connection = peek(&mut unit, &command.conn_id).await?;
    let (my_endpoint, their_endpoint) = peers::connection_endpoints(&mut unit, &connection).await?;
    Ok(json!({"my_endpoint": my_endpoint, "their_endpoint": their_endpoint}))
}

/// `POST /connections/create-static` -> `{my_did, my_endpoint, my_verkey, their_did, their_verkey, record}`. A
/// connection that both sides make by hand.
///
/// Errors: 400 a seed or key that is none.
pub async fn create_static(
    agent: &Agent,
    tenant: &Tenant,
    command: CreateStatic,
) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| static_connection(&mut unit, &command).await)
}

async fn static_connection(unit: &mut Unit<'_>, command: &CreateStatic) -> Result<Value, AgentError> {
    let own = own::nym_from_seed(unit, command.my_seed.as_ref(), command.my_did.as_deref()).await?;
    let bad_key = |e: chancery_did::KeyError| {
        AgentError::bad_request("bad-key", format!("their key: {e}")).at("their_verkey")
    };
    let key = match (&command.their_verkey, &command.their_seed) {
        (Some(verkey), _) => PublicKey::from_base58(KeyType::Ed25519, verkey).map_err(bad_key)?,
        (None, Some(seed)) => seed.key(KeyType::Ed25519)?.public(),
        (None, None) => {
            let text = "Either a verkey or seed must be provided for the other party";
            return Err(AgentError::bad_request("no-their-key", text).at("their_verkey"));
        }
    };
    let their_did = command.their_did.clone().unwrap_or_else(|| sov::nym_from_verkey(&key));
    let endpoint = command.their_endpoint.as_deref().unwrap_or_default();
    let nym = sov::unqualified(&their_did);
    let endpoints: &[&str] = if endpoint.is_empty() { &[] } else { &[endpoint] };
    let received = sov::build_for(nym, &key, endpoints, &[]);
    let document = sov::document(nym, received.clone()).map_err(|e| {
        AgentError::bad_request("bad-did", format!("their DID {their_did}: {e}")).at("their_did")
    })?;
    declare(unit, nym, &received, &document, &key).await?;

    let mut connection = Connection::new(unit, State::Completed, INVITER, false);
    connection.invitation_mode = "static".to_owned();
    connection.my_did = Some(own.did.clone());
    connection.their_did = Some(nym.to_owned());
    connection.their_label = command.their_label.clone();
    connection.alias = command.alias.clone();
    unit.insert(&connection)?;
    connection.notify(unit);
    Ok(json!({
        "my_did": own.did,
        "my_endpoint": unit.settings().endpoints.first(),
        "my_verkey": own.verkey,
        "their_did": nym,
        "their_verkey": key.base58(),
        "record": connection.view(),
    }))
}
