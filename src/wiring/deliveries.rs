//! The workers that deliver.

use std::sync::Arc;

use chancery_agent::ports::store::{Event, Item};
use chancery_agent::ports::{Clock, Store, Trace};
use chancery_agent::unit::Outbound;
use chancery_agent::{Agent, Tenant};

use super::StartError;
use super::crew::Queues;
use crate::config::{Config, Scheme};
use crate::delivery::{Backoff, Burial, Dispatcher, Graves, Intake, Poster};
use crate::ledger::Ledger;
use crate::limits::{self, PER_ENDPOINT};
use crate::outbound::{self, Carrier, CarrierParts, Desk, Schedule};
use crate::resolve::Sockets;
use crate::telemetry::metrics::Steps;
use crate::webhooks::{self, Notifier, NotifierParts};
use crate::work::{self, Worker};
use crate::world::{SystemClock, SystemEntropy};

/// The other ends of the queues, until there is an agent.
pub(super) struct Intakes {
    queues: Queues,
    outbound: Intake<Outbound>,
    webhooks: Intake<Event>,
    work: Intake<Item>,
    graves: Graves,
    burial: Burial,
    tls: Arc<rustls::ClientConfig>,
}

pub(super) struct Delivery {
    pub outbound: Dispatcher<Outbound>,
    pub webhooks: Dispatcher<Event>,
    pub work: Dispatcher<Item>,
    pub burial: Burial,
    carrier: Arc<Carrier>,
    notifier: Arc<Notifier>,
}

impl Delivery {
    pub async fn resume(&self, store: &dyn Store, clock: &dyn Clock) -> Result<(), StartError> {
        let left = work::resume(store, clock, &self.work).await?
            + outbound::resume(&self.carrier, &self.outbound).await?
            + webhooks::resume(&self.notifier, &self.webhooks).await?;
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

/// What an agent needs before there is one: where its commits go.
pub(super) fn open_queues(
    config: &Config,
    targets: Vec<webhooks::Target>,
    ledger: &Arc<Ledger>,
    clock: &Arc<SystemClock>,
    tenant: &Tenant,
    trace: Arc<dyn Trace>,
) -> Result<(Queues, Intakes), StartError> {
    use rustls_platform_verifier::ConfigVerifierExt;

    let store: &Arc<dyn Store> = &(ledger.clone() as Arc<dyn Store>);
    let tls = rustls::ClientConfig::with_platform_verifier().map_err(|e| StartError::Tls(e.to_string()))?;
    let tls = Arc::new(tls);
    let (burial, graves) = Burial::new();
    let notifier = Arc::new(Notifier::new(NotifierParts {
        store: store.clone(),
        clock: clock.clone(),
        poster: Poster::start(tls.clone(), None, Arc::new(limits::webhooks(config))),
        targets,
        most_age: config.delivery.max_age,
        default_tenant: tenant.clone(),
        secret: config.webhooks.secret.clone(),
        burial: burial.clone(),
        trace,
    }));
    let desk = Arc::new(Desk::new(store.clone(), clock.clone()));
    let (outbound, outbound_intake) = Dispatcher::new();
    let (webhooks, webhooks_intake) = Dispatcher::new();
    let (work, work_intake) = Dispatcher::new();
    let queues = Queues { desk, outbound, notifier, webhooks, work };
    let intakes = Intakes {
        queues: queues.clone(),
        outbound: outbound_intake,
        webhooks: webhooks_intake,
        work: work_intake,
        graves,
        burial,
        tls,
    };
    Ok((queues, intakes))
}

pub(super) fn start_workers(
    config: &Config,
    sockets: &Arc<Sockets>,
    intakes: Intakes,
    steps: &Arc<Steps>,
    agent: &Arc<Agent>,
    ledger: &Arc<Ledger>,
    clock: &Arc<SystemClock>,
) -> Delivery {
    let Intakes { queues, outbound, webhooks, work, graves, burial, tls } = intakes;
    let reach = limits::peer_reach(config);
    graves.start(agent.clone());
    let carrier = Arc::new(Carrier::new(CarrierParts {
        desk: queues.desk.clone(),
        agent: agent.clone(),
        ledger: ledger.clone(),
        poster: Poster::start(tls.clone(), Some(reach), sockets.clone()),
        tls,
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
    let most_age = config.delivery.max_age;
    let worker =
        Worker::new(agent.clone(), ledger.clone(), clock.clone(), most_age, burial.clone(), steps.clone());
    let backoff = Backoff { first: config.delivery.first_pause, longest: config.delivery.longest_pause };
    let entropy = Arc::new(SystemEntropy);
    outbound.start(carrier.clone(), PER_ENDPOINT, backoff, entropy.clone());
    webhooks.start(queues.notifier.clone(), PER_ENDPOINT, backoff, entropy.clone());
    work.start(Arc::new(worker), PER_ENDPOINT, backoff, entropy);
    outbound::held::watch(carrier.clone());
    outbound::resend::watch(carrier.clone(), queues.outbound.clone());
    Delivery {
        outbound: queues.outbound,
        webhooks: queues.webhooks,
        work: queues.work,
        burial,
        carrier,
        notifier: queues.notifier,
    }
}
