//! One process per wallet file: an advisory lock on a file beside it.
//!
//! Row ids and rows are cached, and SQLite's own lock is unfair: a second writer would be wrong, not only slow. The lock is
//! not on the database itself, so that another program can open the wallet once we have stopped. The file stays: removing
//! it would let two processes lock two different files of the same name.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::super::OpenError;
use super::modes;

/// Held as long as the value lives.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

pub(super) fn path_of(database: &Path) -> PathBuf {
    super::beside(database, ".lock")
}

impl FileLock {
    /// Takes the lock of a database, or says which process has it.
    pub fn take(database: &Path) -> Result<Self, OpenError> {
        let path = path_of(database);
        let io = |error| OpenError::Io { path: path.clone(), error };
        let mut file = modes::creating().read(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder writes its id right after locking: an empty file is one in between.
                let _ = file.take(20).read_to_string(&mut holder);
                let holder = holder.trim();
                return Err(OpenError::Held {
                    path: database.to_owned(),
                    holder: if holder.is_empty() { "(unknown)".to_owned() } else { holder.to_owned() },
                });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}
