//! Where concrete types meet: the one file that names all of them.

use std::net::{TcpListener, ToSocketAddrs};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_admin_api::{AdminApi, ApiKey, Auth};
use chancery_agent::engine::Parts;
use chancery_agent::ports::store::{Event, Item, StoreError};
use chancery_agent::ports::{NoTrace, Store, Trace, Workers};
use chancery_agent::{Agent, AgentError, Settings, Tenant};
use chancery_jsonld::{Documents, Processor};

use crate::config::{self, AdminAccess, Config, Scheme, Storage, WalletType};
use crate::delivery::{self, Backoff, Burial, Dispatcher, Poster};
use crate::door::{self, Door};
use crate::inbound::{self, Endpoint};
use crate::limits;
use crate::live::Live;
use crate::operations::{Meters, Process};
use crate::outbound::{self, Carrier, CarrierParts, Letter, Schedule};
use crate::resolve::Fetcher;
use crate::store::postgres::Tls;
use crate::store::{self, PostgresStore, Server, SqliteStore};
use crate::store::{CreateMode, FacetSource, Keep, KeyMethod, OpenError, OpenOptions, Place};
use crate::telemetry;
use crate::webhooks::{self, Notice, Notifier, NotifierParts};
use crate::work::{self, Worker};
use crate::world::{SystemClock, SystemEntropy};

/// How long a graceful stop waits for what is in flight.
const DRAIN: Duration = Duration::from_secs(10);
const PER_ENDPOINT: usize = 16;

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

#[derive(Default)]
struct Crew {
    live: Arc<Live>,
    counts: Arc<telemetry::metrics::Events>,
    steps: Arc<telemetry::metrics::Steps>,
    trace: Option<Arc<dyn Trace>>,
    outbound: OnceLock<(Arc<Carrier>, Dispatcher<Letter>)>,
    webhooks: OnceLock<(Arc<Notifier>, Dispatcher<Notice>)>,
    work: OnceLock<Dispatcher<Item>>,
}

impl Workers for Crew {
    fn outbound(&self, items: Vec<Item>) {
        if let Some((carrier, dispatcher)) = self.outbound.get() {
            dispatcher.add(items.into_iter().filter_map(|item| carrier.job(item, false)).collect());
        }
    }

    fn work(&self, items: Vec<Item>) {
        if let Some(dispatcher) = self.work.get() {
            dispatcher.add(items.into_iter().map(Worker::job).collect());
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
}

impl Crew {
    fn trace(&self) -> Arc<dyn Trace> {
        self.trace.clone().unwrap_or_else(|| Arc::new(NoTrace))
    }

    fn carry(&self, events: Vec<Event>, again: bool) {
        if let Some((notifier, dispatcher)) = self.webhooks.get() {
            let now = notifier.now();
            let jobs = notifier.jobs(events, |event, _| if again { now } else { event.created });
            if !jobs.is_empty() {
                dispatcher.add(jobs);
            }
        }
    }
}

/// A wallet that is open.
struct Opened {
    store: Arc<dyn Store>,
    commits: Arc<telemetry::metrics::Commits>,
    /// Ends when nothing can be written any more.
    died: Pin<Box<dyn Future<Output = String> + Send>>,
}

fn server_of(database: &config::Database, name: &str) -> Result<Server, StartError> {
    let account = |account: &config::Account| store::postgres::Account {
        name: account.name.clone(),
        password: zeroize::Zeroizing::new(account.password.expose().to_owned()),
    };
    let tls = Tls::new(database.sslmode, database.sslrootcert.clone()).map_err(StartError::Tls)?;
    Ok(Server {
        host: database.host.clone(),
        port: database.port,
        database: name.to_owned(),
        account: account(&database.account),
        admin: database.admin.as_ref().map(account),
        max_connections: database.max_connections,
        connect_timeout: database.connect_timeout,
        tls,
        open: Arc::default(),
    })
}

async fn open_store(
    config: &Config,
    create: CreateMode,
    clock: &Arc<SystemClock>,
    entropy: &Arc<SystemEntropy>,
) -> Result<Opened, StartError> {
    let wallet = &config.wallet;
    let method = |derivation: config::KeyDerivation| match derivation {
        config::KeyDerivation::Argon2iModerate => KeyMethod::Argon2iMod,
        config::KeyDerivation::Argon2iInteractive => KeyMethod::Argon2iInt,
        config::KeyDerivation::Raw => KeyMethod::Raw,
        config::KeyDerivation::None => KeyMethod::None,
    };
    let secret = |key: &config::PassKey| zeroize::Zeroizing::new(key.key.expose().to_owned());
    let options = OpenOptions {
        place: match &wallet.storage {
            Storage::Sqlite(path) => Place::File(path.clone()),
            Storage::Memory => Place::Memory,
            Storage::Postgres(database) => Place::Server(server_of(database, &wallet.name)?),
        },
        key: wallet.pass_key.as_ref().map(secret).unwrap_or_default(),
        method: wallet.pass_key.as_ref().map_or(KeyMethod::None, |k| method(k.derivation)),
        rekey: wallet.rekey.as_ref().map(|k| (method(k.derivation), secret(k))),
        create: if wallet.recreate { CreateMode::Recreate } else { create },
        profile: None,
        clock: clock.clone(),
        entropy: entropy.clone(),
        facets: FACETS,
    };
    let keep = Keep {
        delivered_events: seconds(config.retention.events).saturating_mul(1000),
        dead_letters: seconds(config.retention.dead_letters).saturating_mul(1000),
    };
    if let Place::Server(server) = options.place.clone() {
        let store = Arc::new(PostgresStore::open(server, options, keep).await?);
        // It gets its connection back by itself.
        return Ok(Opened { commits: store.commits(), store, died: Box::pin(std::future::pending()) });
    }
    let store = Arc::new(SqliteStore::open_keeping(options, keep).await?);
    let watched = store.clone();
    Ok(Opened { commits: store.commits(), store, died: Box::pin(async move { watched.died().await }) })
}

fn settings(config: &Config, targets: &[webhooks::Target]) -> Settings {
    let admin = config.admin.as_ref();
    Settings {
        label: config.agent.label.clone(),
        image_url: config.agent.image_url.clone(),
        endpoints: config.agent.endpoints.clone(),
        invite_base_url: config.protocol.invite_base_url.clone(),
        help_link: admin.and_then(|a| a.help_link.clone()),
        no_receive_invites: admin.is_some_and(|a| a.no_receive_invites),
        auto_accept_invites: config.automation.accept_invites,
        auto_accept_requests: config.automation.accept_requests,
        auto_ping_connection: config.protocol.auto_ping_connection,
        monitor_ping: config.protocol.monitor_ping,
        public_invites: config.protocol.public_invites,
        requests_through_public_did: config.protocol.requests_through_public_did,
        auto_respond_messages: config.automation.respond_messages,
        auto_accept_intro_invitation_requests: config.automation.accept_introductions,
        auto_respond_credential_proposal: config.automation.respond_credential_proposal,
        auto_respond_credential_offer: config.automation.respond_credential_offer,
        auto_respond_credential_request: config.automation.respond_credential_request,
        auto_store_credential: config.automation.store_credential,
        preserve_exchange_records: config.protocol.preserve_exchange_records,
        no_preserve_failed_exchange_records: config.protocol.remove_failed_exchange_records.then_some(true),
        debug_webhooks: config.webhooks.full_records,
        unencrypted_tags: config.protocol.unencrypted_exchange_tags,
        allow_insecure_seed: config.wallet.allow_insecure_seed,
        wallet_type: match config.wallet.wallet_type {
            WalletType::Askar => "askar".to_owned(),
            WalletType::AskarAnoncreds => "askar-anoncreds".to_owned(),
        },
        webhook_targets: targets.iter().map(|t| t.id.clone()).collect(),
        remote_contexts: config.contexts.fetch_remote,
        tombstone_seconds: seconds(config.retention.tombstones),
        parked_seconds: seconds(config.retention.parked_envelopes),
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn listen(host: &str, port: u16) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Listen { address: format!("{host}:{port}"), error };
    let addresses: Vec<_> = (host, port).to_socket_addrs().map_err(failed)?.collect();
    TcpListener::bind(&addresses[..]).map_err(failed)
}

/// Makes the wallet (and the seed's DID) and ends.
///
/// Errors: [`StartError`].
pub async fn provision(config: Config) -> Result<(), StartError> {
    let telemetry = telemetry::start(&config.logging, &config.agent.label)
        .map_err(|error| StartError::Io { what: "the log can't be opened", error })?;
    let clock = Arc::new(SystemClock::default());
    let entropy = Arc::new(SystemEntropy::default());
    let Opened { store, .. } = open_store(&config, CreateMode::IfMissing, &clock, &entropy).await?;
    let crew = Arc::new(Crew { trace: Some(telemetry.trace.clone()), ..Crew::default() });
    let (agent, tenant) = build_agent(&config, &[], store.clone(), clock, entropy, &crew).await?;
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
        let seed = zeroize::Zeroizing::new(STANDARD.encode(seed.expose()));
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
            Fetcher::new(limits::fetch_reach(config), config.contexts.fetch_remote).map_err(tls)?,
        ),
        workers: crew.clone(),
        watch: crew.live.clone(),
        jsonld: Arc::new(Processor::new(Arc::new(Documents::bundled()))),
        trace: crew.trace(),
        edge: limits::edge(config),
        settings: settings(config, targets),
        tenant: tenant.clone(),
    };
    let protocols = vec![
        chancery_agent::out_of_band::protocol(),
        chancery_agent::did_exchange::protocol(),
        chancery_agent::trust_ping::protocol(),
        chancery_agent::basic_message::protocol(),
        chancery_agent::introduction::protocol(),
        chancery_agent::issue_credential_v2::protocol(),
    ];
    Ok((Arc::new(Agent::new(parts, protocols)), tenant))
}

/// Runs the agent until it is told to stop.
///
/// Errors: [`StartError`]. After a signal or `GET /shutdown` it ends with `Ok`.
pub async fn start(config: Config) -> Result<(), StartError> {
    let telemetry = telemetry::start(&config.logging, &config.agent.label)
        .map_err(|error| StartError::Io { what: "the log can't be opened", error })?;
    for notice in &config.notices {
        tracing::info!("{notice}");
    }
    let clock = Arc::new(SystemClock::default());
    let entropy = Arc::new(SystemEntropy::default());
    let create = if config.wallet.auto_provision { CreateMode::IfMissing } else { CreateMode::Never };
    let Opened { store, commits, died } = open_store(&config, create, &clock, &entropy).await?;
    let targets: Vec<webhooks::Target> = config.webhooks.targets.iter().map(webhooks::Target::new).collect();
    let crew = Arc::new(Crew { trace: Some(telemetry.trace.clone()), ..Crew::default() });
    let (agent, tenant) =
        build_agent(&config, &targets, store.clone(), clock.clone(), entropy.clone(), &crew).await?;

    let workers = start_workers(&config, targets, &store, &clock, &entropy, &crew, &agent)?;
    furnish(&config, &agent, &tenant).await?;
    chancery_agent::credential::load_pinned_contexts(&agent, &tenant).await?;
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

struct Delivery {
    outbound: Dispatcher<Letter>,
    webhooks: Dispatcher<Notice>,
    work: Dispatcher<Item>,
    burial: Burial,
}

impl Delivery {
    async fn resume(&self, store: &Arc<dyn Store>, crew: &Crew) -> Result<(), StartError> {
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
    fn go(&self) {
        self.work.go();
        self.outbound.go();
        self.webhooks.go();
    }

    fn drains(&self) -> Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        // Last: the others give up into it.
        vec![
            Box::pin(self.work.drain()),
            Box::pin(self.outbound.drain()),
            Box::pin(self.webhooks.drain()),
            Box::pin(self.burial.drain()),
        ]
    }
}

fn start_workers(
    config: &Config,
    targets: Vec<webhooks::Target>,
    store: &Arc<dyn Store>,
    clock: &Arc<SystemClock>,
    entropy: &Arc<SystemEntropy>,
    crew: &Crew,
    agent: &Arc<Agent>,
) -> Result<Delivery, StartError> {
    use rustls_platform_verifier::ConfigVerifierExt;

    let tls = rustls::ClientConfig::with_platform_verifier().map_err(|e| StartError::Tls(e.to_string()))?;
    let tls = Arc::new(tls);
    let reach = limits::peer_reach(config);
    let burial = Burial::start(agent.clone());
    let carrier = Arc::new(Carrier::new(CarrierParts {
        store: store.clone(),
        clock: clock.clone(),
        poster: Poster::start(tls.clone(), Some(reach)),
        tls: tls.clone(),
        reach,
        schedule: Schedule {
            most_retries: config.delivery.max_attempts,
            most_age: config.delivery.max_age,
            most_held: config.retention.return_route,
        },
        http: config.transport.outbound.contains(&Scheme::Http),
        ws: config.transport.outbound.contains(&Scheme::Ws),
        burial: burial.clone(),
    }));
    carrier.attach(agent.clone());
    let notifier = Arc::new(Notifier::new(NotifierParts {
        store: store.clone(),
        clock: clock.clone(),
        poster: Poster::start(tls, None),
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
        work: Dispatcher::start(worker, PER_ENDPOINT, backoff, entropy.clone()),
        burial,
    };
    outbound::held::watch(carrier.clone());
    let _ = crew.outbound.set((carrier, workers.outbound.clone()));
    let _ = crew.webhooks.set((notifier, workers.webhooks.clone()));
    let _ = crew.work.set(workers.work.clone());
    Ok(workers)
}

fn start_servers(
    config: &Config,
    agent: &Arc<Agent>,
    endpoint: &Arc<Endpoint>,
    process: &Arc<Process>,
) -> Result<(Vec<actix_web::dev::Server>, Vec<Door>), StartError> {
    let io = |error| StartError::Io { what: "a server can't start", error };
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
    let (mut servers, mut doors) = (Vec::new(), Vec::new());
    for transport in &config.transport.inbound {
        let listener = listen(&transport.host, transport.port)?;
        doors.push(Door::of(&listener));
        let kind = match transport.scheme {
            Scheme::Http => inbound::Kind::Http,
            Scheme::Ws => inbound::Kind::Ws,
        };
        tracing::info!(?kind, host = %transport.host, port = transport.port, "DIDComm");
        servers.push(
            inbound::serve(kind, endpoint.clone(), listener, limits::didcomm(config, workers)).map_err(io)?,
        );
    }
    if let Some(admin) = &config.admin {
        let listener = listen(&admin.host, admin.port)?;
        doors.push(Door::of(&listener));
        let auth = match &admin.access {
            AdminAccess::Key(key) => Auth::Key(ApiKey::new(key.expose().to_owned())),
            AdminAccess::Insecure => Auth::Insecure,
        };
        let api = AdminApi {
            agent: agent.clone(),
            operations: process.clone(),
            auth,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            limits: limits::admin(config),
        };
        tracing::info!(host = %admin.host, port = admin.port, "admin API");
        servers.push(chancery_admin_api::serve(api, listener, workers).map_err(io)?);
    }
    Ok((servers, doors))
}

/// Serves until a signal, `GET /shutdown`, or the end of something that must not end.
async fn run(
    servers: Vec<actix_web::dev::Server>,
    doors: Vec<Door>,
    process: &Process,
    died: Pin<Box<dyn Future<Output = String> + Send>>,
) -> Result<(), StartError> {
    let handles: Vec<_> = servers.iter().map(actix_web::dev::Server::handle).collect();
    let serving = futures_util::future::join_all(servers);
    tokio::pin!(serving);
    let outcome = tokio::select! {
        ended = &mut serving => {
            let failed = ended.into_iter().find_map(Result::err);
            return failed.map_or(Ok(()), |error| Err(StartError::Io { what: "a server stopped", error }));
        }
        () = signalled() => Ok(()),
        () = process.asked_to_stop() => Ok(()),
        reason = died => Err(StartError::WriterDied(reason)),
    };
    tracing::info!("stopping");
    process.stop_accepting();
    if outcome.is_ok() {
        door::last_calls(doors).await;
    }
    let stops = futures_util::future::join_all(handles.iter().map(|h| h.stop(outcome.is_ok())));
    let _ = tokio::time::timeout(DRAIN, futures_util::future::join(stops, serving)).await;
    outcome
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
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
