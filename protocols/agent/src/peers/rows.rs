//! Rows that hang on a connection: its invitation, its request, the controller's metadata.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::ports::store::{NewRow, Query, Row, RowKey, Tag};
use crate::unit::{AgentError, Unit};

const INVITATION: &str = "connection_invitation";
const REQUEST: &str = "connection_request";
const METADATA: &str = "connection_metadata";

/// A name of 32 hex digits that is the same whenever the content is: a second writer of the same row conflicts
/// (or writes the same).
pub(crate) fn name_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn json_of(row: &Row) -> Result<Value, AgentError> {
    serde_json::from_slice(&row.value).map_err(|e| {
        AgentError::internal("record-unreadable", format!("{}/{}: {e}", row.key.category, row.key.name))
    })
}

async fn attach(
    unit: &mut Unit<'_>,
    category: &'static str,
    connection_id: &str,
    value: &Value,
) -> Result<(), AgentError> {
    let present = unit.find_rows(&Query::tagged(category, "connection_id", connection_id), true).await?;
    let name =
        present.into_iter().next_back().map_or_else(|| name_of(&[category, connection_id]), |r| r.key.name);
    unit.insert_row(NewRow {
        key: RowKey::new(category, name),
        value: value.to_string().into_bytes(),
        tags: vec![Tag::new("connection_id", connection_id)],
    });
    Ok(())
}

async fn attached(
    unit: &mut Unit<'_>,
    category: &'static str,
    connection_id: &str,
) -> Result<Option<Value>, AgentError> {
    let rows = unit.find_rows(&Query::tagged(category, "connection_id", connection_id), false).await?;
    rows.last().map(json_of).transpose()
}

/// Keeps the invitation of a connection.
pub async fn attach_invitation(
    unit: &mut Unit<'_>,
    connection_id: &str,
    value: &Value,
) -> Result<(), AgentError> {
    attach(unit, INVITATION, connection_id, value).await
}

/// The invitation of a connection.
pub async fn invitation(unit: &mut Unit<'_>, connection_id: &str) -> Result<Option<Value>, AgentError> {
    attached(unit, INVITATION, connection_id).await
}

/// Keeps the DID Exchange request that a connection came with.
pub async fn attach_request(
    unit: &mut Unit<'_>,
    connection_id: &str,
    value: &Value,
) -> Result<(), AgentError> {
    attach(unit, REQUEST, connection_id, value).await
}

/// The DID Exchange request that a connection came with.
pub async fn request(unit: &mut Unit<'_>, connection_id: &str) -> Result<Option<Value>, AgentError> {
    attached(unit, REQUEST, connection_id).await
}

/// All metadata of a connection.
pub async fn metadata(unit: &mut Unit<'_>, connection_id: &str) -> Result<Map<String, Value>, AgentError> {
    let rows = unit.find_rows(&Query::tagged(METADATA, "connection_id", connection_id), false).await?;
    let mut all = Map::new();
    for row in &rows {
        if let Some(key) = row.tags.iter().find(|t| t.name == "key") {
            all.insert(key.value.clone(), json_of(row)?);
        }
    }
    Ok(all)
}

/// Sets one entry of a connection's metadata.
pub async fn set_metadata(
    unit: &mut Unit<'_>,
    connection_id: &str,
    key: &str,
    value: &Value,
) -> Result<(), AgentError> {
    let query = Query::tagged(METADATA, "connection_id", connection_id).and("key", key);
    let present = unit.find_rows(&query, true).await?;
    let name = present
        .into_iter()
        .next_back()
        .map_or_else(|| name_of(&[METADATA, connection_id, key]), |r| r.key.name);
    unit.insert_row(NewRow {
        key: RowKey::new(METADATA, name),
        value: value.to_string().into_bytes(),
        tags: vec![Tag::new("connection_id", connection_id), Tag::new("key", key)],
    });
    Ok(())
}

/// Removes everything that hangs on a connection.
pub(super) async fn remove_all(unit: &mut Unit<'_>, connection_id: &str) -> Result<(), AgentError> {
    for category in [INVITATION, REQUEST, METADATA] {
        for row in unit.find_rows(&Query::tagged(category, "connection_id", connection_id), false).await? {
            unit.remove(row.key);
        }
    }
    Ok(())
}
