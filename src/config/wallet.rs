//! The wallet: where it lies, what opens it, which DID it starts with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::{ConfigError, NotYet};
use super::given::Given;
use super::secret::Secret;
use crate::store::postgres::SslMode;

/// The wallet.
#[derive(Debug, Clone)]
pub struct Wallet {
    /// Name of the store; its profile bears the same.
    pub name: String,
    /// Which of ACA-Py's wallet types it is opened as.
    pub wallet_type: WalletType,
    /// Where it lies.
    pub storage: Storage,
    /// What opens it; none only for [`Storage::Memory`].
    pub pass_key: Option<PassKey>,
    /// What shall open it from now on.
    pub rekey: Option<PassKey>,
    /// Create it when it is missing (`--auto-provision`).
    pub auto_provision: bool,
    /// Delete it first and create it again.
    pub recreate: bool,
    /// Seed of the first DID.
    pub seed: Option<Seed>,
    /// The seed makes a local DID instead of the public one.
    pub local_did: bool,
    /// The seed may replace another public DID.
    pub replace_public_did: bool,
    /// `POST /wallet/did/create` takes a seed.
    pub allow_insecure_seed: bool,
}

/// ACA-Py's wallet types, as `/settings` reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalletType {
    /// `askar`
    Askar,
    /// `askar-anoncreds`
    AskarAnoncreds,
}

/// Where the wallet lies.
#[derive(Debug, Clone)]
pub enum Storage {
    /// In this SQLite file: `<home>/wallet/<name>/sqlite.db`, as ACA-Py has it.
    Sqlite(PathBuf),
    /// In memory only, for tests.
    Memory,
    /// In a PostgreSQL database that bears the wallet's name (`--wallet-storage-type postgres_storage`).
    Postgres(Database),
}

/// A PostgreSQL server as ACA-Py's `--wallet-storage-config` and `--wallet-storage-creds` describe it.
#[derive(Debug, Clone)]
pub struct Database {
    /// Host name or address.
    pub host: String,
    /// Port, 5432 if none is given.
    pub port: u16,
    /// Who reads and writes.
    pub account: Account,
    /// Who makes the database when it is missing.
    pub admin: Option<Account>,
    /// Most connections; Askar's default is 10.
    pub max_connections: usize,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How far connections are protected: `sslmode`, or `"tls": true` for `verify-full`.
    pub sslmode: SslMode,
    /// The authorities to trust, in PEM; without it, those of the system.
    pub sslrootcert: Option<PathBuf>,
}

/// A role of a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
}

impl Database {
    fn read(given: &Given) -> Result<Self, ConfigError> {
        const CONFIG: &str = "--wallet-storage-config";
        const CREDENTIALS: &str = "--wallet-storage-creds";
        let config = given
            .text(CONFIG)
            .ok_or_else(|| given.invalid(CONFIG, "postgres_storage needs it: {\"url\":\"host:port\"}"))?;
        let config: DatabaseConfig = serde_json::from_str(config).map_err(|_| {
            given.invalid(CONFIG, "must be JSON such as {\"url\":\"host:port\"}; see --help for its members")
        })?;
        let (host, port) = crate::store::Server::parse_address(&config.url)
            .map_err(|problem| given.invalid(CONFIG, problem))?;
        let credentials = given.secret(CREDENTIALS).ok_or_else(|| {
            given.invalid(CREDENTIALS, "postgres_storage needs it: {\"account\":\"…\",\"password\":\"…\"}")
        })?;
        // What serde says of a text may quote it.
        let credentials: DatabaseCredentials = serde_json::from_str(credentials.expose()).map_err(|_| {
            given.invalid(
                CREDENTIALS,
                "must be JSON with the texts account and password (and admin_account, admin_password)",
            )
        })?;
        let account = Account { name: credentials.account, password: Secret::new(credentials.password) };
        let admin = match (credentials.admin_account, credentials.admin_password) {
            (None, None) => None,
            (name, password) => Some(Account {
                name: name.unwrap_or_else(|| account.name.clone()),
                password: password.map_or_else(|| account.password.clone(), Secret::new),
            }),
        };
        let sslmode = match (config.sslmode, config.tls) {
            (Some(mode), None) => SslMode::parse(&mode).map_err(|problem| given.invalid(CONFIG, problem))?,
            (None, Some(true)) => SslMode::VerifyFull,
            (None, Some(false)) => SslMode::Disable,
            (None, None) => SslMode::default(),
            (Some(_), Some(_)) => {
                return Err(
                    given.invalid(CONFIG, "give `sslmode` or `tls` (true stands for verify-full), not both")
                );
            }
        };
        Ok(Self {
            host,
            port,
            account,
            admin,
            max_connections: config.max_connections.unwrap_or(10),
            connect_timeout: Duration::from_secs(config.connection_timeout.unwrap_or(10).max(1)),
            sslmode,
            sslrootcert: config.sslrootcert,
        })
    }
}

/// The members of ACA-Py's JSON that mean something here; others (`min_idle_count`, `wallet_scheme`) are taken and left.
#[derive(serde::Deserialize)]
struct DatabaseConfig {
    url: String,
    max_connections: Option<usize>,
    connection_timeout: Option<u64>,
    tls: Option<bool>,
    sslmode: Option<String>,
    sslrootcert: Option<PathBuf>,
}

#[derive(serde::Deserialize)]
struct DatabaseCredentials {
    account: String,
    password: String,
    admin_account: Option<String>,
    admin_password: Option<String>,
}

/// What opens a wallet.
#[derive(Debug, Clone)]
pub struct PassKey {
    /// Pass phrase, or the key itself in base58 for [`KeyDerivation::Raw`].
    pub key: Secret,
    /// How the store's key comes from it.
    pub derivation: KeyDerivation,
}

/// Askar's ways from a pass key to the store's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDerivation {
    /// `kdf:argon2i:mod`, the default.
    Argon2iModerate,
    /// `kdf:argon2i:int`
    Argon2iInteractive,
    /// `raw`: the pass key is base58 of 32 bytes.
    Raw,
    /// `none`: not encrypted.
    None,
}

impl KeyDerivation {
    /// Askar's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Argon2iModerate => "kdf:argon2i:mod",
            Self::Argon2iInteractive => "kdf:argon2i:int",
            Self::Raw => "raw",
            Self::None => "none",
        }
    }
}

const DERIVATIONS: &[(&str, KeyDerivation)] = &[
    ("kdf:argon2i:mod", KeyDerivation::Argon2iModerate),
    ("kdf:argon2i:int", KeyDerivation::Argon2iInteractive),
    ("raw", KeyDerivation::Raw),
    ("none", KeyDerivation::None),
];

/// A 32-byte seed of an Ed25519 key.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// The bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// ACA-Py's rule: text with `=` in it is base64, other text is taken as it is; 32 bytes either way.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = Zeroizing::new(match text.contains('=') {
            true => STANDARD.decode(text).map_err(|_| "is no base64, though it contains `=`")?,
            false => text.as_bytes().to_vec(),
        });
        let seed = bytes.as_slice().try_into().map_err(|_| "must be 32 bytes, as text or as base64")?;
        Ok(Self(Zeroizing::new(seed)))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Wallet {
    /// That the way to the database is open to others.
    pub(super) fn warning(&self) -> Option<String> {
        let Storage::Postgres(database) = &self.storage else { return None };
        // `require` with a root certificate checks as `verify-ca` does.
        let verified = match database.sslmode {
            SslMode::VerifyCa | SslMode::VerifyFull => true,
            SslMode::Require => database.sslrootcert.is_some(),
            SslMode::Disable | SslMode::Prefer => false,
        };
        (!verified && !is_loopback(&database.host)).then(|| {
            format!(
                "the way to PostgreSQL on {} can be read or taken over: its certificate is not checked (sslmode {}); set \
                 \"sslmode\":\"verify-full\" in --wallet-storage-config",
                database.host,
                database.sslmode.as_str()
            )
        })
    }

    pub(super) fn read(given: &Given, home: &Path) -> Result<Self, ConfigError> {
        let wallet_type = read_type(given)?;
        let on_server = is_postgres(given)?;
        let in_memory = given.flag("--wallet-test");
        let pass_key = read_key(given, "--wallet-key", "--wallet-key-derivation-method")?;
        let name = match (given.text("--wallet-name"), in_memory) {
            (Some(name), _) => name.to_owned(),
            (None, true) => "test".to_owned(),
            (None, false) => return Err(incomplete()),
        };
        if !in_memory && pass_key.is_none() {
            return Err(incomplete());
        }
        if name.contains(['/', '\\', '\0']) || name == "." || name == ".." {
            return Err(given.invalid("--wallet-name", "that is no name for a folder"));
        }
        let storage = match (in_memory, on_server) {
            (true, _) => Storage::Memory,
            (false, true) => Storage::Postgres(Database::read(given)?),
            (false, false) => Storage::Sqlite(home.join("wallet").join(&name).join("sqlite.db")),
        };
        let seed =
            given.text("--seed").map(Seed::parse).transpose().map_err(|e| given.invalid("--seed", e))?;
        Ok(Self {
            name,
            wallet_type,
            storage,
            pass_key,
            rekey: read_key(given, "--wallet-rekey", "--wallet-rekey-derivation-method")?,
            auto_provision: given.flag("--auto-provision"),
            recreate: given.flag("--recreate-wallet"),
            seed,
            local_did: given.flag("--wallet-local-did"),
            replace_public_did: given.flag("--replace-public-did"),
            allow_insecure_seed: given.flag("--wallet-allow-insecure-seed"),
        })
    }
}

/// Whether what goes to this host stays on the machine: a socket of its own, or a loopback address.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host.starts_with('/') || host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn incomplete() -> ConfigError {
    ConfigError::Combination(
        "--wallet-name and --wallet-key are required (or --wallet-test for a wallet in memory); \
         the key is better given as ACAPY_WALLET_KEY_FILE=PATH"
            .into(),
    )
}

fn read_type(given: &Given) -> Result<WalletType, ConfigError> {
    let choices = [
        ("askar", Some(WalletType::Askar)),
        ("askar-anoncreds", Some(WalletType::AskarAnoncreds)),
        ("kanon-anoncreds", None),
    ];
    given.choice("--wallet-type", &choices)?.flatten().ok_or_else(|| {
        let origin = "--wallet-type kanon-anoncreds".to_owned();
        ConfigError::NotYet(vec![NotYet { origin, advice: "use askar or askar-anoncreds" }])
    })
}

fn is_postgres(given: &Given) -> Result<bool, ConfigError> {
    let choices = [("default", false), ("sqlite", false), ("postgres_storage", true), ("postgres", true)];
    Ok(given.choice("--wallet-storage-type", &choices)?.unwrap_or_default())
}

fn read_key(given: &Given, option: &str, method: &str) -> Result<Option<PassKey>, ConfigError> {
    let derivation = given.choice(method, DERIVATIONS)?.unwrap_or(KeyDerivation::Argon2iModerate);
    let Some(key) = given.secret(option) else { return Ok(None) };
    if derivation == KeyDerivation::Raw {
        let bytes = bs58::decode(key.expose()).into_vec().map(Zeroizing::new);
        if bytes.map(|bytes| bytes.len()) != Ok(32) {
            return Err(given.invalid(option, format!("with {method} raw it must be base58 of 32 bytes")));
        }
    }
    Ok(Some(PassKey { key, derivation }))
}
