//! The wallet in an SQLite file.
//!
//! ```text
//! lock        one process per file        memory: the file of a wallet in memory
//! modes       who may read the files
//! provision   making and rekeying, by askar-storage
//! schema      connections, Askar's tables as found, our side tables
//! copy        the wallet as it was before its side tables change
//! writer      the one thread that writes: batches, checkpoints
//! lazies      changes that nobody waits for
//! apply       guards and changes of one commit
//! readers     connections that read                   records, select, side: what they read
//! counting    which rows there are, for what certainly isn't there
//! housekeeping, reindex   what the writer does in between
//! ```

mod apply;
mod copy;
mod counting;
mod housekeeping;
mod lazies;
mod lock;
mod memory;
mod modes;
mod provision;
mod readers;
mod records;
mod refusal;
mod reindex;
mod schema;
mod select;
mod side;
mod tally;
#[cfg(test)]
mod tests;
mod writer;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};

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
use super::{CreateMode, FacetSource, OpenError, OpenOptions, Place};
use crate::telemetry::metrics::Commits;
use counting::Absent;
use readers::{Read, Readers};
use refusal::store_error;
use writer::{Died, Job};

pub use housekeeping::Keep;

/// Rows beyond which a read is too long for an async worker (about a millisecond).
const INLINE_ROWS: usize = 32;
/// Rows to be skipped beyond which it is too long.
const INLINE_SKIP: usize = 2_000;
/// What [`Store::ping`] writes: more than an ordinary step, so that it fails where a step would.
const PROBE_BYTES: usize = 128 * 1024;
/// A commit that succeeded so recently proves as much.
const PROVEN: Duration = Duration::from_secs(5);
/// Long reads at once; the other connections stay free for short ones.
const LONG_READS: usize = 2;

/// A wallet in an SQLite file of Askar's format.
pub struct SqliteStore {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    lazies: Arc<lazies::Lazies>,
    died: Died,
    long_reads: Semaphore,
    /// When a commit last succeeded; `None` when one has failed since.
    written: Mutex<Option<Instant>>,
    made: bool,
}

struct Shared {
    path: PathBuf,
    readers: Readers,
    profiles: Arc<Profiles>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    facets: FacetSource,
    /// Every record with facets has its row in the index table.
    indexed: Arc<AtomicBool>,
    absent: Arc<Absent>,
    commits: Arc<Commits>,
}

impl SqliteStore {
    /// Opens the wallet, makes it or throws it away first, as the options say. Deriving the key takes about a second with
    /// `kdf:argon2i:mod` and runs on a thread for blocking work.
    ///
    /// # Errors
    /// A wrong key, a missing or foreign file, another process on it, a newer schema: each with what to do.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        Self::open_keeping(options, Keep::default()).await
    }

    /// As [`open`](Self::open), with other times for what is done to stay.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_keeping(options: OpenOptions, keep: Keep) -> Result<Self, OpenError> {
        let (path, folder) = match &options.place {
            Place::File(path) => (path.clone(), None),
            Place::Memory => {
                let folder = memory::folder(options.entropy.as_ref())?;
                (folder.join("sqlite.db"), Some(folder))
            }
            Place::Server(server) => {
                return Err(OpenError::Database(format!("{server} is no file")));
            }
        };
        let opened = Self::open_at(path, folder.clone(), options, keep).await;
        if let (Err(_), Some(folder)) = (&opened, folder) {
            let _ = std::fs::remove_dir_all(folder);
        }
        opened
    }

    async fn open_at(
        path: PathBuf,
        folder: Option<PathBuf>,
        options: OpenOptions,
        keep: Keep,
    ) -> Result<Self, OpenError> {
        let create = if folder.is_some() { CreateMode::Recreate } else { options.create };
        let io = |error| OpenError::Io { path: path.clone(), error };
        if create == CreateMode::Never && !path.exists() {
            return Err(OpenError::Missing(path));
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            modes::make_folder(parent).map_err(io)?;
        }
        let lock = lock::FileLock::take(&path)?;
        if create == CreateMode::Recreate {
            for file in
                [path.clone(), beside(&path, "-wal"), beside(&path, "-shm"), beside(&path, "-journal")]
            {
                match std::fs::remove_file(&file) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(OpenError::Io { path: file, error });
                    }
                    _ => {}
                }
            }
        }
        let made = !path.exists();
        if made {
            modes::creating().create_new(true).open(&path).map_err(io)?;
            let profile = options.profile.clone();
            if let Err(error) = provision::provision(&path, options.method, &options.key, profile).await {
                // The next start shall make it, not find an empty file.
                let _ = std::fs::remove_file(&path);
                return Err(error);
            }
        }
        modes::shut(&path);
        let mut options = options;
        if let Some((method, key)) = options.rekey.take() {
            rekey(&path, &options, method, &key).await?;
            options.method = method;
            options.key = key;
        }
        let opening = tokio::task::spawn_blocking(move || Self::start(path, folder, lock, &options, keep));
        match opening.await {
            Ok(opened) => opened.map(|store| Self { made, ..store }),
            Err(error) => Err(OpenError::Database(error.to_string())),
        }
    }

    fn start(
        path: PathBuf,
        folder: Option<PathBuf>,
        lock: lock::FileLock,
        options: &OpenOptions,
        keep: Keep,
    ) -> Result<Self, OpenError> {
        let conn = schema::open_writer(&path, folder.is_none())?;
        let profiles = Arc::new(schema::load_profiles(&conn, &path, options)?);
        schema::make_side_tables(&conn, &path, &profiles, options.facets)?;
        let commits: Arc<Commits> = Arc::default();
        let readers = Readers::open(&path, Arc::clone(&commits))?;
        let indexed = Arc::new(AtomicBool::new(false));
        let reindex = reindex::Reindex::new(Arc::clone(&profiles), options.facets, Arc::clone(&indexed));
        let lazies = Arc::<lazies::Lazies>::default();
        let absent = Arc::<Absent>::default();
        let (jobs, died) = writer::start(writer::Writer {
            conn,
            lock,
            clock: Arc::clone(&options.clock),
            reindex,
            keep,
            lazies: Arc::clone(&lazies),
            absent: Arc::clone(&absent),
            durable: folder.is_none(),
            folder,
        })
        .map_err(|error| OpenError::Io { path: path.clone(), error })?;
        let shared = Shared {
            path,
            readers,
            profiles,
            clock: Arc::clone(&options.clock),
            entropy: Arc::clone(&options.entropy),
            facets: options.facets,
            indexed,
            absent,
            commits,
        };
        let long_reads = Semaphore::new(LONG_READS);
        Ok(Self {
            shared: Arc::new(shared),
            jobs,
            lazies,
            died,
            long_reads,
            written: Mutex::default(),
            made: false,
        })
    }

    fn written(&self) -> MutexGuard<'_, Option<Instant>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and times of commits.
    pub fn commits(&self) -> Arc<Commits> {
        Arc::clone(&self.shared.commits)
    }

    /// Waits until the writer thread has died, and says so. Whoever runs the process must end it then: nothing can be
    /// written any more. Never returns after [`Store::close`].
    pub async fn died(&self) -> String {
        let mut died = self.died.clone();
        let message = died.wait_for(Option::is_some).await.map(|message| message.clone().unwrap_or_default());
        match message {
            Ok(message) => message,
            Err(_) => std::future::pending().await,
        }
    }

    /// Removes all that is old at once, and gives the disk back. Otherwise it happens bit by bit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database fails.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Tidy(answer)).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Whether opening it has made it.
    pub fn was_made(&self) -> bool {
        self.made
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Does something on the writer's connection, to bring about what cannot be waited for.
    #[cfg(test)]
    async fn on_writer(&self, act: impl FnOnce(&rusqlite::Connection) + Send + 'static) {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Act(Box::new(act), answer)).unwrap();
        let _ = answered.await;
    }

    fn preparer<'a>(&'a self, profile: &'a Arc<Profile>) -> Preparer<'a> {
        Preparer {
            profile,
            entropy: self.shared.entropy.as_ref(),
            facets: self.shared.facets,
            now: self.shared.clock.now(),
        }
    }

    fn profile(&self, tenant: &Tenant) -> Result<&Arc<Profile>, StoreError> {
        self.shared.profiles.of(tenant)
    }

    /// A read that may take long, off the async workers.
    async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.long_reads.acquire().await.map_err(|_| closed())?;
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || read(&shared)).await;
        done.map_err(|error| StoreError::Unavailable(format!("the read was given up: {error}")))?
    }

    async fn maybe_long<T: Send + 'static>(
        &self,
        long: bool,
        read: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if long { self.long(read).await } else { read(&self.shared) }
    }
}

impl Shared {
    fn find(
        &self,
        profile: &Profile,
        query: &Query,
    ) -> Result<Result<Vec<Row>, records::WrongIndex>, StoreError> {
        let find =
            |indexed| self.readers.snapshot(|conn| records::find(conn, profile, query, self.facets, indexed));
        find(self.indexed.load(Ordering::Acquire))
    }

    fn read<T>(&self, work: impl FnOnce(&rusqlite::Connection) -> Read<T>) -> Result<T, StoreError> {
        self.readers.read(work)
    }
}

/// Of a query that is not in the fast class: many rows, a long way to skip, or records to be read for their facets.
fn is_long(query: &Query) -> bool {
    let rows = query.limit.unwrap_or(usize::MAX);
    let wide = query.tags.is_empty() && rows > INLINE_ROWS;
    wide || query.offset > INLINE_SKIP
        || (!query.facets.is_empty() && query.limit.is_none_or(|rows| rows > 1))
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, tenant: &Tenant, key: &RowKey) -> Result<Option<Row>, StoreError> {
        let profile = self.profile(tenant)?;
        let since = match profile.rows.get(key) {
            Ok(row) => return self.shared.readers.ensure_open().map(|()| Some(Row::clone(&row))),
            Err(since) => since,
        };
        let slot = Slot::item(profile, key);
        if self.shared.absent.lacks(&Entry::Row(row_id(&slot))) {
            return self.shared.readers.ensure_open().map(|()| None);
        }
        let found = self.shared.read(|conn| records::get(conn, profile, &slot, key))?;
        if let Some((row, lasting)) = &found
            && *lasting
        {
            profile.rows.fill(key.clone(), Arc::new(row.clone()), row_bytes(row), since);
        }
        Ok(found.map(|(row, _)| row))
    }

    async fn find(&self, tenant: &Tenant, query: &Query) -> Result<Vec<Row>, StoreError> {
        let profile = Arc::clone(self.profile(tenant)?);
        if self.shared.absent.lacks_tag_of(&profile, query) {
            return self.shared.readers.ensure_open().map(|()| Vec::new());
        }
        let asked = query.clone();
        let found = self.maybe_long(is_long(query), move |shared| shared.find(&profile, &asked)).await?;
        match found {
            Ok(rows) => Ok(rows),
            Err(records::WrongIndex) => {
                tracing::warn!("the wallet's index does not fit its records: it is built again");
                self.shared.indexed.store(false, Ordering::Release);
                self.jobs.send(Job::Reindex).map_err(|_| closed())?;
                let (profile, asked) = (Arc::clone(self.profile(tenant)?), query.clone());
                let read = self.long(move |shared| {
                    shared
                        .readers
                        .snapshot(|conn| records::find(conn, &profile, &asked, shared.facets, false))
                });
                read.await?.map_err(|_| StoreError::Damaged("the index".to_owned()))
            }
        }
    }

    async fn tally(&self, tenant: &Tenant, kinds: &Kinds) -> Result<Option<Vec<Tally>>, StoreError> {
        if !self.shared.facets.covers(kinds.category) || !self.shared.indexed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let (profile, kinds) = (Arc::clone(self.profile(tenant)?), kinds.clone());
        self.long(move |shared| shared.read(|conn| tally::tally(conn, &profile, &kinds))).await.map(Some)
    }

    async fn key(&self, tenant: &Tenant, name: &str) -> Result<Option<KeyRow>, StoreError> {
        let profile = self.profile(tenant)?;
        let since = match profile.keys.get(name) {
            Ok(key) => return self.shared.readers.ensure_open().map(|()| Some(KeyRow::clone(&key))),
            Err(since) => since,
        };
        let slot = Slot::key(profile, name);
        if self.shared.absent.lacks(&Entry::Row(row_id(&slot))) {
            return self.shared.readers.ensure_open().map(|()| None);
        }
        let found = self.shared.read(|conn| records::key(conn, profile, &slot, name))?;
        if let Some((key, lasting)) = &found
            && *lasting
        {
            profile.keys.fill(name.to_owned(), Arc::new(key.clone()), key_bytes(key), since);
        }
        Ok(found.map(|(key, _)| key))
    }

    async fn find_keys(&self, tenant: &Tenant, tag: &str, value: &str) -> Result<Vec<KeyRow>, StoreError> {
        let profile = self.profile(tenant)?;
        self.shared.readers.snapshot(|conn| records::find_keys(conn, profile, tag, value))
    }

    async fn recall(&self, tenant: &Tenant, space: Space, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let profile = self.profile(tenant)?;
        let now = self.shared.clock.now();
        let hash = memory_id(profile, space, id);
        if self.shared.absent.lacks(&Entry::remembered(&(profile.id, space.as_str(), hash))) {
            return self.shared.readers.ensure_open().map(|()| None);
        }
        self.shared.read(|conn| side::recall(conn, profile, space, &hash, now))
    }

    async fn weigh(&self, tenant: &Tenant, space: Space, most: usize) -> Result<(usize, u64), StoreError> {
        let profile = Arc::clone(self.profile(tenant)?);
        self.long(move |shared| shared.read(|conn| side::weigh(conn, &profile, space, most))).await
    }

    async fn remembered(
        &self,
        tenant: &Tenant,
        space: Space,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (profile, now) = (Arc::clone(self.profile(tenant)?), self.shared.clock.now());
        let part = (offset, limit);
        self.long(move |shared| shared.read(|conn| side::remembered(conn, &profile, space, part, now))).await
    }

    async fn commit(&self, tenant: &Tenant, commit: Commit) -> Result<Committed, CommitError> {
        let began = Instant::now();
        let profile = self.profile(tenant)?;
        let prepared = self.preparer(profile).commit(&commit)?;
        let _waiting = self.shared.commits.begin();
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Commit(Box::new(prepared), answer)).map_err(|_| closed())?;
        let outcome = answered.await.unwrap_or_else(|_| Err(Refused::Store(closed())));
        self.shared.commits.count(ended(&outcome), began.elapsed());
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
            match self.lazies.leave(prepared) {
                Some(true) => self.jobs.send(Job::Lazy).map_err(|_| closed()),
                Some(false) => Ok(()),
                None => Err(closed()),
            }
        });
        if let Err(error) = sent {
            tracing::warn!(%tenant, %error, "lazy changes of the wallet were dropped");
        }
    }

    async fn items(&self, queue: Queue, after: Seq, limit: usize) -> Result<Vec<Item>, StoreError> {
        self.maybe_long(limit > INLINE_ROWS, move |shared| {
            shared.read(|conn| side::items(conn, &shared.profiles, queue, after, limit))
        })
        .await
    }

    async fn lane(
        &self,
        tenant: &Tenant,
        queue: Queue,
        lane: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let (profile, lane) = (Arc::clone(self.profile(tenant)?), lane.to_owned());
        self.maybe_long(limit > INLINE_ROWS, move |shared| {
            shared.read(|conn| side::lane(conn, &profile, queue, &lane, (after, limit)))
        })
        .await
    }

    async fn depth(&self, queue: Queue) -> Result<u64, StoreError> {
        self.long(move |shared| shared.read(|conn| side::depth(conn, queue))).await
    }

    async fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError> {
        self.shared.read(|conn| side::item(conn, &self.shared.profiles, seq))
    }

    async fn events(
        &self,
        tenant: Option<&Tenant>,
        after: EventNo,
        topic: Option<&str>,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let profile = tenant.map(|tenant| self.profile(tenant).cloned()).transpose()?;
        let topic = topic.map(str::to_owned);
        self.maybe_long(limit > INLINE_ROWS || topic.is_some(), move |shared| {
            shared.read(|conn| {
                let profile = profile.as_deref();
                side::events(conn, &shared.profiles, profile, after, topic.as_deref(), pending, limit)
            })
        })
        .await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.shared.profiles.tenants())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if let Some(message) = self.died.borrow().clone() {
            return Err(StoreError::Unavailable(message));
        }
        self.shared.read(|conn| {
            conn.prepare_cached("SELECT COUNT(*) FROM config")?.query_row([], |row| row.get::<_, i64>(0))?;
            Ok(())
        })?;
        // Through the writer and a transaction; one that writes, unless that is known to work.
        let tenant = self.shared.profiles.iter().next().ok_or_else(closed)?.tenant.clone();
        let proven = self.written().is_some_and(|at| at.elapsed() < PROVEN);
        let probe = Op::Remember {
            space: Space::Setting,
            id: "probe".to_owned(),
            value: vec![0; PROBE_BYTES],
            expires: Some(self.shared.clock.now()),
        };
        let ops = if proven { Vec::new() } else { vec![probe] };
        match self.commit(&tenant, Commit { guards: Vec::new(), ops }).await {
            Ok(_) | Err(CommitError::Conflict(_)) => Ok(()),
            Err(CommitError::Full(reason)) => Err(StoreError::Unavailable(reason)),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    async fn close(&self) {
        let shared = Arc::clone(&self.shared);
        // Readers first: the last connection to close removes the write-ahead log.
        let _ = tokio::task::spawn_blocking(move || shared.readers.close()).await;
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).is_ok() {
            let _ = answered.await;
        }
    }
}

async fn rekey(
    path: &Path,
    options: &OpenOptions,
    method: super::KeyMethod,
    key: &str,
) -> Result<(), OpenError> {
    // Checked by ourselves first, for the sake of the messages.
    let conn = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(schema::database)?;
    schema::load_profiles(&conn, path, options)?;
    drop(conn);
    provision::rekey(path, (options.method, &options.key), (method, key)).await
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database.as_os_str());
    name.push(suffix);
    name.into()
}
