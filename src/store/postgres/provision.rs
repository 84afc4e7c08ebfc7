//! Making and rekeying wallets: left to askar-storage, as on SQLite. It also makes the database when that is missing.

use askar_storage::backend::Backend as _;
use askar_storage::backend::postgres::PostgresStoreOptions;
use askar_storage::{Error, PassKey, StoreKeyMethod};
use zeroize::Zeroizing;

use super::super::OpenError;
use super::super::format::KeyMethod;
use super::server::Server;

/// Makes an empty wallet with one profile; `recreate` drops the one that is there.
pub(super) async fn provision(
    server: &Server,
    method: KeyMethod,
    key: &str,
    profile: Option<String>,
    recreate: bool,
) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::Askar { action: "made", reason: error.to_string() };
    let store = PostgresStoreOptions::new(uri(server).as_str())
        .map_err(failed)?
        .provision(askar_method(method).map_err(failed)?, PassKey::from(key), profile, recreate)
        .await
        .map_err(failed)?;
    store.close().await.map_err(failed)
}

/// Wraps the profile keys with another store key.
pub(super) async fn rekey(
    server: &Server,
    old: (KeyMethod, &str),
    new: (KeyMethod, &str),
) -> Result<(), OpenError> {
    let failed = |error: Error| OpenError::Askar { action: "rekeyed", reason: error.to_string() };
    let mut store = PostgresStoreOptions::new(uri(server).as_str())
        .map_err(failed)?
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

/// As ACA-Py gives it to Askar.
pub(super) fn uri(server: &Server) -> Zeroizing<String> {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
    let mut uri = Zeroizing::new(format!(
        "postgres://{}:{}@{host}:{}/{}?connect_timeout={}&max_connections=2&sslmode={}",
        encode(&server.account.name),
        encode(&server.account.password),
        server.port,
        encode(&server.database),
        server.connect_timeout.as_secs().max(1),
        if server.tls { "verify-full" } else { "disable" },
    ));
    if let Some(admin) = &server.admin {
        uri.push_str("&admin_account=");
        uri.push_str(&encode(&admin.name));
        uri.push_str("&admin_password=");
        uri.push_str(&encode(&admin.password));
    }
    uri
}
