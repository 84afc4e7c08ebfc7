//! How PostgreSQL goes about what a received message asks for.

use std::sync::Arc;

use chancery_agent::ports::Clock as _;
use chancery_agent::ports::store::{Commit, Queue, RowKey, Space, Store as _};
use serde_json::Value;

use super::super::super::conformance::plans;
use super::super::super::prepared::{Preparer, Slot};
use super::super::super::rows::KnownRows;
use super::super::batch::{Needs, Numbers};
use super::super::counting::Absent;
use super::super::server::Link;
use super::super::{read, schema, write};
use super::{FACETS, HandClock, OsEntropy, open, options, servers, tenant};

/// Enough that the planner would sooner read a table than an index that gives it little.
const CONNECTIONS: usize = 1_000;

/// The plan for values that the planner doesn't know.
async fn plan(link: &Link, sql: &str) -> Value {
    let most = (1..100).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or(0);
    let nulls = vec!["NULL"; most].join(", ");
    let run = if most == 0 { "looked_at".to_owned() } else { format!("looked_at({nulls})") };
    link.client.batch_execute(&format!("PREPARE looked_at AS {sql}")).await.unwrap();
    let found = link.client.simple_query(&format!("EXPLAIN (FORMAT JSON) EXECUTE {run}")).await.unwrap();
    link.client.batch_execute("DEALLOCATE looked_at").await.unwrap();
    let text = found.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    serde_json::from_str::<Value>(text.unwrap()).unwrap()[0]["Plan"].clone()
}

/// What in a plan grows with the number of rows that are not asked for.
fn faults(node: &Value, limited: bool) -> Vec<String> {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let limited = limited || kind == "Limit";
    let reads_all = kind == "Seq Scan" || (kind.starts_with("Index") && node["Index Cond"].is_null());
    let collects =
        kind.contains("Sort") || kind.contains("Hash") || kind.contains("Bitmap") || kind == "Unique";
    let mut found = Vec::new();
    if reads_all || (limited && collects) {
        found.push(format!("{kind} {}", node["Relation Name"]));
    }
    for part in node["Plans"].as_array().into_iter().flatten() {
        // A subplan begins anew: it is asked row by row.
        let limited = limited && part["Parent Relationship"] != "SubPlan";
        found.extend(faults(part, limited));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_message_asks_for_is_scanned_or_sorted_for_a_few_rows() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    store.commit(&tenant(), Commit { guards: vec![], ops: plans::contents(CONNECTIONS) }).await.unwrap();
    store.close().await;

    let link = server.connect().await.unwrap();
    let profiles = schema::load_profiles(&link, &server, &options(&server)).await.unwrap();
    let profile = Arc::clone(profiles.of(&tenant()).unwrap());
    let now = HandClock::new().now();
    let key = RowKey::new("connection", "c1");
    let row = read::get(&link, &profile, Slot::item(&profile, &key), &key).await;
    assert!(row.is_ok_and(|row| row.is_some()));
    for query in plans::look_ups() {
        let found = read::find(&link, &profile, &query, FACETS, true).await;
        let rows = found.ok().and_then(Result::ok).unwrap();
        assert_eq!(rows.len(), query.limit.unwrap_or(CONNECTIONS));
    }
    for query in plans::asked_for() {
        let found = read::find(&link, &profile, &query, FACETS, true).await;
        assert!(found.is_ok_and(|rows| rows.is_ok()), "{query:?}");
    }
    let none = read::key(&link, &profile, Slot::key(&profile, "none"), "none").await;
    assert!(none.is_ok_and(|key| key.is_none()));
    assert!(read::find_keys(&link, &profile, "kid", "none").await.is_ok_and(|keys| keys.is_empty()));
    assert!(read::recall(&link, &profile, Space::Seen, "m1", now).await.is_ok_and(|value| value.is_some()));
    assert!(read::weigh(&link, &profile, Space::Seen, 5).await.is_ok_and(|(count, _)| count == 5));
    assert!(read::items(&link, &profiles, Queue::Work, 5, 5).await.is_ok_and(|items| items.len() == 5));
    let lane = read::lane(&link, &profile, Queue::Work, "lane", (5, 5)).await;
    assert!(lane.is_ok_and(|items| items.len() == 5));
    assert!(read::item(&link, &profiles, 1).await.is_ok_and(|item| item.is_some()));
    let preparer = Preparer { profile: &profile, entropy: &OsEntropy, facets: FACETS, now };
    let prepared = preparer.commit(&plans::changes()).unwrap();
    let (mut needs, mut known, mut numbers) = (Needs::default(), KnownRows::default(), Numbers::default());
    needs.add(&prepared);
    let gathered = write::gather(&link, &needs, &mut known, &Absent::default(), &mut numbers).await;
    assert_eq!(gathered.unwrap().rows.len(), 3, "c1, c2 and c3");

    let asked = link.compiled();
    assert!(asked.len() > 14, "{asked:#?}");
    for statistics in ["", "ANALYZE"] {
        link.client.batch_execute(statistics).await.unwrap();
        link.client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
        for sql in &asked {
            let plan = plan(&link, sql).await;
            let faults = faults(&plan, false);
            assert!(faults.is_empty(), "{statistics} {sql}\n{plan:#}\n{faults:?}");
        }
    }
}
