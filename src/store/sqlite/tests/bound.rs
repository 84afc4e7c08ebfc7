//! Rows of our own tables stay where they were written.

use chancery_agent::ports::store::{Commit, Op, Queue, Store as _};
use rusqlite::{Connection, params};

use super::super::super::conformance::{side_rows::item, upgrade::TO_VERSION_2};
use super::super::SqliteStore;
use super::super::schema::load_profiles;
use super::{Folder, Tenant, file};

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_first_version_open_and_new_ones_follow_them() {
    let folder = Folder::new();
    let path = folder.wallet();
    SqliteStore::open(file(&path)).await.unwrap().close().await;
    let conn = Connection::open(&path).unwrap();
    let profiles = load_profiles(&conn, &path, &file(&path)).unwrap();
    let profile = profiles.of(&Tenant::new("first")).unwrap();
    let sealing = profile.key.sealing();
    let queued = sealing.seal(b"queue", [1; 24], &[b"lane", b"old"]);
    let event = sealing.seal(b"event", [2; 24], &[b"id", b"topic", b"record", b"payload", b""]);
    conn.execute(
        "INSERT INTO chancery_queue (seq, profile, queue, due, created, attempts, value)
         VALUES (7, ?1, 'outbound', 5, 5, 0, ?2)",
        params![profile.id, queued],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO chancery_events (number, profile, topic, created, value) VALUES (9, ?1, 0, 5, ?2)",
        params![profile.id, event],
    )
    .unwrap();
    conn.execute_batch(TO_VERSION_2).unwrap();
    conn.execute("UPDATE chancery_meta SET value = 1 WHERE name = 'version'", []).unwrap();
    drop(conn);

    let store = SqliteStore::open(file(&path)).await.unwrap();
    let ops = vec![Op::Enqueue(item("lane", "new"))];
    let given = store.commit(&Tenant::new("first"), Commit { guards: vec![], ops }).await.unwrap();
    assert_eq!(given.items, [8]);
    let items = store.items(Queue::Outbound, 0, 10).await.unwrap();
    let values: Vec<_> = items.iter().map(|item| item.value.as_slice()).collect();
    assert_eq!(values, [&b"old"[..], b"new"]);
    let lane = store.lane(&Tenant::new("first"), Queue::Outbound, "lane", 0, 9).await.unwrap();
    assert_eq!(lane.iter().map(|item| item.seq).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(store.events(None, 0, None, false, 10).await.unwrap()[0].payload, b"payload");
    store.close().await;
    let version: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT value FROM chancery_meta WHERE name = 'version'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 3, "an earlier Chancery refuses the wallet from now on");
}
