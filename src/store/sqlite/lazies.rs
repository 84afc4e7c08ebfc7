//! Changes that nobody waits for: they ride with the next commit, or are written by themselves a little later. They are
//! left in a shared place rather than sent: a wake-up of the writer for each costs more than the change.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::prepared::{Change, Prepared};

/// Most changes in one transaction.
const BATCH: usize = 1_024;
/// How long a message's leaving the queue waits for a commit to ride with. Short: a process that is killed meanwhile sends
/// the message again, and not every peer takes that well.
const SOON: Duration = Duration::from_millis(5);
/// How long other changes wait. A controller tells a repeated event by its id.
const LATER: Duration = Duration::from_millis(100);
/// Pause after a fault of the file.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Prepared>,
    due: Option<Instant>,
    /// The writer sleeps until then at most; `None`: it is at work and looks here before it sleeps again.
    sleeps_until: Option<Instant>,
    closed: bool,
}

/// Where callers leave changes for the writer.
#[derive(Default)]
pub(super) struct Lazies(Mutex<Inner>);

impl Lazies {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves changes. `Some(true)`: the writer must be woken; `None`: it has ended.
    pub fn leave(&self, prepared: Prepared) -> Option<bool> {
        let soon = prepared.changes.iter().any(|change| !matches!(change, Change::Delivered { .. }));
        let due = Instant::now() + if soon { SOON } else { LATER };
        let mut inner = self.inner();
        if inner.closed {
            return None;
        }
        inner.waiting.push_back(prepared);
        let due = inner.due.map_or(due, |earlier| earlier.min(due));
        inner.due = Some(due);
        let oversleeps = inner.sleeps_until.is_some_and(|until| until > due);
        if oversleeps {
            inner.sleeps_until = None;
        }
        Some(oversleeps)
    }

    /// What fits into one transaction, oldest first.
    pub fn take(&self) -> Vec<Prepared> {
        let mut inner = self.inner();
        let mut changes = 0;
        let end = inner.waiting.iter().position(|prepared| {
            changes += prepared.changes.len();
            changes > BATCH
        });
        let end = end.map_or(inner.waiting.len(), |end| end.max(1));
        let taken = inner.waiting.drain(..end).collect();
        if inner.waiting.is_empty() {
            inner.due = None;
        }
        taken
    }

    /// Gives back what could not be written now: it comes before what has been left since, and waits for the next commit or
    /// [`AGAIN`]. `false`: it is too late for that.
    pub fn put_back(&self, prepared: Vec<Prepared>) -> bool {
        let mut inner = self.inner();
        if inner.closed {
            return false;
        }
        prepared.into_iter().rev().for_each(|prepared| inner.waiting.push_front(prepared));
        inner.due = Some(Instant::now() + AGAIN);
        true
    }

    /// Whether something should be written by now without a commit.
    pub fn due(&self) -> bool {
        self.inner().due.is_some_and(|due| due <= Instant::now())
    }

    /// The writer is about to sleep for this long; how long it may.
    pub fn sleep(&self, longest: Duration) -> Duration {
        let mut inner = self.inner();
        let now = Instant::now();
        let until = inner.due.map_or(now + longest, |due| due.min(now + longest));
        inner.sleeps_until = Some(until);
        until.saturating_duration_since(now)
    }

    /// The writer is at work again.
    pub fn awake(&self) {
        self.inner().sleeps_until = None;
    }

    /// Takes no more.
    pub fn close(&self) {
        self.inner().closed = true;
    }
}
