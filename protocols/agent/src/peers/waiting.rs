//! Which connection waits for requests to an invitation of ours. The out-of-band record names it; for an invitation without one
//! it is one of the invitation's few connections, and noted before there can be many.

use super::{Connection, State, oob_of_invitation};
use crate::ports::store::{Query, Space};
use crate::unit::{AgentError, Record, Unit};

/// Connections of an invitation without out-of-band record that are looked at.
const MOST_LOOKED_AT: usize = 8;

/// The connection of an invitation that has no out-of-band record any more, or never had one.
pub(crate) async fn note(
    unit: &mut Unit<'_>,
    invi_msg_id: &str,
    connection_id: &str,
) -> Result<(), AgentError> {
    if noted(unit, invi_msg_id).await?.as_deref() != Some(connection_id) {
        unit.remember(Space::Waiting, invi_msg_id, connection_id.as_bytes().to_vec(), None);
    }
    Ok(())
}

async fn noted(unit: &mut Unit<'_>, invi_msg_id: &str) -> Result<Option<String>, AgentError> {
    let known = unit.recall(Space::Waiting, invi_msg_id).await?;
    Ok(known.and_then(|id| String::from_utf8(id).ok()))
}

/// The connection is removed.
pub(super) async fn forget(unit: &mut Unit<'_>, connection: &Connection) -> Result<(), AgentError> {
    if let Some(invi_msg_id) = &connection.invitation_msg_id
        && noted(unit, invi_msg_id).await?.as_ref() == Some(&connection.connection_id)
    {
        unit.forget(Space::Waiting, invi_msg_id);
    }
    Ok(())
}

/// The connection that waits for a request to the invitation, guarded.
pub(crate) async fn with(unit: &mut Unit<'_>, invi_msg_id: &str) -> Result<Option<Connection>, AgentError> {
    let waits = |connection: &Connection| {
        connection.invitation_msg_id.as_deref() == Some(invi_msg_id)
            && connection.state == State::Invitation
            && connection.they_were_invited()
    };
    for record in oob_of_invitation(unit, invi_msg_id).await? {
        let Some(id) = record.connection_id.filter(|_| record.role == "sender") else { continue };
        if let Some(connection) = unit.load::<Connection>(&id).await?.filter(waits) {
            return Ok(Some(connection));
        }
    }
    let query = Query::tagged(Connection::CATEGORY, "invitation_msg_id", invi_msg_id).any(MOST_LOOKED_AT);
    let made = unit.find_rows(&query, false).await?;
    let id = if made.len() < MOST_LOOKED_AT {
        let made: Vec<Connection> = made.iter().map(Connection::from_row).collect::<Result<_, _>>()?;
        let found = made.into_iter().find(waits);
        if let Some(connection) = found.as_ref().filter(|connection| connection.is_multi_use()) {
            note(unit, invi_msg_id, &connection.connection_id).await?;
        }
        found.map(|connection| connection.connection_id)
    } else {
        noted(unit, invi_msg_id).await?
    };
    let Some(id) = id else { return Ok(None) };
    Ok(unit.load::<Connection>(&id).await?.filter(waits))
}
