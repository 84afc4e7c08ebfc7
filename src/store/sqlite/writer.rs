//! The writer thread: one per file, the only place that changes it.
//!
//! It takes the commits that are waiting, at most [`BATCH`], into one transaction, so that they share index pages and the
//! sync of the disk. It does not linger: the queue fills while the previous transaction runs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use chancery_agent::ports::Clock;
use chancery_agent::ports::store::{Committed, StoreError};

use super::super::prepared::Prepared;
use super::super::refusal::Refused;
use super::super::rows::KnownRows;
use super::apply::{Applier, Halt};
use super::counting::{self, Absent};
use super::housekeeping::{Housekeeping, Keep};
use super::lazies::Lazies;
use super::lock::FileLock;
use super::reindex::Reindex;
use super::store_error;

/// Most commits in one transaction.
const BATCH: usize = 64;
/// Pause after which the write-ahead log is copied into the file. Not after every commit: with one caller the queue is
/// empty each time, and a checkpoint costs more than the commit.
const QUIET: Duration = Duration::from_millis(300);
/// How often old rows are looked for.
const TIDY: Duration = Duration::from_secs(5);

pub(super) type Answer = oneshot::Sender<Result<Committed, Refused>>;

pub(super) enum Job {
    Commit(Box<Prepared>, Answer),
    /// Look at what was left to be written some time.
    Lazy,
    /// Removes all that is old, now.
    Tidy(oneshot::Sender<Result<(), StoreError>>),
    /// Builds the index again from nothing.
    Reindex,
    Close(oneshot::Sender<()>),
    #[cfg(test)]
    Act(Act, oneshot::Sender<()>),
}

#[cfg(test)]
type Act = Box<dyn FnOnce(&Connection) + Send>;

/// What the thread is started with.
pub(super) struct Writer {
    pub conn: Connection,
    pub lock: FileLock,
    pub clock: Arc<dyn Clock>,
    pub reindex: Reindex,
    pub keep: Keep,
    pub lazies: Arc<Lazies>,
    pub absent: Arc<Absent>,
    /// Commits are synced to the disk.
    pub durable: bool,
    /// Removed at the end (a wallet in memory).
    pub folder: Option<std::path::PathBuf>,
}

/// Set when the thread has ended without being asked.
pub(super) type Died = watch::Receiver<Option<String>>;

/// Starts the thread.
pub(super) fn start(writer: Writer) -> std::io::Result<(Sender<Job>, Died)> {
    let (jobs, inbox) = channel();
    let (died, watched) = watch::channel(None);
    std::thread::Builder::new().name("wallet-writer".to_owned()).spawn(move || {
        let mut obituary = Obituary { died, asked: false };
        let folder = writer.folder.clone();
        let (lock, closed) = Thread::new(writer, inbox).run();
        obituary.asked = true;
        if let Some(folder) = folder
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            tracing::warn!(folder = %folder.display(), %error, "the folder of a wallet in memory stays behind");
        }
        // The lock goes before the answer: whoever has waited for it may open the file again.
        drop(lock);
        for answer in closed {
            let _ = answer.send(());
        }
    })?;
    Ok((jobs, watched))
}

/// Tells of the thread's death even when it panics.
struct Obituary {
    died: watch::Sender<Option<String>>,
    asked: bool,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if !self.asked {
            let message = "the wallet's writer thread has died: nothing can be written any more";
            tracing::error!("{message}");
            self.died.send_replace(Some(message.to_owned()));
        }
    }
}

/// A commit in a batch; lazy ones have nobody to answer.
struct Waiting {
    prepared: Box<Prepared>,
    answer: Option<Answer>,
}

enum Next {
    Batch(Vec<Waiting>),
    Tidy(oneshot::Sender<Result<(), StoreError>>),
    Reindex,
    Pause,
    Close(Option<oneshot::Sender<()>>),
    #[cfg(test)]
    Act(Act, oneshot::Sender<()>),
}

struct Thread {
    conn: Connection,
    durable: bool,
    /// The connection does not sync at present.
    relaxed: bool,
    lock: FileLock,
    inbox: Receiver<Job>,
    rows: KnownRows,
    lazies: Arc<Lazies>,
    absent: Arc<Absent>,
    /// When another connection changes the file, this changes (SQLite's `data_version`).
    seen: Option<i64>,
    /// Commits are in the write-ahead log that are not in the file yet.
    unchecked: bool,
    /// When something was written last.
    written: Instant,
    housekeeping: Housekeeping,
    tidied: Instant,
    reindex: Reindex,
}

impl Thread {
    fn new(writer: Writer, inbox: Receiver<Job>) -> Self {
        Self {
            conn: writer.conn,
            durable: writer.durable,
            relaxed: false,
            lock: writer.lock,
            inbox,
            rows: KnownRows::default(),
            lazies: writer.lazies,
            absent: writer.absent,
            seen: None,
            unchecked: true,
            written: Instant::now(),
            housekeeping: Housekeeping::new(writer.clock, writer.keep),
            tidied: Instant::now(),
            reindex: writer.reindex,
        }
    }

    /// Runs until it is asked to close, or until nobody is left who could ask.
    fn run(mut self) -> (FileLock, Vec<oneshot::Sender<()>>) {
        let mut held: Option<Job> = None;
        loop {
            match self.next(&mut held) {
                Next::Batch(batch) => self.write(batch),
                Next::Tidy(answer) => {
                    let done = self.housekeeping.all(&self.conn);
                    let _ = answer.send(done.map_err(|error| store_error(&error)));
                }
                Next::Reindex => self.reindex.restart(),
                Next::Pause => self.pause(),
                #[cfg(test)]
                Next::Act(act, answer) => {
                    act(&self.conn);
                    let _ = answer.send(());
                }
                Next::Close(answer) => {
                    self.lazies.close();
                    loop {
                        let batch = self.take_lazy();
                        if batch.is_empty() {
                            break;
                        }
                        self.write(batch);
                    }
                    self.checkpoint("TRUNCATE");
                    let Self { conn, lock, .. } = self;
                    if let Err((_, error)) = conn.close() {
                        tracing::warn!(%error, "the wallet was not closed cleanly");
                    }
                    return (lock, answer.into_iter().collect());
                }
            }
            self.chores();
        }
    }

    /// What to do next: the first job decides, commits draw in those that wait behind them.
    fn next(&mut self, held: &mut Option<Job>) -> Next {
        let first = match held.take() {
            Some(job) => Ok(job),
            None => self.receive(),
        };
        let mut commits = match first {
            Ok(Job::Commit(prepared, answer)) => vec![Waiting { prepared, answer: Some(answer) }],
            Ok(Job::Lazy) => {
                return Next::Batch(if self.lazies.due() { self.take_lazy() } else { Vec::new() });
            }
            Ok(Job::Tidy(answer)) => return Next::Tidy(answer),
            Ok(Job::Reindex) => return Next::Reindex,
            Ok(Job::Close(answer)) => return Next::Close(Some(answer)),
            #[cfg(test)]
            Ok(Job::Act(act, answer)) => return Next::Act(act, answer),
            Err(RecvTimeoutError::Timeout) if self.lazies.due() => return Next::Batch(self.take_lazy()),
            Err(RecvTimeoutError::Timeout) => return Next::Pause,
            Err(RecvTimeoutError::Disconnected) => return Next::Close(None),
        };
        *held = self.draw_in(&mut commits);
        let mut batch = self.take_lazy();
        batch.append(&mut commits);
        Next::Batch(batch)
    }

    /// Adds the commits that wait. Something else that waits ends it, and is given back.
    fn draw_in(&self, commits: &mut Vec<Waiting>) -> Option<Job> {
        while commits.len() < BATCH {
            match self.inbox.try_recv() {
                Ok(Job::Commit(prepared, answer)) => commits.push(Waiting { prepared, answer: Some(answer) }),
                Ok(Job::Lazy) => {}
                Ok(other) => return Some(other),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        None
    }

    fn receive(&self) -> Result<Job, RecvTimeoutError> {
        if let Ok(job) = self.inbox.try_recv() {
            return Ok(job);
        }
        let longest = match self.unchecked {
            _ if self.reindex.pending() || self.absent.counting() => Duration::ZERO,
            true => QUIET,
            false => TIDY,
        };
        let job = self.inbox.recv_timeout(self.lazies.sleep(longest));
        self.lazies.awake();
        job
    }

    fn take_lazy(&self) -> Vec<Waiting> {
        let taken = self.lazies.take().into_iter();
        taken.map(|prepared| Waiting { prepared: Box::new(prepared), answer: None }).collect()
    }

    fn pause(&mut self) {
        if self.unchecked && !self.reindex.pending() && self.written.elapsed() >= QUIET {
            self.checkpoint("PASSIVE");
        }
    }

    /// Small bites of what has to be done some time, also under load.
    fn chores(&mut self) {
        if self.reindex.pending() {
            match self.reindex.bite(&self.conn) {
                Ok(()) => self.unchecked = true,
                Err(error) => {
                    self.recover();
                    tracing::warn!(%error, "the index of the wallet could not be built; lists stay slow");
                    self.reindex.give_up();
                }
            }
        }
        if self.absent.counting()
            && let Err(error) = counting::count(&self.absent, &self.conn)
        {
            tracing::warn!(%error, "the rows of the wallet could not be counted; more is looked up than need be");
            self.absent.give_up();
        }
        if self.tidied.elapsed() >= TIDY {
            self.tidied = Instant::now();
            match self.housekeeping.bite(&self.conn) {
                Ok(changed) => self.unchecked |= changed,
                Err(error) => {
                    self.recover();
                    tracing::warn!(%error, "old rows of the wallet could not be removed; it is tried again");
                }
            }
        }
    }

    fn checkpoint(&mut self, kind: &str) {
        self.unchecked = false;
        let done = self.conn.query_row(&format!("PRAGMA wal_checkpoint({kind})"), [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "the write-ahead log could not be copied into the wallet's file");
        }
    }

    /// Writes a batch; one that fails is written again without the commit that is to blame, or one by one.
    fn write(&mut self, mut batch: Vec<Waiting>) {
        let mut stale = false;
        while !batch.is_empty() {
            match self.transaction(&batch) {
                Ok(outcomes) => {
                    self.unchecked = true;
                    self.written = Instant::now();
                    // Before anybody is answered, also those who conflict: they load again.
                    for (waiting, outcome) in batch.iter().zip(&outcomes) {
                        if outcome.is_ok() {
                            let prepared = &waiting.prepared;
                            prepared.changes.iter().for_each(|change| change.tell(&prepared.profile));
                        }
                    }
                    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                        tell(waiting, outcome);
                    }
                    return;
                }
                Err(Failed { at: Some(at), halt: Halt::Change(position) }) => {
                    self.recover();
                    tell(batch.remove(at), Err(Refused::Change(position)));
                }
                Err(Failed { at: Some(at), halt: Halt::Damaged(reason) }) => {
                    self.recover();
                    tell(batch.remove(at), Err(Refused::Store(StoreError::Damaged(reason))));
                }
                Err(Failed { halt: Halt::Stale, .. }) if !stale => {
                    self.recover();
                    stale = true;
                    for waiting in &batch {
                        waiting.prepared.profile.rows.clear();
                        waiting.prepared.profile.keys.clear();
                    }
                    tracing::warn!("another program has written to the wallet: stop it");
                }
                Err(Failed { halt, .. }) => {
                    self.recover();
                    let (error, hopeless) = match halt {
                        Halt::Sql(error) => (store_error(&error), hopeless(&error)),
                        _ => (
                            StoreError::Unavailable("another program keeps changing the wallet".to_owned()),
                            true,
                        ),
                    };
                    if batch.len() > 1 && !hopeless {
                        for waiting in batch {
                            self.write(vec![waiting]);
                        }
                        return;
                    }
                    let (commits, lazies): (Vec<_>, Vec<_>) =
                        batch.into_iter().partition(|w| w.answer.is_some());
                    let lazies: Vec<Prepared> = lazies.into_iter().map(|w| *w.prepared).collect();
                    let kept = lazies.is_empty() || (hopeless && self.lazies.put_back(lazies));
                    if !kept {
                        tracing::warn!(%error, "lazy changes of the wallet were dropped");
                    }
                    for waiting in commits {
                        tell(waiting, Err(Refused::Store(error.clone())));
                    }
                    return;
                }
            }
        }
    }

    fn transaction(&mut self, batch: &[Waiting]) -> Result<Vec<Result<Committed, Refused>>, Failed> {
        let outside = |error| Failed { at: None, halt: Halt::Sql(error) };
        self.relax(batch.iter().all(|waiting| waiting.answer.is_none())).map_err(outside)?;
        execute(&self.conn, "BEGIN IMMEDIATE").map_err(outside)?;
        self.look_for_others().map_err(outside)?;
        let mut applier = Applier { conn: &self.conn, rows: &mut self.rows, absent: &self.absent };
        let mut outcomes = Vec::with_capacity(batch.len());
        for (at, waiting) in batch.iter().enumerate() {
            outcomes.push(match applier.commit(&waiting.prepared) {
                Ok(committed) => Ok(committed),
                Err(Halt::Guard(position)) => Err(Refused::Guard(position)),
                Err(halt) => return Err(Failed { at: Some(at), halt }),
            });
        }
        execute(&self.conn, "COMMIT").map_err(outside)?;
        Ok(outcomes)
    }

    /// What another program has added is not in the filter.
    fn look_for_others(&mut self) -> rusqlite::Result<()> {
        let version = self.conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if self.seen.replace(version).is_some_and(|seen| seen != version) {
            self.absent.forget();
        }
        Ok(())
    }

    /// Lazy changes alone are not synced: they outlive the process without, and a system that fails may repeat them.
    fn relax(&mut self, relaxed: bool) -> rusqlite::Result<()> {
        if self.durable && self.relaxed != relaxed {
            self.conn.pragma_update(None, "synchronous", if relaxed { "NORMAL" } else { "FULL" })?;
            self.relaxed = relaxed;
        }
        Ok(())
    }

    /// Back to no transaction and no assumptions.
    fn recover(&mut self) {
        self.rows.clear();
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "a transaction of the wallet could not be rolled back");
        }
    }
}

struct Failed {
    /// Which commit of the batch; `None`: the transaction itself.
    at: Option<usize>,
    halt: Halt,
}

pub(super) fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn tell(waiting: Waiting, outcome: Result<Committed, Refused>) {
    match (waiting.answer, outcome) {
        // The caller may have gone; the commit stands all the same.
        (Some(answer), outcome) => drop(answer.send(outcome)),
        (None, Err(refused)) => tracing::warn!(?refused, "a lazy change of the wallet was dropped"),
        (None, Ok(_)) => {}
    }
}

/// Whether each commit alone would fail just the same.
fn hopeless(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    error.sqlite_error_code().is_some_and(|code| {
        matches!(
            code,
            Code::DiskFull
                | Code::ReadOnly
                | Code::SystemIoFailure
                | Code::CannotOpen
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::DatabaseCorrupt
                | Code::NotADatabase
        )
    })
}
