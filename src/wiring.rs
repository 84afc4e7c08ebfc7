//! Where concrete types meet: the one place that names all of them. This file has the order of a start and a stop, the folder its parts.

mod crew;
mod deliveries;
mod servers;
mod settings;
mod wallet;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_agent::did_web::Web;
use chancery_agent::ports::Store;
use chancery_agent::ports::store::StoreError;
use chancery_agent::unit::{Parts, Resolvers};
use chancery_agent::{Agent, AgentError, Tenant};
use chancery_credentials::Formats;
use chancery_credentials::ld_proof::LdProof;
use chancery_jsonld::{Documents, Processor};

use crate::config::{self, Config};
use crate::delivery;
use crate::inbound::Endpoint;
use crate::ledger::Ledger;
use crate::limits;
use crate::operations::{Meters, Process};
use crate::resolve::{Fetcher, Sockets};
use crate::store::{CreateMode, FacetSource, OpenError};
use crate::telemetry;
use crate::webhooks;
use crate::world::{SystemClock, SystemEntropy};
use crew::Crew;
use deliveries::start_workers;
use servers::{run, start_servers};
use settings::settings;
use wallet::{Opened, open_store};

/// How long a graceful stop waits for what is in flight.
const DRAIN: Duration = Duration::from_secs(10);

/// Which records of a wallet are listed by columns.
pub const FACETS: FacetSource =
    FacetSource { categories: &["cred_ex_v20", "connection"], of: chancery_agent::facets };

/// Why the agent could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] OpenError),
    /// The wallet, later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address can't be listened on.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// Host and port.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A server stopped, the log can't be opened.
    #[error("{what}: {error}")]
    Io {
        /// What failed.
        what: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
    /// A step of the start failed.
    #[error("{0}")]
    Agent(#[from] AgentError),
    /// The store's writer is gone; going on would lose messages.
    #[error("the store's writer has stopped: {0}")]
    WriterDied(String),
}

/// The HTTP client that everything outbound is built from: rustls with ring, the system's certificates, no proxy surprises.
pub fn client_builder() -> reqwest::ClientBuilder {
    // Only the first call installs; both would install the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
}

/// Makes the wallet (and the seed's DID) and ends.
///
/// Errors: [`StartError`].
pub async fn provision(config: Config) -> Result<(), StartError> {
    let telemetry = telemetry::start(&config.logging, &config.agent.label)
        .map_err(|error| StartError::Io { what: "the log can't be opened", error })?;
    let clock = Arc::new(SystemClock::default());
    let entropy = Arc::new(SystemEntropy);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let Opened { store, made, .. } = open_store(&config, CreateMode::IfMissing, &clock, &entropy).await?;
    // Whatever the log is set to: it is what was asked for.
    match &made {
        Some(place) => println!("wallet made at {place}"),
        None => println!("the wallet {} is there already", config.wallet.name),
    }
    let sockets = Arc::new(limits::outbound(&config));
    let crew = Arc::new(Crew { trace: Some(telemetry.trace.clone()), ..Crew::default() });
    let (agent, tenant) = build_agent(&config, &sockets, &[], store.clone(), clock, entropy, &crew).await?;
    let outcome = furnish(&config, &agent, &tenant).await;
    store.close().await;
    telemetry.stop().await;
    outcome
}

/// What a wallet holds from the beginning.
async fn furnish(config: &Config, agent: &Agent, tenant: &Tenant) -> Result<(), StartError> {
    chancery_agent::wallet::ensure_marks(agent, tenant).await?;
    if let Some(seed) = &config.wallet.seed {
        let wallet = &config.wallet;
        let seed = chancery_agent::peers::Seed::from(STANDARD.encode(seed.expose()));
        chancery_agent::wallet::ensure_seed_did(
            agent,
            tenant,
            &seed,
            wallet.local_did,
            wallet.replace_public_did,
        )
        .await?;
    }
    Ok(())
}

async fn build_agent(
    config: &Config,
    sockets: &Arc<Sockets>,
    targets: &[webhooks::Target],
    store: Arc<dyn Store>,
    clock: Arc<SystemClock>,
    entropy: Arc<SystemEntropy>,
    crew: &Arc<Crew>,
) -> Result<(Arc<Agent>, Tenant), StartError> {
    let tls = |e: reqwest::Error| StartError::Tls(e.to_string());
    let tenants = store.tenants().await?;
    let tenant = tenants.into_iter().next().ok_or_else(|| StoreError::NoTenant("(default)".into()))?;
    let parts = Parts {
        store,
        clock,
        entropy,
        fetch: Arc::new(
            Fetcher::new(limits::fetch_reach(config), config.contexts.fetch_remote, sockets.clone())
                .map_err(tls)?,
        ),
        workers: crew.clone(),
        watch: crew.live.clone(),
        jsonld: Arc::new(Processor::new(Arc::new(Documents::bundled()))),
        formats: Formats::new(vec![Box::new(LdProof)]),
        resolvers: Resolvers::new(vec![Box::new(Web)]),
        trace: crew.trace(),
        edge: limits::edge(config),
        settings: settings(config, targets),
        tenant: tenant.clone(),
    };
    let protocols = vec![
        chancery_agent::out_of_band::registration(),
        chancery_agent::did_exchange::registration(),
        chancery_agent::trust_ping::registration(),
        chancery_agent::basic_message::registration(),
        chancery_agent::introduction::registration(),
        chancery_agent::notification::registration(),
        chancery_agent::issue_credential_v2::registration(),
    ];
    Ok((Arc::new(Agent::new(parts, protocols)), tenant))
}

/// Runs the agent until it is told to stop.
///
/// Errors: [`StartError`]. After a signal or `GET /shutdown` it ends with `Ok`.
pub async fn start(mut config: Config) -> Result<(), StartError> {
    // Before the first file.
    limits::fit_to_files(&mut config);
    let telemetry = telemetry::start(&config.logging, &config.agent.label)
        .map_err(|error| StartError::Io { what: "the log can't be opened", error })?;
    for notice in &config.notices {
        tracing::info!("{notice}");
    }
    let clock = Arc::new(SystemClock::default());
    let entropy = Arc::new(SystemEntropy);
    let create = if config.wallet.auto_provision { CreateMode::IfMissing } else { CreateMode::Never };
    let Opened { store, commits, died, .. } = open_store(&config, create, &clock, &entropy).await?;
    let ledger = Arc::new(Ledger::open(store, config.limits.waiting).await?);
    let store: Arc<dyn Store> = ledger.clone();
    let targets: Vec<webhooks::Target> = config.webhooks.targets.iter().map(webhooks::Target::new).collect();
    let sockets = Arc::new(limits::outbound(&config));
    let crew = Arc::new(Crew { trace: Some(telemetry.trace.clone()), ..Crew::default() });
    let (agent, tenant) =
        build_agent(&config, &sockets, &targets, store.clone(), clock.clone(), entropy.clone(), &crew)
            .await?;

    let workers = start_workers(&config, &sockets, targets, &ledger, &clock, &crew, &agent)?;
    furnish(&config, &agent, &tenant).await?;
    chancery_agent::peers::count_known_keys(&agent, &tenant).await?;
    chancery_agent::peers::note_waiting_invitations(&agent, &tenant).await?;
    agent.resume().await?;

    let stopping = Arc::new(AtomicBool::new(false));
    let endpoint = Arc::new(Endpoint {
        agent: agent.clone(),
        gate: limits::gate(&config, clock.clone()),
        heartbeat: config.transport.ws_heartbeat,
        ws_timeout: config.transport.ws_timeout,
        stopping: stopping.clone(),
        figures: Arc::default(),
        steps: crew.steps.clone(),
        rejected: Arc::default(),
    });
    let process = Arc::new(Process::new(
        &config,
        store.clone(),
        endpoint.clone(),
        workers.outbound.clone(),
        workers.webhooks.clone(),
        Meters {
            work: workers.work.clone(),
            burial: workers.burial.clone(),
            events: crew.counts.clone(),
            commits,
            clock: clock.clone(),
        },
        stopping,
    ));
    // Before anything new: rows are added to the workers once and in their order.
    workers.resume(&store, &crew).await?;
    agent.take_all_parked().await;
    let (servers, doors) = start_servers(&config, &agent, &endpoint, &process)?;
    workers.go();
    if let Some(most) = config.delivery.delay_notice {
        delivery::delay::watch(agent.clone(), most);
    }
    if let Some(invitation) = &config.invitation {
        print_invitation(&agent, &tenant, invitation).await?;
    }
    tracing::info!(label = %config.agent.label, version = env!("CARGO_PKG_VERSION"), "ready");

    let outcome = run(servers, doors, &process, died).await;
    for stopped in workers.drains() {
        let _ = tokio::time::timeout(DRAIN, stopped).await;
    }
    store.close().await;
    tracing::info!("stopped");
    telemetry.stop().await;
    outcome
}

async fn print_invitation(
    agent: &Agent,
    tenant: &Tenant,
    invitation: &config::StartupInvitation,
) -> Result<(), StartError> {
    let command = chancery_agent::out_of_band::CreateInvitation {
        my_label: invitation.label.clone(),
        multi_use: invitation.multi_use,
        use_public_did: Some(invitation.public),
        metadata: invitation.metadata.clone(),
        handshake_protocols: Some(vec![
            "https://didcomm.org/didexchange/1.1".into(),
            "https://didcomm.org/didexchange/1.0".into(),
        ]),
        auto_accept: Some(true),
        ..Default::default()
    };
    let record = chancery_agent::out_of_band::create_invitation(agent, tenant, command).await?;
    if let Some(url) = record.get("invitation_url").and_then(serde_json::Value::as_str) {
        println!("Invitation URL:\n{url}");
    }
    Ok(())
}
