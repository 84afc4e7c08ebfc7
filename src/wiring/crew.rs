//! Hands what is committed to those who carry it on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chancery_agent::ports::store::{Event, Item, Seq};
use chancery_agent::ports::{Tenant, Trace, Workers};
use chancery_agent::unit::Outbound;

use crate::delivery::Dispatcher;
use crate::live::Live;
use crate::outbound::Desk;
use crate::telemetry;
use crate::webhooks::Notifier;
use crate::work::Worker;

/// Where committed rows go.
#[derive(Clone)]
pub(super) struct Queues {
    pub desk: Arc<Desk>,
    pub outbound: Dispatcher<Outbound>,
    pub notifier: Arc<Notifier>,
    pub webhooks: Dispatcher<Event>,
    pub work: Dispatcher<Item>,
}

/// What is there before the agent. Without queues nobody carries anything on: a wallet is only made.
pub(super) struct Crew {
    pub live: Arc<Live>,
    pub counts: Arc<telemetry::metrics::Events>,
    pub steps: Arc<telemetry::metrics::Steps>,
    pub trace: Arc<dyn Trace>,
    pub queues: Option<Queues>,
}

impl Workers for Crew {
    fn outbound(&self, items: Vec<Item>) {
        if let Some(queues) = &self.queues {
            let jobs = items.iter().filter_map(|item| queues.desk.job(item));
            queues.outbound.add(jobs.map(|(job, outbound)| (job, Some(outbound))).collect());
        }
    }

    fn work(&self, items: Vec<Item>) {
        if let Some(queues) = &self.queues {
            let jobs = items.into_iter().map(|item| (Worker::job(&item, item.created), Some(Arc::new(item))));
            queues.work.add(jobs.collect());
        }
    }

    fn hurry(&self, rows: Vec<Seq>) {
        if let Some(queues) = &self.queues {
            rows.into_iter().for_each(|row| queues.work.hurry(row));
        }
    }

    fn events(&self, events: Vec<Event>) {
        self.live.publish(&events);
        self.counts.count(&events);
        self.carry(events, false);
    }

    fn redeliver(&self, events: Vec<Event>) {
        self.carry(events, true);
    }

    fn settling(
        &self,
        tenant: &Tenant,
        connection_id: &str,
        thread_id: &str,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        self.queues.as_ref()?.desk.under_way().settling(tenant, connection_id, thread_id)
    }
}

impl Crew {
    pub fn new(trace: Arc<dyn Trace>, queues: Option<Queues>) -> Self {
        Self { live: Arc::default(), counts: Arc::default(), steps: Arc::default(), trace, queues }
    }

    fn carry(&self, events: Vec<Event>, again: bool) {
        if let Some(Queues { notifier, webhooks, .. }) = &self.queues {
            let now = notifier.now();
            let mut jobs = Vec::with_capacity(events.len());
            for event in events {
                let since = if again { now } else { event.created };
                let event = Arc::new(event);
                jobs.extend(
                    notifier.jobs(&event, |_| since).into_iter().map(|job| (job, Some(event.clone()))),
                );
            }
            if !jobs.is_empty() {
                webhooks.add(jobs);
            }
        }
    }
}
