//! Where messages go: the DIDComm services of a DID, and the keys of theirs that messages are packed for.

use std::sync::Arc;

use chancery_did::{DidCommService, PublicKey, methods};
use serde_json::Value;

use super::directory::{is_immutable, verkey};
use super::{Connection, keys, known_document, published, rows, their_did};
use crate::unit::caches::Services;
use crate::unit::{AgentError, Resolved, Target, Transports, Unit};

/// How long services of a DID are kept whose document may change (did:web): 1 h.
const SERVICES_MILLIS: i64 = 3_600_000;
/// How long after one look-up of such a DID was left to a worker the next one is: 1 min.
const LOOK_UP_MILLIS: i64 = 60_000;

/// Where messages of this connection go: the first service of the other side's DID that a transport leads to.
/// `None` when it has no DID yet, or one without service.
pub async fn target(unit: &mut Unit<'_>, connection: &Connection) -> Result<Option<Target>, AgentError> {
    target_of_peer(unit, connection, 0).await
}

/// As [`target`], after so many failed tries: each goes to the next service. An inviter that has not answered is known by the
/// DID of its invitation. May wait for the network.
pub async fn target_again(
    unit: &mut Unit<'_>,
    connection: &Connection,
    failed: u32,
) -> Result<Option<Target>, AgentError> {
    match connection.their_did {
        Some(_) => target_of_peer(unit, connection, failed).await,
        None => target_of_inviter(unit, connection, failed).await,
    }
}

/// Of the services of an inviter's DID only those count whose key the request was packed for: who answers must have it.
async fn target_of_inviter(
    unit: &mut Unit<'_>,
    connection: &Connection,
    failed: u32,
) -> Result<Option<Target>, AgentError> {
    let Connection { their_public_did: Some(did), my_did: Some(my_did), invitation_key: Some(key), .. } =
        connection
    else {
        return Ok(None);
    };
    let Some(sender_key) = verkey(unit, my_did).await? else { return Ok(None) };
    let known = services(unit, did).await?;
    let with_key = |s: &&DidCommService| s.recipient_keys.first().is_some_and(|k| k.as_base58() == key);
    let known: Vec<_> = known.iter().filter(with_key).cloned().collect();
    let target = chosen(&known, unit.settings().outbound, failed).map(target_at);
    Ok(target.map(|target| Target { sender_key: Some(sender_key), ..target }))
}

async fn target_of_peer(
    unit: &mut Unit<'_>,
    connection: &Connection,
    failed: u32,
) -> Result<Option<Target>, AgentError> {
    let (Some(their_did), Some(my_did)) = (&connection.their_did, &connection.my_did) else {
        return Ok(None);
    };
    let services = services_of(unit, their_did, true).await?;
    let Some(sender_key) = verkey(unit, my_did).await? else { return Ok(None) };
    let Some(service) = chosen(&services, unit.settings().outbound, failed) else { return Ok(None) };
    let recipients = recipients(unit, their_did, service).await?;
    if recipients.is_empty() {
        return Ok(None);
    }
    Ok(Some(Target { sender_key: Some(sender_key), recipient_keys: recipients, ..target_at(service) }))
}

/// Whether a DID of the other side has a service that messages can be packed for.
pub async fn has_service(unit: &mut Unit<'_>, their_did: &str) -> Result<bool, AgentError> {
    let services = services_of(unit, their_did, true).await?;
    let Some(service) = chosen(&services, unit.settings().outbound, 0) else { return Ok(false) };
    Ok(!recipients(unit, their_did, service).await?.is_empty())
}

/// The keys of a service that messages to its DID are packed for: those that count, else the first, unless it is one that
/// only somebody else has used.
async fn recipients(
    unit: &mut Unit<'_>,
    did: &str,
    service: &DidCommService,
) -> Result<Vec<String>, AgentError> {
    let at = (unit.tenant().clone(), did.to_owned(), service.id.clone());
    let changes = {
        let routes = unit.context().caches().routes();
        if let Some(kept) = routes.recipients(&at) {
            return Ok(kept.clone());
        }
        routes.changes()
    };
    let mut counted = Vec::new();
    for key in &service.recipient_keys {
        if keys::counts(unit, did, key).await? {
            counted.push(key.base58());
        }
    }
    if !counted.is_empty() {
        // What this unit has only just learnt may never be committed.
        if !unit.reroutes() {
            unit.context().caches().routes().keep_recipients(at, counted.clone(), changes);
        }
        return Ok(counted);
    }
    for key in service.recipient_keys.iter().take(1) {
        if !keys::counts_elsewhere(unit, did, key).await? {
            counted.push(key.base58());
        }
    }
    Ok(counted)
}

/// The DIDComm services of a DID that somebody names, by priority, cached. What a peer attached for a DID does not count.
///
/// Errors: as [`Unit::resolve`]; 500 when the document's services cannot be used.
pub async fn services(unit: &mut Unit<'_>, did: &str) -> Result<Arc<[DidCommService]>, AgentError> {
    services_of(unit, did, false).await
}

/// `of_peer`: the other side of a connection, whose attached document counts for it.
async fn services_of(
    unit: &mut Unit<'_>,
    did: &str,
    of_peer: bool,
) -> Result<Arc<[DidCommService]>, AgentError> {
    let now = unit.now();
    if let Some(services) = unit.context().caches().services(unit.tenant(), did)
        && services.until.is_none_or(|until| until > now)
    {
        return Ok(services.list);
    }
    if of_peer && unit.is_turn() && published::is_published(did) {
        return without_waiting(unit, did).await;
    }
    if of_peer { look_up(unit, did).await } else { fresh(unit, did, false).await }
}

/// Looks up the services of the other side of a connection, whatever is cached.
pub(super) async fn look_up(unit: &mut Unit<'_>, did: &str) -> Result<Arc<[DidCommService]>, AgentError> {
    fresh(unit, did, true).await
}

/// The services as they were last seen, for a message's turn; they are looked up again once it is over.
///
/// Errors: 503 while they were never seen.
async fn without_waiting(unit: &mut Unit<'_>, did: &str) -> Result<Arc<[DidCommService]>, AgentError> {
    let now = unit.now();
    let caches = unit.context().caches();
    let stale = caches.services(unit.tenant(), did).map(|services| services.list);
    let seen = match stale {
        Some(list) => Some(list),
        None => published::last_seen(unit, did).await?,
    };
    let Some(list) = seen else {
        let mut apart = unit.context().unit(unit.tenant());
        published::look_up_later(&mut apart, did);
        apart.commit().await.map_err(AgentError::from)?;
        return Err(AgentError::unavailable(format!("{did} is being looked up")));
    };
    let until = Some(now.plus_millis(LOOK_UP_MILLIS));
    caches.keep_services(unit.tenant(), did, Services { list: list.clone(), until });
    published::look_up_later(unit, did);
    Ok(list)
}

async fn fresh(unit: &mut Unit<'_>, did: &str, of_peer: bool) -> Result<Arc<[DidCommService]>, AgentError> {
    let now = unit.now();
    let resolved = if of_peer { resolve_peer(unit, did).await? } else { unit.resolve(did).await? };
    let list: Arc<[DidCommService]> = resolved
        .document
        .didcomm_services()
        .map_err(|e| {
            AgentError::internal("did-without-service", format!("the services of {did} cannot be used: {e}"))
        })?
        .into();
    if of_peer && !is_immutable(did) {
        their_did::published(unit, did, &resolved.document).await?;
    }
    if of_peer && published::is_published(did) {
        published::note(unit, did, &list).await?;
    }
    let until = (!is_immutable(did)).then(|| now.plus_millis(SERVICES_MILLIS));
    // The document of a nym is a row, perhaps one of this unit's own that is never committed.
    if !is_stored(did) {
        let services = Services { list: list.clone(), until };
        unit.context().caches().keep_services(unit.tenant(), did, services);
    }
    Ok(list)
}

/// Whether a DID's document is one that came with it.
fn is_stored(did: &str) -> bool {
    methods::of(did).is_some_and(|method| method.stored.is_some())
}

/// Resolves the DID of a connection's other side: what it attached for its DID in the handshake counts for it.
///
/// Errors: as [`Unit::resolve`].
pub(super) async fn resolve_peer(unit: &mut Unit<'_>, did: &str) -> Result<Resolved, AgentError> {
    let attached = match methods::of(did).and_then(|method| method.stored) {
        Some(document) => known_document(unit, did).await?.map(|known| document(did, known)),
        None => None,
    };
    match attached {
        Some(document) => {
            let document =
                document.map_err(|e| AgentError::internal("did-doc-unreadable", format!("{did}: {e}")))?;
            Ok(Resolved { document, resolver: "DIDResolver" })
        }
        None => unit.resolve(did).await,
    }
}

/// Of the services that a transport leads to, the first, and after each failed try the next. Without any: the first that a
/// transport could lead to, or the first at all, to be answered on a return route.
fn chosen(services: &[DidCommService], transports: Transports, failed: u32) -> Option<&DidCommService> {
    let reached: Vec<_> = services.iter().filter(|service| transports.reach(&service.endpoint)).collect();
    let at = (failed as usize).checked_rem(reached.len());
    match at.and_then(|at| reached.get(at)) {
        Some(service) => Some(service),
        None => services.iter().find(|service| can_be_sent_to(&service.endpoint)).or(services.first()),
    }
}

/// Whether there is a transport for an endpoint, configured or not.
fn can_be_sent_to(endpoint: &str) -> bool {
    Transports::default().reach(endpoint)
}

fn target_at(service: &DidCommService) -> Target {
    Target {
        recipient_keys: service.recipient_keys.iter().take(1).map(PublicKey::base58).collect(),
        routing_keys: service.routing_keys.iter().map(PublicKey::base58).collect(),
        endpoint: Some(service.endpoint.clone()).filter(|endpoint| can_be_sent_to(endpoint)),
        sender_key: None,
    }
}

/// The first service that one of the transports leads to, for its first key: a key that nobody has used yet shares no envelope
/// with another, since whoever opens one with it knows the content key of all.
pub fn target_of(services: &[DidCommService], transports: Transports) -> Option<Target> {
    chosen(services, transports, 0).map(target_at)
}

/// The target of an inline service, for its first key; keys are did:key or references into one.
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
    let endpoint = service["serviceEndpoint"].as_str().filter(|e| can_be_sent_to(e)).map(str::to_owned);
    let recipient_keys = recipient_keys.into_iter().take(1).collect();
    Ok(Target { recipient_keys, routing_keys: keys("routingKeys")?, endpoint, sender_key: None })
}

/// The connection's endpoints for the admin API: ours and theirs.
pub(crate) async fn endpoints(
    unit: &mut Unit<'_>,
    connection: &Connection,
) -> Result<(Option<String>, Option<String>), AgentError> {
    let their = match &connection.their_did {
        Some(did) => services_of(unit, did, true).await?.first().map(|s| s.endpoint.clone()),
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

#[cfg(test)]
mod tests {
    use chancery_did::{DidDocument, KeyType, SecretKey};
    use serde_json::json;

    use super::*;

    fn services(endpoints: &[&str]) -> Vec<DidCommService> {
        let key = SecretKey::from_bytes(KeyType::Ed25519, &[1; 32]).unwrap().public();
        let services = endpoints.iter().enumerate().map(|(priority, endpoint)| {
            json!({"id": format!("#{priority}"), "type": "did-communication", "priority": priority,
                "recipientKeys": [key.did_key()], "serviceEndpoint": endpoint})
        });
        let document = json!({"id": "did:example:1", "service": services.collect::<Vec<_>>()});
        DidDocument::from_json(document).unwrap().didcomm_services().unwrap()
    }

    #[test]
    fn of_the_services_that_a_configured_transport_reaches_the_first_is_taken_and_then_the_next() {
        let list = services(&[
            "wss://a.example",
            "HTTPS://b.example",
            "didcomm:transport/queue",
            "Http://c.example",
        ]);
        let taken = |http, ws, failed| &*chosen(&list, Transports { http, ws }, failed).unwrap().endpoint;
        assert_eq!(
            [0, 1, 2].map(|failed| taken(true, false, failed)),
            ["HTTPS://b.example", "Http://c.example", "HTTPS://b.example"]
        );
        assert_eq!([0, 1].map(|failed| taken(false, true, failed)), ["wss://a.example"; 2]);
        assert_eq!(taken(true, true, 0), "wss://a.example");
        assert_eq!(taken(false, false, 1), "wss://a.example", "which is refused with a sentence");
        let target = |endpoint| target_of(&services(&[endpoint]), Transports::default()).unwrap().endpoint;
        assert_eq!(target("WS://a.example"), Some("WS://a.example".to_owned()));
        assert_eq!(target("didcomm:transport/queue"), None);
    }
}
