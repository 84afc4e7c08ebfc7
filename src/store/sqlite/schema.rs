//! Connections, Askar's tables as we find them, and our side tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use chancery_agent::ports::Tenant;

use super::super::profiles::{Profiles, Unlocked, unlock};
use super::super::{FacetSource, OpenError, OpenOptions};

/// Version of the side tables. 2: queue rows and events are bound to their number.
const TABLES: i64 = 2;

/// To be raised when the facet function changes: the index of another version is built again.
const FACETS: u32 = 1;

/// Pages in the write-ahead log at which a commit checkpoints even under load: 80 MB. At SQLite's default of 1 000
/// pages the checkpoints triple the disk traffic.
const CHECKPOINT_PAGES: i64 = 20_000;

/// Statements that stay compiled on a connection; we have about sixty.
const STATEMENTS: usize = 128;

/// The triggers run for other programs only: our connections switch triggers off and keep the index themselves. ACA-Py's
/// updates thus leave no wrong row behind; rows without an entry are indexed again when the wallet is opened.
const SIDE_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS chancery_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS chancery_items_order ON items (profile_id, kind, category, id);
    CREATE TABLE IF NOT EXISTS chancery_queue (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        profile INTEGER NOT NULL,
        queue TEXT NOT NULL,
        due INTEGER NOT NULL,
        created INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        value BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chancery_queue_order ON chancery_queue (queue, seq);
    CREATE INDEX IF NOT EXISTS chancery_queue_dead ON chancery_queue (due) WHERE queue = 'dead';
    CREATE INDEX IF NOT EXISTS chancery_queue_parked ON chancery_queue (due) WHERE queue = 'parked';
    CREATE TABLE IF NOT EXISTS chancery_events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        profile INTEGER NOT NULL,
        topic INTEGER NOT NULL,
        created INTEGER NOT NULL,
        value BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chancery_events_topic ON chancery_events (profile, topic, number);
    CREATE TABLE IF NOT EXISTS chancery_undelivered (
        number INTEGER NOT NULL,
        target INTEGER NOT NULL,
        PRIMARY KEY (number, target)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chancery_memory (
        profile INTEGER NOT NULL,
        space TEXT NOT NULL,
        id BLOB NOT NULL,
        expires INTEGER,
        value BLOB NOT NULL,
        PRIMARY KEY (profile, space, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS chancery_memory_expires ON chancery_memory (expires) WHERE expires IS NOT NULL;
    CREATE TABLE IF NOT EXISTS chancery_index (
        item INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        v BLOB NOT NULL,
        state INTEGER,
        role INTEGER,
        connection INTEGER,
        thread INTEGER
    );
    CREATE INDEX IF NOT EXISTS chancery_index_state ON chancery_index (scope, state, item, role);
    CREATE INDEX IF NOT EXISTS chancery_index_role ON chancery_index (scope, role);
    CREATE INDEX IF NOT EXISTS chancery_index_connection ON chancery_index (scope, connection);
    CREATE INDEX IF NOT EXISTS chancery_index_thread ON chancery_index (scope, thread);
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

/// Makes our tables where they are missing. An index that was made with other facets is emptied.
pub(super) fn make_side_tables(conn: &Connection, source: FacetSource) -> Result<(), OpenError> {
    let meta = |name: &str| -> rusqlite::Result<Option<Value>> {
        conn.query_row("SELECT value FROM chancery_meta WHERE name = ?1", [name], |row| row.get(0)).optional()
    };
    let set = |name: &str, value: Value| {
        conn.execute(
            "INSERT INTO chancery_meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
            params![name, value],
        )
    };
    let known: bool = conn
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'chancery_meta')", [], |row| {
            row.get(0)
        })
        .map_err(database)?;
    if known {
        match meta("version").map_err(database)? {
            Some(Value::Integer(found)) if found > TABLES => {
                return Err(OpenError::NewerTables { found, known: TABLES });
            }
            _ => {}
        }
    }
    let facets = Value::Text(format!("{FACETS} {}", source.categories.join(" ")));
    let make = || {
        let transaction = conn.unchecked_transaction()?;
        conn.execute_batch(SIDE_TABLES)?;
        set("version", Value::Integer(TABLES))?;
        if meta("facets")?.as_ref() != Some(&facets) {
            conn.execute("DELETE FROM chancery_index", [])?;
            set("facets", facets.clone())?;
        }
        transaction.commit()
    };
    make().map_err(database)
}
