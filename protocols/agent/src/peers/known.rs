//! Wallets that were written by ACA-Py or by an earlier version: what is noted of them once.

use std::collections::HashMap;

use chancery_did::{KeyType, PublicKey};

use super::keys::{self, bare};
use super::{Connection, OobRecord, waiting};
use crate::ports::Tenant;
use crate::ports::store::{Commit, Facet, Op, Query, Row, Space};
use crate::quoted::Quoted;
use crate::unit::Context;
use crate::unit::{AgentError, Record};

/// Set once keys are counted.
const COUNTED: &str = "known-keys-counted";
/// Set once invitations are noted.
const NOTED: &str = "waiting-invitations-noted";
/// Rows that are read, and marks that are written, at once.
const PAGE: usize = 1000;

/// At the first start on a wallet: the keys that it lists for connections that are ready count, but for those that two
/// connections with different DIDs claim: one of the two may have been lying. Those count again once they are used.
pub async fn count_known_keys(context: &Context, tenant: &Tenant) -> Result<(), AgentError> {
    if is_done(context, tenant, COUNTED).await? {
        return Ok(());
    }
    // By DID, whether a connection with it is ready.
    let mut named: HashMap<String, bool> = HashMap::new();
    each(context, tenant, Query::all(Connection::CATEGORY), |row| {
        let connection = Connection::from_row(&row)?;
        if let Some(did) = connection.their_did.as_deref() {
            *named.entry(bare(did).to_owned()).or_default() |= connection.is_ready();
        }
        Ok(())
    })
    .await?;
    let mut claims: HashMap<String, Option<String>> = HashMap::new();
    each(context, tenant, Query::all("did_key"), |row| {
        let did = keys::listed_did(&row).map(bare).filter(|did| named.contains_key(*did));
        if let (Some(did), Ok(key)) = (did, String::from_utf8(row.value.clone())) {
            let claim = claims.entry(key).or_insert_with(|| Some(did.to_owned()));
            if claim.as_deref().is_some_and(|first| first != did) {
                *claim = None;
            }
        }
        Ok(())
    })
    .await?;
    let mut marks: Vec<Op> = Vec::new();
    for (key, did) in &claims {
        let Ok(listed) = PublicKey::from_base58(KeyType::Ed25519, key) else { continue };
        match did {
            Some(did) if !named.get(did).is_some_and(|ready| *ready) => {}
            Some(did) => marks.push(keys::counting(did, &listed)),
            None => {
                tracing::warn!(%tenant, key = %Quoted(key), "two connections claim this key: it counts for none of them until it is used")
            }
        }
    }
    let counted = marks.len();
    for ops in marks.chunks(PAGE) {
        context.store().commit(tenant, Commit { guards: Vec::new(), ops: ops.to_vec() }).await?;
    }
    done(context, tenant, COUNTED).await?;
    if counted > 0 {
        tracing::info!(%tenant, counted, "keys of known connections count from now on");
    }
    Ok(())
}

/// At the first start on a wallet: which connections wait with invitations that have no out-of-band record. A request is not to
/// look for them among all that an invitation has made.
pub async fn note_waiting_invitations(context: &Context, tenant: &Tenant) -> Result<(), AgentError> {
    if is_done(context, tenant, NOTED).await? {
        return Ok(());
    }
    let mut invitations: Vec<(String, String)> = Vec::new();
    let state = (Facet::State, vec!["invitation".to_owned()]);
    each(context, tenant, Query { facets: vec![state], ..Query::all(Connection::CATEGORY) }, |row| {
        let connection = Connection::from_row(&row)?;
        if connection.they_were_invited()
            && let Some(invi_msg_id) = connection.invitation_msg_id
        {
            invitations.push((invi_msg_id, connection.connection_id));
        }
        Ok(())
    })
    .await?;
    for some in invitations.chunks(PAGE) {
        let mut unit = context.unit(tenant);
        for (invi_msg_id, connection_id) in some {
            let named = Query::tagged(OobRecord::CATEGORY, "connection_id", connection_id).any(1);
            if unit.find_rows(&named, false).await?.is_empty() {
                waiting::note(&mut unit, invi_msg_id, connection_id).await?;
            }
        }
        unit.commit().await?;
    }
    done(context, tenant, NOTED).await
}

async fn is_done(context: &Context, tenant: &Tenant, what: &str) -> Result<bool, AgentError> {
    Ok(context.store().recall(tenant, Space::Setting, what).await?.is_some())
}

async fn done(context: &Context, tenant: &Tenant, what: &str) -> Result<(), AgentError> {
    let done = Op::Remember { space: Space::Setting, id: what.to_owned(), value: vec![1], expires: None };
    context.store().commit(tenant, Commit { guards: Vec::new(), ops: vec![done] }).await?;
    Ok(())
}

async fn each(
    context: &Context,
    tenant: &Tenant,
    mut query: Query,
    mut take: impl FnMut(Row) -> Result<(), AgentError>,
) -> Result<(), AgentError> {
    query.limit = Some(PAGE);
    loop {
        let rows = context.store().find(tenant, &query).await?;
        let read = rows.len();
        rows.into_iter().try_for_each(&mut take)?;
        if read < PAGE {
            return Ok(());
        }
        query.offset += PAGE;
    }
}
