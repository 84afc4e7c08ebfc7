//! The connections that read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use rusqlite::Connection;

use chancery_agent::ports::store::StoreError;

use super::super::OpenError;
use super::super::format::FormatError;
use super::schema::{database, open_reader};
use super::store_error;
use super::writer::execute;
use crate::telemetry::metrics::Commits;

/// Connections. A read takes 20-30 us, so callers seldom wait.
const READERS: usize = 4;

pub(super) enum ReadError {
    Sql(rusqlite::Error),
    Damaged(String),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<FormatError> for ReadError {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sql(error) => store_error(&error),
            ReadError::Damaged(what) => StoreError::Damaged(what),
        }
    }
}

pub(super) type Read<T> = Result<T, ReadError>;

/// Read-only connections.
pub(super) struct Readers {
    state: Mutex<State>,
    freed: Condvar,
    /// As in the state, readable without the lock.
    closed: AtomicBool,
    figures: Arc<Commits>,
}

struct State {
    idle: Vec<Connection>,
    lent: usize,
    closed: bool,
}

impl Readers {
    pub fn open(path: &Path, figures: Arc<Commits>) -> Result<Self, OpenError> {
        let idle = (0..READERS).map(|_| open_reader(path)).collect::<Result<_, _>>().map_err(database)?;
        figures.pool(READERS);
        Ok(Self {
            state: Mutex::new(State { idle, lent: 0, closed: false }),
            freed: Condvar::new(),
            closed: AtomicBool::new(false),
            figures,
        })
    }

    /// Reads on one of the connections; waits for one when all are lent.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Read<T>) -> Result<T, StoreError> {
        let began = Instant::now();
        let lent = self.lend()?;
        let conn = lent.conn.as_ref().ok_or_else(super::closed)?;
        let done = work(conn);
        self.figures.read(began.elapsed());
        Ok(done?)
    }

    /// As [`read`](Self::read), with several statements that see the same state.
    pub fn snapshot<T>(&self, work: impl FnOnce(&Connection) -> Read<T>) -> Result<T, StoreError> {
        self.read(|conn| {
            execute(conn, "BEGIN")?;
            let done = work(conn);
            execute(conn, "COMMIT")?;
            done
        })
    }

    /// Whether the store is still open: what is cached must not be served afterwards.
    pub fn ensure_open(&self) -> Result<(), StoreError> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(super::closed()),
            false => Ok(()),
        }
    }

    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.closed {
                return Err(super::closed());
            }
            if let Some(conn) = state.idle.pop() {
                state.lent += 1;
                self.figures.lend();
                return Ok(Lent { conn: Some(conn), readers: self });
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Closes all connections, those that are lent when they come back; waits for them.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        self.closed.store(true, Ordering::Release);
        state.idle.clear();
        self.freed.notify_all();
        while state.lent > 0 {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A connection on loan; it goes back also when the reading panics.
struct Lent<'a> {
    conn: Option<Connection>,
    readers: &'a Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.readers.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lent -= 1;
        self.readers.figures.give_back();
        if let Some(conn) = self.conn.take().filter(|_| !state.closed) {
            // Left by a failed COMMIT or a panic: an open snapshot would keep the write-ahead log from being reset.
            if conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok() {
                state.idle.push(conn);
            }
        }
        // Both who wants a connection and who wants to close may be waiting.
        self.readers.freed.notify_all();
    }
}
