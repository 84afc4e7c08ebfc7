//! The workers that deliver.

use std::sync::Arc;

use chancery_agent::Agent;
use chancery_agent::ports::Store;
use chancery_agent::ports::store::{Event, Item};
use chancery_agent::unit::Outbound;

use super::StartError;
use super::crew::Crew;
use crate::config::{Config, Scheme};
use crate::delivery::{Backoff, Burial, Dispatcher, Poster};
use crate::ledger::Ledger;
use crate::limits::{self, PER_ENDPOINT};
use crate::outbound::{self, Carrier, CarrierParts, Schedule};
use crate::resolve::Sockets;
use crate::webhooks::{self, Notifier, NotifierParts};
use crate::work::{self, Worker};
use crate::world::{SystemClock, SystemEntropy};

pub(super) struct Delivery {
    pub outbound: Dispatcher<Outbound>,
    pub webhooks: Dispatcher<Event>,
    pub work: Dispatcher<Item>,
    pub burial: Burial,
}

impl Delivery {
    pub async fn resume(&self, store: &Arc<dyn Store>, crew: &Crew) -> Result<(), StartError> {
        let mut left = work::resume(&**store, &self.work).await?;
        if let Some((carrier, dispatcher)) = crew.outbound.get() {
            left += outbound::resume(carrier, dispatcher).await?;
        }
        if let Some((notifier, dispatcher)) = crew.webhooks.get() {
            left += webhooks::resume(notifier, dispatcher).await?;
        }
        if left > 0 {
            tracing::info!(left, "going on with what an earlier run left");
        }
        Ok(())
    }

    /// Peers can reach us: what waits may go.
    pub fn go(&self) {
        self.work.go();
        self.outbound.go();
        self.webhooks.go();
    }

    pub fn drains(&self) -> Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        // Last: the others give up into it.
        vec![
            Box::pin(self.work.drain()),
            Box::pin(self.outbound.drain()),
            Box::pin(self.webhooks.drain()),
            Box::pin(self.burial.drain()),
        ]
    }
}

pub(super) fn start_workers(
    config: &Config,
    sockets: &Arc<Sockets>,
    targets: Vec<webhooks::Target>,
    ledger: &Arc<Ledger>,
    clock: &Arc<SystemClock>,
    crew: &Crew,
    agent: &Arc<Agent>,
) -> Result<Delivery, StartError> {
    use rustls_platform_verifier::ConfigVerifierExt;

    let store: &Arc<dyn Store> = &(ledger.clone() as Arc<dyn Store>);
    let entropy = Arc::new(SystemEntropy);
    let tls = rustls::ClientConfig::with_platform_verifier().map_err(|e| StartError::Tls(e.to_string()))?;
    let tls = Arc::new(tls);
    let reach = limits::peer_reach(config);
    let burial = Burial::start(agent.clone());
    let carrier = Arc::new(Carrier::new(CarrierParts {
        store: store.clone(),
        ledger: ledger.clone(),
        clock: clock.clone(),
        poster: Poster::start(tls.clone(), Some(reach), sockets.clone()),
        tls: tls.clone(),
        sockets: sockets.clone(),
        reach,
        schedule: Schedule {
            most_retries: config.delivery.max_attempts,
            most_age: config.delivery.max_age,
            most_held: config.retention.return_route,
            resend_pause: config.delivery.resend_pause,
        },
        http: config.transport.outbound.contains(&Scheme::Http),
        ws: config.transport.outbound.contains(&Scheme::Ws),
        burial: burial.clone(),
    }));
    carrier.attach(agent.clone());
    let notifier = Arc::new(Notifier::new(NotifierParts {
        store: store.clone(),
        clock: clock.clone(),
        poster: Poster::start(tls, None, Arc::new(limits::webhooks(config))),
        targets,
        most_age: config.delivery.max_age,
        default_tenant: agent.default_tenant().clone(),
        secret: config.webhooks.secret.clone(),
        burial: burial.clone(),
        trace: crew.trace(),
    }));
    let worker = Arc::new(Worker::new(
        store.clone(),
        clock.clone(),
        config.delivery.max_age,
        burial.clone(),
        crew.steps.clone(),
    ));
    worker.attach(agent.clone());
    let backoff = Backoff { first: config.delivery.first_pause, longest: config.delivery.longest_pause };
    let workers = Delivery {
        outbound: Dispatcher::start(carrier.clone(), PER_ENDPOINT, backoff, entropy.clone()),
        webhooks: Dispatcher::start(notifier.clone(), PER_ENDPOINT, backoff, entropy.clone()),
        work: Dispatcher::start(worker, PER_ENDPOINT, backoff, entropy),
        burial,
    };
    outbound::held::watch(carrier.clone());
    outbound::resend::watch(carrier.clone(), workers.outbound.clone());
    let _ = crew.outbound.set((carrier, workers.outbound.clone()));
    let _ = crew.webhooks.set((notifier, workers.webhooks.clone()));
    let _ = crew.work.set(workers.work.clone());
    Ok(workers)
}
