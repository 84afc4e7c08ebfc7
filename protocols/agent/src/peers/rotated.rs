//! DIDs of ours whose key was replaced. The other side may not know yet: what it packs for the old key is taken until it has
//! used a newer one. The keys of a DID are numbered from 1 on, in the order in which it had them.

use super::Connection;
use super::connection::short_form;
use crate::ports::store::{Query, Space};
use crate::unit::{AgentError, Unit};

fn of_key(verkey: &str) -> String {
    format!("key {verkey}")
}

fn of_did(did: &str) -> String {
    format!("did {did}")
}

fn of_connection(id: &str) -> String {
    format!("connection {id}")
}

async fn number(unit: &mut Unit<'_>, id: &str) -> Result<Option<u32>, AgentError> {
    let value = unit.recall(Space::Rotated, id).await?;
    Ok(value.and_then(|value| std::str::from_utf8(&value).ok()?.split(' ').next()?.parse().ok()))
}

/// A DID of ours no longer has the key.
pub(crate) async fn replaced(unit: &mut Unit<'_>, did: &str, old: &str) -> Result<(), AgentError> {
    let now = number(unit, &of_did(did)).await?.unwrap_or(1);
    unit.remember(Space::Rotated, &of_key(old), format!("{now} {did}").into_bytes(), None);
    unit.remember(Space::Rotated, &of_did(did), (now + 1).to_string().into_bytes(), None);
    unit.unroute(old);
    Ok(())
}

/// A key of ours that a message came to.
pub(super) struct Reached {
    /// The key, base58.
    pub verkey: String,
    /// Our DIDs as their rows name them.
    pub rows: Vec<String>,
    /// Our DIDs that have the key, did:peer:4 in its short form, and the one that had it.
    pub dids: Vec<String>,
    /// The DID that had the key, and the key's number.
    replaced: Option<(String, u32)>,
}

/// Which DIDs of ours a key stands for.
pub(super) async fn reached(unit: &mut Unit<'_>, verkey: &str) -> Result<Reached, AgentError> {
    let rows = unit.find_rows(&Query::tagged("did", "verkey", verkey), false).await?;
    let mut dids: Vec<String> = rows.iter().map(|row| short_form(&row.key.name).to_owned()).collect();
    let value = unit.recall(Space::Rotated, &of_key(verkey)).await?;
    let replaced = value.and_then(|value| {
        let text = String::from_utf8(value).ok()?;
        let (number, did) = text.split_once(' ')?;
        Some((did.to_owned(), number.parse().ok()?))
    });
    dids.extend(replaced.iter().map(|(did, _)| did.clone()));
    let mut names: Vec<String> = rows.into_iter().map(|row| row.key.name).collect();
    names.extend(dids.iter().filter(|did| !names.contains(did)).cloned().collect::<Vec<_>>());
    Ok(Reached { verkey: verkey.to_owned(), rows: names, dids, replaced })
}

/// A message of the connection came to the key: whether it is taken, and whether something about the key must be looked at
/// again with the next one.
pub(super) async fn arrived(
    unit: &mut Unit<'_>,
    reached: &Reached,
    connection: &Connection,
) -> Result<(bool, bool), AgentError> {
    let my_did = connection.my_did.as_deref().map(short_form).unwrap_or_default();
    let old = reached.replaced.as_ref().filter(|(did, _)| did == my_did).map(|(_, number)| *number);
    let Some(key) = (match old {
        Some(old) => Some(old),
        None => number(unit, &of_did(my_did)).await?,
    }) else {
        return Ok((true, false));
    };
    let at = of_connection(&connection.connection_id);
    let used = number(unit, &at).await?.unwrap_or(1);
    if key < used {
        return Ok((false, true));
    }
    if key > used {
        unit.remember(Space::Rotated, &at, key.to_string().into_bytes(), None);
    }
    Ok((true, old.is_some() || key > used))
}

/// The connection is removed.
pub(super) fn forget(unit: &mut Unit<'_>, connection_id: &str) {
    unit.forget(Space::Rotated, &of_connection(connection_id));
}
