//! The wallet in a PostgreSQL database, for one process.
//!
//! ```text
//! server      where it is, connections, what their errors mean
//! tls         how connections to it are protected
//! provision   making and rekeying
//! schema      the lock, Askar's tables as found, our side tables
//! writer      the one task that writes: batches, getting the connection back
//! batch       what a batch of commits comes to, without SQL
//! write       reading what a batch needs; what it comes to, in SQL
//! transaction that as one statement
//! counting    which rows there are, for what certainly isn't there
//! read        what is read, on a small pool
//! upkeep      what the writer does in between
//! ```

mod batch;
mod counting;
mod provision;
mod read;
mod schema;
mod server;
#[cfg(test)]
mod tests;
mod tls;
mod transaction;
mod upkeep;
mod write;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use chancery_agent::ports::store::{
    Commit, CommitError, Committed, Event, EventNo, Item, KeyRow, Kinds, Op, Query, Queue, Row, RowKey, Seq,
    Space, Store, StoreError, Tally,
};
use chancery_agent::ports::{Clock, Entropy, Tenant};

use super::absent::Entry;
use super::prepared::{Prepared, Preparer, Slot, memory_id};
use super::profiles::{Profile, Profiles, key_bytes, row_bytes};
use super::refusal::{Refused, closed, ended, told};
use super::rows::row_id;
use super::{CreateMode, FacetSource, Keep, OpenError, OpenOptions};
use crate::telemetry::metrics::Commits;
use counting::Absent;
use read::{Read, ReadError};
use server::{Link, Pool};
use writer::{Job, PATIENCE};

pub use server::{Account, Server};
pub use tls::{SslMode, Tls};

/// Most connections that read.
const READERS: usize = 4;
/// How long opening waits for the connection of a process that was killed to end.
const LINGERING: Duration = Duration::from_secs(3);
/// A commit that succeeded so recently proves that writing works.
const PROVEN: Duration = Duration::from_secs(5);

/// A wallet in a PostgreSQL database of Askar's format.
pub struct PostgresStore {
    server: Arc<Server>,
    pool: Pool,
    profiles: Arc<Profiles>,
    absent: Arc<Absent>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    facets: FacetSource,
    /// Every record with facets has its row in the index table.
    indexed: Arc<AtomicBool>,
    commits: Arc<Commits>,
    jobs: mpsc::UnboundedSender<Job>,
    /// When a commit last succeeded; `None` when one has failed since.
    written: Mutex<Option<Instant>>,
    made: bool,
}

impl PostgresStore {
    /// Opens the wallet, makes it or throws it away first, as the options say.
    ///
    /// # Errors
    /// A wrong key, no or a foreign database, another process on it, a newer schema, a server that does not answer: each with
    /// what to do.
    pub async fn open(server: Server, options: OpenOptions, keep: Keep) -> Result<Self, OpenError> {
        let mut options = options;
        let (link, made) = Self::prepare(&server, &mut options).await?;
        let profiles = Arc::new(schema::load_profiles(&link, &server, &options).await?);
        schema::make_side_tables(&link, &server, &profiles, options.facets).await?;
        let server = Arc::new(server);
        let indexed = Arc::new(AtomicBool::new(false));
        let upkeep = upkeep::Upkeep::new(
            Arc::clone(&profiles),
            options.facets,
            Arc::clone(&options.clock),
            keep,
            Arc::clone(&indexed),
        );
        let pool = Pool::new(Arc::clone(&server), server.max_connections.saturating_sub(1).clamp(1, READERS));
        let commits: Arc<Commits> = Arc::default();
        commits.connections(Arc::clone(&server.open));
        let absent: Arc<Absent> = Arc::default();
        let writer = writer::Writer {
            server: Arc::clone(&server),
            profiles: Arc::clone(&profiles),
            absent: Arc::clone(&absent),
            upkeep,
        };
        let jobs = writer::start(writer, link);
        Ok(Self {
            server,
            pool,
            profiles,
            absent,
            clock: options.clock,
            entropy: options.entropy,
            facets: options.facets,
            indexed,
            commits,
            jobs,
            written: Mutex::default(),
            made,
        })
    }

    /// The writer's connection to a wallet that exists, with the lock; whether it was made.
    async fn prepare(server: &Server, options: &mut OpenOptions) -> Result<(Link, bool), OpenError> {
        let failed = |error: tokio_postgres::Error| schema::database(server, &error);
        let missing = || OpenError::Missing(schema::place(server));
        let create = options.create;
        let mut link = match server.connect().await {
            Ok(link) => link,
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::INVALID_CATALOG_NAME) => {
                if create == CreateMode::Never {
                    return Err(missing());
                }
                provision::create_database(server).await?;
                server.connect().await.map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        Self::take_lock(&link, server).await?;
        let there = schema::is_wallet(&link).await.map_err(failed)?;
        let mut made = true;
        match (there, create) {
            (false, CreateMode::Never) => return Err(missing()),
            (true, CreateMode::Recreate) => provision::provision(&link, server, options, true).await?,
            (false, _) => provision::provision(&link, server, options, false).await?,
            (true, _) => made = false,
        }
        if !there {
            // The role's own schema may be new: the search path is looked up again by a new connection.
            drop(link);
            link = server.connect().await.map_err(failed)?;
            Self::take_lock(&link, server).await?;
        }
        if let Some((method, key)) = options.rekey.take() {
            // Checked by ourselves first, for the sake of the messages.
            schema::load_profiles(&link, server, options).await?;
            provision::rekey(&link, server, options, (method, &key)).await?;
            options.method = method;
            options.key = key;
        }
        Ok((link, made))
    }

    async fn take_lock(link: &Link, server: &Server) -> Result<(), OpenError> {
        let failed = |error: tokio_postgres::Error| schema::database(server, &error);
        let began = Instant::now();
        while !schema::lock(link).await.map_err(failed)? {
            if began.elapsed() > LINGERING {
                let holder = schema::holder(link).await.map_err(failed)?;
                return Err(OpenError::Held { path: schema::place(server), holder });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Whether opening it has made it.
    pub fn was_made(&self) -> bool {
        self.made
    }

    /// Counts and times of commits and reads.
    pub fn commits(&self) -> Arc<Commits> {
        Arc::clone(&self.commits)
    }

    fn preparer<'a>(&'a self, profile: &'a Arc<Profile>) -> Preparer<'a> {
        Preparer { profile, entropy: self.entropy.as_ref(), facets: self.facets, now: self.clock.now() }
    }

    fn profile(&self, tenant: &Tenant) -> Result<&Arc<Profile>, StoreError> {
        self.profiles.of(tenant)
    }

    fn written(&self) -> MutexGuard<'_, Option<Instant>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read<T>(&self, work: impl AsyncFnOnce(&Link) -> Read<T>) -> Result<T, StoreError> {
        let began = Instant::now();
        let asking = self.commits.ask();
        let link = self.pool.link().await?;
        drop(asking);
        self.commits.lend();
        let done = tokio::time::timeout(PATIENCE, work(&link)).await;
        self.commits.give_back();
        self.commits.read(began.elapsed());
        match done {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(ReadError::Damaged(what))) => Err(StoreError::Damaged(what)),
            Ok(Err(ReadError::Sql(error))) => Err(self.server.unavailable(&error)),
            Err(_) => {
                self.pool.give_up(&link).await;
                Err(self.server.silent(PATIENCE))
            }
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn get(&self, tenant: &Tenant, key: &RowKey) -> Result<Option<Row>, StoreError> {
        let profile = self.profile(tenant)?;
        let since = match profile.rows.get(key) {
            Ok(row) => return self.pool.ensure_open().map(|()| Some(Row::clone(&row))),
            Err(since) => since,
        };
        let slot = Slot::item(profile, key);
        if self.absent.lacks(&Entry::Row(row_id(&slot))) {
            return self.pool.ensure_open().map(|()| None);
        }
        let found = self.read(async |link| read::get(link, profile, slot, key).await).await?;
        if let Some((row, lasting)) = &found
            && *lasting
        {
            profile.rows.fill(key.clone(), Arc::new(row.clone()), row_bytes(row), since);
        }
        Ok(found.map(|(row, _)| row))
    }

    async fn find(&self, tenant: &Tenant, query: &Query) -> Result<Vec<Row>, StoreError> {
        let profile = self.profile(tenant)?;
        if self.absent.lacks_tag_of(profile, query) {
            return self.pool.ensure_open().map(|()| Vec::new());
        }
        let indexed = self.indexed.load(Ordering::Acquire);
        let found = self.read(async |link| read::find(link, profile, query, self.facets, indexed).await);
        match found.await? {
            Ok(rows) => Ok(rows),
            Err(read::WrongIndex) => {
                tracing::warn!("the wallet's index does not fit its records: it is built again");
                self.indexed.store(false, Ordering::Release);
                self.jobs.send(Job::Reindex).map_err(|_| closed())?;
                let found =
                    self.read(async |link| read::find(link, profile, query, self.facets, false).await);
                found.await?.map_err(|_| StoreError::Damaged("the index".to_owned()))
            }
        }
    }

    async fn tally(&self, tenant: &Tenant, kinds: &Kinds) -> Result<Option<Vec<Tally>>, StoreError> {
        if !self.facets.covers(kinds.category) || !self.indexed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let profile = self.profile(tenant)?;
        self.read(async |link| read::tally(link, profile, kinds).await).await.map(Some)
    }

    async fn key(&self, tenant: &Tenant, name: &str) -> Result<Option<KeyRow>, StoreError> {
        let profile = self.profile(tenant)?;
        let since = match profile.keys.get(name) {
            Ok(key) => return self.pool.ensure_open().map(|()| Some(KeyRow::clone(&key))),
            Err(since) => since,
        };
        let slot = Slot::key(profile, name);
        if self.absent.lacks(&Entry::Row(row_id(&slot))) {
            return self.pool.ensure_open().map(|()| None);
        }
        let found = self.read(async |link| read::key(link, profile, slot, name).await).await?;
        if let Some((key, lasting)) = &found
            && *lasting
        {
            profile.keys.fill(name.to_owned(), Arc::new(key.clone()), key_bytes(key), since);
        }
        Ok(found.map(|(key, _)| key))
    }

    async fn find_keys(&self, tenant: &Tenant, tag: &str, value: &str) -> Result<Vec<KeyRow>, StoreError> {
        let profile = self.profile(tenant)?;
        self.read(async |link| read::find_keys(link, profile, tag, value).await).await
    }

    async fn recall(&self, tenant: &Tenant, space: Space, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (profile, now) = (self.profile(tenant)?, self.clock.now());
        if self.absent.lacks(&Entry::remembered(&(profile.id, space.as_str(), memory_id(profile, space, id))))
        {
            return self.pool.ensure_open().map(|()| None);
        }
        self.read(async |link| read::recall(link, profile, space, id, now).await).await
    }

    async fn weigh(&self, tenant: &Tenant, space: Space, most: usize) -> Result<(usize, u64), StoreError> {
        let profile = self.profile(tenant)?;
        self.read(async |link| read::weigh(link, profile, space, most).await).await
    }

    async fn remembered(
        &self,
        tenant: &Tenant,
        space: Space,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (profile, now) = (self.profile(tenant)?, self.clock.now());
        self.read(async |link| read::remembered(link, profile, space, (offset, limit), now).await).await
    }

    async fn commit(&self, tenant: &Tenant, commit: Commit) -> Result<Committed, CommitError> {
        let began = Instant::now();
        let profile = self.profile(tenant)?;
        let prepared = self.preparer(profile).commit(&commit)?;
        let _waiting = self.commits.begin();
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Commit(Box::new(prepared), answer)).map_err(|_| closed())?;
        let outcome = answered.await.unwrap_or_else(|_| Err(Refused::Store(closed())));
        self.commits.count(ended(&outcome), began.elapsed());
        match &outcome {
            Ok(_) if !commit.ops.is_empty() => *self.written() = Some(Instant::now()),
            Err(Refused::Store(_)) => *self.written() = None,
            _ => {}
        }
        told(profile, &commit, outcome)
    }

    fn lazily(&self, tenant: &Tenant, ops: Vec<Op>) {
        if ops.is_empty() {
            return;
        }
        let sent = self.profile(tenant).and_then(|profile| {
            let preparer = self.preparer(profile);
            let prepared = Prepared {
                profile: Arc::clone(profile),
                now: preparer.now,
                guards: Vec::new(),
                changes: preparer.changes(&ops)?,
            };
            self.jobs.send(Job::Lazy(Box::new(prepared))).map_err(|_| closed())
        });
        if let Err(error) = sent {
            tracing::warn!(%tenant, %error, "lazy changes of the wallet were dropped");
        }
    }

    async fn items(&self, queue: Queue, after: Seq, limit: usize) -> Result<Vec<Item>, StoreError> {
        self.read(async |link| read::items(link, &self.profiles, queue, after, limit).await).await
    }

    async fn lane(
        &self,
        tenant: &Tenant,
        queue: Queue,
        lane: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let profile = self.profile(tenant)?;
        self.read(async |link| read::lane(link, profile, queue, lane, (after, limit)).await).await
    }

    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        self.read(async |link| read::depth(link, queue).await).await
    }

    async fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError> {
        self.read(async |link| read::item(link, &self.profiles, seq).await).await
    }

    async fn events(
        &self,
        tenant: Option<&Tenant>,
        after: EventNo,
        topic: Option<&str>,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let profile = tenant.map(|tenant| self.profile(tenant)).transpose()?.map(Arc::as_ref);
        self.read(async |link| {
            read::events(link, &self.profiles, profile, after, topic, pending, limit).await
        })
        .await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.profiles.tenants())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(async |link| read::ping(link).await).await?;
        // Through the writer and a transaction; one that writes, unless that is known to work.
        let tenant = self.profiles.iter().next().ok_or_else(closed)?.tenant.clone();
        let proven = self.written().is_some_and(|at| at.elapsed() < PROVEN);
        let probe = Op::Remember {
            space: Space::Setting,
            id: "probe".to_owned(),
            value: Vec::new(),
            expires: Some(self.clock.now()),
        };
        let ops = if proven { Vec::new() } else { vec![probe] };
        match self.commit(&tenant, Commit { guards: Vec::new(), ops }).await {
            Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(CommitError::Full(reason)) => Err(StoreError::Unavailable(reason)),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn close(&self) {
        self.pool.close().await;
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).is_ok() {
            let _ = answered.await;
        }
    }
}
