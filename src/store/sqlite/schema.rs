//! Connections, Askar's tables as we find them, and our side tables brought to the version of this build.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};

use chancery_agent::ports::Tenant;

use super::super::profiles::{Profiles, Unlocked, unlock};
use super::super::{FacetSource, OpenError, OpenOptions, migrate};
use super::copy;

/// To be raised when the facet function changes: the index of another version is built again.
const FACETS: u32 = 1;

/// Pages in the write-ahead log at which a commit checkpoints even under load: 80 MB. At SQLite's default of 1 000
/// pages the checkpoints triple the disk traffic.
const CHECKPOINT_PAGES: i64 = 20_000;

/// Statements that stay compiled on a connection; we have about sixty.
const STATEMENTS: usize = 128;

/// What hangs on Askar's tables. The triggers run for other programs only: our connections switch triggers off and keep the index
/// themselves. ACA-Py's updates thus leave no wrong row behind; rows without an entry are indexed again when the wallet is opened.
const ON_ITEMS: &str = "
    CREATE INDEX IF NOT EXISTS chancery_items_order ON items (profile_id, kind, category, id);
    CREATE TRIGGER IF NOT EXISTS chancery_index_update AFTER UPDATE OF value ON items
        BEGIN DELETE FROM chancery_index WHERE item = OLD.id; END;
    CREATE TRIGGER IF NOT EXISTS chancery_index_delete AFTER DELETE ON items
        BEGIN DELETE FROM chancery_index WHERE item = OLD.id; END;
";

pub(super) fn database(error: rusqlite::Error) -> OpenError {
    OpenError::Database(error.to_string())
}

/// The one connection that writes.
pub(super) fn open_writer(path: &Path, durable: bool) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(database)?;
    let set = || {
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get::<_, String>(0))?;
        conn.pragma_update(None, "synchronous", if durable { "FULL" } else { "OFF" })?;
        conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        conn.pragma_update(None, "cache_size", -16_384)?;
        // We delete a row's tags ourselves; the checks would look up the parent for every tag.
        conn.pragma_update(None, "foreign_keys", false)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        Ok(())
    };
    set().map_err(|error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            OpenError::NotAWallet { path: path.to_owned(), reason: "it is no SQLite file".to_owned() }
        }
        _ => database(error),
    })?;
    Ok(conn)
}

/// One of the connections that read.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.pragma_update(None, "cache_size", -8_192)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Reads Askar's configuration and unwraps the keys of all profiles: one key derivation.
pub(super) fn load_profiles(
    conn: &Connection,
    path: &Path,
    options: &OpenOptions,
) -> Result<Profiles, OpenError> {
    let not_a_wallet =
        |reason: &str| OpenError::NotAWallet { path: path.to_owned(), reason: reason.to_owned() };
    let config = |name: &str| -> Result<Option<String>, OpenError> {
        let found = conn
            .query_row("SELECT value FROM config WHERE name = ?1", [name], |row| {
                row.get::<_, Option<String>>(0)
            })
            .optional();
        match found {
            Ok(value) => Ok(value.flatten()),
            Err(rusqlite::Error::SqliteFailure(error, message)) => Err(match error.code {
                rusqlite::ErrorCode::NotADatabase => not_a_wallet("it is no SQLite file"),
                rusqlite::ErrorCode::Unknown => not_a_wallet("it has no table `config`"),
                _ => OpenError::Database(message.unwrap_or_else(|| error.to_string())),
            }),
            Err(error) => Err(database(error)),
        }
    };
    let (version, reference) = (config("version")?, config("key")?);
    let default = config("default_profile")?.unwrap_or_default();
    let mut wrapped = Vec::new();
    if version.is_some() {
        let mut statement = conn
            .prepare("SELECT id, name, profile_key FROM profiles ORDER BY name <> ?1, id")
            .map_err(database)?;
        let rows = statement
            .query_map([&default], |row| {
                Ok((row.get(0)?, Tenant::new(&row.get::<_, String>(1)?), row.get(2)?))
            })
            .map_err(database)?;
        wrapped = rows.collect::<Result<_, _>>().map_err(database)?;
    }
    match unlock(version.as_deref(), reference.as_deref(), wrapped, options.method, &options.key)? {
        Unlocked::Profiles(profiles) => Ok(profiles),
        Unlocked::NotAWallet(reason) => Err(not_a_wallet(reason)),
    }
}

/// Brings our tables to the version of this build: from nothing, or from an earlier version, after a copy of the wallet was made.
/// An index that was made with other facets is emptied.
pub(super) fn make_side_tables(
    conn: &Connection,
    path: &Path,
    profiles: &Profiles,
    source: FacetSource,
) -> Result<(), OpenError> {
    let meta = |name: &str| -> rusqlite::Result<Option<Value>> {
        conn.query_row("SELECT value FROM chancery_meta WHERE name = ?1", [name], |row| row.get(0)).optional()
    };
    let set = |name: &str, value: Value| {
        conn.execute(
            "INSERT INTO chancery_meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            params![name, value],
        )
    };
    let there: bool = conn
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'chancery_meta')", [], |row| {
            row.get(0)
        })
        .map_err(database)?;
    let found = match there {
        true => match meta("version").map_err(database)? {
            Some(Value::Integer(found)) => found,
            _ => 0,
        },
        false => 0,
    };
    let steps = migrate::steps_from(found)?;
    let moves = found > 0 && !steps.is_empty();
    let copy = moves.then(|| copy::make(conn, path, found)).transpose()?;
    let began = Instant::now();
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate).map_err(database)?;
    for step in steps {
        let done = (step.sqlite)(conn, profiles).and_then(|()| set("version", Value::Integer(step.to)));
        done.map_err(|error| migrate::stopped(found, &step, error))?;
    }
    let facets = Value::Text(format!("{FACETS} {}", source.categories.join(" ")));
    let finish = || {
        conn.execute_batch(ON_ITEMS)?;
        if meta("facets")?.as_ref() != Some(&facets) {
            conn.execute("DELETE FROM chancery_index", [])?;
            set("facets", facets.clone())?;
        }
        transaction.commit()
    };
    finish().map_err(database)?;
    if let Some(copy) = copy {
        copy::tell(found, &copy, path, began.elapsed());
        // What was written is as much as the tables hold: the log does not stay that long.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(database)?;
    }
    Ok(())
}
