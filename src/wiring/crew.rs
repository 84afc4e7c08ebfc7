//! Hands what is committed to those who carry it on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use chancery_agent::ports::store::{Event, Item};
use chancery_agent::ports::{NoTrace, Trace, Workers};
use chancery_agent::unit::Outbound;

use crate::delivery::Dispatcher;
use crate::live::Live;
use crate::outbound::Carrier;
use crate::telemetry;
use crate::webhooks::Notifier;
use crate::work::Worker;

#[derive(Default)]
pub(super) struct Crew {
    pub live: Arc<Live>,
    pub counts: Arc<telemetry::metrics::Events>,
    pub steps: Arc<telemetry::metrics::Steps>,
    pub trace: Option<Arc<dyn Trace>>,
    pub outbound: OnceLock<(Arc<Carrier>, Dispatcher<Outbound>)>,
    pub webhooks: OnceLock<(Arc<Notifier>, Dispatcher<Event>)>,
    pub work: OnceLock<Dispatcher<Item>>,
}

impl Workers for Crew {
    fn outbound(&self, items: Vec<Item>) {
        if let Some((carrier, dispatcher)) = self.outbound.get() {
            let jobs = items.iter().filter_map(|item| carrier.job(item));
            dispatcher.add(jobs.map(|(job, outbound)| (job, Some(outbound))).collect());
        }
    }

    fn work(&self, items: Vec<Item>) {
        if let Some(dispatcher) = self.work.get() {
            let jobs = items.into_iter().map(|item| (Worker::job(&item), Some(Arc::new(item))));
            dispatcher.add(jobs.collect());
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
        connection_id: &str,
        thread_id: &str,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        let (carrier, _) = self.outbound.get()?;
        carrier.under_way().settling(connection_id, thread_id)
    }
}

impl Crew {
    pub fn trace(&self) -> Arc<dyn Trace> {
        self.trace.clone().unwrap_or_else(|| Arc::new(NoTrace))
    }

    fn carry(&self, events: Vec<Event>, again: bool) {
        if let Some((notifier, dispatcher)) = self.webhooks.get() {
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
                dispatcher.add(jobs);
            }
        }
    }
}
