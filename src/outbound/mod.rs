//! Outbound DIDComm: takes committed messages from the queue, packs them anew at each try and posts them to their endpoint.

pub mod held;
mod http;
mod lost;
pub mod resend;
mod under_way;
mod ws;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::Agent;
use chancery_agent::engine::Held;
use chancery_agent::peers::{self, Connection};
use chancery_agent::ports::store::{Item, Op, Queue, Seq, StoreError};
use chancery_agent::ports::trace::{TARGET, trace_id};
use chancery_agent::ports::{Clock, Store, Tenant, Timestamp};
use chancery_agent::quoted::Quoted;
use chancery_agent::unit::{Outbound, Scope, scheme};
pub use http::{ENVELOPE_TYPE, root_cause};
use lost::LostMessage;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;
use under_way::UnderWay;

use crate::delivery::{Burial, Courier, Dispatcher, Job, Outcome, PAGE, Poster, Settled, Since, bury_unread};
use crate::ledger::Ledger;
use crate::resolve::{Reach, Sockets};

/// How long and how often is tried.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// `--max-outbound-retry`: most tries after the first; `None`: by time alone.
    pub most_retries: Option<u32>,
    /// Dead letter after this time.
    pub most_age: Duration,
    /// Messages for a recipient without an endpoint wait so long for it to poll, then they are dead letters.
    pub most_held: Duration,
    /// What an earlier run may have delivered waits for so long for its answer.
    pub resend_pause: Duration,
}

/// Takes committed rows in, before there is an agent that packs them.
pub struct Desk {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    under_way: UnderWay,
    /// When the newest row of this run was queued.
    newest: AtomicI64,
}

/// Carries messages.
pub struct Carrier {
    desk: Arc<Desk>,
    agent: Arc<Agent>,
    store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    poster: Arc<Poster>,
    tls: Arc<rustls::ClientConfig>,
    sockets: Arc<Sockets>,
    reach: Reach,
    schedule: Schedule,
    http: bool,
    ws: bool,
    burial: Burial,
}

/// What a carrier is made of.
pub struct CarrierParts {
    /// Where its rows come in.
    pub desk: Arc<Desk>,
    /// The agent that packs.
    pub agent: Arc<Agent>,
    /// Who makes how much wait.
    pub ledger: Arc<Ledger>,
    /// For HTTP, guarded.
    pub poster: Arc<Poster>,
    /// For WebSocket.
    pub tls: Arc<rustls::ClientConfig>,
    /// The places for connections; the poster's, too.
    pub sockets: Arc<Sockets>,
    /// Which addresses may be connected to.
    pub reach: Reach,
    /// How long and how often is tried.
    pub schedule: Schedule,
    /// `-ot http`.
    pub http: bool,
    /// `-ot ws`.
    pub ws: bool,
    /// For what is given up.
    pub burial: Burial,
}

impl Desk {
    /// A desk at which nothing has come in.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, under_way: UnderWay::default(), newest: AtomicI64::new(i64::MIN) }
    }

    /// Deliveries under way.
    pub fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// The job of a row that was just committed, with what it says; `None` when the row can't be read (it becomes a dead letter).
    pub fn job(&self, item: &Item) -> Option<(Job, Arc<Outbound>)> {
        self.newest.fetch_max(item.created.0, Ordering::Relaxed);
        self.letter(item, false)
    }

    /// The job of a row, `left_over` by an earlier run or new.
    fn letter(&self, item: &Item, left_over: bool) -> Option<(Job, Arc<Outbound>)> {
        let outbound = readable(&*self.store, item, self.clock.now())?;
        let job = Job {
            id: item.seq,
            tenant: item.tenant.clone(),
            endpoint: outbound.target.endpoint.as_deref().unwrap_or_default().into(),
            lane: format!("{}|{}", item.tenant, lane(&outbound)).into(),
            thread: (outbound.scope == Scope::Thread).then(|| outbound.thread_id.as_str().into()),
            since: Since::new(item.created, self.clock.now()),
            attempts: item.attempts,
            left_over,
            not_before: None,
            weight: item.value.len(),
        };
        Some((job, Arc::new(outbound)))
    }
}

impl Carrier {
    /// A carrier.
    pub fn new(parts: CarrierParts) -> Self {
        let CarrierParts { desk, agent, ledger, poster, tls, sockets, reach, schedule, http, ws, burial } =
            parts;
        let (store, clock) = (desk.store.clone(), desk.clock.clone());
        Self { desk, agent, store, ledger, clock, poster, tls, sockets, reach, schedule, http, ws, burial }
    }

    /// One try.
    async fn carry(&self, job: &Job, letter: &Outbound, context: Option<String>) -> Outcome {
        let agent = &*self.agent;
        let repeat = job.attempts > 0 || job.left_over;
        if repeat && agent.answered(&job.tenant, job.since.then, letter).await.unwrap_or(false) {
            tracing::debug!(tenant = %job.tenant, thread = %letter.thread_id, "already answered, not sent again");
            return Outcome::Delivered;
        }
        if job.not_before.is_some_and(|at| at > Instant::now()) {
            return Outcome::Early;
        }
        let moved = if job.attempts > 0 { self.target_now(job, letter).await } else { None };
        let outbound = moved.as_ref().unwrap_or(letter);
        let Some(endpoint) = &outbound.target.endpoint else {
            let Some(recipient) = outbound.target.recipient_keys.first() else {
                return Outcome::Hopeless("neither an endpoint nor a key to deliver to".into());
            };
            if self.ledger.yields(job.id) {
                return Outcome::Hopeless(
                    "neither an endpoint nor room to wait until it is asked for".into(),
                );
            }
            agent.hold(recipient, Held { tenant: job.tenant.clone(), seq: job.id, created: job.since.then });
            return Outcome::Held;
        };
        let envelope = match agent.pack(&job.tenant, outbound).await {
            Ok(envelope) => envelope,
            Err(error) if !error.ends() => {
                return Outcome::Failed(error.message);
            }
            Err(error) => return Outcome::Hopeless(format!("can't be packed: {error}")),
        };
        match scheme(endpoint).as_deref() {
            Some("http" | "https") if self.http => {
                http::post(&self.poster, endpoint, envelope, context).await
            }
            Some("ws" | "wss") if self.ws => {
                ws::send(&self.tls, &self.sockets, self.reach, endpoint, envelope, context).await
            }
            _ => Outcome::Hopeless(format!(
                "no outbound transport for {endpoint}: start with -ot http or -ot ws"
            )),
        }
    }

    /// At repeats the connection's present target is used: the other side may have moved, or another service of it may work.
    async fn target_now(&self, job: &Job, letter: &Outbound) -> Option<Outbound> {
        let id = letter.connection_id.as_deref()?;
        let mut unit = self.agent.unit(&job.tenant);
        let connection = unit.peek::<Connection>(id).await.ok()??;
        let target = peers::target_again(&mut unit, &connection, job.attempts).await.ok()??;
        Some(Outbound { target, ..letter.clone() })
    }
}

fn lane(outbound: &Outbound) -> &str {
    let key = || outbound.target.recipient_keys.first().map(String::as_str);
    outbound.connection_id.as_deref().or_else(key).unwrap_or_default()
}

/// What a row says; one that can't be read becomes a dead letter.
fn readable(store: &dyn Store, item: &Item, now: Timestamp) -> Option<Outbound> {
    let read = Agent::read_outbound(item);
    if let Err(error) = &read {
        tracing::error!(%error, seq = item.seq, "an outbound message can't be read");
        bury_unread(store, &item.tenant, item.seq, item.attempts, now);
    }
    read.ok()
}

/// The row of a message that waits, and what it says; `None`: it waits no more. One that can't be read becomes a dead letter.
///
/// Errors: those of the store.
async fn read(
    store: &dyn Store,
    tenant: &Tenant,
    seq: Seq,
    attempts: u32,
    now: Timestamp,
) -> Result<Option<(Item, Outbound)>, StoreError> {
    match store.item(seq).await {
        Err(error @ StoreError::Damaged(_)) => {
            tracing::error!(%error, seq, "an outbound message can't be read");
            bury_unread(store, tenant, seq, attempts, now);
            Ok(None)
        }
        found => Ok(found?.filter(|item| item.queue == Queue::Outbound).and_then(|item| {
            let outbound = readable(store, &item, now)?;
            Some((item, outbound))
        })),
    }
}

#[async_trait]
impl Courier for Carrier {
    type Content = Outbound;

    async fn load(&self, job: &Job) -> Result<Option<Outbound>, String> {
        let read = read(&*self.store, &job.tenant, job.id, job.attempts, self.clock.now()).await;
        read.map(|read| read.map(|(_, outbound)| outbound)).map_err(|error| error.to_string())
    }

    async fn deliver(&self, job: &Job, outbound: &Outbound) -> Outcome {
        let agent = &*self.agent;
        let span = tracing::trace_span!(
            target: TARGET, "deliver", otel.kind = "producer", tenant = %job.tenant, thread = %Quoted(&outbound.thread_id),
            connection = outbound.connection_id, endpoint = %Quoted(&job.endpoint), attempts = job.attempts,
            otel.status_code = Empty, otel.status_description = Empty
        );
        agent.trace().adopt(&span, outbound.trace.as_deref());
        let connection_id = outbound.connection_id.as_deref();
        let under_way =
            connection_id.map(|id| self.desk.under_way.begin(&job.tenant, id, &outbound.thread_id));
        let context = agent.trace().context(&span);
        let outcome = self.carry(job, outbound, context).instrument(span.clone()).await;
        outcome.tell(&span);
        // Here and not once the dispatcher gets round to it: the answer to this message may be on its way in already, and what is
        // left lazily before a commit goes with it.
        if matches!(outcome, Outcome::Delivered) {
            self.store.lazily(&job.tenant, vec![Op::Dequeue(job.id)]);
        }
        drop(under_way);
        outcome
    }

    fn gives_up(&self, job: &Job, attempts: u32, endpoint_down: bool) -> bool {
        self.schedule.most_retries.is_some_and(|most| attempts > most)
            || (endpoint_down && self.ledger.yields(job.id))
            || job.since.age() >= self.schedule.most_age
    }

    fn settled(&self, job: &Job, outbound: &Outbound, settled: Settled) {
        let message_type = || outbound.message.heading().message_type;
        let trace_id = outbound.trace.as_deref().and_then(trace_id);
        match settled {
            Settled::Delivered => {
                tracing::debug!(
                    tenant = %job.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, "delivered"
                );
            }
            Settled::Held => {
                tracing::debug!(
                    tenant = %job.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, "kept until its recipient polls"
                )
            }
            Settled::Again { attempts, pause, reason } => {
                tracing::info!(
                    tenant = %job.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, endpoint = %Quoted(&job.endpoint), attempts, ?pause, reason = %Quoted(reason), "not delivered, will be tried again"
                );
                let due = Timestamp(self.clock.now().0)
                    .plus_millis(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                let op = Op::Requeue { seq: job.id, queue: Queue::Outbound, due, attempts };
                self.store.lazily(&job.tenant, vec![op]);
            }
        }
    }

    fn given_up(&self, job: &Job, attempts: u32, reason: String) {
        let tried = Some((job.endpoint.clone(), attempts));
        let (tenant, at) = (job.tenant.clone(), self.clock.now());
        self.burial.bury(LostMessage { tenant, seq: job.id, tried, reason, at });
    }
}

/// Feeds what an earlier run left, oldest first.
pub async fn resume(carrier: &Carrier, dispatcher: &Dispatcher<Outbound>) -> Result<usize, StoreError> {
    let mut after = 0;
    let mut count = 0;
    let held_back_until = carrier.held_back_until().await?;
    loop {
        let items = carrier.store.items(Queue::Outbound, after, PAGE).await?;
        let Some(last) = items.last() else { return Ok(count) };
        after = last.seq;
        let slip = |item: &Item| {
            let (mut job, _) = carrier.desk.letter(item, true)?;
            job.not_before = held_back_until(item);
            Some((job, None))
        };
        let jobs: Vec<_> = items.iter().filter_map(slip).collect();
        count += jobs.len();
        dispatcher.add(jobs);
    }
}
