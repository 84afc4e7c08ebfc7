//! Inbound DIDComm transports. 2xx is answered only once the message's effects are committed.

mod frames;
mod gate;
mod http;
mod reply;
mod ws;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use chancery_admin_api::seated;
use chancery_agent::Agent;
use chancery_agent::edge::Places;
use chancery_agent::engine::{Receipt, ReceiveError, Rejection};
pub use gate::{Busy, Gate, Limits};

use crate::telemetry::metrics::{Port, Rejected, Steps};

/// Which transport a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// POST.
    Http,
    /// WebSocket frames.
    Ws,
}

/// Counters of what came in.
#[derive(Debug, Default)]
pub struct Figures {
    /// Open sessions.
    pub sessions: AtomicU64,
    /// Messages that had their effect.
    pub accepted: AtomicU64,
    /// Envelopes that couldn't be opened.
    pub not_opened: AtomicU64,
    /// Opened, but no message of a known form.
    pub not_understood: AtomicU64,
    /// Understood, but refused.
    pub not_accepted: AtomicU64,
    /// Answered 429 or 503: too much at once, or a fault of ours.
    pub turned_away: AtomicU64,
}

/// What the inbound endpoints share.
pub struct Endpoint {
    /// Takes the messages.
    pub agent: Arc<Agent>,
    /// Who may come in now.
    pub gate: Gate,
    /// `--ws-heartbeat-interval`.
    pub heartbeat: Duration,
    /// `--ws-timeout-interval`.
    pub ws_timeout: Duration,
    /// Set when a stop has begun.
    pub stopping: Arc<AtomicBool>,
    /// Counters.
    pub figures: Arc<Figures>,
    /// How long messages took.
    pub steps: Arc<Steps>,
    /// What was not taken, by reason.
    pub rejected: Arc<Rejected>,
}

/// How the transports are served.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Threads.
    pub workers: usize,
    /// Connections that are open at once; more wait to be accepted.
    pub connections: usize,
    /// Of these, those of one address; one too many is closed.
    pub per_address: Option<Places>,
    /// Time for the header of a request.
    pub header_time: Duration,
    /// Time that a connection may be without a request.
    pub idle_time: Duration,
}

impl Endpoint {
    fn open(&self) -> Result<(), Busy> {
        match self.stopping.load(Ordering::Acquire) {
            true => Err(Busy::Us("the agent is stopping", "stopping")),
            false => Ok(()),
        }
    }

    /// Counts a message that was turned away.
    fn turned_away(&self, busy: Busy) {
        self.figures.turned_away.fetch_add(1, Ordering::Relaxed);
        let reason = match busy {
            Busy::Us(_, reason) => reason,
            Busy::You(..) => "too-many-of-one",
        };
        self.rejected.count(Port::DidComm, reason);
    }

    /// Counts a request that never became a message.
    fn no_message(&self, reason: &'static str) {
        self.figures.not_understood.fetch_add(1, Ordering::Relaxed);
        self.rejected.count(Port::DidComm, reason);
    }

    /// Hands a message to the agent, and counts what became of it.
    async fn step(&self, body: &[u8]) -> Result<Receipt, ReceiveError> {
        let began = Instant::now();
        let outcome = self.agent.receive(body, true).await;
        if let Ok(receipt) = &outcome {
            self.steps.message.count(began.elapsed());
            self.record(receipt);
        }
        outcome
    }

    /// Why a message was not taken: to be turned away, or 400 with the text.
    fn refused(&self, error: &ReceiveError) -> Result<Busy, String> {
        let busy = match error {
            ReceiveError::Body(_) => {
                self.no_message("not-json");
                return Err(error.to_string());
            }
            ReceiveError::Misshapen(misshapen) => {
                self.no_message(misshapen.reason());
                return Err(error.to_string());
            }
            ReceiveError::TooMany(wait) => Busy::You("too many messages of one sender", *wait),
            ReceiveError::Unavailable(_) => {
                Busy::Us("the agent can't store messages at present", "unavailable")
            }
        };
        self.turned_away(busy);
        Ok(busy)
    }

    fn record(&self, receipt: &Receipt) {
        let figures = &self.figures;
        let Some(rejection) = &receipt.rejection else {
            figures.accepted.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let counter = match rejection {
            Rejection::NotOpened(_) => &figures.not_opened,
            Rejection::NotUnderstood(_) => &figures.not_understood,
            Rejection::NotAccepted(..) => &figures.not_accepted,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.rejected.count(Port::DidComm, rejection.parts().0);
    }
}

/// Serves one listener.
///
/// Errors: the listener can't be used.
pub fn serve(
    kind: Kind,
    endpoint: Arc<Endpoint>,
    listener: TcpListener,
    serving: Serving,
) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let app = App::new().app_data(web::Data::from(endpoint.clone()));
        match kind {
            Kind::Http => app.configure(http::routes),
            Kind::Ws => app.configure(ws::routes),
        }
    });
    let per_address = serving.per_address;
    Ok(server
        .on_connect(move |stream, kept| seated(per_address.as_ref(), stream, kept))
        .workers(serving.workers)
        .max_connections((serving.connections / serving.workers).max(1))
        .client_request_timeout(serving.header_time)
        .keep_alive(serving.idle_time)
        .disable_signals()
        .shutdown_timeout(10)
        .listen(listener)?
        .run())
}
