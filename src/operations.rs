//! What the admin API may know of and do to the running process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::operations::{Conductor, Deliveries, Down, Failure, Operations, Standing};
use chancery_agent::ports::store::{Event, Item, Queue, Seq};
use chancery_agent::ports::{Clock, Store, Timestamp};
use chancery_agent::unit::Outbound;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::config::{AdminAccess, Config};
use crate::delivery::{Burial, Dispatcher};
use crate::inbound::Endpoint;
use crate::telemetry::metrics::{self, Page, Port};
use crate::telemetry::tallies::Tallies;

/// What else is measured.
pub struct Meters {
    /// Queued work.
    pub work: Dispatcher<Item>,
    /// What is given up.
    pub burial: Burial,
    /// Committed events.
    pub events: Arc<metrics::Events>,
    /// The store's commits.
    pub commits: Arc<metrics::Commits>,
    /// The time, for ages.
    pub clock: Arc<dyn Clock>,
}

/// The process.
pub struct Process {
    config: Map<String, Value>,
    warnings: Vec<String>,
    store: Arc<dyn Store>,
    endpoint: Arc<Endpoint>,
    outbound: Dispatcher<Outbound>,
    webhooks: Dispatcher<Event>,
    meters: Meters,
    tallies: Tallies,
    stopping: Arc<AtomicBool>,
    stop: Notify,
    /// Counters at the last reset: done, failed.
    reset: [AtomicU64; 2],
}

impl Process {
    /// The process of a configuration.
    pub fn new(
        config: &Config,
        store: Arc<dyn Store>,
        endpoint: Arc<Endpoint>,
        outbound: Dispatcher<Outbound>,
        webhooks: Dispatcher<Event>,
        meters: Meters,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        let mut warnings = Vec::new();
        if let Some(admin) = &config.admin
            && matches!(admin.access, AdminAccess::Insecure)
            && !is_loopback(&admin.host)
        {
            let warning =
                format!("the admin API on {} lets everybody in (--admin-insecure-mode)", admin.host);
            tracing::warn!("{warning}: give it a key with ACAPY_ADMIN_API_KEY");
            warnings.push(warning);
        }
        for warning in config.warnings.iter().cloned() {
            tracing::warn!("{warning}");
            warnings.push(warning);
        }
        Self {
            config: config.status_config(),
            warnings,
            store,
            endpoint,
            outbound,
            webhooks,
            meters,
            tallies: Tallies::default(),
            stopping,
            stop: Notify::new(),
            reset: Default::default(),
        }
    }

    /// Resolves once `GET /shutdown` was called.
    pub async fn asked_to_stop(&self) {
        self.stop.notified().await;
    }

    /// From now on inbound messages are answered 503, and who calls is told to close the connection.
    pub fn stop_accepting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn inbound(&self, page: &mut Page) {
        let figures = &self.endpoint.figures;
        page.family("chancery_inbound_total", "counter", "DIDComm messages by what became of them");
        for (outcome, counter) in [
            ("accepted", &figures.accepted),
            ("not-opened", &figures.not_opened),
            ("not-understood", &figures.not_understood),
            ("not-accepted", &figures.not_accepted),
            ("turned-away", &figures.turned_away),
        ] {
            let labels = [("outcome", outcome)];
            page.value("chancery_inbound_total", &labels, counter.load(Ordering::Relaxed));
        }
        page.gauge(
            "chancery_inbound_handling",
            "DIDComm messages being handled",
            self.endpoint.gate.handling(),
        );
        self.endpoint.rejected.write(page);
    }

    fn deliveries(&self, page: &mut Page) {
        let workers = [
            ("outbound", self.outbound.figures()),
            ("webhooks", self.webhooks.figures()),
            ("work", self.meters.work.figures()),
        ];
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.family("chancery_delivery_tries_total", "counter", "Tries by worker and outcome");
        for (worker, figures) in workers {
            for (outcome, counter) in
                [("delivered", &figures.delivered), ("failed", &figures.failed), ("dead", &figures.dead)]
            {
                let labels = [("worker", worker), ("outcome", outcome)];
                page.value("chancery_delivery_tries_total", &labels, read(counter));
            }
        }
        page.family(
            "chancery_delivery_waiting",
            "gauge",
            "What waits for a worker, tries under way included",
        );
        for (worker, figures) in workers {
            page.value("chancery_delivery_waiting", &[("worker", worker)], read(&figures.waiting));
        }
        page.gauge(
            "chancery_delivery_held",
            "Messages for peers without an endpoint, kept until they poll",
            self.endpoint.agent.count_held(),
        );
        page.family("chancery_delivery_in_flight", "gauge", "Tries under way");
        for (worker, figures) in workers {
            page.value("chancery_delivery_in_flight", &[("worker", worker)], read(&figures.in_flight));
        }
    }

    /// Depth of each queue and age of its oldest row; a store that can't be read has none.
    async fn queues(&self, page: &mut Page) {
        let now = self.meters.clock.now().0;
        page.family("chancery_queue_rows", "gauge", "Rows in the wallet");
        for queue in [Queue::Outbound, Queue::Work, Queue::Parked, Queue::Dead] {
            let Ok(depth) = self.store.depth(queue).await else { continue };
            page.value("chancery_queue_rows", &[("queue", queue.as_str())], depth);
        }
        page.family("chancery_queue_oldest_seconds", "gauge", "Age of the oldest row; 0 without any");
        for queue in [Queue::Outbound, Queue::Work, Queue::Parked, Queue::Dead] {
            let Ok(items) = self.store.items(queue, 0, 1).await else { continue };
            let age = items.first().map_or(0, |item| now.saturating_sub(item.created.0).max(0));
            let labels = [("queue", queue.as_str())];
            page.value("chancery_queue_oldest_seconds", &labels, age as f64 / 1e6);
        }
        let Ok(events) = self.store.events(None, 0, None, true, 1).await else { return };
        let age = events.first().map_or(0, |event| now.saturating_sub(event.created.0).max(0));
        page.value("chancery_queue_oldest_seconds", &[("queue", "webhooks")], age as f64 / 1e6);
    }

    fn done_and_failed(&self) -> [u64; 2] {
        let figures = &self.endpoint.figures;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let failed =
            [&figures.not_opened, &figures.not_understood, &figures.not_accepted, &figures.turned_away];
        [read(&figures.accepted), failed.into_iter().map(read).sum()]
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[async_trait]
impl Deliveries for Process {
    async fn standings(&self, queue: Queue, rows: &[Seq]) -> HashMap<Seq, Standing> {
        let found = match queue {
            Queue::Work => self.meters.work.look(rows.to_vec()).await,
            _ => self.outbound.look(rows.to_vec()).await,
        };
        let (now, clock) = (tokio::time::Instant::now(), self.meters.clock.now());
        let time = |at: tokio::time::Instant| {
            let micros = |length: Duration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
            Timestamp(
                clock.0 - micros(now.saturating_duration_since(at))
                    + micros(at.saturating_duration_since(now)),
            )
        };
        let failure =
            |failure: crate::delivery::Failure| Failure { reason: failure.reason, at: time(failure.at) };
        let standing = |standing: crate::delivery::Standing| Standing {
            in_flight: standing.in_flight,
            failure: standing.failure.map(failure),
            not_before: standing.not_before.map(time),
            endpoint: standing.endpoint.map(|down| Down {
                failures: down.failures,
                since: time(down.since),
                last: failure(down.last),
            }),
        };
        found.into_iter().map(|(seq, found)| (seq, standing(found))).collect()
    }
}

#[async_trait]
impl Operations for Process {
    fn conductor(&self) -> Conductor {
        let [done, failed] = self.done_and_failed();
        let since = |at: usize, now: u64| now.saturating_sub(self.reset[at].load(Ordering::Relaxed));
        let out = self.outbound.figures();
        Conductor {
            in_sessions: self.endpoint.figures.sessions.load(Ordering::Relaxed),
            out_encode: 0,
            out_deliver: out.in_flight.load(Ordering::Relaxed),
            task_active: self.endpoint.gate.handling() as u64,
            task_done: since(0, done),
            task_failed: since(1, failed),
            task_pending: out.waiting.load(Ordering::Relaxed)
                + self.webhooks.figures().waiting.load(Ordering::Relaxed),
        }
    }

    fn reset(&self) {
        for (kept, now) in self.reset.iter().zip(self.done_and_failed()) {
            kept.store(now, Ordering::Relaxed);
        }
    }

    fn config(&self) -> Map<String, Value> {
        self.config.clone()
    }

    async fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping() {
            reasons.push("the agent is stopping".to_owned());
        }
        match tokio::time::timeout(Duration::from_secs(5), self.store.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => reasons.push(error.to_string()),
            Err(_) => reasons.push("the store did not answer within 5 s".to_owned()),
        }
        let workers = async {
            let answers = (
                self.outbound.answers().await,
                self.webhooks.answers().await,
                self.meters.work.answers().await,
                self.meters.burial.answers().await,
            );
            [
                ("outbound", answers.0),
                ("webhooks", answers.1),
                ("work", answers.2),
                ("dead letters", answers.3),
            ]
        };
        match tokio::time::timeout(Duration::from_secs(5), workers).await {
            // A drained worker has ended as it should.
            Ok(_) if self.stopping() => {}
            Ok(workers) => {
                let dead = workers.into_iter().filter(|(_, answers)| !answers);
                reasons.extend(dead.map(|(name, _)| format!("the delivery worker for {name} has ended")));
            }
            Err(_) => reasons.push("the delivery workers did not answer within 5 s".to_owned()),
        }
        reasons
    }

    fn answered(&self, reads: bool, took: Duration) {
        let steps = &self.endpoint.steps;
        if reads { steps.query.count(took) } else { steps.command.count(took) }
    }

    fn rejected(&self, reason: &'static str) {
        self.endpoint.rejected.count(Port::Admin, reason);
    }

    async fn metrics(&self) -> String {
        let mut page = Page::default();
        self.tallies.write(&mut page, &self.store).await;
        self.meters.events.write(&mut page);
        self.inbound(&mut page);
        self.deliveries(&mut page);
        self.queues(&mut page).await;
        self.endpoint.steps.write(&mut page);
        self.meters.commits.write(&mut page);
        metrics::process(&mut page);
        page.finish()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn shutdown(&self) {
        self.stop.notify_one();
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
