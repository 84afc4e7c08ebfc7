//! The conformance suite on SQLite, and what is special to it.

mod bound;
mod fixtures;
mod opening;
mod oracle;
mod plans;
mod upgrade;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use askar_storage::backend::Backend as _;
use askar_storage::backend::sqlite::SqliteStoreOptions;
use askar_storage::{PassKey, StoreKeyMethod};
use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::Store;
use zeroize::Zeroizing;

use super::super::conformance::{FACETS, HandClock, OsEntropy, Setup, conformance};
use super::super::{CreateMode, KeyMethod, OpenOptions, Place};
use super::SqliteStore;

/// Base58 of 32 bytes.
const RAW_KEY: &str = "8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K";

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Arc<Self> {
        let mut random = [0; 8];
        chancery_agent::ports::Entropy::fill(&OsEntropy, &mut random);
        let path = std::env::temp_dir().join(format!("chancery-test-{:016x}", u64::from_be_bytes(random)));
        std::fs::create_dir(&path).unwrap();
        Arc::new(Self(path))
    }

    fn wallet(&self) -> PathBuf {
        self.0.join("sqlite.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn options(place: Place) -> OpenOptions {
    OpenOptions {
        place,
        key: Zeroizing::new(RAW_KEY.to_owned()),
        method: KeyMethod::Raw,
        rekey: None,
        create: CreateMode::IfMissing,
        profile: Some("first".to_owned()),
        clock: HandClock::new(),
        entropy: Arc::new(OsEntropy),
        facets: FACETS,
    }
}

fn file(path: &Path) -> OpenOptions {
    options(Place::File(path.to_owned()))
}

async fn askar(path: &Path) -> askar_storage::backend::sqlite::SqliteBackend {
    SqliteStoreOptions::from_path(path.to_str().unwrap())
        .open(Some(StoreKeyMethod::RawKey), PassKey::from(RAW_KEY), None)
        .await
        .unwrap()
}

async fn on_file() -> Setup {
    let folder = Folder::new();
    let path = folder.wallet();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    let other = askar(&path).await;
    other.create_profile(Some("second".to_owned())).await.unwrap();
    other.close().await.unwrap();

    let clock = HandClock::new();
    let open = {
        let (clock, path) = (clock.clone(), path.clone());
        move || {
            let options = OpenOptions { clock: clock.clone(), ..file(&path) };
            async move { Arc::new(SqliteStore::open(options).await.unwrap()) as Arc<dyn Store> }
        }
    };
    let store = open().await;
    let first = store.clone();
    Setup {
        store,
        clock,
        tenant: Tenant::new("first"),
        other: Some(Tenant::new("second")),
        reopen: Some(Box::new(move || {
            let (first, open) = (first.clone(), open.clone());
            Box::pin(async move {
                first.close().await;
                open().await
            })
        })),
        sql: Some(Box::new(move |sql| {
            let path = path.clone();
            Box::pin(async move { rusqlite::Connection::open(path).unwrap().execute_batch(&sql).unwrap() })
        })),
        _held: Some(folder),
    }
}

async fn in_memory() -> Setup {
    let clock = HandClock::new();
    let options = OpenOptions { clock: clock.clone(), ..options(Place::Memory) };
    let store = Arc::new(SqliteStore::open(options).await.unwrap());
    Setup { store, clock, tenant: Tenant::new("first"), other: None, reopen: None, sql: None, _held: None }
}

mod file_store {
    super::conformance!(super::super::on_file);
}

mod memory_store {
    super::conformance!(super::super::in_memory);
}
