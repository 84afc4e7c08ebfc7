//! With which DID of ours a connection was asked for. A DID of one connection is found by that connection's tag; what was asked
//! for with a DID that many connections share is remembered apart.

use super::Connection;
use crate::ports::store::{Query, Space};
use crate::unit::{AgentError, Record, Unit};

/// Connections of one DID that are looked at, and requests with a shared one that are remembered.
const MOST: usize = 8;

/// A connection is asked for with a DID that was there before.
pub(crate) async fn note(unit: &mut Unit<'_>, did: &str, connection_id: &str) -> Result<(), AgentError> {
    let mut ids = remembered(unit, did).await?;
    ids.retain(|id| id != connection_id);
    ids.push(connection_id.to_owned());
    let newest = ids.split_off(ids.len().saturating_sub(MOST));
    unit.remember(Space::Asked, did, newest.join(" ").into_bytes(), None);
    Ok(())
}

/// Ids of the connections that may have been asked for with the DID: all that have it, or of many the newest requests.
pub(super) async fn with(unit: &mut Unit<'_>, did: &str) -> Result<Vec<String>, AgentError> {
    let query = Query::tagged(Connection::CATEGORY, "my_did", did).any(MOST);
    let rows = unit.find_rows(&query, false).await?;
    if rows.len() < MOST {
        return Ok(rows.into_iter().map(|row| row.key.name).collect());
    }
    remembered(unit, did).await
}

async fn remembered(unit: &mut Unit<'_>, did: &str) -> Result<Vec<String>, AgentError> {
    let value = unit.recall(Space::Asked, did).await?.unwrap_or_default();
    let text = String::from_utf8(value).unwrap_or_default();
    Ok(text.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect())
}
