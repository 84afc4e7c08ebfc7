//! Making and rekeying wallets, over our own connections: so what `sslmode` promises holds for the first of them too. (Through
//! askar-storage 0.2.4 it would not: it joins two options of its address without `&`, and verify-ca takes no server whose
//! certificate has another name.) The layout is Askar's, version 1.

use zeroize::Zeroizing;

use chancery_agent::ports::Entropy;
use tokio_postgres::error::SqlState;

use super::super::format::{KeyMethod, ProfileKey, StoreKey};
use super::super::{OpenError, OpenOptions};
use super::schema::{self, database};
use super::server::{Account, Link, Server};

/// As Askar makes them, in the schema of the role: it comes first in the search path.
const TABLES: &str = r#"
    CREATE SCHEMA IF NOT EXISTS "{schema}";
    CREATE TABLE "{schema}".config (name TEXT NOT NULL, value TEXT, PRIMARY KEY(name));
    CREATE TABLE "{schema}".profiles (
        id BIGSERIAL,
        name TEXT NOT NULL,
        reference TEXT NULL,
        profile_key BYTEA NULL,
        PRIMARY KEY(id)
    );
    CREATE UNIQUE INDEX ix_profile_name ON "{schema}".profiles(name);
    CREATE TABLE "{schema}".items (
        id BIGSERIAL,
        profile_id BIGINT NOT NULL,
        kind SMALLINT NOT NULL,
        category BYTEA NOT NULL,
        name BYTEA NOT NULL,
        value BYTEA NOT NULL,
        expiry TIMESTAMP NULL,
        PRIMARY KEY(id),
        FOREIGN KEY(profile_id) REFERENCES "{schema}".profiles(id) ON DELETE CASCADE ON UPDATE CASCADE
    );
    CREATE UNIQUE INDEX ix_items_uniq ON "{schema}".items(profile_id, kind, category, name);
    CREATE TABLE "{schema}".items_tags (
        id BIGSERIAL,
        item_id BIGINT NOT NULL,
        name BYTEA NOT NULL,
        value BYTEA NOT NULL,
        plaintext SMALLINT NOT NULL,
        PRIMARY KEY(id),
        FOREIGN KEY(item_id) REFERENCES "{schema}".items(id) ON DELETE CASCADE ON UPDATE CASCADE
    );
    CREATE INDEX ix_items_tags_item_id ON "{schema}".items_tags(item_id);
    CREATE INDEX ix_items_tags_name_enc ON "{schema}".items_tags(name, SUBSTR(value, 1, 12)) INCLUDE (item_id) WHERE plaintext=0;
    CREATE INDEX ix_items_tags_name_plain ON "{schema}".items_tags(name, value) INCLUDE (item_id) WHERE plaintext=1;
"#;
const DROP_TABLES: &str = "DROP TABLE IF EXISTS config, profiles, profile_keys, keys, items, items_tags";

/// Inside double quotes.
fn quoted(name: &str) -> String {
    name.replace('"', "\"\"")
}

/// Makes the database, by the admin account if there is one.
pub(super) async fn create_database(server: &Server) -> Result<(), OpenError> {
    let by: &Account = server.admin.as_ref().unwrap_or(&server.account);
    let link = server.connect_to("postgres", by).await.map_err(|error| database(server, &error))?;
    let (name, owner) = (quoted(&server.database), quoted(&server.account.name));
    match link.client.batch_execute(&format!(r#"CREATE DATABASE "{name}" OWNER "{owner}""#)).await {
        Err(error)
            // Somebody else was faster.
            if !matches!(error.code(), Some(&SqlState::DUPLICATE_DATABASE | &SqlState::UNIQUE_VIOLATION)) =>
        {
            Err(database(server, &error))
        }
        _ => Ok(()),
    }
}

/// Makes an empty wallet with one profile; `recreate` drops the one that is there.
pub(super) async fn provision(
    link: &Link,
    server: &Server,
    options: &OpenOptions,
    recreate: bool,
) -> Result<(), OpenError> {
    let failed = |error: tokio_postgres::Error| database(server, &error);
    let mut secrets = Zeroizing::new([[0; 32]; 6]);
    secrets.iter_mut().for_each(|secret| options.entropy.fill(secret));
    let fresh = Fresh::new(options.entropy.as_ref(), options.method);
    let key = derived(&fresh.reference, &options.key).await?;
    let wrapped = key.wrap(fresh.nonce, &ProfileKey::new_cbor(&secrets)?)?;
    let profile = options
        .profile
        .clone()
        .unwrap_or_else(|| uuid::Builder::from_random_bytes(fresh.name).into_uuid().to_string());
    link.client.batch_execute("BEGIN; SET LOCAL client_min_messages = warning").await.map_err(failed)?;
    if recreate {
        schema::drop_side_tables(link).await.map_err(failed)?;
        link.client.batch_execute(DROP_TABLES).await.map_err(failed)?;
    }
    let home = quoted(&server.account.name);
    link.client.batch_execute(&TABLES.replace("{schema}", &home)).await.map_err(failed)?;
    let config = format!(
        r#"INSERT INTO "{home}".config (name, value) VALUES ('default_profile', $1), ('key', $2), ('version', '1')"#
    );
    link.client.execute(&config, &[&profile, &fresh.reference]).await.map_err(failed)?;
    let profiles = format!(r#"INSERT INTO "{home}".profiles (name, profile_key) VALUES ($1, $2)"#);
    link.client.execute(&profiles, &[&profile, &wrapped]).await.map_err(failed)?;
    link.client.batch_execute("COMMIT").await.map_err(failed)
}

/// Wraps the profile keys with another store key.
pub(super) async fn rekey(
    link: &Link,
    server: &Server,
    options: &OpenOptions,
    (method, new): (KeyMethod, &Zeroizing<String>),
) -> Result<(), OpenError> {
    let failed = |error: tokio_postgres::Error| database(server, &error);
    let reference =
        link.client.query_one("SELECT value FROM config WHERE name = 'key'", &[]).await.map_err(failed)?;
    let old = derived(reference.get(0), &options.key).await?;
    let fresh = Fresh::new(options.entropy.as_ref(), method);
    let new = derived(&fresh.reference, new).await?;
    link.client.batch_execute("BEGIN").await.map_err(failed)?;
    for row in link.client.query("SELECT id, profile_key FROM profiles", &[]).await.map_err(failed)? {
        let mut nonce = [0; 12];
        options.entropy.fill(&mut nonce);
        let wrapped = new.wrap(nonce, &old.unwrap(row.get(1))?)?;
        let sql = "UPDATE profiles SET profile_key = $1 WHERE id = $2";
        link.client.execute(sql, &[&wrapped, &row.get::<_, i64>(0)]).await.map_err(failed)?;
    }
    let sql = "UPDATE config SET value = $1 WHERE name = 'key'";
    link.client.execute(sql, &[&fresh.reference]).await.map_err(failed)?;
    link.client.batch_execute("COMMIT").await.map_err(failed)
}

/// What is random about a new store key and the profile that it wraps.
struct Fresh {
    reference: String,
    nonce: [u8; 12],
    name: [u8; 16],
}

impl Fresh {
    fn new(entropy: &dyn Entropy, method: KeyMethod) -> Self {
        let (mut salt, mut nonce, mut name) = ([0; 16], [0; 12], [0; 16]);
        entropy.fill(&mut salt);
        entropy.fill(&mut nonce);
        entropy.fill(&mut name);
        Self { reference: StoreKey::reference(method, &salt), nonce, name }
    }
}

async fn derived(reference: &str, key: &Zeroizing<String>) -> Result<StoreKey, OpenError> {
    let (reference, key) = (reference.to_owned(), key.clone());
    let deriving = tokio::task::spawn_blocking(move || StoreKey::derive(&reference, &key));
    Ok(deriving.await.map_err(|error| OpenError::Database(error.to_string()))??)
}
