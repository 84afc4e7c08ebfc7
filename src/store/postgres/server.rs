//! Where the server is, and connections to it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use chancery_agent::ports::store::StoreError;

use super::tls::Tls;

/// Name and password of a role.
#[derive(Clone)]
pub struct Account {
    /// The role.
    pub name: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A database on a PostgreSQL server, and who we are there.
#[derive(Clone, Debug)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The database; ACA-Py gives it the wallet's name.
    pub database: String,
    /// Who reads and writes.
    pub account: Account,
    /// Who may make the database when it is missing; otherwise `account` tries.
    pub admin: Option<Account>,
    /// Most connections, the writer's included; at least 2.
    pub max_connections: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How connections are protected.
    pub tls: Tls,
    /// Connections that are open, those of clones of this included.
    pub open: Arc<AtomicU64>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL at {}:{}", self.host, self.port)
    }
}

/// The planner has no statistics of fresh tables, and plans are kept: what is cheap in an empty table must not be read in full
/// when it has grown. So joins run in the order written, by index. Without JIT, which such costs would set off.
const SETTINGS: &str = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c enable_hashjoin=off \
     -c enable_mergejoin=off -c enable_bitmapscan=off -c join_collapse_limit=1 -c from_collapse_limit=1 -c timezone=UTC";

impl Server {
    /// A connection to the wallet's database.
    ///
    /// # Errors
    /// What PostgreSQL or the network says; never the password.
    pub(super) async fn connect(&self) -> Result<Link, tokio_postgres::Error> {
        self.connect_to(&self.database, &self.account).await
    }

    /// A connection to any database of the server.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(super) async fn connect_to(
        &self,
        database: &str,
        account: &Account,
    ) -> Result<Link, tokio_postgres::Error> {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .dbname(database)
            .user(&account.name)
            .password(account.password.as_bytes())
            .application_name("chancery")
            .options(SETTINGS)
            .connect_timeout(self.connect_timeout)
            .tcp_user_timeout(Duration::from_secs(15))
            .keepalives_idle(Duration::from_secs(20))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        let (told, ended) = watch::channel(false);
        config.ssl_mode(self.tls.negotiation());
        let client = match self.tls.client() {
            Some(tls) => {
                let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
                start(carry(connection, told, Arc::clone(&self.open)));
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                start(carry(connection, told, Arc::clone(&self.open)));
                client
            }
        };
        Ok(Link { client, ended, statements: Mutex::default() })
    }

    /// What a failure means to whoever runs the agent.
    pub(super) fn unavailable(&self, error: &tokio_postgres::Error) -> StoreError {
        let mut reason = match error.as_db_error() {
            Some(told) if breaks(told.code()) => format!("{self} does not answer: {}", told.message()),
            Some(told) => format!("{self}: {} ({})", told.message(), told.code().code()),
            None => format!("{self} does not answer: {}", with_causes(error)),
        };
        if let Some(advice) = self.tls.advice(error) {
            reason.push_str(": ");
            reason.push_str(advice);
        }
        StoreError::Unavailable(reason)
    }

    /// It took too long.
    pub(super) fn silent(&self, waited: Duration) -> StoreError {
        StoreError::Unavailable(format!("{self} does not answer: nothing came for {} s", waited.as_secs()))
    }
}

/// Runs beside the callers: connections end with the last one who uses them, the writer when the store is closed, which waits for it.
#[expect(
    clippy::disallowed_methods,
    reason = "the connections and the writer are started here and nowhere else"
)]
pub(super) fn start<F>(task: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(task)
}

async fn carry(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>>,
    told: watch::Sender<bool>,
    open: Arc<AtomicU64>,
) {
    open.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = connection.await {
        tracing::debug!(error = with_causes(&error), "a connection to PostgreSQL has ended");
    }
    open.fetch_sub(1, Ordering::Relaxed);
    told.send_replace(true);
}

/// tokio-postgres leaves the cause out of its own text.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// Whether the server is going down, coming up or has cut us off.
pub(super) fn breaks(code: &SqlState) -> bool {
    code.code().starts_with("08") || code.code().starts_with("57P")
}

/// Whether another attempt would fail just the same, whatever it writes.
pub(super) fn hopeless(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            code == &SqlState::READ_ONLY_SQL_TRANSACTION
                || code == &SqlState::INSUFFICIENT_PRIVILEGE
                || ["53", "57", "58", "XX", "08"].iter().any(|class| code.code().starts_with(class))
        }
        None => true,
    }
}

/// A connection with its compiled statements.
pub(super) struct Link {
    pub client: Client,
    ended: watch::Receiver<bool>,
    statements: Mutex<HashMap<String, Statement>>,
}

/// Statements that stay compiled on a connection; queries with many values make new ones.
const STATEMENTS: usize = 256;

impl Link {
    /// Compiled once per connection.
    pub async fn statement(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let made = self.client.prepare(sql).await?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), made.clone());
        Ok(made)
    }

    /// What was compiled on the connection.
    #[cfg(test)]
    pub fn compiled(&self) -> Vec<String> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub fn ended(&self) -> bool {
        self.client.is_closed() || *self.ended.borrow()
    }

    /// Returns when the connection is lost.
    pub async fn lost(&self) {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

impl Server {
    /// Reads ACA-Py's `url`: `host`, `host:port`, `[address]:port`.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn parse_address(url: &str) -> Result<(String, u16), String> {
        let wrong = |what: &str| format!("`url` must be host:port, and {what}");
        if url.contains(['/', '@', ' ']) {
            return Err(wrong("has no scheme, account or path"));
        }
        let (host, port) = match url.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, u16::from_str(port).map_err(|_| wrong("the port is a number"))?)
            }
            _ => (url, 5432),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() { Err(wrong("the host is missing")) } else { Ok((host.to_owned(), port)) }
    }
}

/// The readers' connections.
pub(super) struct Pool {
    server: Arc<Server>,
    slots: Vec<tokio::sync::Mutex<Place>>,
    next: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Default)]
struct Place {
    link: Option<Arc<Link>>,
    /// When the last attempt failed, and why.
    failed: Option<(tokio::time::Instant, StoreError)>,
}

/// How long after a failure nobody tries again.
const PAUSE: Duration = Duration::from_millis(200);

impl Pool {
    pub fn new(server: Arc<Server>, size: usize) -> Self {
        Self {
            server,
            slots: (0..size.max(1)).map(|_| tokio::sync::Mutex::default()).collect(),
            next: 0.into(),
            closed: false.into(),
        }
    }

    /// A connection: several reads may share one, their requests go one behind the other.
    pub async fn link(&self) -> Result<Arc<Link>, StoreError> {
        self.ensure_open()?;
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let mut place = self.slots[at].lock().await;
        if let Some(link) = place.link.take_if(|link| !link.ended()) {
            place.link = Some(Arc::clone(&link));
            return Ok(link);
        }
        place.link = None;
        if let Some((when, error)) = &place.failed
            && when.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match self.server.connect().await {
            Ok(link) => {
                let link = Arc::new(link);
                *place = Place { link: Some(Arc::clone(&link)), failed: None };
                Ok(link)
            }
            Err(error) => {
                let error = self.server.unavailable(&error);
                place.failed = Some((tokio::time::Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Gives up a connection that does not answer.
    pub async fn give_up(&self, silent: &Arc<Link>) {
        for slot in &self.slots {
            let mut place = slot.lock().await;
            if place.link.as_ref().is_some_and(|link| Arc::ptr_eq(link, silent)) {
                place.link = None;
            }
        }
    }

    pub fn ensure_open(&self) -> Result<(), StoreError> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(super::super::refusal::closed()),
            false => Ok(()),
        }
    }

    pub async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for slot in &self.slots {
            slot.lock().await.link = None;
        }
    }
}
