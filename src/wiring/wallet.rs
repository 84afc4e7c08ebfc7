//! The wallet, as it is configured.

use std::pin::Pin;
use std::sync::Arc;

use chancery_agent::ports::Store;

use super::settings::seconds;
use super::{FACETS, StartError};
use crate::config::{self, Config, Storage};
use crate::store::postgres::Tls;
use crate::store::{
    self, CreateMode, Keep, KeyMethod, OpenOptions, Place, PostgresStore, Server, SqliteStore,
};
use crate::telemetry;
use crate::world::{SystemClock, SystemEntropy};

/// A wallet that is open.
pub(super) struct Opened {
    pub store: Arc<dyn Store>,
    /// Where it lies, when it was made just now and stays.
    pub made: Option<String>,
    pub commits: Arc<telemetry::metrics::Commits>,
    /// Ends when nothing can be written any more.
    pub died: Pin<Box<dyn Future<Output = String> + Send>>,
}

fn server_of(database: &config::Database, name: &str) -> Result<Server, StartError> {
    let account = |account: &config::Account| store::postgres::Account {
        name: account.name.clone(),
        password: zeroize::Zeroizing::new(account.password.expose().to_owned()),
    };
    let tls = Tls::new(database.sslmode, database.sslrootcert.clone()).map_err(StartError::Tls)?;
    Ok(Server {
        host: database.host.clone(),
        port: database.port,
        database: name.to_owned(),
        account: account(&database.account),
        admin: database.admin.as_ref().map(account),
        max_connections: database.max_connections,
        connect_timeout: database.connect_timeout,
        tls,
        open: Arc::default(),
    })
}

pub(super) async fn open_store(
    config: &Config,
    create: CreateMode,
    clock: &Arc<SystemClock>,
    entropy: &Arc<SystemEntropy>,
) -> Result<Opened, StartError> {
    let wallet = &config.wallet;
    let method = |derivation: config::KeyDerivation| match derivation {
        config::KeyDerivation::Argon2iModerate => KeyMethod::Argon2iMod,
        config::KeyDerivation::Argon2iInteractive => KeyMethod::Argon2iInt,
        config::KeyDerivation::Raw => KeyMethod::Raw,
        config::KeyDerivation::None => KeyMethod::None,
    };
    let secret = |key: &config::PassKey| zeroize::Zeroizing::new(key.key.expose().to_owned());
    let options = OpenOptions {
        place: match &wallet.storage {
            Storage::Sqlite(path) => Place::File(path.clone()),
            Storage::Memory => Place::Memory,
            Storage::Postgres(database) => Place::Server(server_of(database, &wallet.name)?),
        },
        key: wallet.pass_key.as_ref().map(secret).unwrap_or_default(),
        method: wallet.pass_key.as_ref().map_or(KeyMethod::None, |k| method(k.derivation)),
        rekey: wallet.rekey.as_ref().map(|k| (method(k.derivation), secret(k))),
        create: if wallet.recreate { CreateMode::Recreate } else { create },
        profile: None,
        clock: clock.clone(),
        entropy: entropy.clone(),
        facets: FACETS,
    };
    let keep = Keep {
        delivered_events: seconds(config.retention.events).saturating_mul(1000),
        dead_letters: seconds(config.retention.dead_letters).saturating_mul(1000),
    };
    let opened = if let Place::Server(server) = options.place.clone() {
        let shown = format!("{server}, database {}", server.database);
        let store = Arc::new(PostgresStore::open(server, options, keep).await?);
        let made = store.was_made().then_some(shown);
        // It gets its connection back by itself.
        Opened { commits: store.commits(), made, store, died: Box::pin(std::future::pending()) }
    } else {
        let stays = matches!(options.place, Place::File(_));
        let store = Arc::new(SqliteStore::open_keeping(options, keep).await?);
        let made = (stays && store.was_made()).then(|| store.path().display().to_string());
        let watched = store.clone();
        let died = Box::pin(async move { watched.died().await });
        Opened { commits: store.commits(), made, store, died }
    };
    if let Some(place) = &opened.made {
        tracing::info!("wallet made at {place}");
    }
    Ok(opened)
}
