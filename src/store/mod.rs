//! The wallet: implements the store port on Askar's format.
//!
//! ```text
//! format/     Askar's encryption and our sealing, without SQL
//! profiles    the tenants and their keys
//! absent      what certainly isn't in the database, so that it isn't asked
//! cache       decrypted rows, never older than an answered commit
//! prepared    a commit encrypted by its caller, without SQL
//! rows, sealed, refusal, tally   what both databases need of rows, side tables and answers
//! migrate/    the versions of the side tables, and the steps between them
//! sqlite/     one writer thread, read-only readers, side tables, provisioning
//! postgres/   one writer task that gets its connection back, a pool of readers, the same tables
//! ```
//!
//! A wallet made by ACA-Py opens here, and one written here opens there. What ACA-Py does not know lives in tables of
//! ours (`chancery_…`) in the same database, which it never looks at.

mod absent;
mod cache;
pub mod format;
mod migrate;
pub mod postgres;
mod prepared;
mod profiles;
mod refusal;
mod rows;
mod sealed;
pub mod sqlite;
mod tally;

#[cfg(test)]
mod conformance;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use chancery_agent::ports::store::Facets;
use chancery_agent::ports::{Clock, Entropy};

pub use format::KeyMethod;
pub use postgres::{PostgresStore, Server};
pub use sqlite::{Keep, SqliteStore};

/// Where a wallet lives.
#[derive(Clone, Debug)]
pub enum Place {
    /// An SQLite file.
    File(PathBuf),
    /// A private file that is gone when the store is closed (`--wallet-test`).
    Memory,
    /// A database on a PostgreSQL server.
    Server(Server),
}

/// What to do when there is a wallet, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// Open only.
    Never,
    /// Make one where none is (`--auto-provision`).
    IfMissing,
    /// Throw away what is there (`--recreate-wallet`).
    Recreate,
}

/// How the facets of a record are found.
#[derive(Clone, Copy)]
pub struct FacetSource {
    /// The categories whose records have facets.
    pub categories: &'static [&'static str],
    /// The facets of a record's value; `None` when it is not what the category's records look like.
    pub of: fn(category: &str, value: &[u8]) -> Option<Facets>,
}

impl FacetSource {
    /// No record has facets.
    pub const NONE: Self = Self { categories: &[], of: |_, _| None };

    fn covers(&self, category: &str) -> bool {
        self.categories.contains(&category)
    }

    fn of(&self, category: &str, value: &[u8]) -> Option<Facets> {
        if self.covers(category) { (self.of)(category, value) } else { None }
    }
}

/// Everything that opening a wallet needs.
pub struct OpenOptions {
    /// Where it is.
    pub place: Place,
    /// The pass key, verbatim (`--wallet-key`).
    pub key: Zeroizing<String>,
    /// How the pass key is used. An existing wallet must agree.
    pub method: KeyMethod,
    /// Give the wallet another key right after opening (`--wallet-rekey`).
    pub rekey: Option<(KeyMethod, Zeroizing<String>)>,
    /// What to do when there is a wallet, or none.
    pub create: CreateMode,
    /// Name of the first profile of a new wallet; a random uuid when `None`, like ACA-Py's.
    pub profile: Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for nonces and ids.
    pub entropy: Arc<dyn Entropy>,
    /// Facets of exchange records.
    pub facets: FacetSource,
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("place", &self.place)
            .field("method", &self.method)
            .field("create", &self.create)
            .finish_non_exhaustive()
    }
}

/// Why a wallet could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing there.
    #[error("there is no wallet at {}: start with --auto-provision, or run `chancery provision` first", .0.display())]
    Missing(PathBuf),
    /// The file is there, but it is no Askar wallet.
    #[error(
        "{} is not an Askar wallet ({reason}): move it away, or name another wallet with --wallet-name",
        path.display()
    )]
    NotAWallet {
        /// The file.
        path: PathBuf,
        /// What was missing or wrong.
        reason: String,
    },
    /// The profile key does not open.
    #[error("the wallet key is wrong (check --wallet-key; the wallet was made with the method `{0}`)")]
    WrongKey(KeyMethod),
    /// The store was made with another method.
    #[error(
        "the wallet was made with the key method `{stored}`, not `{given}`: set --wallet-key-derivation-method {stored}"
    )]
    WrongMethod {
        /// Method named in the wallet.
        stored: KeyMethod,
        /// Method asked for.
        given: KeyMethod,
    },
    /// Askar's own schema version is not the one we know.
    #[error("the wallet has Askar schema version {0}; this build knows version 1")]
    SchemaVersion(String),
    /// Our side tables were written by a newer build.
    #[error(
        "the wallet's chancery tables have version {found}, newer than this build's {known}: use the newer build, or go back to the \
         copy of the wallet that was made before (docs/operations.md)"
    )]
    NewerTables {
        /// Version in the wallet.
        found: i64,
        /// Version that this build writes.
        known: i64,
    },
    /// The wallet could not be copied before its side tables change. It is as it was.
    #[error(
        "the wallet could not be copied to {} before its chancery tables change: {reason} (it takes as much space as the wallet; \
         the wallet is as it was)",
        path.display()
    )]
    Copy {
        /// Where the copy was to be.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// Our side tables could not be brought to the version of this build. They are as they were.
    #[error(
        "the wallet's chancery tables could not be brought from version {found} to {to} ({name}): {reason} (the wallet is as it was)"
    )]
    Migration {
        /// Version in the wallet.
        found: i64,
        /// Version that the step leads to.
        to: i64,
        /// What the step brings.
        name: &'static str,
        /// What happened.
        reason: String,
    },
    /// Another process works on the file.
    #[error("the wallet at {} is in use by the process {holder}: stop it first", path.display())]
    Held {
        /// The file.
        path: PathBuf,
        /// Its process id, or `(unknown)`.
        holder: String,
    },
    /// Key or profile key cannot be read.
    #[error(transparent)]
    Format(#[from] format::FormatError),
    /// askar-storage could not provision or rekey.
    #[error("the wallet could not be {action}: {reason}")]
    Askar {
        /// What was tried: `made`, `rekeyed`.
        action: &'static str,
        /// What Askar said.
        reason: String,
    },
    /// The database failed.
    #[error("the wallet's database failed: {0}")]
    Database(String),
    /// The file system failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
}
