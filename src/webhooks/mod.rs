//! Webhooks: each committed event to each target, in order per record, until the controller has it.

mod signature;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::delivery::{Content, GivenUp, Letter, Webhook, waiting_since};
use chancery_agent::ports::store::{Event, EventNo, Op, StoreError};
use chancery_agent::ports::trace::{TARGET, trace_id};
use chancery_agent::ports::{Clock, Store, Tenant, Timestamp, Trace};
use chancery_agent::quoted::Quoted;
use reqwest::StatusCode;
use serde::Deserialize;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::config::{Secret, WebhookTarget};
use crate::delivery::{
    Burial, Courier, Dispatcher, FieldError, Fields, Job, Lost, Outcome, PAGE, PostError, Poster, Settled,
    Since,
};

/// A controller's URL.
#[derive(Clone)]
pub struct Target {
    /// Stable id: events name the targets that still wait for them by it.
    pub id: String,
    /// Base URL; `/topic/<topic>/` is appended. May hold a password.
    pub url: String,
    /// The URL as it may be shown.
    pub shown: String,
    /// Sent as `x-api-key`.
    pub api_key: Option<Secret>,
}

impl Target {
    /// The id depends on the URL alone, so that a new key doesn't orphan waiting events.
    pub fn new(target: &WebhookTarget) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(target.url.as_bytes());
        let id = digest[..6].iter().map(|b| format!("{b:02x}")).collect();
        Self { id, url: target.url.clone(), shown: target.shown(), api_key: target.api_key.clone() }
    }
}

/// What an event is about, for the log.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct About {
    connection_id: Option<String>,
    thread_id: Option<String>,
}

impl About {
    fn of(event: &Event) -> Self {
        serde_json::from_slice(&event.payload).unwrap_or_default()
    }
}

/// Carries events.
pub struct Notifier {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    poster: Arc<Poster>,
    targets: Vec<Target>,
    most_age: Duration,
    default_tenant: Tenant,
    secret: Option<Secret>,
    burial: Burial,
    trace: Arc<dyn Trace>,
}

/// What a notifier is made of.
pub struct NotifierParts {
    /// The wallet.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The operator's own URLs are exempt from the guard.
    pub poster: Arc<Poster>,
    /// The operator's targets.
    pub targets: Vec<Target>,
    /// Dead letter after this time.
    pub most_age: Duration,
    /// The tenant whose events carry no `x-wallet-id`.
    pub default_tenant: Tenant,
    /// `--webhook-hmac-secret`: events are signed.
    pub secret: Option<Secret>,
    /// For what is given up.
    pub burial: Burial,
    /// What is recorded of deliveries.
    pub trace: Arc<dyn Trace>,
}

/// Tries of an event that the controller refuses with 4xx (DECISIONS 7).
const REFUSED_TRIES: u32 = 5;

impl Notifier {
    /// A notifier.
    pub fn new(parts: NotifierParts) -> Self {
        let NotifierParts { store, clock, poster, targets, most_age, default_tenant, secret, burial, trace } =
            parts;
        Self { store, clock, poster, targets, most_age, default_tenant, secret, burial, trace }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether so long has been tried that it is given up.
    fn is_old(&self, since: Since) -> bool {
        since.age() >= self.most_age
    }

    /// The jobs of a committed event, which they name. A target that is no longer configured is forgotten. `since`: from when
    /// on the age of the event counts for a target.
    pub fn jobs(&self, event: &Event, since: impl Fn(&str) -> Timestamp) -> Vec<Job> {
        let mut jobs = Vec::with_capacity(event.targets.len());
        for id in &event.targets {
            let Some(target) = self.targets.iter().position(|t| &t.id == id) else {
                let op = Op::Delivered { number: event.number, target: id.clone() };
                self.store.lazily(&event.tenant, vec![op]);
                continue;
            };
            jobs.push(Job {
                id: event.number * self.count() + i64::try_from(target).unwrap_or(0),
                tenant: event.tenant.clone(),
                endpoint: self.targets[target].shown.as_str().into(),
                lane: format!("{}|{}", event.tenant, event.record).into(),
                thread: None,
                since: Since::new(since(id), self.clock.now()),
                attempts: 0,
                left_over: false,
                not_before: None,
                weight: event.payload.len(),
            });
        }
        jobs
    }

    /// How many targets there are, or 1: numbers of jobs count events and targets.
    fn count(&self) -> i64 {
        i64::try_from(self.targets.len()).unwrap_or(1).max(1)
    }

    fn event_of(&self, job: &Job) -> EventNo {
        job.id / self.count()
    }

    fn target_of(&self, job: &Job) -> &Target {
        let target = usize::try_from(job.id % self.count()).unwrap_or(0);
        &self.targets[target]
    }

    fn fields(&self, event: &Event, target: &Target, trace: Option<&str>) -> Result<Fields, FieldError> {
        let mut fields = Fields::default();
        fields.add("content-type", "application/json")?;
        fields.add("x-event-id", &event.id)?;
        fields.add("x-event-sequence", &event.number.to_string())?;
        if let Some(trace) = trace {
            fields.add("traceparent", trace)?;
        }
        if let Some(key) = &target.api_key {
            fields.add("x-api-key", key.expose())?;
        }
        let signed = self.secret.as_ref();
        let signed = signed.and_then(|s| signature::sign(s, self.clock.now(), &event.id, &event.payload));
        if let Some(signature) = signed {
            fields.add(signature::HEADER, &signature)?;
        }
        if event.tenant != self.default_tenant {
            fields.add("x-wallet-id", event.tenant.as_str())?;
        }
        Ok(fields)
    }

    /// One try.
    async fn post(&self, target: &Target, event: &Event, trace: Option<&str>) -> Outcome {
        let fields = match self.fields(event, target, trace) {
            Ok(fields) => fields,
            Err(error) => return Outcome::Hopeless(error.to_string()),
        };
        let url = format!("{}/topic/{}/", target.url, event.topic);
        let status = match self.poster.post(&url, &fields, &event.payload).await {
            Ok(status) => status,
            Err(PostError::Hopeless(reason)) => return Outcome::Hopeless(reason),
            Err(PostError::Down(reason) | PostError::NoPlace(reason)) => {
                return Outcome::EndpointDown(reason);
            }
        };
        match status {
            status if status.is_success() => Outcome::Delivered,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Outcome::EndpointDown(format!("answered {status}"))
            }
            status if status.is_client_error() => Outcome::Failed(format!("answered {status}")),
            status => Outcome::EndpointDown(format!("answered {status}")),
        }
    }
}

#[async_trait]
impl Courier for Notifier {
    type Content = Event;

    async fn load(&self, job: &Job) -> Result<Option<Event>, String> {
        read(&*self.store, &job.tenant, self.event_of(job)).await.map_err(|error| error.to_string())
    }

    async fn deliver(&self, job: &Job, event: &Event) -> Outcome {
        let span = tracing::trace_span!(
            target: TARGET, "webhook", otel.kind = "producer", tenant = %event.tenant, topic = event.topic,
            event_id = event.id, url = %job.endpoint, attempts = job.attempts, otel.status_code = Empty,
            otel.status_description = Empty
        );
        self.trace.adopt(&span, event.trace.as_deref());
        let context = self.trace.context(&span);
        let outcome =
            self.post(self.target_of(job), event, context.as_deref()).instrument(span.clone()).await;
        outcome.tell(&span);
        outcome
    }

    fn gives_up(&self, job: &Job, attempts: u32, endpoint_down: bool) -> bool {
        (!endpoint_down && attempts >= REFUSED_TRIES) || self.is_old(job.since)
    }

    fn settled(&self, job: &Job, event: &Event, settled: Settled) {
        match settled {
            Settled::Delivered | Settled::Held => {
                let target = self.target_of(job).id.clone();
                self.store.lazily(&event.tenant, vec![Op::Delivered { number: event.number, target }]);
            }
            Settled::Again { attempts, pause, reason } => {
                let About { connection_id, thread_id } = About::of(event);
                tracing::info!(
                    tenant = %event.tenant, topic = %event.topic, connection = connection_id, thread = thread_id.map(|id| tracing::field::display(Quoted(id))),
                    trace_id = event.trace.as_deref().and_then(trace_id),
                    url = %job.endpoint, attempts, ?pause, reason = %Quoted(reason), "webhook not delivered, will be tried again"
                );
            }
        }
    }

    fn given_up(&self, job: &Job, attempts: u32, reason: String) {
        self.burial.bury(LostEvent {
            tenant: job.tenant.clone(),
            event: self.event_of(job),
            target: self.target_of(job).id.clone(),
            endpoint: job.endpoint.clone(),
            attempts,
            reason,
        });
    }
}

/// An event by its number; `None`: it is no longer kept.
async fn read(store: &dyn Store, tenant: &Tenant, number: EventNo) -> Result<Option<Event>, StoreError> {
    let found = store.events(Some(tenant), number - 1, None, false, 1).await?;
    Ok(found.into_iter().find(|event| event.number == number))
}

/// An event that was given up for a target.
struct LostEvent {
    tenant: Tenant,
    event: EventNo,
    target: String,
    endpoint: Arc<str>,
    attempts: u32,
    reason: String,
}

#[async_trait]
impl Lost for LostEvent {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    async fn letter(&self, store: &dyn Store) -> Result<Option<GivenUp>, StoreError> {
        let Self { tenant, event, target, endpoint, attempts, reason } = self;
        let Some(event) = read(store, tenant, *event).await? else { return Ok(None) };
        let About { connection_id, thread_id } = About::of(&event);
        tracing::warn!(
            %tenant, topic = %event.topic, connection = connection_id, thread = thread_id.map(|id| tracing::field::display(Quoted(id))),
            trace_id = event.trace.as_deref().and_then(trace_id), url = %endpoint, attempts, reason = %Quoted(reason),
            "webhook given up, now a dead letter"
        );
        let webhook = Webhook {
            event: event.number,
            id: event.id,
            topic: event.topic,
            record: event.record,
            target: target.clone(),
        };
        let letter = Letter {
            content: Content::Webhook(webhook),
            endpoint: Some(endpoint.to_string()),
            reason: reason.clone(),
            attempts: *attempts,
            since: event.created,
        };
        Ok(Some(GivenUp { letter, row: None }))
    }
}

/// Feeds what an earlier run left, oldest first.
pub async fn resume(notifier: &Notifier, dispatcher: &Dispatcher<Event>) -> Result<usize, StoreError> {
    let mut after = 0;
    let mut count = 0;
    loop {
        let events = notifier.store.events(None, after, None, true, PAGE).await?;
        let Some(last) = events.last() else { return Ok(count) };
        after = last.number;
        let mut jobs = Vec::with_capacity(events.len());
        for event in events {
            let mut again = HashMap::new();
            if notifier.is_old(Since::new(event.created, notifier.now())) {
                for target in &event.targets {
                    let since = waiting_since(&*notifier.store, &event, target).await?;
                    again.insert(target.clone(), since);
                }
            }
            let since = |target: &str| again.get(target).copied().unwrap_or(event.created);
            jobs.extend(notifier.jobs(&event, since).into_iter().map(|job| (job, None)));
        }
        count += jobs.len();
        dispatcher.add(jobs);
    }
}
