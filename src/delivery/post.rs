//! POSTs over connections that are kept: one task writes the request and reads the answer, so that a delivery costs no more
//! wake-ups than its own input and output.

mod answer;
mod fields;

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::resolve::{Idle, NO_PLACE, Reach, Seat, Sockets};
use answer::{Answer, Answered};
pub use fields::{FieldError, Fields};

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// A connection that was not used for so long is closed: most servers close theirs after a minute.
const IDLE: Duration = Duration::from_secs(45);
/// Connections to one place that are kept while they are idle.
const KEPT: usize = 32;
const SWEEP: Duration = Duration::from_secs(15);
/// Endpoints whose URL is kept parsed.
const ENDPOINTS: usize = 4_096;
const AGENT: &str = concat!("chancery/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PostError {
    /// Will never work: no usable URL, or an address out of reach.
    #[error("{0}")]
    Hopeless(String),
    /// May work another time: no connection, no answer in time.
    #[error("{0}")]
    Down(String),
    /// May work another time: too many other connections are open.
    #[error("{0}")]
    NoPlace(String),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Kept {
    stream: Box<dyn Stream>,
    since: Instant,
    seat: Seat,
}

/// Where connections lead.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    tls: bool,
    host: String,
    port: u16,
}

/// The idle connections to a place, the one that was used last at the end.
struct Origin {
    place: Place,
    idle: Mutex<Vec<Kept>>,
}

impl Origin {
    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A URL, ready for use.
struct Endpoint {
    origin: Arc<Origin>,
    /// Request line, and the header fields that are the same each time. May hold a password.
    head: Box<str>,
}

#[derive(Default)]
struct Known {
    origins: HashMap<Place, Arc<Origin>>,
    endpoints: HashMap<String, Arc<Endpoint>>,
}

/// Posts to any URL over HTTP/1.1, keeping connections. Uses no proxy.
pub struct Poster {
    tls: TlsConnector,
    /// `None`: the operator's own URLs, which are exempt.
    reach: Option<Reach>,
    sockets: Arc<Sockets>,
    known: Mutex<Known>,
}

/// The status of an answer, and where it asks to post to.
type Told = (StatusCode, Option<String>);

enum Failed {
    /// The connection was closed, perhaps before the request was read.
    Closed(String),
    Post(PostError),
}

impl Poster {
    /// A poster whose connections take places of `sockets`, and the task that closes them when they have been idle for long.
    pub fn start(tls: Arc<rustls::ClientConfig>, reach: Option<Reach>, sockets: Arc<Sockets>) -> Arc<Self> {
        let tls = TlsConnector::from(tls);
        let poster = Arc::new(Self { tls, reach, sockets, known: Mutex::default() });
        let idle: Arc<dyn Idle> = poster.clone();
        poster.sockets.set_idle(Arc::downgrade(&idle));
        #[expect(
            clippy::disallowed_methods,
            reason = "the delivery workers are started here and nowhere else"
        )]
        tokio::spawn(sweep(Arc::downgrade(&poster)));
        poster
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One POST; what it was answered with. A kept connection that turns out to be closed is replaced. A peer's endpoint that
    /// answers 307 or 308 is left for where it points, once; the operator's own URLs are not: the header may hold a key.
    ///
    /// Errors: [`PostError`].
    pub async fn post(&self, url: &str, fields: &Fields, body: &[u8]) -> Result<StatusCode, PostError> {
        match (self.post_once(url, fields, body).await?, self.reach) {
            ((_, Some(location)), Some(reach)) => {
                let elsewhere = moved(reach, url, &location).map_err(PostError::Hopeless)?;
                self.post_once(&elsewhere, fields, body).await.map(|(status, _)| status)
            }
            ((status, _), _) => Ok(status),
        }
    }

    /// The status of the answer, and where it asks to post to.
    async fn post_once(&self, url: &str, fields: &Fields, body: &[u8]) -> Result<Told, PostError> {
        let endpoint = self.endpoint(url)?;
        let request = endpoint.request(fields, body);
        loop {
            let kept = endpoint.origin.idle().pop();
            let Some(kept) = kept else { break };
            match self.answered(kept, &endpoint.origin, &request).await {
                Err(Failed::Closed(_)) => {}
                Err(Failed::Post(error)) => return Err(error),
                Ok(told) => return Ok(told),
            }
        }
        let opened = timeout(CONNECT, self.open(&endpoint.origin.place)).await;
        let fresh = opened.unwrap_or_else(|_| Err(PostError::Down(no_answer("no connection", CONNECT))))?;
        self.answered(fresh, &endpoint.origin, &request).await.map_err(|failed| match failed {
            Failed::Closed(reason) => PostError::Down(reason),
            Failed::Post(error) => error,
        })
    }

    async fn answered(&self, mut kept: Kept, origin: &Origin, request: &[u8]) -> Result<Told, Failed> {
        let mut asking = Asking {
            stream: &mut *kept.stream,
            request,
            written: 0,
            flushed: false,
            answer: Answer::default(),
        };
        let asked = timeout(ANSWER, poll_fn(|cx| asking.poll(cx))).await;
        match &asked {
            Ok(Ok(_)) => kept.seat.answered(),
            Ok(Err(_)) => {}
            Err(_) => kept.seat.unanswered(),
        }
        let Answered { status, reusable } =
            asked.unwrap_or_else(|_| Err(Failed::Post(PostError::Down(no_answer("no answer", ANSWER)))))?;
        let location = asking.answer.location();
        if reusable {
            kept.since = Instant::now();
            self.keep(origin, kept);
        }
        Ok((status, location))
    }

    /// Keeps a connection, unless there are enough or its place is wanted.
    fn keep(&self, origin: &Origin, kept: Kept) {
        let mut idle = origin.idle();
        idle.push(kept);
        // After the push: who waits either found the connection here, or is seen now.
        let wanted = idle.last().is_some_and(|kept| self.sockets.wants(&kept.seat));
        if wanted || idle.len() > KEPT {
            idle.remove(0);
        }
    }

    fn endpoint(&self, url: &str) -> Result<Arc<Endpoint>, PostError> {
        if let Some(known) = self.known().endpoints.get(url) {
            return Ok(known.clone());
        }
        let (place, head) = parse(url, self.reach).map_err(PostError::Hopeless)?;
        let mut known = self.known();
        if known.endpoints.len() >= ENDPOINTS {
            known.endpoints.clear();
        }
        let origin = known.origins.entry(place.clone());
        let origin = origin.or_insert_with(|| Arc::new(Origin { place, idle: Mutex::default() })).clone();
        let endpoint = Arc::new(Endpoint { origin, head: head.into() });
        known.endpoints.insert(url.to_owned(), endpoint.clone());
        Ok(endpoint)
    }

    async fn open(&self, place: &Place) -> Result<Kept, PostError> {
        let down = |error: io::Error| PostError::Down(crate::outbound::root_cause(&error));
        let host = place.host.trim_matches(['[', ']']);
        let connected = self.sockets.connect(self.reach, host, place.port).await;
        let (stream, seat) = connected.map_err(|error| match error.kind() {
            NO_PLACE => PostError::NoPlace(error.to_string()),
            _ => down(error),
        })?;
        stream.set_nodelay(true).map_err(down)?;
        let stream: Box<dyn Stream> = if place.tls {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| PostError::Hopeless(format!("{host} is no name for TLS")))?;
            Box::new(self.tls.connect(name, stream).await.map_err(down)?)
        } else {
            Box::new(stream)
        };
        Ok(Kept { stream, since: Instant::now(), seat })
    }
}

impl Idle for Poster {
    fn close_one(&self, fits: &dyn Fn(&Seat) -> bool) {
        let known = self.known();
        let fits = |kept: &Kept| fits(&kept.seat);
        let oldest = known.origins.values().filter_map(|origin| {
            let idle = origin.idle();
            Some((idle.iter().find(|kept| fits(kept))?.since, origin))
        });
        let Some((_, origin)) = oldest.min_by_key(|(since, _)| *since) else { return };
        let mut idle = origin.idle();
        // Meanwhile it may have come into use.
        if let Some(at) = idle.iter().position(fits) {
            idle.remove(at);
        }
    }
}

/// A request on its way. It is written and its answer read at the same time: who refuses a long body answers before its end.
struct Asking<'a> {
    stream: &'a mut dyn Stream,
    request: &'a [u8],
    written: usize,
    flushed: bool,
    answer: Answer,
}

impl Asking<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answered, Failed>> {
        // Before the first byte: a connection that was closed while it was idle tells so.
        let early = self.written == 0;
        if early && let Poll::Ready(outcome) = self.poll_answer(cx) {
            return Poll::Ready(
                outcome.and(Err(Failed::Closed("the connection was used by the other side".into()))),
            );
        }
        let written = self.poll_request(cx);
        // Also after a failure: the answer may say why it isn't read on.
        match (self.poll_answer(cx), written) {
            (Poll::Ready(Ok(answered)), written) => {
                let reusable = answered.reusable && matches!(written, Poll::Ready(Ok(())));
                Poll::Ready(Ok(Answered { reusable, ..answered }))
            }
            (_, Poll::Ready(Err(error))) if self.answer.is_empty() => {
                Poll::Ready(Err(Failed::Closed(error.to_string())))
            }
            (answer, _) => answer,
        }
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.request.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        if !self.flushed {
            ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answered, Failed>> {
        let down = |reason: &str| Failed::Post(PostError::Down(reason.to_owned()));
        loop {
            let mut space = [0; 2048];
            let mut read = ReadBuf::new(&mut space);
            let outcome = match ready!(Pin::new(&mut *self.stream).poll_read(cx, &mut read)) {
                Ok(()) if read.filled().is_empty() => match self.answer.closed() {
                    Some(answered) => Ok(answered),
                    None if self.answer.is_empty() => {
                        Err(Failed::Closed("the connection was closed".to_owned()))
                    }
                    None => Err(down("the connection was closed in the middle of the answer")),
                },
                Ok(()) => match self.answer.take(read.filled()) {
                    Ok(None) => continue,
                    Ok(Some(answered)) => Ok(answered),
                    Err(reason) => Err(down(reason)),
                },
                Err(error) if self.answer.is_empty() => Err(Failed::Closed(error.to_string())),
                Err(error) => Err(down(&error.to_string())),
            };
            return Poll::Ready(outcome);
        }
    }
}

fn no_answer(what: &str, within: Duration) -> String {
    format!("{what} within {} s", within.as_secs())
}

/// Closes what is idle, until the poster is gone.
async fn sweep(poster: Weak<Poster>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(poster) = poster.upgrade() else { return };
        poster.known().origins.retain(|_, origin| {
            let mut idle = origin.idle();
            idle.retain(|one| one.since.elapsed() < IDLE);
            !idle.is_empty() || Arc::strong_count(origin) > 1
        });
    }
}

/// Where a peer's endpoint wants to be posted to instead.
fn moved(reach: Reach, from: &str, location: &str) -> Result<String, String> {
    let from = reqwest::Url::parse(from).map_err(|error| format!("{from} is no URL: {error}"))?;
    let to = from.join(location).map_err(|error| format!("{from} points nowhere: {error}"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(format!("{from} leads out of https"));
    }
    reach.check_address(&to)?;
    Ok(to.into())
}

/// Where a URL leads, and the head of requests to it.
fn parse(text: &str, reach: Option<Reach>) -> Result<(Place, String), String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("{text} is no URL: {error}"))?;
    let unusable = || format!("{url} can't be posted to: it is not http:// or https:// with a host");
    if let Some(reach) = reach {
        reach.check_address(&url)?;
    }
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return Err(unusable()),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(unusable)?.to_owned();
    let port = url.port_or_known_default().ok_or_else(unusable)?;
    // What the parser leaves in path, query and host is visible ASCII (WHATWG URL, percent-encode sets).
    let mut head = format!("POST {}", url.path());
    if let Some(query) = url.query() {
        head.push('?');
        head.push_str(query);
    }
    head.push_str(" HTTP/1.1\r\nhost: ");
    head.push_str(&host);
    if let Some(port) = url.port() {
        head.push_str(&format!(":{port}"));
    }
    head.push_str(&format!("\r\nuser-agent: {AGENT}\r\n"));
    if !url.username().is_empty() {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let mut pair = decode(url.username());
        pair.push(b':');
        pair.extend(decode(url.password().unwrap_or_default()));
        head.push_str(&format!("authorization: Basic {}\r\n", STANDARD.encode(pair)));
    }
    Ok((Place { tls, host, port }, head))
}

impl Endpoint {
    fn request(&self, fields: &Fields, body: &[u8]) -> Vec<u8> {
        let fields = fields.as_bytes();
        let length = format!("content-length: {}\r\n\r\n", body.len());
        [self.head.as_bytes(), fields, length.as_bytes(), body].concat()
    }
}

#[cfg(test)]
mod tests;
