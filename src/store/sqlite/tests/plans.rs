//! How SQLite goes about what a received message asks for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_agent::ports::store::{Queue, RowKey, Space, Store as _};
use chancery_agent::ports::{Clock as _, Tenant};
use rusqlite::Connection;

use super::super::super::conformance::{FACETS, HandClock, OsEntropy, plans};
use super::super::super::prepared::{Preparer, Slot, memory_id};
use super::super::super::rows::KnownRows;
use super::super::apply::Applier;
use super::super::counting::Absent;
use super::super::{SqliteStore, records, schema, select, side};
use super::{Folder, file};

/// What the traced connection of this test has run, with the values in it.
static RUN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn note(sql: &str) {
    RUN.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.to_owned());
}

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines = statement.query_map([], |row| row.get(3)).unwrap();
    lines.collect::<Result<_, _>>().unwrap()
}

/// What in a plan grows with the number of rows that are not asked for.
fn faults(sql: &str, plan: &[String]) -> Vec<String> {
    let tables = ["i", "x", "t", "items", "items_tags", "u", "e"];
    let scans = |line: &str| {
        let table = line.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        // What a subquery gives is read one by one; `t` is one.
        table.is_some_and(|table| {
            table.starts_with("chancery_")
                || (tables.contains(&table) && !plan.contains(&format!("CO-ROUTINE {table}")))
        })
    };
    let limited = sql.contains("LIMIT");
    let collects = |line: &str| limited && (line.contains("TEMP B-TREE") || line.starts_with("MATERIALIZE"));
    plan.iter().filter(|line| scans(line) || collects(line)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_message_asks_for_is_scanned_or_sorted_for_a_few_rows() {
    let folder = Folder::new();
    let options = file(&folder.wallet());
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let tenant = Tenant::new("first");
    let commit = chancery_agent::ports::store::Commit { guards: vec![], ops: plans::contents(100) };
    store.commit(&tenant, commit).await.unwrap();
    store.close().await;

    let mut conn = schema::open_writer(&folder.wallet(), false).unwrap();
    let profiles = schema::load_profiles(&conn, &folder.wallet(), &options).unwrap();
    let profile = Arc::clone(profiles.of(&tenant).unwrap());
    let now = HandClock::new().now();
    conn.trace(Some(note));
    let key = RowKey::new("connection", "c1");
    assert!(records::get(&conn, &profile, &Slot::item(&profile, &key), &key).is_ok_and(|row| row.is_some()));
    for query in plans::look_ups() {
        let found = records::find(&conn, &profile, &query, FACETS, true);
        let rows = found.ok().and_then(Result::ok).unwrap();
        assert_eq!(rows.len(), query.limit.unwrap_or(100));
    }
    for query in plans::asked_for() {
        let found = records::find(&conn, &profile, &query, FACETS, true);
        assert!(found.is_ok_and(|rows| rows.is_ok()), "{query:?}");
    }
    assert!(
        records::key(&conn, &profile, &Slot::key(&profile, "none"), "none").is_ok_and(|key| key.is_none())
    );
    assert!(select::keys_by_tag(&conn, &profile, "kid", "none").is_ok_and(|keys| keys.is_empty()));
    let id = memory_id(&profile, Space::Seen, "m1");
    assert!(side::recall(&conn, &profile, Space::Seen, &id, now).is_ok_and(|value| value.is_some()));
    assert!(side::weigh(&conn, &profile, Space::Seen, 5).is_ok_and(|(count, _)| count == 5));
    assert!(side::items(&conn, &profiles, Queue::Work, 5, 5).is_ok_and(|items| items.len() == 5));
    let lane = side::lane(&conn, &profile, Queue::Work, "lane", (5, 5));
    assert!(lane.is_ok_and(|items| items.len() == 5));
    assert!(side::item(&conn, &profiles, 1).is_ok_and(|item| item.is_some()));
    let preparer = Preparer { profile: &profile, entropy: &OsEntropy, facets: FACETS, now };
    let prepared = preparer.commit(&plans::changes()).unwrap();
    let (mut rows, absent) = (KnownRows::default(), Absent::default());
    Applier { conn: &conn, rows: &mut rows, absent: &absent }.commit(&prepared).unwrap();
    conn.trace(None);

    let run = std::mem::take(&mut *RUN.lock().unwrap());
    assert!(run.len() > 25, "{run:#?}");
    for sql in run {
        let plan = plan(&conn, &sql);
        let faults = faults(&sql, &plan);
        assert!(faults.is_empty(), "{sql}\n{plan:#?}\n{faults:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_collects_before_it_cuts_is_seen_in_a_plan() {
    let folder = Folder::new();
    SqliteStore::open(file(&folder.wallet())).await.unwrap().close().await;
    let conn = schema::open_reader(&folder.wallet()).unwrap();
    let tagged =
        |plain: i64| format!("SELECT item_id FROM items_tags WHERE plaintext = {plain} AND name = x'00'");
    for sql in [
        "SELECT id FROM items WHERE value = x'00'".to_owned(),
        "SELECT id FROM chancery_memory WHERE expires = 1 AND value = x'00' OR space = 'seen'".to_owned(),
        format!("SELECT 1 FROM ({} UNION {}) LIMIT 2", tagged(0), tagged(1)),
        format!("{} ORDER BY item_id LIMIT 2", tagged(0)),
    ] {
        let plan = plan(&conn, &sql);
        assert!(!faults(&sql, &plan).is_empty(), "{sql}\n{plan:#?}");
    }
}
