//! POSTs over connections that are kept: one task drives request and connection together, so that a delivery costs no more
//! wake-ups than its own input and output.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::resolve::Reach;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// A connection that was not used for so long is closed: most servers close theirs after a minute.
const IDLE: Duration = Duration::from_secs(45);
const SWEEP: Duration = Duration::from_secs(15);
/// What an answer may say. It is read only so that the connection can be used again.
const MOST_ANSWER: usize = 64 * 1024;
/// Endpoints whose URL is kept parsed.
const ENDPOINTS: usize = 4_096;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("chancery/", env!("CARGO_PKG_VERSION")));

/// Why there is no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PostError {
    /// Will never work: no usable URL, or an address out of reach.
    #[error("{0}")]
    Hopeless(String),
    /// May work another time: no connection, no answer in time.
    #[error("{0}")]
    Down(String),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Io = TokioIo<Box<dyn Stream>>;

struct Kept {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: Pin<Box<http1::Connection<Io, Full<Bytes>>>>,
    since: Instant,
}

/// A URL, ready for use.
struct Endpoint {
    tls: bool,
    host: String,
    port: u16,
    /// Path and query.
    target: Uri,
    host_header: HeaderValue,
    authorization: Option<HeaderValue>,
}

type Origin = (bool, String, u16);

#[derive(Default)]
struct Pool {
    idle: HashMap<Origin, Vec<Kept>>,
    endpoints: HashMap<String, Arc<Endpoint>>,
}

/// Posts to any URL, keeping connections. Follows no redirect and uses no proxy.
pub struct Poster {
    tls: TlsConnector,
    /// `None`: the operator's own URLs, which are exempt.
    reach: Option<Reach>,
    pool: Mutex<Pool>,
}

enum Failed {
    /// The connection was closed, perhaps before the request was read.
    Closed(String),
    Post(PostError),
}

impl Poster {
    /// A poster, and the task that closes connections when they have been idle for long.
    pub fn start(tls: Arc<rustls::ClientConfig>, reach: Option<Reach>) -> Arc<Self> {
        let poster = Arc::new(Self { tls: TlsConnector::from(tls), reach, pool: Mutex::default() });
        #[expect(
            clippy::disallowed_methods,
            reason = "the delivery workers are started here and nowhere else"
        )]
        tokio::spawn(sweep(Arc::downgrade(&poster)));
        poster
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One POST; what it was answered with. A kept connection that turns out to be closed is replaced once.
    ///
    /// Errors: [`PostError`].
    pub async fn post(&self, url: &str, headers: &HeaderMap, body: Bytes) -> Result<StatusCode, PostError> {
        let endpoint = self.endpoint(url)?;
        let origin = (endpoint.tls, endpoint.host.clone(), endpoint.port);
        while let Some(kept) = self.take(&origin) {
            match self.answered(kept, &endpoint, &origin, headers, &body).await {
                Err(Failed::Closed(_)) => {}
                Err(Failed::Post(error)) => return Err(error),
                Ok(status) => return Ok(status),
            }
        }
        let opened = timeout(CONNECT, self.open(&endpoint)).await;
        let fresh = opened.unwrap_or_else(|_| Err(PostError::Down(no_answer("no connection", CONNECT))))?;
        self.answered(fresh, &endpoint, &origin, headers, &body).await.map_err(|failed| match failed {
            Failed::Closed(reason) => PostError::Down(reason),
            Failed::Post(error) => error,
        })
    }

    fn take(&self, origin: &Origin) -> Option<Kept> {
        self.pool().idle.get_mut(origin)?.pop()
    }

    async fn answered(
        &self,
        mut kept: Kept,
        endpoint: &Endpoint,
        origin: &Origin,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<StatusCode, Failed> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.target.clone();
        let sent = request.headers_mut();
        sent.insert(HOST, endpoint.host_header.clone());
        sent.insert(USER_AGENT, AGENT);
        sent.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(authorization) = &endpoint.authorization {
            sent.insert(AUTHORIZATION, authorization.clone());
        }
        let asked = timeout(ANSWER, ask(&mut kept, request)).await;
        let (status, reusable) =
            asked.unwrap_or_else(|_| Err(Failed::Post(PostError::Down(no_answer("no answer", ANSWER)))))?;
        if reusable {
            kept.since = Instant::now();
            self.pool().idle.entry(origin.clone()).or_default().push(kept);
        }
        Ok(status)
    }

    fn endpoint(&self, url: &str) -> Result<Arc<Endpoint>, PostError> {
        if let Some(known) = self.pool().endpoints.get(url) {
            return Ok(known.clone());
        }
        let endpoint = Arc::new(Endpoint::parse(url, self.reach).map_err(PostError::Hopeless)?);
        let mut pool = self.pool();
        if pool.endpoints.len() >= ENDPOINTS {
            pool.endpoints.clear();
        }
        pool.endpoints.insert(url.to_owned(), endpoint.clone());
        Ok(endpoint)
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<Kept, PostError> {
        let down = |error: &dyn std::error::Error| PostError::Down(crate::outbound::root_cause(error));
        let host = endpoint.host.trim_matches(['[', ']']);
        let stream = match self.reach {
            Some(reach) => reach.connect(host, endpoint.port).await,
            None => tokio::net::TcpStream::connect((host, endpoint.port)).await,
        };
        let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let stream = stream.map_err(|error| down(&error))?;
        let stream: Box<dyn Stream> = if endpoint.tls {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| PostError::Hopeless(format!("{host} is no name for TLS")))?;
            Box::new(self.tls.connect(name, stream).await.map_err(|error| down(&error))?)
        } else {
            Box::new(stream)
        };
        let made = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| down(&error))?;
        Ok(Kept { sender, connection: Box::pin(connection), since: Instant::now() })
    }
}

/// Sends one request and reads its answer; whether the connection can be used again.
async fn ask(kept: &mut Kept, request: Request<Full<Bytes>>) -> Result<(StatusCode, bool), Failed> {
    let Kept { sender, connection, .. } = kept;
    let reason = |error: &hyper::Error| crate::outbound::root_cause(error);
    let mut exchange = pin!(async {
        let closed = |error: hyper::Error| Failed::Closed(reason(&error));
        sender.ready().await.map_err(closed)?;
        let answer = sender.send_request(request).await.map_err(closed)?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failed::Post(PostError::Down(reason(&error))))?;
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MOST_ANSWER {
                return Ok((status, false));
            }
        }
        Ok((status, true))
    });
    let mut ended = None;
    poll_fn(|cx| {
        // Twice: the connection tells that it is ready (or closed), then carries what was handed to it.
        for _ in 0..2 {
            if ended.is_none()
                && let Poll::Ready(end) = connection.as_mut().poll(cx)
            {
                ended = Some(end);
            }
            if let Poll::Ready(outcome) = exchange.as_mut().poll(cx) {
                return Poll::Ready(outcome.map(|(status, whole)| (status, whole && ended.is_none())));
            }
            if let Some(end) = &ended {
                let why = end.as_ref().err().map_or("the connection was closed".to_owned(), reason);
                return Poll::Ready(Err(Failed::Closed(why)));
            }
        }
        Poll::Pending
    })
    .await
}

fn no_answer(what: &str, within: Duration) -> String {
    format!("{what} within {} s", within.as_secs())
}

/// Closes what is idle, until the poster is gone.
async fn sweep(poster: Weak<Poster>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(poster) = poster.upgrade() else { return };
        poster.pool().idle.retain(|_, kept| {
            kept.retain(|one| one.since.elapsed() < IDLE);
            !kept.is_empty()
        });
    }
}

impl Endpoint {
    fn parse(text: &str, reach: Option<Reach>) -> Result<Self, String> {
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
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let named = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let authorization = (!url.username().is_empty()).then(|| {
            let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
            let mut pair = decode(url.username());
            pair.push(b':');
            pair.extend(decode(url.password().unwrap_or_default()));
            format!("Basic {}", STANDARD.encode(pair))
        });
        let header = |text: String| {
            let mut value = HeaderValue::try_from(text).map_err(|_| unusable())?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        };
        Ok(Self {
            tls,
            port: url.port_or_known_default().ok_or_else(unusable)?,
            target: target.parse().map_err(|_| unusable())?,
            host_header: header(named)?,
            authorization: authorization.map(header).transpose()?,
            host,
        })
    }
}

#[cfg(test)]
mod tests;
