//! What callers are told when something is not done.

use chancery_agent::ports::store::{CommitError, Guard, Op, RowKey, StoreError};

use super::format::KeyEntry;
use super::profiles::Profile;

/// The caller will load again: from the database, in case another program has written and the cache does not know.
pub(super) fn conflict(profile: &Profile, key: RowKey) -> CommitError {
    profile.rows.changed(&key, None);
    CommitError::Conflict(key)
}

/// The row that a guard is about.
pub(super) fn guarded(guard: &Guard) -> RowKey {
    match guard {
        Guard::Version(key, _) | Guard::Absent(key) => key.clone(),
        Guard::Unknown(space, id) => RowKey::new(space.as_str(), id.as_str()),
        Guard::Queued(seq, _) => RowKey::new("queue", seq.to_string()),
    }
}

/// The row that a change is about.
pub(super) fn changed(op: &Op) -> RowKey {
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
