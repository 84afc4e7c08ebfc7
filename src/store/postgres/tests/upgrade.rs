//! What a change of the side tables leaves in PostgreSQL when it fails.

use chancery_agent::ports::store::{Op, Queue, Store as _};

use super::super::super::conformance::{side_rows::item, upgrade::TO_VERSION_2};
use super::{Keep, OpenError, PostgresStore, commit, open, options, servers, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_in_the_middle_leaves_the_old_version_whole() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    commit(&store, vec![Op::Enqueue(item("lane", "queued"))]).await;
    store.close().await;
    let link = server.connect().await.unwrap();
    // What the last statement of the step makes is there, as something else.
    let sql = format!("{TO_VERSION_2} CREATE TABLE chancery_queue_lane (x BIGINT)");
    link.client.batch_execute(&sql).await.unwrap();
    let error = PostgresStore::open(server.clone(), options(&server), Keep::default()).await.err().unwrap();
    assert!(matches!(error, OpenError::Migration { found: 2, to: 3, .. }), "{error}");
    assert!(error.to_string().contains("\"chancery_queue_lane\" already exists"), "{error}");
    let told =
        "SELECT value, (SELECT COUNT(*) FROM information_schema.columns WHERE column_name = 'lane_hash')
        FROM chancery_meta WHERE name = 'version'";
    let row = link.client.query_one(told, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), ("2", 0));
    link.client.batch_execute("DROP TABLE chancery_queue_lane").await.unwrap();
    let store = open(&server).await;
    let items = store.lane(&tenant(), Queue::Outbound, "lane", 0, 9).await.unwrap();
    assert_eq!(items[0].value, b"queued");
    store.close().await;
    let row = link.client.query_one(told, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), ("3", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_build_are_refused() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    open(&server).await.close().await;
    let link = server.connect().await.unwrap();
    link.client.batch_execute("UPDATE chancery_meta SET value = 99 WHERE name = 'version'").await.unwrap();
    let error = PostgresStore::open(server.clone(), options(&server), Keep::default()).await.err().unwrap();
    assert!(matches!(error, OpenError::NewerTables { found: 99, known: 3 }), "{error}");
}
