//! The agent: what was registered, over a context. Cheap to share behind an `Arc`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chancery_didcomm::message::MessageType;
use tracing::Instrument;
use tracing::field::Empty;

use super::held::Held;
use super::parking::{PARKED, Parked};
use super::{About, HandlerError, Protocol, Received, Registration, Spoken};
use crate::peers::Threads;
use crate::ports::store::{CommitError, Item, Op, Queue, Seq};
use crate::ports::{Tenant, Timestamp};
use crate::transact;
use crate::unit::idempotency::Claim;
use crate::unit::{AgentError, Context, Lease, Outbound, Parts, Unit, Work};

/// The agent. [`Agent::claiming`] gives one call's view of it. Its context is at hand wherever it is.
pub struct Agent {
    context: Context,
    engine: Arc<Engine>,
}

struct Engine {
    registrations: Vec<Registration>,
    parked: Parked,
    held: Mutex<HashMap<(Tenant, String), BTreeMap<Seq, Held>>>,
}

impl Deref for Agent {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl Agent {
    /// An agent of these folders.
    pub fn new(parts: Parts, registrations: Vec<Registration>) -> Self {
        let engine = Engine { registrations, parked: Parked::default(), held: Mutex::default() };
        Self { context: Context::new(parts), engine: Arc::new(engine) }
    }

    /// The same agent for a call that came with a key: its first commit claims the key, and the commit that its answer
    /// follows from keeps the answer.
    pub fn claiming(&self, claim: Arc<Claim>) -> Self {
        Self { context: self.context.claiming(Some(claim)), engine: self.engine.clone() }
    }

    /// What every step may use.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What was registered, in the order in which messages meet it.
    pub fn registrations(&self) -> &[Registration] {
        &self.engine.registrations
    }

    /// Every protocol version that is spoken.
    pub fn speaks(&self) -> impl Iterator<Item = &'static Spoken> {
        self.registrations().iter().filter_map(|one| one.protocol.as_ref()).flat_map(|p| p.speaks())
    }

    /// Whose handler takes messages of a protocol in this major version.
    pub(super) fn speaker(&self, name: &str, major: u32) -> Option<(&Registration, &'static Spoken)> {
        self.registrations().iter().find_map(|one| {
            let spoken = one.protocol.as_ref()?.speaks();
            Some((one, spoken.iter().find(|s| s.name == name && s.major == major)?))
        })
    }

    /// What messages of a protocol are about, whatever its version; `None`: it isn't spoken.
    pub fn about(&self, protocol: &str) -> Option<About> {
        self.speaks().find(|spoken| spoken.name == protocol).map(|spoken| spoken.about)
    }

    /// Hands a message to its protocol's handler within this unit.
    pub async fn dispatch(&self, unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
        let kind = received.message.message_type();
        let speaker = self.speaker(kind.protocol(), kind.version().major);
        let protocol: Option<&dyn Protocol> = speaker.and_then(|(one, _)| one.protocol.as_deref());
        match protocol {
            Some(protocol) => protocol.receive(self, unit, received).await,
            None => Err(HandlerError::dropped("unknown-type", kind.to_string())),
        }
    }

    /// Ends a unit: commits it, and handles what was parked for the keys that became ready with it. What waits by then is
    /// handled after the answer to whoever waits for this one.
    pub async fn end(&self, mut unit: Unit<'_>, lease: &mut Lease<'_>) -> Result<Vec<Item>, CommitError> {
        let tenant = unit.tenant().clone();
        let (waiting, empty): (Vec<_>, Vec<_>) =
            unit.take_ready_keys().into_iter().partition(|key| self.parked().has(&tenant, key));
        waiting.iter().for_each(|key| unit.later(Work::of(PARKED, key)));
        let leased = unit.commit_leasing(lease).await?;
        for key in empty.iter().filter(|key| self.parked().has(&tenant, key)) {
            // What was parked meanwhile has nothing to do with the call that it waited for.
            let agent = Self { context: self.context.claiming(None), engine: self.engine.clone() };
            if let Err(error) = agent.take_parked(&tenant, key).await {
                tracing::warn!(%tenant, %error, "what was parked is handled after the next start");
            }
        }
        Ok(leased)
    }

    /// Whether a message that was queued then has been answered by the other side: what was delivered just before a crash, or timed out
    /// although it arrived, need not be sent again.
    ///
    /// Errors: those of the store.
    pub async fn answered(
        &self,
        tenant: &Tenant,
        created: Timestamp,
        outbound: &Outbound,
    ) -> Result<bool, AgentError> {
        let kind = outbound.message.heading().message_type;
        let Some(Ok(kind)) = kind.as_deref().map(MessageType::parse) else { return Ok(false) };
        let speaker = self.speaker(kind.protocol(), kind.version().major);
        match speaker.and_then(|(one, _)| one.routes.as_deref()) {
            Some(routes) => routes.answered(&mut self.unit(tenant), outbound, created).await,
            None => Ok(false),
        }
    }

    /// Messages that wait for their recipient to poll, by its key; those of one recipient oldest first.
    pub(super) fn held(&self) -> MutexGuard<'_, HashMap<(Tenant, String), BTreeMap<Seq, Held>>> {
        self.engine.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which envelopes are parked.
    pub(super) fn parked(&self) -> &Parked {
        &self.engine.parked
    }

    /// Reads what has to be known from the start on: which keys have parked envelopes. [`Agent::take_all_parked`] follows.
    pub async fn resume(&self) -> Result<(), AgentError> {
        let mut after = 0;
        loop {
            let items = self.store().items(Queue::Parked, after, 500).await?;
            let Some(last) = items.last() else { return Ok(()) };
            after = last.seq;
            let mut parked = self.parked().lock();
            items.iter().for_each(|item| parked.found(item));
        }
    }

    /// Goes on with queued work; its row leaves the queue in the same commit.
    ///
    /// Errors: one that does not end what it happens in is worth another try ([`AgentError::ends`]).
    pub async fn work(&self, item: &Item) -> Result<(), AgentError> {
        let work: Work = serde_json::from_slice(&item.value)
            .map_err(|e| AgentError::internal("queue-unreadable", format!("queue row {}: {e}", item.seq)))?;
        if work.protocol == PARKED {
            self.take_parked(&item.tenant, work.detail.as_str().unwrap_or_default()).await?;
            self.store().lazily(&item.tenant, vec![Op::Dequeue(item.seq)]);
            return Ok(());
        }
        let mut works = self.registrations().iter().filter_map(|one| one.works.as_deref());
        let works = works.find(|works| works.name() == work.protocol).ok_or_else(|| {
            AgentError::internal("queue-unreadable", format!("no protocol {} for queued work", work.protocol))
        })?;
        let span = tracing::error_span!(
            "work",
            tenant = %item.tenant,
            protocol = %work.protocol,
            connection = Empty,
            thread = Empty,
            trace_id = Empty
        );
        self.trace().adopt(&span, work.trace.as_deref());
        let run = async {
            transact!(self, &item.tenant, |unit| {
                unit.owed_by(work.owner.clone());
                let outcome = works.work(self, &mut unit, &work).await;
                unit.op(Op::Dequeue(item.seq));
                outcome
            })
        };
        run.instrument(span).await
    }

    /// The JSON of a queued message.
    pub fn read_outbound(item: &Item) -> Result<Outbound, AgentError> {
        serde_json::from_slice(&item.value)
            .map_err(|e| AgentError::internal("queue-unreadable", format!("queue row {}: {e}", item.seq)))
    }
}

#[async_trait]
impl Threads for Agent {
    async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError> {
        for routes in self.registrations().iter().filter_map(|one| one.routes.as_deref()) {
            if let Some(began) = routes.began(unit, connection_id, thread_id).await? {
                return Ok(Some(began));
            }
        }
        Ok(None)
    }

    fn makes_connections(&self, protocol: &str) -> bool {
        // RFC 0160 isn't spoken and makes connections all the same.
        protocol == "connections" || self.about(protocol) == Some(About::MakingConnections)
    }
}
