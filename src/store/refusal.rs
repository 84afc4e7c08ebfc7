//! What callers are told when something is not done.

use chancery_agent::ports::store::{Commit, CommitError, Committed, Guard, Op, RowKey, StoreError};

use super::format::KeyEntry;
use super::profiles::Profile;
use crate::telemetry::metrics::Ended;

/// Why a commit was not made. Positions are those in the commit.
#[derive(Debug)]
pub(super) enum Refused {
    Guard(usize),
    Change(usize),
    Store(StoreError),
}

/// How a commit ended, for the figures.
pub(super) fn ended(outcome: &Result<Committed, Refused>) -> Ended {
    match outcome {
        Ok(_) => Ended::Done,
        Err(Refused::Guard(_) | Refused::Change(_)) => Ended::Conflict,
        Err(Refused::Store(_)) => Ended::Failed,
    }
}

/// What the caller of a commit is told.
pub(super) fn told(
    profile: &Profile,
    commit: &Commit,
    outcome: Result<Committed, Refused>,
) -> Result<Committed, CommitError> {
    outcome.map_err(|refused| match refused {
        Refused::Guard(position) => conflict(profile, guarded(&commit.guards[position])),
        Refused::Change(position) => conflict(profile, changed(&commit.ops[position])),
        Refused::Store(error) => error.into(),
    })
}

/// The caller will load again: from the database, in case another program has written and the cache does not know.
fn conflict(profile: &Profile, key: RowKey) -> CommitError {
    profile.rows.changed(&key, None);
    CommitError::Conflict(key)
}

/// The row that a guard is about.
fn guarded(guard: &Guard) -> RowKey {
    match guard {
        Guard::Version(key, _) | Guard::Absent(key) => key.clone(),
        Guard::Unknown(space, id) => RowKey::new(space.as_str(), id.as_str()),
        Guard::Queued(seq, _) => RowKey::new("queue", seq.to_string()),
    }
}

/// The row that a change is about.
fn changed(op: &Op) -> RowKey {
    match op {
        Op::Insert(row) | Op::Replace(row) | Op::Put(row) => row.key.clone(),
        Op::Remove(key) => key.clone(),
        Op::InsertKey(key) => RowKey::new(KeyEntry::CATEGORY, key.name.as_str()),
        Op::UpdateKey { name, .. } | Op::RemoveKey(name) => RowKey::new(KeyEntry::CATEGORY, name.as_str()),
        // The others never conflict.
        _ => RowKey::new("", ""),
    }
}

/// The answer of a closed store.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the wallet is closed".to_owned())
}
