//! What callers are told when SQLite fails.

use chancery_agent::ports::store::StoreError;

/// What SQLite's errors mean to whoever runs the agent.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    let sentence = match error.sqlite_error_code() {
        Some(Code::DiskFull) => "the disk is full; nothing was written. Free some space",
        Some(Code::ReadOnly) => "the wallet's file, or its folder, cannot be written. Check the permissions",
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            "another program holds the wallet's file locked. Stop it"
        }
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => {
            return StoreError::Damaged(format!("the file itself is damaged, restore a backup ({error})"));
        }
        Some(Code::SystemIoFailure) => "reading or writing the disk failed; see the system's log",
        _ => return StoreError::Unavailable(format!("SQLite: {error}")),
    };
    StoreError::Unavailable(format!("{sentence} ({error})"))
}
