//! Webhooks: each committed event to each target, in order per record, until the controller has it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::store::{Event, NewItem, Op, Queue, StoreError};
use chancery_agent::ports::{Clock, Store, Tenant};
use reqwest::StatusCode;
use serde_json::json;

use crate::config::{Secret, WebhookTarget};
use crate::delivery::{Courier, Dispatcher, Job, Outcome, Settled};
use crate::outbound::root_cause;

/// A controller's URL.
#[derive(Clone, Debug)]
pub struct Target {
    /// Stable id: events name the targets that still wait for them by it.
    pub id: String,
    /// Base URL; `/topic/<topic>/` is appended.
    pub url: String,
    /// Sent as `x-api-key`.
    pub api_key: Option<Secret>,
}

impl Target {
    /// The id depends on the URL alone, so that a new key doesn't orphan waiting events.
    pub fn new(target: &WebhookTarget) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(target.url.as_bytes());
        let id = digest[..6].iter().map(|b| format!("{b:02x}")).collect();
        Self { id, url: target.url.clone(), api_key: target.api_key.clone() }
    }
}

/// One event for one target.
#[derive(Debug)]
pub struct Notice {
    event: Arc<Event>,
    target: usize,
}

/// Carries events.
pub struct Notifier {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    client: reqwest::Client,
    targets: Vec<Target>,
    most_age: Duration,
    default_tenant: Tenant,
}

/// Tries of an event that the controller refuses with 4xx (DECISIONS 7).
const REFUSED_TRIES: u32 = 5;

impl Notifier {
    /// A notifier for the operator's targets.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        client: reqwest::Client,
        targets: Vec<Target>,
        most_age: Duration,
        default_tenant: Tenant,
    ) -> Self {
        Self { store, clock, client, targets, most_age, default_tenant }
    }

    /// The jobs of committed events. A target that is no longer configured is forgotten.
    pub fn jobs(&self, events: Vec<Event>) -> Vec<Job<Notice>> {
        let mut jobs = Vec::with_capacity(events.len());
        for event in events {
            let event = Arc::new(event);
            for id in &event.targets {
                let Some(target) = self.targets.iter().position(|t| &t.id == id) else {
                    let op = Op::Delivered { number: event.number, target: id.clone() };
                    self.store.lazily(&event.tenant, vec![op]);
                    continue;
                };
                jobs.push(Job {
                    id: event.number * i64::try_from(self.targets.len()).unwrap_or(1)
                        + i64::try_from(target).unwrap_or(0),
                    endpoint: self.targets[target].url.clone(),
                    lane: format!("{}|{}", event.tenant, event.record),
                    thread: None,
                    attempts: 0,
                    content: Arc::new(Notice { event: event.clone(), target }),
                });
            }
        }
        jobs
    }

    fn done(&self, notice: &Notice) -> Op {
        Op::Delivered { number: notice.event.number, target: self.targets[notice.target].id.clone() }
    }
}

#[async_trait]
impl Courier for Notifier {
    type Content = Notice;

    async fn deliver(&self, job: &Job<Notice>) -> Outcome {
        let event = &job.content.event;
        let target = &self.targets[job.content.target];
        let mut request = self
            .client
            .post(format!("{}/topic/{}/", target.url, event.topic))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header("x-event-id", &event.id)
            .header("x-event-sequence", event.number);
        if let Some(key) = &target.api_key {
            request = request.header("x-api-key", key.expose());
        }
        if event.tenant != self.default_tenant {
            request = request.header("x-wallet-id", event.tenant.as_str());
        }
        let response = match request.body(event.payload.clone()).send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Outcome::Hopeless(format!("not a usable URL: {error}"));
            }
            Err(error) => return Outcome::EndpointDown(root_cause(&error)),
        };
        let status = response.status();
        // Read to the end, so that the connection can be used again; what it says doesn't matter.
        let _ = response.bytes().await;
        match status {
            status if status.is_success() => Outcome::Delivered,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Outcome::EndpointDown(format!("answered {status}"))
            }
            status if status.is_client_error() => Outcome::Failed(format!("answered {status}")),
            status => Outcome::EndpointDown(format!("answered {status}")),
        }
    }

    fn gives_up(&self, job: &Job<Notice>, attempts: u32, endpoint_down: bool) -> bool {
        let age = self.clock.now().0.saturating_sub(job.content.event.created.0);
        (!endpoint_down && attempts >= REFUSED_TRIES)
            || age >= i64::try_from(self.most_age.as_micros()).unwrap_or(i64::MAX)
    }

    fn settled(&self, job: &Job<Notice>, settled: Settled) {
        let notice = &*job.content;
        let event = &notice.event;
        match settled {
            Settled::Delivered | Settled::Held => self.store.lazily(&event.tenant, vec![self.done(notice)]),
            Settled::Again { attempts, pause, reason } => tracing::info!(
                tenant = %event.tenant, topic = %event.topic, url = %job.endpoint, attempts, ?pause, reason,
                "webhook not delivered, will be tried again"
            ),
            Settled::Dead { attempts, reason } => {
                tracing::warn!(
                    tenant = %event.tenant, topic = %event.topic, url = %job.endpoint, attempts, reason,
                    "webhook given up, now a dead letter"
                );
                let letter = json!({
                    "webhook": {"event": event.number, "id": event.id, "topic": event.topic, "record": event.record,
                        "target": self.targets[notice.target].id, "reason": reason,
                        "payload": chancery_agent::Agent::read_payload(&event.payload)}
                });
                let dead = NewItem {
                    queue: Queue::Dead,
                    lane: job.endpoint.clone(),
                    due: self.clock.now(),
                    value: letter.to_string().into_bytes(),
                };
                self.store.lazily(&event.tenant, vec![Op::Enqueue(dead), self.done(notice)]);
            }
        }
    }
}

/// Feeds what an earlier run left, oldest first.
pub async fn resume(notifier: &Notifier, dispatcher: &Dispatcher<Notice>) -> Result<usize, StoreError> {
    let mut after = 0;
    let mut count = 0;
    loop {
        let events = notifier.store.events(None, after, None, true, 500).await?;
        let Some(last) = events.last() else { return Ok(count) };
        after = last.number;
        let jobs = notifier.jobs(events);
        count += jobs.len();
        dispatcher.add(jobs);
    }
}
