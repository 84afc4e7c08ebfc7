//! Side tables of an earlier version.

use chancery_agent::ports::store::{Commit, NewItem, Op, Queue, StoreError};

use super::Setup;
use super::side_rows::item;

/// Takes the tables of this build back to version 2.
pub(in crate::store) const TO_VERSION_2: &str = "DROP INDEX chancery_queue_lane;
    ALTER TABLE chancery_queue DROP COLUMN lane_hash;
    ALTER TABLE chancery_queue DROP COLUMN owner;
    ALTER TABLE chancery_queue DROP COLUMN lease_until;
    UPDATE chancery_meta SET value = 2 WHERE name = 'version';";

/// As many as a step looks at several times over.
pub(in crate::store) async fn rows_of_version_2_are_found_by_their_lane_and_those_that_cannot_be_read_stay(
    setup: &Setup,
) {
    let (Some(sql), Some(reopen), Some(other)) = (&setup.sql, &setup.reopen, &setup.other) else { return };
    let parked = |n: usize| NewItem { queue: Queue::Parked, ..item("p", &format!("p{n}")) };
    let of_three =
        |n: usize| [item("a", &format!("a{n}")), item("b", &format!("b{n}")), parked(n)].map(Op::Enqueue);
    let given = setup.commit((0..100).flat_map(of_three).collect()).await.items;
    let ops = vec![Op::Enqueue(item("a", "another's"))];
    setup.store.commit(other, Commit { guards: vec![], ops }).await.unwrap();
    // One of a profile that is gone, and one that is damaged.
    sql(format!(
        "{TO_VERSION_2} UPDATE chancery_queue SET profile = 999 WHERE seq = {}; UPDATE chancery_queue SET value = 'x' WHERE seq = {};",
        given[0], given[4]
    ))
    .await;
    let store = reopen().await;
    let lane = async |tenant, queue, lane: &str| -> Vec<String> {
        let items = store.lane(tenant, queue, lane, 0, 500).await.unwrap();
        items.into_iter().map(|item| String::from_utf8(item.value).unwrap()).collect()
    };
    let values = |lane: &str, not: usize| -> Vec<String> {
        (0..100).filter(|n| *n != not).map(|n| format!("{lane}{n}")).collect()
    };
    assert_eq!(lane(&setup.tenant, Queue::Outbound, "a").await, values("a", 0));
    assert_eq!(lane(&setup.tenant, Queue::Outbound, "b").await, values("b", 1));
    assert_eq!(lane(&setup.tenant, Queue::Parked, "p").await, values("p", 100));
    assert_eq!(lane(other, Queue::Outbound, "a").await, ["another's"]);
    assert!(matches!(store.item(given[4]).await, Err(StoreError::Damaged(_))));
    let ops = vec![Op::Enqueue(item("a", "new"))];
    store.commit(&setup.tenant, Commit { guards: vec![], ops }).await.unwrap();
    assert_eq!(lane(&setup.tenant, Queue::Outbound, "a").await.last().unwrap(), "new");
    store.close().await;
}
