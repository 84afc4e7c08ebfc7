use std::time::Duration;

use chancery_agent::ports::store::{Commit, Guard, NewEvent, NewItem, Op, Queue, Space, StoreError};
use chancery_agent::ports::{Clock as _, Timestamp};

use super::{Setup, row};

pub(in crate::store) fn item(lane: &str, value: &str) -> NewItem {
    NewItem {
        queue: Queue::Outbound,
        lane: lane.to_owned(),
        due: Timestamp(5),
        value: value.as_bytes().to_vec(),
        owner: None,
    }
}

pub(super) fn event(topic: &'static str, record: &str, targets: &[&str]) -> NewEvent {
    NewEvent {
        topic: topic.into(),
        record: record.to_owned(),
        payload: format!("payload of {record}").into_bytes(),
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        trace: None,
    }
}

async fn values(setup: &Setup, queue: Queue) -> Vec<String> {
    let items = setup.store.items(queue, 0, 100).await.unwrap();
    items.into_iter().map(|item| String::from_utf8(item.value).unwrap()).collect()
}

pub(in crate::store) async fn queue_rows_in_order(setup: &Setup) {
    let mut given = Vec::new();
    for i in 0..10 {
        let two = vec![Op::Enqueue(item("a", &format!("{i}a"))), Op::Enqueue(item("b", &format!("{i}b")))];
        given.extend(setup.commit(two).await.items);
    }
    assert!(given.is_sorted() && given.len() == 20);
    let parked = NewItem { queue: Queue::Parked, ..item("p", "parked") };
    setup.commit(vec![Op::Enqueue(parked)]).await;

    let store = &setup.store;
    let first = store.items(Queue::Outbound, 0, 7).await.unwrap();
    let rest = store.items(Queue::Outbound, first[6].seq, 100).await.unwrap();
    let seqs: Vec<_> = first.iter().chain(&rest).map(|item| item.seq).collect();
    assert_eq!(seqs, given);
    assert_eq!(rest[0].value, b"3b");
    assert_eq!(values(setup, Queue::Parked).await, ["parked"]);
    assert!(store.items(Queue::Work, 0, 10).await.unwrap().is_empty());
}

pub(in crate::store) async fn queue_rows_are_requeued_and_removed(setup: &Setup) {
    let given = setup.commit(vec![Op::Enqueue(item("a", "1")), Op::Enqueue(item("a", "2"))]).await.items;
    setup
        .commit(vec![
            Op::Requeue { seq: given[0], queue: Queue::Dead, due: Timestamp(77), attempts: 9 },
            Op::Requeue { seq: 999, queue: Queue::Dead, due: Timestamp(77), attempts: 9 },
        ])
        .await;
    assert_eq!(values(setup, Queue::Dead).await, ["1"]);
    assert_eq!(values(setup, Queue::Outbound).await, ["2"]);
    let dead = setup.store.item(given[0]).await.unwrap().unwrap();
    assert_eq!((dead.due, dead.attempts, dead.queue), (Timestamp(77), 9, Queue::Dead));
    setup.commit(vec![Op::Dequeue(given[1]), Op::Dequeue(999)]).await;
    assert!(setup.store.item(given[1]).await.unwrap().is_none());
}

pub(in crate::store) async fn lanes_and_attempts_come_back(setup: &Setup) {
    let seq = setup.commit(vec![Op::Enqueue(item("connection thread", "v"))]).await.items[0];
    let found = setup.store.item(seq).await.unwrap().unwrap();
    assert_eq!(found.tenant, setup.tenant);
    assert_eq!((found.lane.as_str(), found.attempts, found.due), ("connection thread", 0, Timestamp(5)));
    assert_eq!((found.queue, found.created), (Queue::Outbound, setup.clock.now()));
}

pub(in crate::store) async fn a_lane_is_read_in_order_and_nothing_beside_it(setup: &Setup) {
    let store = &setup.store;
    let lane = async |queue, lane: &str, after, limit| -> Vec<String> {
        let items = store.lane(&setup.tenant, queue, lane, after, limit).await.unwrap();
        assert!(items.iter().all(|item| item.queue == queue && item.lane == lane));
        items.into_iter().map(|item| String::from_utf8(item.value).unwrap()).collect()
    };
    let both =
        |n: usize| [Op::Enqueue(item("a", &format!("a{n}"))), Op::Enqueue(item("b", &format!("b{n}")))];
    let given = setup.commit((0..4).flat_map(both).collect()).await.items;
    if let Some(other) = &setup.other {
        let ops = vec![Op::Enqueue(item("a", "another's"))];
        store.commit(other, Commit { guards: vec![], ops }).await.unwrap();
        assert_eq!(store.lane(other, Queue::Outbound, "a", 0, 9).await.unwrap()[0].value, b"another's");
    }
    assert_eq!(lane(Queue::Outbound, "a", 0, 9).await, ["a0", "a1", "a2", "a3"]);
    assert_eq!(lane(Queue::Outbound, "b", given[1], 2).await, ["b1", "b2"]);
    assert_eq!(lane(Queue::Outbound, "c", 0, 9).await, [""; 0]);
    let moved = Op::Requeue { seq: given[2], queue: Queue::Dead, due: Timestamp(7), attempts: 1 };
    setup.commit(vec![moved, Op::Dequeue(given[0])]).await;
    assert_eq!(lane(Queue::Outbound, "a", 0, 9).await, ["a2", "a3"]);
    assert_eq!(lane(Queue::Dead, "a", 0, 9).await, ["a1"]);
    if let Some(sql) = &setup.sql {
        // As if the hashes of two lanes were the same.
        let hash = format!("(SELECT lane_hash FROM chancery_queue WHERE seq = {})", given[4]);
        sql(format!("UPDATE chancery_queue SET lane_hash = {hash} WHERE seq = {}", given[5])).await;
        assert_eq!(lane(Queue::Outbound, "a", 0, 9).await, ["a2", "a3"]);
    }
}

pub(in crate::store) async fn sequence_numbers_are_never_reused(setup: &Setup) {
    let first = setup.commit(vec![Op::Enqueue(item("a", "1")), Op::Event(event("t", "r", &[]))]).await;
    setup.commit(vec![Op::Dequeue(first.items[0])]).await;
    let store = match &setup.reopen {
        Some(reopen) => reopen().await,
        None => setup.store.clone(),
    };
    let ops = vec![Op::Enqueue(item("a", "2")), Op::Event(event("t", "r", &[]))];
    let commit = Commit { guards: vec![], ops };
    let second = store.commit(&setup.tenant, commit).await.unwrap();
    assert!(second.items[0] > first.items[0] && second.events[0].0 > first.events[0].0);
    assert_ne!(second.events[0].1, first.events[0].1);
    store.close().await;
}

pub(in crate::store) async fn events_are_pending_until_all_targets_have_them(setup: &Setup) {
    let store = &setup.store;
    let mut traced = event("t", "none", &[]);
    traced.trace = Some("00-trace".to_owned());
    let ops = vec![Op::Event(event("t", "one", &["a", "b"])), Op::Event(traced)];
    let given = setup.commit(ops).await.events;
    let pending = || store.events(None, 0, None, true, 10);
    let found = pending().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].number, &found[0].id), (given[0].0, &given[0].1));
    assert_eq!(found[0].targets, ["a", "b"]);
    assert_eq!((found[0].record.as_str(), found[0].payload.as_slice()), ("one", &b"payload of one"[..]));

    let delivered = |target: &str| Op::Delivered { number: given[0].0, target: target.to_owned() };
    setup.commit(vec![delivered("a"), delivered("a"), delivered("unknown")]).await;
    assert_eq!(pending().await.unwrap()[0].targets, ["b"]);
    setup.commit(vec![delivered("b")]).await;
    assert!(pending().await.unwrap().is_empty());
    // It stays readable.
    let all = store.events(Some(&setup.tenant), 0, None, false, 10).await.unwrap();
    assert_eq!(all.iter().map(|event| event.targets.len()).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(all.iter().map(|event| event.trace.as_deref()).collect::<Vec<_>>(), [None, Some("00-trace")]);
    let mut both = event("t", "both", &["a", "b"]);
    both.trace = Some("00-other".to_owned());
    setup.commit(vec![Op::Event(both)]).await;
    let found = pending().await.unwrap();
    assert_eq!(found[0].targets, ["a", "b"]);
    assert_eq!(found[0].trace.as_deref(), Some("00-other"));
}

pub(in crate::store) async fn an_event_can_wait_for_its_target_again(setup: &Setup) {
    let store = &setup.store;
    let number = setup.commit(vec![Op::Event(event("t", "one", &["a", "b"]))]).await.events[0].0;
    let delivered = |target: &str| Op::Delivered { number, target: target.to_owned() };
    let again = |number, target: &str| Op::Redeliver { number, target: target.to_owned() };
    let pending = || store.events(None, 0, None, true, 10);
    setup.commit(vec![delivered("a"), delivered("b")]).await;
    assert!(pending().await.unwrap().is_empty());
    setup.commit(vec![again(number, "b"), again(number, "b"), again(number + 999, "b")]).await;
    let found = pending().await.unwrap();
    assert_eq!((found.len(), found[0].number, &found[0].targets[..]), (1, number, &["b".to_owned()][..]));
    setup.commit(vec![again(number, "a")]).await;
    assert_eq!(pending().await.unwrap()[0].targets, ["a", "b"]);
    setup.commit(vec![delivered("a"), delivered("b")]).await;
    assert!(pending().await.unwrap().is_empty());
}

pub(in crate::store) async fn queued_guards(setup: &Setup) {
    let seq = setup.commit(vec![Op::Enqueue(item("a", "1"))]).await.items[0];
    let guard = |seq, queue| vec![Guard::Queued(seq, queue)];
    let refused = setup.conflict(guard(seq, Queue::Dead), vec![Op::Dequeue(seq)]).await;
    assert_eq!((refused.category.as_ref(), refused.name), ("queue", seq.to_string()));
    setup.try_commit(guard(seq, Queue::Outbound), vec![Op::Dequeue(seq)]).await.unwrap();
    setup.conflict(guard(seq, Queue::Outbound), vec![Op::Enqueue(item("a", "2"))]).await;
    assert!(values(setup, Queue::Outbound).await.is_empty());
}

pub(in crate::store) async fn events_by_cursor_topic_and_tenant(setup: &Setup) {
    for i in 0..20 {
        let topic = if i % 2 == 0 { "issue_credential_v2_0" } else { "connections" };
        setup.commit(vec![Op::Event(event(topic, &format!("r{i}"), &["a"]))]).await;
    }
    let store = &setup.store;
    let tenant = Some(&setup.tenant);
    let page = store.events(tenant, 0, None, false, 5).await.unwrap();
    assert_eq!(
        page.iter().map(|event| event.record.as_str()).collect::<Vec<_>>(),
        ["r0", "r1", "r2", "r3", "r4"]
    );
    assert_eq!((page[0].topic.as_str(), page[0].created), ("issue_credential_v2_0", setup.clock.now()));
    assert_eq!(page[0].tenant, setup.tenant);
    let next = store.events(tenant, page[4].number, Some("connections"), false, 3).await.unwrap();
    assert_eq!(next.iter().map(|event| event.record.as_str()).collect::<Vec<_>>(), ["r5", "r7", "r9"]);
    let pending = store.events(None, next[2].number, Some("connections"), true, 100).await.unwrap();
    assert_eq!(pending.len(), 5);
    assert!(store.events(tenant, 0, Some("none"), false, 9).await.unwrap().is_empty());
}

pub(in crate::store) async fn memory_is_remembered_and_forgotten(setup: &Setup) {
    let remember = |space, id: &str, value: &str| Op::Remember {
        space,
        id: id.to_owned(),
        value: value.as_bytes().to_vec(),
        expires: None,
    };
    setup
        .commit(vec![
            remember(Space::Context, "https://one", "1"),
            remember(Space::Context, "https://two", "2"),
            remember(Space::Setting, "https://one", "3"),
            remember(Space::Context, "https://one", "1b"),
        ])
        .await;
    let store = &setup.store;
    let recall = |space, id| store.recall(&setup.tenant, space, id);
    assert_eq!(recall(Space::Context, "https://one").await.unwrap().unwrap(), b"1b");
    assert_eq!(recall(Space::Setting, "https://one").await.unwrap().unwrap(), b"3");
    assert!(recall(Space::Seen, "https://one").await.unwrap().is_none());
    let (count, bytes) = store.weigh(&setup.tenant, Space::Context, 9).await.unwrap();
    assert!(count == 2 && (3..300).contains(&bytes), "{count} {bytes}");
    assert_eq!(store.weigh(&setup.tenant, Space::Context, 1).await.unwrap().0, 1);
    assert_eq!(store.weigh(&setup.tenant, Space::Tombstone, 9).await.unwrap(), (0, 0));
    let listed = |offset, limit| store.remembered(&setup.tenant, Space::Context, offset, limit);
    let all = listed(0, 9).await.unwrap();
    let mut sorted = all.clone();
    sorted.sort();
    let (one, two) = (("https://one".to_owned(), b"1b".to_vec()), ("https://two".to_owned(), b"2".to_vec()));
    assert_eq!(sorted, [one, two]);
    assert_eq!([listed(0, 1).await.unwrap(), listed(1, 9).await.unwrap()].concat(), all);
    assert!(listed(2, 9).await.unwrap().is_empty());
    setup
        .commit(vec![
            Op::Forget(Space::Context, "https://one".into()),
            Op::Forget(Space::Context, "x".into()),
        ])
        .await;
    assert!(recall(Space::Context, "https://one").await.unwrap().is_none());
    assert_eq!(store.weigh(&setup.tenant, Space::Context, 9).await.unwrap().0, 1);
}

pub(in crate::store) async fn memory_expires(setup: &Setup) {
    let expires = Some(setup.clock.now().plus_millis(1_000));
    let ops = vec![
        Op::Remember { space: Space::Seen, id: "a".into(), value: vec![1], expires },
        Op::Remember { space: Space::Seen, id: "b".into(), value: vec![2], expires: None },
    ];
    setup.commit(ops).await;
    setup.clock.forward(999);
    assert!(setup.store.recall(&setup.tenant, Space::Seen, "a").await.unwrap().is_some());
    setup.clock.forward(1);
    assert!(setup.store.recall(&setup.tenant, Space::Seen, "a").await.unwrap().is_none());
    assert_eq!(setup.store.recall(&setup.tenant, Space::Seen, "b").await.unwrap(), Some(vec![2]));
}

pub(in crate::store) async fn lazy_changes_ride_with_the_next_commit(setup: &Setup) {
    let seq = setup.commit(vec![Op::Enqueue(item("a", "1"))]).await.items[0];
    setup.store.lazily(&setup.tenant, vec![Op::Dequeue(seq)]);
    setup.commit(vec![Op::Insert(row("x", "y", "1", &[]))]).await;
    assert!(setup.store.item(seq).await.unwrap().is_none());
}

pub(in crate::store) async fn lazy_changes_go_alone_too(setup: &Setup) {
    let given = setup.commit(vec![Op::Enqueue(item("a", "1")), Op::Event(event("t", "r", &["a"]))]).await;
    let number = given.events[0].0;
    setup.store.lazily(&setup.tenant, vec![Op::Delivered { number, target: "a".into() }]);
    setup.store.lazily(&setup.tenant, vec![Op::Dequeue(given.items[0])]);
    let gone = async {
        while setup.store.item(given.items[0]).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("lazy changes are never written");
    assert!(setup.store.events(None, 0, None, true, 9).await.unwrap().is_empty());
}

pub(in crate::store) async fn rows_that_trade_their_numbers_are_damaged(setup: &Setup) {
    let Some(sql) = &setup.sql else { return };
    let ops = vec![
        Op::Enqueue(item("a", "1")),
        Op::Enqueue(item("a", "2")),
        Op::Event(event("t", "one", &[])),
        Op::Event(event("t", "two", &[])),
    ];
    let given = setup.commit(ops).await;
    let store = &setup.store;
    let trade = async |table: &str, number: &str, a: i64, b: i64| {
        for (from, to) in [(a, -1), (b, a), (-1, b)] {
            sql(format!("UPDATE {table} SET {number} = {to} WHERE {number} = {from}")).await;
        }
    };
    let queue = async || trade("chancery_queue", "seq", given.items[0], given.items[1]).await;
    let events = async || trade("chancery_events", "number", given.events[0].0, given.events[1].0).await;

    queue().await;
    for seq in &given.items {
        let found = store.item(*seq).await;
        assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
    }
    queue().await;
    assert_eq!(values(setup, Queue::Outbound).await, ["1", "2"]);

    events().await;
    for (number, _) in &given.events {
        let found = store.events(None, number - 1, None, false, 1).await;
        assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
    }
    events().await;
    assert_eq!(store.events(None, 0, None, false, 9).await.unwrap().len(), 2);
}

pub(in crate::store) async fn lazy_changes_are_flushed_when_closing(setup: &Setup) {
    let Some(reopen) = &setup.reopen else { return };
    let seq = setup.commit(vec![Op::Enqueue(item("a", "1"))]).await.items[0];
    setup.store.lazily(&setup.tenant, vec![Op::Dequeue(seq)]);
    let store = reopen().await;
    assert!(store.item(seq).await.unwrap().is_none());
    store.close().await;
}
