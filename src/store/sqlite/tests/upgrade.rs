//! What is special to SQLite when the side tables change: the copy that is made before, and what a failure leaves.

use askar_storage::backend::{Backend as _, BackendSession as _};
use askar_storage::entry::{EntryKind, EntryOperation};
use chancery_agent::ports::store::{Commit, Op, Queue, RowKey, Store as _};
use rusqlite::Connection;

use super::super::super::conformance::{row, side_rows::item, upgrade::TO_VERSION_2};
use super::super::super::{OpenError, OpenOptions};
use super::super::{SqliteStore, beside};
use super::{Folder, Path, PathBuf, Tenant, askar, file};

fn first() -> Tenant {
    Tenant::new("first")
}

/// A wallet of version 2 with a record and a queue row, and where its copy will be.
async fn earlier(folder: &Folder) -> (PathBuf, PathBuf) {
    let path = folder.wallet();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    let ops = vec![Op::Insert(row("connection", "c", "1", &[])), Op::Enqueue(item("lane", "queued"))];
    store.commit(&first(), Commit { guards: vec![], ops }).await.unwrap();
    store.close().await;
    change(&path, TO_VERSION_2);
    let copy = beside(&path, ".version-2");
    (path, copy)
}

fn change(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// The version of a file's tables, and whether their queue has lanes.
fn tables(path: &Path) -> (i64, bool) {
    let conn = Connection::open(path).unwrap();
    let version = "SELECT value FROM chancery_meta WHERE name = 'version'";
    let column = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('chancery_queue') WHERE name = 'lane_hash')";
    let version = conn.query_row(version, [], |row| row.get(0)).unwrap();
    (version, conn.query_row(column, [], |row| row.get(0)).unwrap())
}

async fn lane(store: &SqliteStore) -> Vec<Vec<u8>> {
    let items = store.lane(&first(), Queue::Outbound, "lane", 0, 9).await.unwrap();
    items.into_iter().map(|item| item.value).collect()
}

async fn refused(options: OpenOptions) -> OpenError {
    match SqliteStore::open(options).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_for_its_owner_alone_and_leads_back() {
    let folder = Folder::new();
    let (path, copy) = earlier(&folder).await;
    for left in [".partial", ".partial-journal"] {
        std::fs::write(beside(&copy, left), "what a kill in the middle of an attempt has left").unwrap();
    }
    std::fs::write(&copy, "the copy of an earlier attempt").unwrap();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    assert_eq!(lane(&store).await, [b"queued"]);
    let ops = vec![Op::Remove(RowKey::new("connection", "c")), Op::Enqueue(item("lane", "later"))];
    store.commit(&first(), Commit { guards: vec![], ops }).await.unwrap();
    store.close().await;
    assert_eq!((tables(&path), tables(&copy)), ((3, true), (2, false)));
    assert!(!beside(&copy, ".partial").exists() && !beside(&copy, ".partial-journal").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    // Once only.
    std::fs::rename(&copy, folder.0.join("kept")).unwrap();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    assert!(!copy.exists());

    std::fs::rename(folder.0.join("kept"), &path).unwrap();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    assert!(store.get(&first(), &RowKey::new("connection", "c")).await.unwrap().is_some());
    assert_eq!(lane(&store).await, [b"queued"], "as it was, and forward again");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_copy_is_made_of_a_wallet_that_has_no_tables_of_ours() {
    let folder = Folder::new();
    let (path, _) = earlier(&folder).await;
    let conn = Connection::open(&path).unwrap();
    let ours = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'chancery_%'";
    let ours: Vec<String> = conn
        .prepare(ours)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(ours.len() > 5);
    ours.iter().for_each(|table| conn.execute_batch(&format!("DROP TABLE {table}")).unwrap());
    drop(conn);
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    assert_eq!(tables(&path), (3, true));
    let files: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().contains("version")), "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_in_the_middle_leaves_the_old_version_whole() {
    let folder = Folder::new();
    let (path, copy) = earlier(&folder).await;
    // What the last statement of the step makes is there, as something else.
    change(&path, "CREATE TABLE chancery_queue_lane (x)");
    let error = refused(file(&path)).await;
    assert!(matches!(error, OpenError::Migration { found: 2, to: 3, .. }), "{error}");
    assert!(
        error.to_string().contains("from version 2 to 3 (lanes of queue rows): there is already"),
        "{error}"
    );
    assert_eq!((tables(&path), tables(&copy)), ((2, false), (2, false)));
    change(&path, "DROP TABLE chancery_queue_lane");
    let store = SqliteStore::open(file(&path)).await.unwrap();
    assert_eq!(lane(&store).await, [b"queued"]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_copy_nothing_is_changed() {
    let folder = Folder::new();
    let (path, copy) = earlier(&folder).await;
    let in_the_way = beside(&copy, ".partial");
    std::fs::create_dir(&in_the_way).unwrap();
    let error = refused(file(&path)).await;
    assert!(matches!(&error, OpenError::Copy { path, .. } if *path == copy), "{error}");
    assert_eq!(tables(&path), (2, false));
    std::fs::remove_dir(&in_the_way).unwrap();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    assert_eq!(tables(&path), (3, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn askar_goes_on_with_a_wallet_whose_tables_have_changed() {
    let folder = Folder::new();
    let (path, _) = earlier(&folder).await;
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    let theirs = askar(&path).await;
    let mut session = theirs.session(None, true).unwrap();
    let found = session.fetch(EntryKind::Item, "connection", "c", false).await.unwrap().unwrap();
    assert_eq!(found.value.as_ref(), b"1");
    let replace = EntryOperation::Replace;
    session.update(EntryKind::Item, replace, "connection", "c", Some(b"2"), None, None).await.unwrap();
    session.close(true).await.unwrap();
    drop(session);
    theirs.close().await.unwrap();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    let found = store.get(&first(), &RowKey::new("connection", "c")).await.unwrap().unwrap();
    assert_eq!(found.value, b"2");
    assert_eq!(lane(&store).await, [b"queued"]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_for_a_lane_is_told_by_the_profiles_key_only() {
    let folder = Folder::new();
    let path = folder.wallet();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    let other = askar(&path).await;
    other.create_profile(Some("second".to_owned())).await.unwrap();
    other.close().await.unwrap();
    let store = SqliteStore::open(file(&path)).await.unwrap();
    for tenant in [first(), Tenant::new("second")] {
        let ops = ["lane", "lane", "other"].map(|lane| Op::Enqueue(item(lane, "v"))).to_vec();
        store.commit(&tenant, Commit { guards: vec![], ops }).await.unwrap();
    }
    store.close().await;
    let conn = Connection::open(&path).unwrap();
    let mut select = conn.prepare("SELECT lane_hash FROM chancery_queue ORDER BY seq").unwrap();
    let hashes: Vec<i64> = select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!((hashes[0], hashes[3]), (hashes[1], hashes[4]));
    let different = std::collections::BTreeSet::from([hashes[0], hashes[2], hashes[3], hashes[5]]);
    assert_eq!(different.len(), 4, "{hashes:?}");
}
