//! Services of a DID that publishes its document (did:web), as they were last seen. A message's turn waits for no server: it uses
//! these, and has them looked up again afterwards.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_did::methods::{self, Properties};
use chancery_did::{DidCommService, KeyType, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Connection;
use crate::ports::Tenant;
use crate::ports::store::{Query, Space};
use crate::quoted::Quoted;
use crate::unit::{AgentError, Context, Job, Never, Next, Record as _, Unit};

/// Bytes that are kept of one DID; one whose services take more has to be looked up after a restart.
const MOST_BYTES: usize = 16 * 1024;

/// A DID to be looked up again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LookUp {
    /// The DID.
    look_up: String,
}

#[derive(Serialize, Deserialize)]
struct Seen {
    endpoint: String,
    recipient_keys: Vec<String>,
    routing_keys: Vec<String>,
}

impl Seen {
    fn of(service: &DidCommService) -> Self {
        let base58 = |keys: &[PublicKey]| keys.iter().map(PublicKey::base58).collect();
        Self {
            endpoint: service.endpoint.clone(),
            recipient_keys: base58(&service.recipient_keys),
            routing_keys: base58(&service.routing_keys),
        }
    }

    fn into_service(self) -> Option<DidCommService> {
        let keys = |texts: Vec<String>| -> Option<Vec<PublicKey>> {
            texts.iter().map(|text| PublicKey::from_base58(KeyType::Ed25519, text).ok()).collect()
        };
        Some(DidCommService {
            id: String::new(),
            kind: "did-communication".to_owned(),
            priority: 0,
            endpoint: self.endpoint,
            recipient_keys: keys(self.recipient_keys)?,
            routing_keys: keys(self.routing_keys)?,
            accept: Vec::new(),
        })
    }
}

/// Whether the DID's document has to be fetched.
pub(super) fn is_published(did: &str) -> bool {
    methods::of(did).is_some_and(Properties::is_published)
}

/// Keeps what was looked up for the other side of a connection.
pub(super) async fn note(
    unit: &mut Unit<'_>,
    did: &str,
    services: &[DidCommService],
) -> Result<(), AgentError> {
    let seen: Vec<Seen> = services.iter().map(Seen::of).collect();
    let value = serde_json::to_vec(&seen)
        .map_err(|e| AgentError::internal("record-unwritable", format!("services of {did}: {e}")))?;
    if value.len() <= MOST_BYTES && unit.recall(Space::Published, did).await?.as_ref() != Some(&value) {
        unit.remember(Space::Published, did, value, None);
    }
    Ok(())
}

/// What was last seen; `None`: nothing is known.
pub(super) async fn last_seen(
    unit: &mut Unit<'_>,
    did: &str,
) -> Result<Option<Arc<[DidCommService]>>, AgentError> {
    let Some(value) = unit.recall(Space::Published, did).await? else { return Ok(None) };
    let seen: Vec<Seen> = serde_json::from_slice(&value)
        .map_err(|e| AgentError::internal("record-unreadable", format!("services of {did}: {e}")))?;
    Ok(seen.into_iter().map(Seen::into_service).collect())
}

/// Has the DID looked up after the commit.
pub(crate) async fn look_up_later(unit: &mut Unit<'_>, did: &str) -> Result<(), AgentError> {
    unit.ask(&LookUp { look_up: did.to_owned() }).await.map(drop)
}

#[async_trait]
impl Job for LookUp {
    const NAME: &'static str = "did_look_up";
    type World = Context;
    /// It only reads.
    type Intent = Never;
    type Outcome = Never;

    fn key(&self) -> String {
        self.look_up.clone()
    }

    /// A site that is away is asked again; one that says something wrong is when the next message comes.
    async fn plan(&self, _context: &Context, unit: &mut Unit<'_>) -> Result<Next<Never>, AgentError> {
        let did = self.look_up.as_str();
        let theirs = Query::tagged(Connection::CATEGORY, "their_did", did).any(1);
        if unit.find_rows(&theirs, false).await?.is_empty() {
            return Ok(Next::Done(Value::Null));
        }
        unit.caused_by(Some(did));
        match super::service::look_up(unit, did).await {
            Ok(_) => Ok(Next::Done(Value::Null)),
            Err(error) => {
                tracing::warn!(tenant = %unit.tenant(), did = %Quoted(did), error = %Quoted(&error), "a DID could not be looked up again");
                if error.passes() { Err(error) } else { Ok(Next::Done(json!({"error": error.message}))) }
            }
        }
    }

    async fn call(&self, _: &Context, _: &Tenant, intent: &Never) -> Result<Never, AgentError> {
        match *intent {}
    }

    async fn settle(
        &self,
        _: &Context,
        _: &mut Unit<'_>,
        outcome: &Never,
    ) -> Result<Next<Never>, AgentError> {
        match *outcome {}
    }
}
