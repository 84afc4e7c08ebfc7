//! Which connection a message belongs to, and which of ours a key does.

use chancery_did::{PublicKey, methods};
use chancery_didcomm::message::Message;

use super::connection::short_form;
use super::route::{Route, route};
use super::{Connection, State, Threads, asked, own};
use crate::ports::store::Query;
use crate::unit::caches::Found;
use crate::unit::{AgentError, Unit};

/// The connection that a message from `sender` packed for `recipient` belongs to. A key that is listed but was never
/// used proves nothing, so it neither takes nor shares what belongs to a key that was.
pub async fn connection(
    unit: &mut Unit<'_>,
    sender: &PublicKey,
    recipient: &PublicKey,
    message: &Message,
    threads: &dyn Threads,
) -> Result<Option<Connection>, AgentError> {
    let at = (unit.tenant().clone(), sender.base58(), recipient.base58());
    let (found, changes) = {
        let routes = unit.context().caches().routes();
        (routes.found(&at).cloned(), routes.changes())
    };
    if let Some(found) = found {
        if let Some(connection) = unit.peek::<Connection>(&found.connection_id).await?
            && is(&connection.my_did, &found.my_did)
            && is(&connection.their_did, &found.their_did)
        {
            return Ok(Some(connection));
        }
        unit.context().caches().routes().drop_found(&at);
    }
    let Route { connection, always } = route(unit, sender, recipient, message, threads).await?;
    if let (Some(connection), true) = (&connection, always)
        && let (Some(my_did), Some(their_did)) = (&connection.my_did, &connection.their_did)
    {
        let found = Found {
            connection_id: connection.connection_id.clone(),
            my_did: short_form(my_did).to_owned(),
            their_did: short_form(their_did).to_owned(),
        };
        unit.context().caches().routes().keep(at, found, changes);
    }
    Ok(connection)
}

/// The connection that isn't ready yet to which a key of ours belongs. It is guarded: what the caller writes because of the
/// answer must not be overtaken by the connection becoming ready.
pub async fn awaiting(unit: &mut Unit<'_>, recipient: &PublicKey) -> Result<Option<Connection>, AgentError> {
    for row in unit.find_rows(&Query::tagged("did", "verkey", recipient.as_base58()), false).await? {
        for id in asked::with(unit, &row.key.name).await? {
            let asked = unit.peek::<Connection>(&id).await?.is_some_and(|c| c.state == State::Request);
            if asked && let Some(connection) = unit.load(&id).await? {
                return Ok(Some(connection));
            }
        }
    }
    Ok(None)
}

/// Whether an invitation of ours that still waits asks for answers at this key.
pub async fn invited(
    unit: &mut Unit<'_>,
    invi_msg_id: &str,
    recipient: &PublicKey,
) -> Result<bool, AgentError> {
    let records = super::oob_of_invitation(unit, invi_msg_id).await?;
    Ok(records.iter().any(|record| {
        record.role == "sender" && record.our_recipient_key.as_deref() == Some(recipient.as_base58())
    }))
}

/// The key of a DID of ours, base58.
pub async fn verkey(unit: &mut Unit<'_>, did: &str) -> Result<Option<String>, AgentError> {
    if let Some(verkey) = unit.context().caches().verkey(unit.tenant(), did) {
        return Ok(Some(verkey));
    }
    let verkey = own::own_did(unit, did).await?.map(|own| own.verkey);
    if let (Some(verkey), true) = (&verkey, is_immutable(did)) {
        unit.context().caches().keep_verkey(unit.tenant(), did, verkey.clone());
    }
    Ok(verkey)
}

fn is(did: &Option<String>, short: &str) -> bool {
    did.as_deref().is_some_and(|did| short_form(did) == short)
}

/// The DID determines its document and key.
pub(super) fn is_immutable(did: &str) -> bool {
    methods::of(did).is_some_and(|method| method.immutable)
}
