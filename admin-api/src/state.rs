//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery_agent::Agent;
use chancery_agent::edge::{self, Client, Limiter, Places, Shape};
use chancery_agent::ports::Operations;
use chancery_agent::unit::idempotency::InFlight;

use crate::auth::Auth;
use crate::doors::{Guesses, Names};
use crate::page::Assets;

/// WebSockets open at once that have not shown a key yet.
const STRANGERS: usize = 64;
/// The same of one address.
const STRANGERS_OF_ONE: usize = 16;

/// What is taken from outside.
#[derive(Debug)]
pub struct Limits {
    /// Largest request body in bytes (`--admin-client-max-request-size`); more is answered with 413.
    pub max_request_bytes: usize,
    /// Most requests carried out at once, and most WebSockets open at once; more are answered with 503 and `Retry-After`.
    pub max_concurrent: usize,
    /// Most connections open at once; more wait to be accepted.
    pub connections: usize,
    /// Most connections of one address; one too many is closed.
    pub connections_per_address: Option<Places>,
    /// Time for the header of a request.
    pub header_time: Duration,
    /// Time for the body of a request; 408 after it.
    pub body_time: Duration,
    /// Time that a connection may be without a request.
    pub idle_time: Duration,
    /// JSON that is parsed.
    pub shape: Shape,
    /// Requests of one address; more are answered with 429 and `Retry-After`.
    pub rate_per_address: Option<Limiter>,
    /// Requests with one key.
    pub rate_per_key: Option<Limiter>,
    /// Header in which the operator's proxy names the client.
    pub address_header: Option<String>,
}

/// The admin API with what it works on.
pub struct AdminApi {
    /// The agent that commands go to.
    pub agent: Arc<Agent>,
    /// The running process: readiness, counters, settings, shutdown.
    pub operations: Arc<dyn Operations>,
    /// Who may call.
    pub auth: Auth,
    /// What is taken from outside. The status probes are never held up.
    pub limits: Limits,
    /// Names under which browsers may call an API without a key, beside IP addresses and `localhost`; in lower case.
    pub hosts: Vec<String>,
    /// What `GET /status` says as `chancery`, and the API description.
    pub version: String,
}

/// What all requests share.
pub(crate) struct State {
    pub(crate) api: AdminApi,
    pub(crate) assets: Assets,
    /// Calls with an `Idempotency-Key`.
    pub(crate) keyed: InFlight,
    /// Under which names it may be called from browsers.
    pub(crate) names: Names,
    /// Who tries keys.
    pub(crate) guesses: Guesses,
    requests: Arc<AtomicUsize>,
    sockets: Arc<AtomicUsize>,
    strangers: Arc<AtomicUsize>,
    strangers_of_one: Places,
}

/// A place among the requests or sockets; given back when dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    pub(crate) fn new(api: AdminApi) -> Self {
        let assets = Assets::new(&api.version);
        Self::with(api, assets)
    }

    /// With assets that are made already: they take longer than most requests.
    pub(crate) fn with(api: AdminApi, assets: Assets) -> Self {
        Self {
            names: Names { loopback: false, named: api.hosts.clone() },
            api,
            assets,
            keyed: InFlight::default(),
            guesses: Guesses::default(),
            requests: Arc::default(),
            sockets: Arc::default(),
            strangers: Arc::default(),
            strangers_of_one: Places::new(STRANGERS_OF_ONE),
        }
    }

    /// A place for a request; `None` when all are taken.
    pub(crate) fn request_place(&self) -> Option<Place> {
        take(&self.requests, self.api.limits.max_concurrent)
    }

    /// A place for a WebSocket or a stream of somebody who may; `None` when all are taken.
    pub(crate) fn socket_place(&self) -> Option<Place> {
        take(&self.sockets, self.api.limits.max_concurrent)
    }

    /// A place for a WebSocket without a key so far: none of those that others need, and few for one address.
    pub(crate) fn stranger_place(&self, address: Option<&Client>) -> Option<(Place, edge::Place)> {
        let of_one = self.strangers_of_one.take(&address)?;
        Some((take(&self.strangers, STRANGERS)?, of_one))
    }
}

fn take(counter: &Arc<AtomicUsize>, most: usize) -> Option<Place> {
    let place = Place(counter.clone());
    // The place counts itself; when it is one too many, dropping it takes it off again.
    let taken = counter.fetch_add(1, Ordering::Relaxed);
    (taken < most).then_some(place)
}
