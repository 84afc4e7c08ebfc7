//! Making and rekeying wallets: left to askar-storage, so that a new wallet is exactly what ACA-Py expects. It is closed
//! before our writer opens the file: two writers are slow, and SQLite before 3.51.3 may damage a WAL file when two
//! connections checkpoint it at the same instant.

use std::path::Path;

use askar_storage::backend::Backend as _;
use askar_storage::backend::sqlite::SqliteStoreOptions;
use askar_storage::{Error, PassKey, StoreKeyMethod};

use super::super::OpenError;
use super::super::format::KeyMethod;

/// Makes an empty wallet with one profile.
pub(super) async fn provision(
    database: &Path,
    method: KeyMethod,
    key: &str,
    profile: Option<String>,
) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::Askar { action: "made", reason: error.to_string() };
    let store = options(database)?
        .provision(askar_method(method).map_err(failed)?, PassKey::from(key), profile, false)
        .await
        .map_err(failed)?;
    store.close().await.map_err(failed)
}

/// Wraps the profile keys with another store key.
pub(super) async fn rekey(
    database: &Path,
    old: (KeyMethod, &str),
    new: (KeyMethod, &str),
) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::Askar { action: "rekeyed", reason: error.to_string() };
    let mut store = options(database)?
        .open(Some(askar_method(old.0).map_err(failed)?), PassKey::from(old.1), None)
        .await
        .map_err(failed)?;
    let done = store.rekey(askar_method(new.0).map_err(failed)?, PassKey::from(new.1)).await;
    store.close().await.map_err(failed)?;
    done.map_err(failed)
}

fn askar_method(method: KeyMethod) -> Result<StoreKeyMethod, Error> {
    StoreKeyMethod::parse_uri(method.as_str())
}

fn options(database: &Path) -> Result<SqliteStoreOptions, OpenError> {
    let path = database.to_str().ok_or_else(|| OpenError::Io {
        path: database.to_owned(),
        error: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path of a wallet must be UTF-8"),
    })?;
    // Askar takes the path for a URI: what follows a question mark would be options.
    Ok(SqliteStoreOptions::from_path(&path.replace('%', "%25").replace('?', "%3F")))
}
