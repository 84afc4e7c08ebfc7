//! Inbound DIDComm transports. 2xx is answered only once the message's effects are committed.

mod http;
mod reply;
mod ws;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use chancery_agent::Agent;
use chancery_agent::engine::{Receipt, Rejection};

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
    /// Answered 503: a fault of ours or too busy.
    pub turned_away: AtomicU64,
}

/// What the inbound endpoints share.
pub struct Endpoint {
    /// Takes the messages.
    pub agent: Arc<Agent>,
    /// `--max-message-size`, bytes.
    pub max_message_bytes: usize,
    /// Messages handled at once; beyond, 503 with `Retry-After`.
    pub max_concurrent: usize,
    /// `--ws-heartbeat-interval`.
    pub heartbeat: Duration,
    /// `--ws-timeout-interval`.
    pub ws_timeout: Duration,
    /// Set when a stop has begun.
    pub stopping: Arc<AtomicBool>,
    /// Counters.
    pub figures: Arc<Figures>,
    /// Messages being handled now.
    pub handling: AtomicUsize,
}

/// A message that isn't taken now: the sender should try again.
struct Busy(&'static str);

/// Counts a message as being handled, as long as it lives.
struct Turn<'a>(&'a Endpoint);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.handling.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Endpoint {
    fn turn(&self) -> Result<Turn<'_>, Busy> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(Busy("the agent is stopping"));
        }
        let turn = Turn(self);
        if self.handling.fetch_add(1, Ordering::AcqRel) >= self.max_concurrent {
            return Err(Busy("too many messages at once"));
        }
        Ok(turn)
    }

    fn record(&self, receipt: &Receipt) {
        let (counter, reason, detail) = match &receipt.rejection {
            None => {
                self.figures.accepted.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Some(Rejection::NotOpened(detail)) => (&self.figures.not_opened, "not-opened", detail),
            Some(Rejection::NotUnderstood(detail)) => {
                (&self.figures.not_understood, "not-understood", detail)
            }
            Some(Rejection::NotAccepted(reason, detail)) => (&self.figures.not_accepted, *reason, detail),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        tracing::info!(reason, detail, "a message had no effect");
    }
}

/// Serves one listener.
///
/// Errors: the listener can't be used.
pub fn serve(
    kind: Kind,
    endpoint: Arc<Endpoint>,
    listener: TcpListener,
    workers: usize,
) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let app = App::new().app_data(web::Data::from(endpoint.clone()));
        match kind {
            Kind::Http => app.configure(http::routes),
            Kind::Ws => app.configure(ws::routes),
        }
    });
    Ok(server
        .workers(workers)
        .client_request_timeout(Duration::from_secs(30))
        .keep_alive(Duration::from_secs(75))
        .disable_signals()
        .shutdown_timeout(10)
        .listen(listener)?
        .run())
}
