//! What a controller may ask of every exchange.

use serde::Deserialize;
use serde_json::{Value, json};

use super::drive::advance;
use super::machine::{Kept, Machine, Trouble};
use super::perform;
use super::thread::{DELETED, DONE};
use crate::engine::Agent;
use crate::peers::Connection;
use crate::ports::Tenant;
use crate::ports::store::{Facet, Query};
use crate::unit::{AgentError, Kind, Record as _, Unit};
use crate::{answer, transact};

/// The connection that a body names, ready for what we send.
///
/// Errors: 400 unknown, 403 not ready.
pub async fn ready(unit: &mut Unit<'_>, connection_id: &str) -> Result<String, AgentError> {
    let Some(connection) = unit.peek::<Connection>(connection_id).await? else {
        let unknown = AgentError::no_record(Connection::CATEGORY, connection_id);
        return Err(unknown.with_kind(Kind::BadRequest).at("connection_id"));
    };
    if connection.is_ready() {
        Ok(connection.connection_id)
    } else {
        Err(AgentError::forbidden("connection-not-ready", format!("Connection {connection_id} not ready")))
    }
}

/// Which records are listed. Absent filters match everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct List {
    /// Only records of this connection.
    pub connection_id: Option<String>,
    /// Only records of this thread.
    pub thread_id: Option<String>,
    /// Only records with us in this role.
    pub role: Option<String>,
    /// Only records in this state.
    pub state: Option<String>,
    /// Most records to return; ACA-Py's default is 100.
    pub limit: Option<usize>,
    /// Records to skip.
    pub offset: Option<usize>,
    /// Newest first.
    pub descending: bool,
}

/// `{"results": […]}`, each as [`Kept::shown`].
pub async fn list<K: Kept>(agent: &Agent, tenant: &Tenant, command: List) -> Result<Value, AgentError> {
    let mut query = Query::all(K::CATEGORY);
    if let Some(thread_id) = command.thread_id {
        query = query.and("thread_id", thread_id);
    }
    let facets = [
        (Facet::State, command.state),
        (Facet::Role, command.role),
        (Facet::Connection, command.connection_id),
    ];
    query.facets.extend(facets.into_iter().filter_map(|(facet, value)| Some((facet, vec![value?]))));
    query.offset = command.offset.unwrap_or(0);
    query.limit = Some(command.limit.unwrap_or_else(crate::unit::default_limit));
    query.descending = command.descending;
    let mut unit = agent.unit(tenant);
    let mut results = Vec::new();
    for row in agent.store().find(tenant, &query).await? {
        results.push(K::from_row(&row)?.shown(&mut unit).await?);
    }
    Ok(json!({"results": results}))
}

/// The record as [`Kept::shown`].
pub async fn get<K: Kept>(agent: &Agent, tenant: &Tenant, id: &str) -> Result<Value, AgentError> {
    let mut unit = agent.unit(tenant);
    unit.require::<K>(id).await?.shown(&mut unit).await
}

/// Removes the record with what hangs on it: `{}`. The other side isn't told.
pub async fn remove<K: Kept>(agent: &Agent, tenant: &Tenant, id: &str) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| async {
        let record: K = unit.require(id).await?;
        let outcome = if record.standing().is_done { DONE } else { DELETED };
        perform::remove(&mut unit, &record, outcome).await?;
        Ok(json!({}))
    }
    .await)
}

/// Ends the exchange on both sides: `{}`.
pub async fn problem_report<M: Machine>(
    agent: &Agent,
    tenant: &Tenant,
    id: &str,
    description: String,
) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let record: M::Record = unit.require(id).await?;
        advance::<M>(&mut unit, record, Trouble::GivenUp(description.clone()).into()).await?;
        Ok(json!({}))
    }
    .await)
}
