//! Which keys belong to which connection, and where a connection's messages go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_did::{DidCommService, Method, PublicKey};
use serde_json::Value;

use super::record::short_form;
use super::{Connection, rows};
use crate::engine::{AgentError, Record, Target, Unit};
use crate::ports::store::Query;
use crate::ports::{Tenant, Timestamp};
use crate::wallet::OwnDid;

const MOST_ENTRIES: usize = 50_000;
/// How long services of a DID are kept whose document may change (did:web): 1 h.
const SERVICES_MILLIS: i64 = 3_600_000;

#[derive(Clone, Debug)]
struct Found {
    connection_id: String,
    my_did: String,
    their_did: String,
}

#[derive(Clone, Debug)]
struct Services {
    list: Arc<[DidCommService]>,
    until: Option<Timestamp>,
}

/// Look-ups that every message needs. Its caches hold nothing that may be wrong: a connection that was found is checked
/// against its row, services of a DID are kept only if the DID determines them or for a time.
#[derive(Debug, Default)]
pub struct Directory {
    connections: Mutex<HashMap<(Tenant, String, String), Found>>,
    services: Mutex<HashMap<(Tenant, String), Services>>,
    verkeys: Mutex<HashMap<(Tenant, String), String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep<K: std::hash::Hash + Eq, V>(mutex: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut map = lock(mutex);
    if map.len() >= MOST_ENTRIES {
        map.clear();
    }
    map.insert(key, value);
}

impl Directory {
    /// The connection that a message from `sender` packed for `recipient` belongs to.
    pub async fn connection(
        &self,
        unit: &mut Unit<'_>,
        sender: &PublicKey,
        recipient: &PublicKey,
    ) -> Result<Option<Connection>, AgentError> {
        let at = (unit.tenant().clone(), sender.base58(), recipient.base58());
        let found = lock(&self.connections).get(&at).cloned();
        if let Some(found) = found {
            if let Some(connection) = unit.peek::<Connection>(&found.connection_id).await?
                && is(&connection.my_did, &found.my_did)
                && is(&connection.their_did, &found.their_did)
            {
                return Ok(Some(connection));
            }
            lock(&self.connections).remove(&at);
        }
        let connection = self.search(unit, sender.as_base58(), recipient.as_base58()).await?;
        if let Some(connection) = &connection
            && let (Some(my_did), Some(their_did)) = (&connection.my_did, &connection.their_did)
        {
            let found = Found {
                connection_id: connection.connection_id.clone(),
                my_did: short_form(my_did).to_owned(),
                their_did: short_form(their_did).to_owned(),
            };
            keep(&self.connections, at, found);
        }
        Ok(connection)
    }

    async fn search(
        &self,
        unit: &mut Unit<'_>,
        sender: &str,
        recipient: &str,
    ) -> Result<Option<Connection>, AgentError> {
        let mine = own_dids(unit, recipient).await?;
        if mine.is_empty() {
            return Ok(None);
        }
        let mut best: Option<Connection> = None;
        for their_did in their_dids(unit, sender).await? {
            for connection in with_did(unit, "their_did", &their_did).await? {
                let ours =
                    connection.my_did.as_deref().is_some_and(|did| mine.iter().any(|m| m == short_form(did)));
                // Later records replace earlier ones, unless those are the only ones that may be used.
                if ours && (connection.is_ready() || !best.as_ref().is_some_and(Connection::is_ready)) {
                    best = Some(connection);
                }
            }
        }
        Ok(best)
    }

    /// Where messages of this connection go: the first service of the other side's DID that we have a transport for.
    /// `None` when it has no DID yet, or one without service.
    pub async fn target(
        &self,
        unit: &mut Unit<'_>,
        connection: &Connection,
    ) -> Result<Option<Target>, AgentError> {
        let (Some(their_did), Some(my_did)) = (&connection.their_did, &connection.my_did) else {
            return Ok(None);
        };
        let services = services(unit, their_did).await?;
        let Some(sender_key) = self.verkey(unit, my_did).await? else { return Ok(None) };
        Ok(target_of(&services, Some(sender_key)))
    }

    /// Whether a key of ours belongs to a connection that isn't ready yet. The connection is guarded: what the caller
    /// writes because of the answer must not be overtaken by the connection becoming ready.
    pub async fn awaits_connection(
        &self,
        unit: &mut Unit<'_>,
        recipient: &PublicKey,
    ) -> Result<bool, AgentError> {
        for row in unit.find_rows(&Query::tagged("did", "verkey", recipient.as_base58()), false).await? {
            let query = Query::tagged(Connection::CATEGORY, "my_did", &*row.key.name).and("state", "request");
            if !unit.find::<Connection>(&query).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The key of a DID of ours, base58.
    pub async fn verkey(&self, unit: &mut Unit<'_>, did: &str) -> Result<Option<String>, AgentError> {
        let at = (unit.tenant().clone(), did.to_owned());
        if let Some(verkey) = lock(&self.verkeys).get(&at) {
            return Ok(Some(verkey.clone()));
        }
        let verkey = unit.peek::<OwnDid>(did).await?.map(|own| own.verkey);
        if let (Some(verkey), true) = (&verkey, is_immutable(did)) {
            keep(&self.verkeys, at, verkey.clone());
        }
        Ok(verkey)
    }
}

/// The DIDComm services of a DID by priority, cached.
///
/// Errors: as [`Unit::resolve`]; 500 when the document's services cannot be used.
pub async fn services(unit: &mut Unit<'_>, did: &str) -> Result<Arc<[DidCommService]>, AgentError> {
    let at = (unit.tenant().clone(), did.to_owned());
    let now = unit.now();
    let directory = unit.agent().directory();
    if let Some(services) = lock(&directory.services).get(&at)
        && services.until.is_none_or(|until| until > now)
    {
        return Ok(services.list.clone());
    }
    let document = unit.resolve(did).await?.document;
    let list: Arc<[DidCommService]> = document
        .didcomm_services()
        .map_err(|e| {
            AgentError::internal("did-without-service", format!("the services of {did} cannot be used: {e}"))
        })?
        .into();
    let until = (!is_immutable(did)).then(|| now.plus_millis(SERVICES_MILLIS));
    // The document of an unqualified DID is a row, perhaps one of this unit's own that is never committed.
    if !matches!(chancery_did::parse(did).map(|d| d.method), Ok(Method::Sov | Method::Peer1)) {
        keep(&directory.services, at, Services { list: list.clone(), until });
    }
    Ok(list)
}

/// The first service that can be reached, or the first at all, to be answered on a return route.
pub fn target_of(services: &[DidCommService], sender_key: Option<String>) -> Option<Target> {
    let reachable = services.iter().find(|s| has_transport(&s.endpoint));
    let service = reachable.or(services.first())?;
    Some(Target {
        recipient_keys: service.recipient_keys.iter().map(PublicKey::base58).collect(),
        routing_keys: service.routing_keys.iter().map(PublicKey::base58).collect(),
        endpoint: reachable.map(|s| s.endpoint.clone()),
        sender_key,
    })
}

/// Whether we have a transport for the endpoint's scheme.
pub fn has_transport(endpoint: &str) -> bool {
    let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "ws" | "wss"))
}

/// The target of an inline service, whose keys are did:key or references into one.
pub fn inline_target(service: &Value) -> Result<Target, String> {
    let keys = |name: &str| -> Result<Vec<String>, String> {
        let list = service[name].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .map(|key| {
                let text = key.as_str().unwrap_or_default();
                PublicKey::from_did_key(text).map(|k| k.base58()).map_err(|e| format!("{name}: {text}: {e}"))
            })
            .collect()
    };
    let recipient_keys = keys("recipientKeys")?;
    if recipient_keys.is_empty() {
        return Err("the invitation's service has no recipientKeys".into());
    }
    let endpoint = service["serviceEndpoint"].as_str().filter(|e| has_transport(e)).map(str::to_owned);
    Ok(Target { recipient_keys, routing_keys: keys("routingKeys")?, endpoint, sender_key: None })
}

fn is(did: &Option<String>, short: &str) -> bool {
    did.as_deref().is_some_and(|did| short_form(did) == short)
}

/// The DID determines its document and key.
fn is_immutable(did: &str) -> bool {
    matches!(
        chancery_did::parse(did).map(|d| d.method),
        Ok(Method::Key | Method::Jwk | Method::Peer2 | Method::Peer3 | Method::Peer4)
    )
}

async fn with_did(unit: &mut Unit<'_>, tag: &'static str, did: &str) -> Result<Vec<Connection>, AgentError> {
    let rows = unit.find_rows(&Query::tagged(Connection::CATEGORY, tag, did), false).await?;
    rows.iter().map(Connection::from_row).collect()
}

/// DIDs of ours with this key, did:peer:4 in its short form.
async fn own_dids(unit: &mut Unit<'_>, verkey: &str) -> Result<Vec<String>, AgentError> {
    let rows = unit.find_rows(&Query::tagged("did", "verkey", verkey), false).await?;
    Ok(rows.iter().map(|row| short_form(&row.key.name).to_owned()).collect())
}

/// DIDs of the other side with this key, in every form that a connection record may hold.
async fn their_dids(unit: &mut Unit<'_>, verkey: &str) -> Result<Vec<String>, AgentError> {
    let mut dids: Vec<String> = Vec::new();
    for row in unit.find_rows(&Query::tagged("did_key", "key", verkey), false).await? {
        let Some(tag) = row.tags.iter().find(|t| t.name == "did") else { continue };
        for did in [short_form(&tag.value), &tag.value] {
            if !dids.iter().any(|d| d == did) {
                dids.push(did.to_owned());
            }
        }
    }
    Ok(dids)
}

/// The connection's endpoints for the admin API: ours and theirs.
pub(super) async fn endpoints(
    unit: &mut Unit<'_>,
    connection: &Connection,
) -> Result<(Option<String>, Option<String>), AgentError> {
    let their = match &connection.their_did {
        Some(did) => services(unit, did).await?.first().map(|s| s.endpoint.clone()),
        None => invited_endpoint(unit, connection).await?,
    };
    Ok((unit.settings().endpoints.first().cloned(), their))
}

async fn invited_endpoint(
    unit: &mut Unit<'_>,
    connection: &Connection,
) -> Result<Option<String>, AgentError> {
    if connection.they_were_invited() {
        return Ok(None);
    }
    let invitation = rows::invitation(unit, &connection.connection_id).await?;
    let endpoint = invitation.as_ref().and_then(|i| i["services"][0]["serviceEndpoint"].as_str());
    Ok(endpoint.map(str::to_owned))
}
