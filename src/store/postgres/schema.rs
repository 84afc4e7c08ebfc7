//! The lock, Askar's tables as found, and our side tables brought to the version of this build.

use std::time::Instant;

use tokio_postgres::error::SqlState;

use chancery_agent::ports::Tenant;

use super::super::profiles::{Profiles, Unlocked, unlock};
use super::super::{FacetSource, OpenError, OpenOptions, migrate};
use super::server::{Link, Server};

/// To be raised when the facet function changes: the index of another version is built again.
const FACETS: u32 = 1;

/// Key of the advisory lock of a database: "chancery" as a number.
const LOCK: i64 = i64::from_be_bytes(*b"chancery");

/// What hangs on Askar's tables, which `--recreate-wallet` of ACA-Py makes anew. The sum in the index of lists keeps it away from searches
/// by name: while the tables are young the planner cannot tell it from Askar's unique index, and would read the whole category.
/// Another program may have removed or changed records meanwhile: their index rows are made again.
const ON_ITEMS: &str = "
    DROP INDEX IF EXISTS chancery_items_order;
    CREATE INDEX IF NOT EXISTS chancery_items_listed ON items ((profile_id + 0), kind, category, id);
    DELETE FROM chancery_index x WHERE NOT EXISTS
        (SELECT 1 FROM items i WHERE i.id = x.item AND SUBSTR(i.value, 1, 12) = x.v);
    COMMIT
";

const DROP_SIDE_TABLES: &str = "SET client_min_messages = warning;
    DROP TABLE IF EXISTS chancery_meta, chancery_queue, chancery_events, chancery_undelivered, chancery_memory, chancery_index";

pub(super) fn database(server: &Server, error: &tokio_postgres::Error) -> OpenError {
    OpenError::Database(server.unavailable(error).to_string())
}

/// Whether the connection now has the lock. It is the writer's own: when the server lets a new writer have it, whatever the
/// old one was committing has come to its end.
pub(super) async fn lock(link: &Link) -> Result<bool, tokio_postgres::Error> {
    Ok(link.client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0))
}

/// Who has the lock, for a person to read.
pub(super) async fn holder(link: &Link) -> Result<String, tokio_postgres::Error> {
    let found = link
        .client
        .query_opt(
            "SELECT COALESCE(host(a.client_addr), 'local') || ' (backend ' || a.pid || ')' FROM pg_locks l
             JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND ((l.classid::bigint << 32) | l.objid::bigint) = $1 LIMIT 1",
            &[&LOCK],
        )
        .await?;
    Ok(found.map_or_else(|| "(unknown)".to_owned(), |row| row.get(0)))
}

/// Whether there is a wallet in the database.
pub(super) async fn is_wallet(link: &Link) -> Result<bool, tokio_postgres::Error> {
    Ok(link.client.query_one("SELECT to_regclass('config') IS NOT NULL", &[]).await?.get(0))
}

pub(super) async fn drop_side_tables(link: &Link) -> Result<(), tokio_postgres::Error> {
    link.client.batch_execute(DROP_SIDE_TABLES).await
}

/// Reads Askar's configuration and unwraps the keys of all profiles: one key derivation.
pub(super) async fn load_profiles(
    link: &Link,
    server: &Server,
    options: &OpenOptions,
) -> Result<Profiles, OpenError> {
    let not_a_wallet = |reason: String| OpenError::NotAWallet { path: place(server), reason };
    let rows = link.client.query("SELECT name, value FROM config", &[]).await.map_err(|error| match error
        .code()
    {
        Some(&SqlState::UNDEFINED_TABLE) => not_a_wallet("it has no table `config`".to_owned()),
        _ => database(server, &error),
    })?;
    let config = |name: &str| {
        rows.iter().find(|row| row.get::<_, &str>(0) == name).and_then(|row| row.get::<_, Option<String>>(1))
    };
    let default = config("default_profile").unwrap_or_default();
    let found = link
        .client
        .query("SELECT id, name, profile_key FROM profiles ORDER BY name <> $1, id", &[&default])
        .await
        .map_err(|error| database(server, &error))?;
    let wrapped =
        found.iter().map(|row| (row.get(0), Tenant::new(row.get::<_, &str>(1)), row.get(2))).collect();
    let (version, reference) = (config("version"), config("key"));
    let (method, key) = (options.method, options.key.clone());
    let unlocking = tokio::task::spawn_blocking(move || {
        unlock(version.as_deref(), reference.as_deref(), wrapped, method, &key)
    });
    match unlocking.await.map_err(|error| OpenError::Database(error.to_string()))?? {
        Unlocked::Profiles(profiles) => Ok(profiles),
        Unlocked::NotAWallet(reason) => Err(not_a_wallet(reason.to_owned())),
    }
}

/// How messages name the database.
pub(super) fn place(server: &Server) -> std::path::PathBuf {
    format!("{}:{}/{}", server.host, server.port, server.database).into()
}

/// Brings our tables to the version of this build: from nothing, or from an earlier version. An index that was made with other
/// facets is emptied.
pub(super) async fn make_side_tables(
    link: &Link,
    server: &Server,
    profiles: &Profiles,
    source: FacetSource,
) -> Result<(), OpenError> {
    let failed = |error: tokio_postgres::Error| database(server, &error);
    let client = &link.client;
    let quiet = client.batch_execute("SET client_min_messages = warning").await;
    quiet.map_err(failed)?;
    let there =
        client.query_one("SELECT to_regclass('chancery_meta') IS NOT NULL", &[]).await.map_err(failed)?;
    let meta = async |name: &str| -> Result<Option<String>, tokio_postgres::Error> {
        let row = client.query_opt("SELECT value FROM chancery_meta WHERE name = $1", &[&name]).await?;
        Ok(row.map(|row| row.get(0)))
    };
    let set = async |name: &str, value: &str| {
        let sql = "INSERT INTO chancery_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2";
        client.execute(sql, &[&name, &value]).await
    };
    let version = if there.get(0) { meta("version").await.map_err(failed)? } else { None };
    let found = version.and_then(|version| version.parse().ok()).unwrap_or(0);
    let steps = migrate::steps_from(found)?;
    let moves = found > 0 && !steps.is_empty();
    let began = Instant::now();
    client.batch_execute("BEGIN").await.map_err(failed)?;
    for step in steps {
        let stopped = |error| migrate::stopped(found, &step, server.unavailable(&error));
        (step.postgres)(client, profiles).await.map_err(stopped)?;
        set("version", &step.to.to_string()).await.map_err(stopped)?;
    }
    let facets = format!("{FACETS} {}", source.categories.join(" "));
    if meta("facets").await.map_err(failed)?.as_ref() != Some(&facets) {
        client.batch_execute("DELETE FROM chancery_index").await.map_err(failed)?;
        set("facets", &facets).await.map_err(failed)?;
    }
    client.batch_execute(ON_ITEMS).await.map_err(failed)?;
    if moves {
        tracing::warn!(
            from = found,
            to = migrate::VERSION,
            took = ?began.elapsed(),
            "the wallet's chancery tables have a new version, which earlier builds refuse: to go back, stop the agent and restore \
             the dump of the database that was made before; what happens from now on is lost then"
        );
    }
    Ok(())
}
