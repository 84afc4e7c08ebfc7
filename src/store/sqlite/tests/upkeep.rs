//! What the writer does beside writing, and how it meets a failing disk.

use std::sync::Arc;
use std::time::Duration;

use askar_storage::backend::{Backend as _, BackendSession as _};
use askar_storage::entry::{EntryKind, EntryOperation};
use chancery_agent::ports::store::{
    Commit, CommitError, Facet, Guard, NewItem, Op, Query, Queue, RowKey, Space, Store as _, StoreError, Tag,
};
use chancery_agent::ports::{Clock as _, Timestamp};
use rusqlite::Connection;

use super::super::super::OpenOptions;
use super::super::super::conformance::{HandClock, exchange, row};
use super::super::{Keep, SqliteStore};
use super::{Folder, Tenant, askar, file};

const DAY: i64 = 24 * 3_600_000;

fn tenant() -> Tenant {
    Tenant::new("first")
}

async fn commit(store: &SqliteStore, ops: Vec<Op>) -> Result<(), CommitError> {
    store.commit(&tenant(), Commit { guards: vec![], ops }).await.map(drop)
}

fn count(path: &std::path::Path, table: &str) -> i64 {
    let conn = Connection::open(path).unwrap();
    conn.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_parked_envelopes_go_when_their_time_is_over() {
    let folder = Folder::new();
    let clock = HandClock::new();
    let options = OpenOptions { clock: clock.clone(), ..file(&folder.wallet()) };
    let keep = Keep { delivered_events: 7 * DAY, dead_letters: 30 * DAY };
    let store = SqliteStore::open_keeping(options, keep).await.unwrap();
    let item = |queue, due| {
        Op::Enqueue(NewItem {
            queue,
            lane: "lane".into(),
            due: clock.now().plus_millis(due),
            value: vec![1],
            owner: None,
        })
    };
    let all = [Queue::Dead, Queue::Outbound, Queue::Work, Queue::Parked];
    commit(&store, all.iter().map(|queue| item(*queue, DAY)).collect()).await.unwrap();
    let left = async || {
        let mut left = Vec::new();
        for queue in all {
            left.extend(store.items(queue, 0, 9).await.unwrap().iter().map(|i| i.queue));
        }
        left
    };
    clock.forward(DAY / 2);
    store.tidy().await.unwrap();
    assert_eq!(left().await, all);
    clock.forward(DAY);
    store.tidy().await.unwrap();
    assert_eq!(left().await, [Queue::Dead, Queue::Outbound, Queue::Work]);
    clock.forward(30 * DAY);
    store.tidy().await.unwrap();
    assert_eq!(left().await, [Queue::Outbound, Queue::Work], "what is to be delivered never goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_go_and_the_disk_is_given_back() {
    let folder = Folder::new();
    let clock = HandClock::new();
    let options = OpenOptions { clock: clock.clone(), ..file(&folder.wallet()) };
    let store =
        SqliteStore::open_keeping(options, Keep { delivered_events: 7 * DAY, dead_letters: 30 * DAY })
            .await
            .unwrap();
    let event = |targets: &[&str]| {
        Op::Event(chancery_agent::ports::store::NewEvent {
            topic: "t".into(),
            record: "r".into(),
            payload: vec![0; 10_000],
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            trace: None,
        })
    };
    for _ in 0..3 {
        commit(&store, (0..200).map(|_| event(&[])).collect()).await.unwrap();
    }
    commit(&store, vec![event(&["waits"])]).await.unwrap();
    let expires = |at| Some(clock.now().plus_millis(at));
    let remember = |id: &str, expires: Option<Timestamp>| Op::Remember {
        space: Space::Seen,
        id: id.to_owned(),
        value: vec![0; 100],
        expires,
    };
    let mut ops: Vec<Op> = (0..700).map(|i| remember(&format!("old{i}"), expires(DAY))).collect();
    ops.extend([remember("kept", expires(30 * DAY)), remember("for ever", None)]);
    commit(&store, ops).await.unwrap();

    clock.forward(6 * DAY);
    store.tidy().await.unwrap();
    assert_eq!(
        (count(&folder.wallet(), "chancery_events"), count(&folder.wallet(), "chancery_memory")),
        (601, 2)
    );
    commit(&store, vec![event(&[])]).await.unwrap();
    let before = std::fs::metadata(folder.wallet()).unwrap().len();
    clock.forward(2 * DAY);
    store.tidy().await.unwrap();
    // The young one and the one that waits for its target.
    assert_eq!(store.events(Some(&tenant()), 0, None, false, 9).await.unwrap().len(), 2);
    assert_eq!(store.events(None, 0, None, true, 9).await.unwrap().len(), 1);
    store.close().await;
    let after = std::fs::metadata(folder.wallet()).unwrap().len();
    assert!(before.max(6_000_000) > after + 5_000_000, "{before} bytes before, {after} after");
}

/// Rows that another program has changed are found under their new facets.
#[tokio::test(flavor = "multi_thread")]
async fn the_index_follows_another_programs_changes() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let ops = (0..500).map(|i| Op::Insert(exchange(&format!("x{i}"), "done", "issuer", "c"))).collect();
    commit(&store, ops).await.unwrap();
    store.close().await;

    let other = askar(&folder.wallet()).await;
    let mut session = other.session(None, true).unwrap();
    for (operation, name, state) in [
        (EntryOperation::Replace, "x7", "abandoned"),
        (EntryOperation::Remove, "x8", ""),
        (EntryOperation::Insert, "y1", "abandoned"),
    ] {
        let value = format!(r#"{{"state": "{state}"}}"#);
        let value = (operation != EntryOperation::Remove).then_some(value.as_bytes());
        session.update(EntryKind::Item, operation, "cred_ex_v20", name, value, None, None).await.unwrap();
    }
    session.close(true).await.unwrap();
    drop(session);
    other.close().await.unwrap();
    assert_eq!(count(&folder.wallet(), "chancery_index"), 498);

    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let state = |state: &str| Query {
        facets: vec![(Facet::State, vec![state.to_owned()])],
        ..Query::all("cred_ex_v20")
    };
    // Right at once (by reading), and right when the index is complete.
    assert_eq!(store.find(&tenant(), &state("abandoned")).await.unwrap().len(), 2);
    indexed(&store).await;
    let names: Vec<_> = store
        .find(&tenant(), &state("abandoned"))
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.key.name)
        .collect();
    assert_eq!(names, ["x7", "y1"]);
    assert_eq!(store.find(&tenant(), &state("done")).await.unwrap().len(), 498);
    store.close().await;
    assert_eq!(count(&folder.wallet(), "chancery_index"), 500);
}

async fn indexed(store: &SqliteStore) {
    let complete = async {
        while !store.shared.indexed.load(std::sync::atomic::Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), complete).await.expect("the index is never complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_index_is_noticed_and_built_again() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    commit(
        &store,
        vec![
            Op::Insert(exchange("a", "done", "issuer", "c")),
            Op::Insert(exchange("b", "offer-sent", "issuer", "c")),
        ],
    )
    .await
    .unwrap();
    indexed(&store).await;
    // Somebody without our triggers: an older copy of a row comes back.
    let conn = Connection::open(folder.wallet()).unwrap();
    conn.execute_batch("UPDATE chancery_index SET v = x'000000000000000000000000'").unwrap();
    drop(conn);
    let done = Query { facets: vec![(Facet::State, vec!["done".to_owned()])], ..Query::all("cred_ex_v20") };
    assert_eq!(store.find(&tenant(), &done).await.unwrap().len(), 1);
    // The commit comes behind the order to build the index again.
    commit(&store, vec![]).await.unwrap();
    indexed(&store).await;
    assert_eq!(store.find(&tenant(), &done).await.unwrap().len(), 1);
    store.close().await;
}

/// A second writer that ignores the lock is noticed at the latest when its row is replaced.
#[tokio::test(flavor = "multi_thread")]
async fn rows_changed_behind_our_back_are_not_overwritten() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    commit(&store, vec![Op::Insert(row("connection", "old", "1", &[]))]).await.unwrap();
    store.close().await;
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    commit(&store, vec![Op::Insert(row("connection", "new", "1", &[]))]).await.unwrap();
    let read =
        async |name: &str| store.get(&tenant(), &RowKey::new("connection", name)).await.unwrap().unwrap();
    // The writer knows the row id of one, and both are cached.
    let known = [("old", read("old").await.version), ("new", read("new").await.version)];

    let other = askar(&folder.wallet()).await;
    let mut session = other.session(None, true).unwrap();
    for (name, _) in known {
        let theirs = Some(&b"theirs"[..]);
        session
            .update(EntryKind::Item, EntryOperation::Replace, "connection", name, theirs, None, None)
            .await
            .unwrap();
    }
    session.close(true).await.unwrap();
    drop(session);
    other.close().await.unwrap();

    for (name, version) in known {
        let guards = vec![Guard::Version(RowKey::new("connection", name), version)];
        let ops = vec![Op::Replace(row("connection", name, "ours", &[]))];
        let done = store.commit(&tenant(), Commit { guards, ops }).await;
        assert!(matches!(done, Err(CommitError::Conflict(_))), "{done:?}");
        // Whoever loads again sees what was written, and gets through.
        let found = read(name).await;
        assert_eq!(found.value, b"theirs");
        let guards = vec![Guard::Version(RowKey::new("connection", name), found.version)];
        let ops = vec![Op::Replace(row("connection", name, "ours", &[]))];
        store.commit(&tenant(), Commit { guards, ops }).await.unwrap();
        assert_eq!(read(name).await.value, b"ours");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_commit_and_no_later_one() {
    let folder = Folder::new();
    let store = Arc::new(SqliteStore::open(file(&folder.wallet())).await.unwrap());
    commit(&store, vec![Op::Insert(row("connection", "before", "1", &[]))]).await.unwrap();
    store
        .on_writer(|conn| {
            let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
            conn.query_row(&format!("PRAGMA max_page_count = {}", pages + 20), [], |_| Ok(())).unwrap();
        })
        .await;
    let large = "x".repeat(1 << 20);
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20 {
        let (store, large) = (store.clone(), large.clone());
        tasks.spawn(async move {
            commit(&store, vec![Op::Insert(row("large", &format!("{i}"), &large, &[]))]).await
        });
    }
    for done in tasks.join_all().await {
        match done {
            Err(CommitError::Store(StoreError::Unavailable(why))) => {
                assert!(why.contains("disk is full"), "{why}")
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(store.ping().await.is_err(), "what can't be written is told");
    // What nobody waits for is not dropped, but written later.
    store.lazily(&tenant(), vec![Op::Insert(row("large", "lazy", &large, &[]))]);
    assert!(commit(&store, vec![Op::Insert(row("large", "with it", &large, &[]))]).await.is_err());
    store
        .on_writer(|conn| {
            conn.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
        })
        .await;
    commit(
        &store,
        vec![Op::Insert(row("large", "1", &large, &[])), Op::Replace(row("connection", "before", "2", &[]))],
    )
    .await
    .unwrap();
    let found = store.find(&tenant(), &Query::all("large")).await.unwrap();
    let names: Vec<&str> = found.iter().map(|row| &*row.key.name).collect();
    assert_eq!(names, ["lazy", "1"]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_says_so() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    store.on_writer(|conn| conn.pragma_update(None, "query_only", true).unwrap()).await;
    match commit(&store, vec![Op::Insert(row("connection", "a", "1", &[]))]).await {
        Err(CommitError::Store(StoreError::Unavailable(why))) => {
            assert!(why.contains("cannot be written"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    store.on_writer(|conn| conn.pragma_update(None, "query_only", false).unwrap()).await;
    commit(&store, vec![Op::Insert(row("connection", "a", "1", &[]))]).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_writer_is_told_and_nothing_hangs() {
    let folder = Folder::new();
    let store = Arc::new(SqliteStore::open(file(&folder.wallet())).await.unwrap());
    let watching = {
        let store = store.clone();
        async move { store.died().await }
    };
    let killed = store.on_writer(|_| panic!("a defect in the writer"));
    let (message, ()) = tokio::join!(watching, killed);
    assert!(message.contains("writer thread has died"));
    let refused = commit(&store, vec![]).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert!(store.ping().await.is_err());
    store.close().await;
}

/// What is taken to be absent isn't looked up: so everything that was there before must be counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_found() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let names: Vec<String> = (0..5_000).map(|number| format!("c{number}")).collect();
    let tagged = |name: &String| {
        let mut new = row("connection", name, "1", &[("state", name.as_str())]);
        new.tags.push(Tag { plaintext: true, ..Tag::new("plain", name.as_str()) });
        Op::Insert(new)
    };
    commit(&store, names.iter().map(tagged).collect()).await.unwrap();
    let remember = |id: &String| Op::Remember {
        space: Space::Seen,
        id: id.clone(),
        value: b"1".to_vec(),
        expires: None,
    };
    commit(&store, names.iter().map(remember).collect()).await.unwrap();
    store.close().await;

    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    // While it is being counted, and afterwards.
    for _ in 0..2 {
        for name in [&names[0], &names[2_500], &names[4_999]] {
            assert!(store.get(&tenant(), &RowKey::new("connection", name.as_str())).await.unwrap().is_some());
            for tag in ["state", "plain"] {
                let found = store.find(&tenant(), &Query::tagged("connection", tag, name)).await.unwrap();
                assert_eq!(found.len(), 1, "{tag} {name}");
            }
            assert!(store.recall(&tenant(), Space::Seen, name).await.unwrap().is_some());
        }
        counted(&store).await;
    }
    let asked = reads(&store);
    assert!(store.get(&tenant(), &RowKey::new("connection", "another")).await.unwrap().is_none());
    assert!(
        store.find(&tenant(), &Query::tagged("connection", "state", "another")).await.unwrap().is_empty()
    );
    assert!(store.recall(&tenant(), Space::Seen, "another").await.unwrap().is_none());
    assert_eq!(reads(&store), asked, "the database is asked for what isn't there");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_adds_is_found_after_the_next_commit() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    commit(&store, vec![Op::Insert(row("connection", "ours", "1", &[]))]).await.unwrap();
    counted(&store).await;
    let other = askar(&folder.wallet()).await;
    let mut session = other.session(None, false).unwrap();
    let (kind, insert) = (EntryKind::Item, EntryOperation::Insert);
    session.update(kind, insert, "connection", "theirs", Some(b"2"), None, None).await.unwrap();
    session.close(true).await.unwrap();
    drop(session);
    other.close().await.unwrap();
    commit(&store, vec![Op::Insert(row("connection", "more", "1", &[]))]).await.unwrap();
    let theirs = RowKey::new("connection", "theirs");
    assert_eq!(store.get(&tenant(), &theirs).await.unwrap().unwrap().value, b"2");
    store.close().await;
}

async fn counted(store: &SqliteStore) {
    while store.shared.absent.counting() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How often the file was read.
fn reads(store: &SqliteStore) -> String {
    let mut page = crate::telemetry::metrics::Page::default();
    store.commits().write(&mut page);
    let page = page.finish();
    page.lines().find(|line| line.starts_with("chancery_store_read_seconds_count")).unwrap().to_owned()
}
