//! Opening, making, rekeying, and refusing.

use chancery_agent::ports::store::{Commit, Op, Query, RowKey, Store as _, StoreError};
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::super::super::conformance::row;
use super::super::super::{CreateMode, KeyMethod, OpenError, OpenOptions, Place};
use super::super::memory::PREFIX;
use super::super::{SqliteStore, beside};
use super::{Folder, RAW_KEY, Tenant, file, options};

async fn refused(options: OpenOptions) -> OpenError {
    match SqliteStore::open(options).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

async fn insert(store: &SqliteStore, name: &str) {
    let ops = vec![Op::Insert(row("connection", name, "1", &[]))];
    let tenant = store.tenants().await.unwrap().remove(0);
    store.commit(&tenant, Commit { guards: vec![], ops }).await.unwrap();
}

async fn rows(store: &SqliteStore) -> usize {
    let tenant = store.tenants().await.unwrap().remove(0);
    store.find(&tenant, &Query::all("connection")).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_wallet_is_made_only_when_asked() {
    let folder = Folder::new();
    // What a URI would take for options and escapes is part of the name here.
    let path = folder.0.join("new/a%20b?c.db");
    let never = || OpenOptions { create: CreateMode::Never, ..file(&path) };
    let error = refused(never()).await;
    assert!(matches!(&error, OpenError::Missing(at) if *at == path));
    assert!(error.to_string().contains("--auto-provision"));
    assert!(!path.parent().unwrap().exists());
    let store = SqliteStore::open(file(&path)).await.unwrap();
    insert(&store, "a").await;
    store.close().await;
    assert!(path.is_file());
    let store = SqliteStore::open(never()).await.unwrap();
    assert_eq!(rows(&store).await, 1);
    store.close().await;
    let recreated = OpenOptions { create: CreateMode::Recreate, ..file(&path) };
    let store = SqliteStore::open(recreated).await.unwrap();
    assert_eq!(rows(&store).await, 0);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_methods_are_told_apart() {
    let folder = Folder::new();
    let path = folder.wallet();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    let key = |key: &str| OpenOptions { key: Zeroizing::new(key.to_owned()), ..file(&path) };
    assert!(matches!(
        refused(key("11111111111111111111111111111111")).await,
        OpenError::WrongKey(KeyMethod::Raw)
    ));
    assert!(refused(key("pass phrase")).await.to_string().contains("base58"));
    let method = OpenOptions { method: KeyMethod::Argon2iInt, ..file(&path) };
    let error = refused(method).await.to_string();
    assert!(error.contains("--wallet-key-derivation-method raw"), "{error}");
    // No refusal holds the lock.
    SqliteStore::open(file(&path)).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_makes_and_opens() {
    for (method, key) in [(KeyMethod::Argon2iInt, "phrase"), (KeyMethod::Raw, RAW_KEY), (KeyMethod::None, "")]
    {
        let folder = Folder::new();
        let with = || OpenOptions { method, key: Zeroizing::new(key.to_owned()), ..file(&folder.wallet()) };
        let store = SqliteStore::open(with()).await.unwrap();
        insert(&store, "a").await;
        store.close().await;
        let store = SqliteStore::open(with()).await.unwrap();
        assert_eq!(rows(&store).await, 1);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rekeying_changes_the_key_and_nothing_else() {
    let folder = Folder::new();
    let path = folder.wallet();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    insert(&store, "a").await;
    store.close().await;

    let new = || (KeyMethod::Argon2iInt, Zeroizing::new("new".to_owned()));
    let wrong = OpenOptions { rekey: Some(new()), key: Zeroizing::new("1".repeat(32)), ..file(&path) };
    assert!(matches!(refused(wrong).await, OpenError::WrongKey(_)));
    let store = SqliteStore::open(OpenOptions { rekey: Some(new()), ..file(&path) }).await.unwrap();
    assert_eq!(rows(&store).await, 1);
    insert(&store, "b").await;
    store.close().await;

    assert!(matches!(refused(file(&path)).await, OpenError::WrongMethod { .. }));
    let again = OpenOptions { method: new().0, key: new().1, ..file(&path) };
    let store = SqliteStore::open(again).await.unwrap();
    assert_eq!(rows(&store).await, 2);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_per_file() {
    let folder = Folder::new();
    let path = folder.wallet();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    let error = refused(file(&path)).await;
    assert!(matches!(&error, OpenError::Held { holder, .. } if *holder == std::process::id().to_string()));
    assert!(error.to_string().contains("in use by the process"));
    store.close().await;
    SqliteStore::open(file(&path)).await.unwrap().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_and_newer_files_are_refused() {
    let folder = Folder::new();
    let text = folder.0.join("text.db");
    std::fs::write(
        &text,
        "this is not a database, just a text that is long enough to be looked at".repeat(20),
    )
    .unwrap();
    assert!(matches!(refused(file(&text)).await, OpenError::NotAWallet { .. }));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("this is not"));

    let empty = folder.0.join("empty.db");
    Connection::open(&empty).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(refused(file(&empty)).await, OpenError::NotAWallet { .. }));

    let path = folder.wallet();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("UPDATE chancery_meta SET value = 99 WHERE name = 'version'");
    let error = refused(file(&path)).await;
    assert!(matches!(error, OpenError::NewerTables { found: 99, .. }), "{error}");
    change(
        "UPDATE chancery_meta SET value = 1 WHERE name = 'version'; UPDATE config SET value = '2' WHERE name = 'version'",
    );
    assert!(matches!(refused(file(&path)).await, OpenError::SchemaVersion(version) if version == "2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_leaves_one_whole_file() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    insert(&store, "a").await;
    assert!(beside(&folder.wallet(), "-wal").exists());
    store.close().await;
    assert!(!beside(&folder.wallet(), "-wal").exists());
    // Closing twice, and dropping without closing, are fine.
    store.close().await;
    drop(store);
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    insert(&store, "b").await;
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_in_memory_leaves_nothing() {
    let shm = std::path::Path::new("/dev/shm");
    let parent = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
    // What a killed process leaves: a folder whose lock is free.
    let left = parent.join(format!("{PREFIX}left-{}", std::process::id()));
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("sqlite.db.lock"), "1").unwrap();

    let store = SqliteStore::open(options(Place::Memory)).await.unwrap();
    assert!(!left.exists());
    let folder = store.path().parent().unwrap().to_owned();
    insert(&store, "a").await;
    let other = SqliteStore::open(options(Place::Memory)).await.unwrap();
    assert_eq!((rows(&store).await, rows(&other).await), (1, 0));
    assert!(folder.exists());
    store.close().await;
    other.close().await;
    assert!(!folder.exists());
    let gone = store.get(&Tenant::new("first"), &RowKey::new("connection", "a")).await;
    assert!(matches!(gone, Err(StoreError::Unavailable(_))));
}

/// Argon2's memory goes back to the system.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_memory_of_the_derivation_is_given_back() {
    let resident = || -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4 / 1024
    };
    let before = resident();
    let reference = "kdf:argon2i:13:mod?salt=a553cfb9c558b5c11c78efcfa06f3e29";
    super::super::super::format::StoreKey::derive(reference, "pass").unwrap();
    // Other tests derive at the same time, so the bound is wide: all but one of theirs and ours.
    assert!(resident() < before + 3 * 128 + 100, "{before} MB before, {} MB after", resident());
}
