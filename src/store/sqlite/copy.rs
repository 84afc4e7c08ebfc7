//! The wallet as it was before its side tables change, in a file beside it: the way back to an earlier build.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::super::{OpenError, migrate};
use super::{beside, modes};

/// Makes it, on disk when this returns; one of an earlier attempt is replaced. It is encrypted as the wallet is, and its owner's alone.
pub(super) fn make(conn: &Connection, database: &Path, version: i64) -> Result<PathBuf, OpenError> {
    let path = beside(database, &format!(".version-{version}"));
    let partial = beside(&path, ".partial");
    let failed = |reason: String| OpenError::Copy { path: path.clone(), reason };
    let io = |error: std::io::Error| failed(error.to_string());
    remove(&partial).map_err(io)?;
    // SQLite would make it readable for others; into one that is there, and empty, it copies just as well.
    modes::creating().create_new(true).open(&partial).map_err(io)?;
    let name = partial.to_str().ok_or_else(|| failed("the path of a wallet must be UTF-8".to_owned()))?;
    let copied =
        conn.execute("VACUUM INTO ?1", [name]).map_err(|error| failed(error.to_string())).and_then(|_| {
            File::open(&partial).and_then(|file| file.sync_all()).map_err(io)?;
            std::fs::rename(&partial, &path).map_err(io)
        });
    if let Err(error) = copied {
        // It may have filled the disk.
        let _ = remove(&partial);
        return Err(error);
    }
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    }
    Ok(path)
}

/// Removes what an attempt has left, its journal too: SQLite would play it back into the next one.
fn remove(partial: &Path) -> std::io::Result<()> {
    for file in [beside(partial, "-journal"), partial.to_owned()] {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Says how to go back.
pub(super) fn tell(found: i64, copy: &Path, database: &Path, took: Duration) {
    tracing::warn!(
        from = found,
        to = migrate::VERSION,
        ?took,
        copy = %copy.display(),
        wallet = %database.display(),
        "the wallet's chancery tables have a new version, which earlier builds refuse: to go back, stop the agent, remove \
         the wallet's file and its -wal, and put the copy in its place; what happens from now on is lost then"
    );
}
