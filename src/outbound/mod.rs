//! Outbound DIDComm: takes committed messages from the queue, packs them anew at each try and posts them to their endpoint.

pub mod held;
mod http;
pub mod resend;
mod under_way;
mod ws;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::Agent;
use chancery_agent::connection::Connection;
use chancery_agent::delivery::{Content, GivenUp, Letter as DeadLetter};
use chancery_agent::engine::{Outbound, Scope, scheme};
use chancery_agent::ports::store::{Item, Op, Queue};
use chancery_agent::ports::trace::{TARGET, trace_id};
use chancery_agent::ports::{Clock, Store, Timestamp};
use chancery_agent::quoted::Quoted;
pub use http::{ENVELOPE_TYPE, root_cause};
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;
use under_way::UnderWay;

use crate::delivery::{Burial, Courier, Dispatcher, Job, Outcome, Poster, Settled};
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

/// A message with the row that it came from.
#[derive(Debug)]
pub struct Letter {
    item: Item,
    outbound: Outbound,
    /// An earlier run left it: it may have arrived.
    left_over: bool,
}

/// Carries messages.
pub struct Carrier {
    under_way: UnderWay,
    agent: OnceLock<Arc<Agent>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    poster: Arc<Poster>,
    tls: Arc<rustls::ClientConfig>,
    sockets: Arc<Sockets>,
    reach: Reach,
    schedule: Schedule,
    http: bool,
    ws: bool,
    burial: Burial,
    /// When the newest row of this run was queued.
    newest: AtomicI64,
}

/// What a carrier is made of.
pub struct CarrierParts {
    /// The wallet.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
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

impl Carrier {
    /// A carrier; [`Carrier::attach`] the agent before the first message.
    pub fn new(parts: CarrierParts) -> Self {
        let CarrierParts { store, clock, poster, tls, sockets, reach, schedule, http, ws, burial } = parts;
        let (agent, newest) = (OnceLock::new(), AtomicI64::new(i64::MIN));
        let under_way = UnderWay::default();
        Self {
            under_way,
            agent,
            store,
            clock,
            poster,
            tls,
            sockets,
            reach,
            schedule,
            http,
            ws,
            burial,
            newest,
        }
    }

    /// The agent that packs.
    pub fn attach(&self, agent: Arc<Agent>) {
        let _ = self.agent.set(agent);
    }

    /// Deliveries under way.
    pub fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// The job of a row that was just committed; `None` when the row can't be read (it becomes a dead letter).
    pub fn job(&self, item: Item) -> Option<Job<Letter>> {
        self.newest.fetch_max(item.created.0, Ordering::Relaxed);
        self.letter(item, false)
    }

    /// The job of a row, `left_over` by an earlier run or new.
    fn letter(&self, item: Item, left_over: bool) -> Option<Job<Letter>> {
        match Agent::read_outbound(&item) {
            Ok(outbound) => Some(Job {
                id: item.seq,
                endpoint: outbound.target.endpoint.clone().unwrap_or_default(),
                lane: lane(&outbound),
                thread: (outbound.scope == Scope::Thread).then(|| outbound.thread_id.clone()),
                attempts: item.attempts,
                not_before: None,
                content: Arc::new(Letter { item, outbound, left_over }),
            }),
            Err(error) => {
                tracing::error!(%error, seq = item.seq, "an outbound message can't be read");
                let op = Op::Requeue {
                    seq: item.seq,
                    queue: Queue::Dead,
                    due: self.clock.now(),
                    attempts: item.attempts,
                };
                self.store.lazily(&item.tenant, vec![op]);
                None
            }
        }
    }

    /// One try.
    async fn carry(&self, agent: &Agent, job: &Job<Letter>, context: Option<String>) -> Outcome {
        let letter = &*job.content;
        let repeat = job.attempts > 0 || letter.left_over;
        if repeat && agent.answered(&letter.item, &letter.outbound).await.unwrap_or(false) {
            tracing::debug!(tenant = %letter.item.tenant, thread = %letter.outbound.thread_id, "already answered, not sent again");
            return Outcome::Delivered;
        }
        if job.not_before.is_some_and(|at| at > Instant::now()) {
            return Outcome::Early;
        }
        let moved = if job.attempts > 0 { self.target_now(agent, letter, job.attempts).await } else { None };
        let outbound = moved.as_ref().unwrap_or(&letter.outbound);
        let Some(endpoint) = &outbound.target.endpoint else {
            let Some(recipient) = outbound.target.recipient_keys.first() else {
                return Outcome::Hopeless("neither an endpoint nor a key to deliver to".into());
            };
            agent.hold(recipient, letter.item.clone());
            return Outcome::Held;
        };
        let envelope = match agent.pack(&letter.item.tenant, outbound).await {
            Ok(envelope) => envelope,
            Err(error) if error.kind == chancery_agent::engine::Kind::Unavailable => {
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
    async fn target_now(&self, agent: &Agent, letter: &Letter, attempts: u32) -> Option<Outbound> {
        let id = letter.outbound.connection_id.as_deref()?;
        let mut unit = agent.unit(&letter.item.tenant);
        let connection = unit.peek::<Connection>(id).await.ok()??;
        let target = agent.directory().target_again(&mut unit, &connection, attempts).await.ok()??;
        Some(Outbound { target, ..letter.outbound.clone() })
    }
}

fn lane(outbound: &Outbound) -> String {
    outbound
        .connection_id
        .clone()
        .or_else(|| outbound.target.recipient_keys.first().cloned())
        .unwrap_or_default()
}

#[async_trait]
impl Courier for Carrier {
    type Content = Letter;

    async fn deliver(&self, job: &Job<Letter>) -> Outcome {
        let Some(agent) = self.agent.get() else { return Outcome::Failed("the agent is starting".into()) };
        let Letter { item, outbound, .. } = &*job.content;
        let span = tracing::trace_span!(
            target: TARGET, "deliver", otel.kind = "producer", tenant = %item.tenant, thread = %Quoted(&outbound.thread_id),
            connection = outbound.connection_id, endpoint = %Quoted(&job.endpoint), attempts = job.attempts,
            otel.status_code = Empty, otel.status_description = Empty
        );
        agent.trace().adopt(&span, outbound.trace.as_deref());
        let connection_id = outbound.connection_id.as_deref();
        let under_way = connection_id.map(|id| self.under_way.begin(id, &outbound.thread_id));
        let outcome = self.carry(agent, job, agent.trace().context(&span)).instrument(span.clone()).await;
        outcome.tell(&span);
        // Here and not once the dispatcher gets round to it: the answer to this message may be on its way in already, and what is
        // left lazily before a commit goes with it.
        if matches!(outcome, Outcome::Delivered) {
            self.store.lazily(&item.tenant, vec![Op::Dequeue(item.seq)]);
        }
        drop(under_way);
        outcome
    }

    fn gives_up(&self, job: &Job<Letter>, attempts: u32, _endpoint_down: bool) -> bool {
        let age = self.clock.now().0.saturating_sub(job.content.item.created.0);
        self.schedule.most_retries.is_some_and(|most| attempts > most)
            || age >= i64::try_from(self.schedule.most_age.as_micros()).unwrap_or(i64::MAX)
    }

    fn settled(&self, job: &Job<Letter>, settled: Settled) {
        let item = &job.content.item;
        let outbound = &job.content.outbound;
        let message_type = || outbound.message.heading().message_type;
        let trace_id = outbound.trace.as_deref().and_then(trace_id);
        match settled {
            Settled::Delivered => {
                tracing::debug!(
                    tenant = %item.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, "delivered"
                );
            }
            Settled::Held => {
                tracing::debug!(
                    tenant = %item.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, "kept until its recipient polls"
                )
            }
            Settled::Again { attempts, pause, reason } => {
                tracing::info!(
                    tenant = %item.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, endpoint = %Quoted(&job.endpoint), attempts, ?pause, reason = %Quoted(reason), "not delivered, will be tried again"
                );
                let due = Timestamp(self.clock.now().0)
                    .plus_millis(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                let op = Op::Requeue { seq: item.seq, queue: Queue::Outbound, due, attempts };
                self.store.lazily(&item.tenant, vec![op]);
            }
            Settled::Dead { attempts, reason } => {
                tracing::warn!(
                    tenant = %item.tenant, message_type = message_type(), thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
                    trace_id, endpoint = %Quoted(&job.endpoint), attempts, reason = %Quoted(&reason), "given up, now a dead letter"
                );
                let letter = DeadLetter {
                    content: Content::Message(outbound.clone()),
                    endpoint: outbound.target.endpoint.clone(),
                    reason,
                    attempts,
                    since: item.created,
                };
                self.burial.bury(&item.tenant, GivenUp { letter, row: Some(item.seq) });
            }
        }
    }
}

/// Feeds what an earlier run left, oldest first. What nobody polled for in time is given up.
pub async fn resume(
    carrier: &Carrier,
    dispatcher: &Dispatcher<Letter>,
) -> Result<usize, chancery_agent::ports::store::StoreError> {
    let mut after = 0;
    let mut count = 0;
    let held_since = carrier.held_since();
    let held_back_until = carrier.held_back_until().await?;
    loop {
        let items = carrier.store.items(Queue::Outbound, after, 500).await?;
        let Some(last) = items.last() else { return Ok(count) };
        after = last.seq;
        let mut jobs = Vec::with_capacity(items.len());
        for item in items {
            let Some(mut job) = carrier.letter(item, true) else { continue };
            let Letter { item, outbound, .. } = &*job.content;
            if outbound.target.endpoint.is_none() && item.created < held_since {
                carrier.unfetched(item, outbound.clone());
            } else {
                job.not_before = held_back_until(item);
                jobs.push(job);
            }
        }
        count += jobs.len();
        dispatcher.add(jobs);
    }
}
