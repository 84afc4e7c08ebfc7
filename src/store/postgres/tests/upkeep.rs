//! What the writer does in between.

use chancery_agent::ports::store::{Commit, NewEvent, NewItem, Op, Queue, Space, Store as _};

use super::super::upkeep::Upkeep;
use super::super::{PostgresStore, schema};
use super::{FACETS, HandClock, Keep, OpenOptions, Server, commit, exchange, options, servers, tenant};

const DAY: i64 = 86_400_000;

/// Upkeep as the writer has it, with the hand on its clock.
async fn upkeep(server: &Server, clock: &std::sync::Arc<HandClock>) -> (Upkeep, super::super::server::Link) {
    let link = server.connect().await.unwrap();
    let profiles = schema::load_profiles(&link, server, &options(server)).await.unwrap();
    let keep = Keep { delivered_events: 7 * DAY, dead_letters: 30 * DAY };
    (Upkeep::new(profiles.into(), FACETS, clock.clone(), keep, std::sync::Arc::default()), link)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_parked_envelopes_go_when_their_time_is_over() {
    let Some(cluster) = servers::shared() else { return };
    let (server, clock) = (cluster.fresh(), HandClock::new());
    let opened = OpenOptions { clock: clock.clone(), ..options(&server) };
    let store = PostgresStore::open(server.clone(), opened, Keep::default()).await.unwrap();
    let due = chancery_agent::ports::Clock::now(clock.as_ref()).plus_millis(DAY);
    let all = [Queue::Dead, Queue::Outbound, Queue::Work, Queue::Parked];
    let item = |queue| Op::Enqueue(NewItem { queue, lane: "lane".into(), due, value: vec![1], owner: None });
    commit(&store, all.iter().map(|queue| item(*queue)).collect()).await;
    let (mut upkeep, link) = upkeep(&server, &clock).await;
    for (days, stay) in [
        (DAY / 2, &all[..]),
        (DAY, &[Queue::Dead, Queue::Outbound, Queue::Work][..]),
        (30 * DAY, &[Queue::Outbound, Queue::Work][..]),
    ] {
        clock.forward(days);
        while upkeep.tidy(&link).await.unwrap() {}
        let mut left = Vec::new();
        for queue in all {
            left.extend(store.items(queue, 0, 9).await.unwrap().iter().map(|item| item.queue));
        }
        assert_eq!(left, stay, "what is to be delivered never goes");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_go_in_bites() {
    let Some(cluster) = servers::shared() else { return };
    let (server, clock) = (cluster.fresh(), HandClock::new());
    let opened = OpenOptions { clock: clock.clone(), ..options(&server) };
    let store = PostgresStore::open(server.clone(), opened, Keep::default()).await.unwrap();
    let event = |targets: &[&str]| {
        Op::Event(NewEvent {
            topic: "t".into(),
            record: "r".into(),
            payload: vec![0; 100],
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            trace: None,
        })
    };
    let now = chancery_agent::ports::Clock::now(clock.as_ref());
    let remember = |id: String, expires: Option<i64>| Op::Remember {
        space: Space::Seen,
        id,
        value: vec![0; 100],
        expires: expires.map(|millis| now.plus_millis(millis)),
    };
    commit(&store, (0..1_200).map(|_| event(&[])).chain([event(&["waits"])]).collect()).await;
    commit(&store, (0..700).map(|n| remember(format!("old{n}"), Some(DAY))).collect()).await;
    commit(&store, vec![remember("kept".into(), Some(30 * DAY)), remember("for ever".into(), None)]).await;
    let (mut upkeep, link) = upkeep(&server, &clock).await;
    let count = async |table: &str| -> i64 {
        link.client.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).await.unwrap().get(0)
    };
    clock.forward(6 * DAY);
    while upkeep.tidy(&link).await.unwrap() {}
    assert_eq!((count("chancery_events").await, count("chancery_memory").await), (1_201, 2));
    let commit_young = Commit { guards: vec![], ops: vec![event(&[])] };
    store.commit(&tenant(), commit_young).await.unwrap();
    clock.forward(2 * DAY);
    assert!(upkeep.tidy(&link).await.unwrap(), "one bite is not all");
    while upkeep.tidy(&link).await.unwrap() {}
    // The young one and the one that waits for its target.
    assert_eq!(store.events(Some(&tenant()), 0, None, false, 9).await.unwrap().len(), 2);
    assert_eq!(store.events(None, 0, None, true, 9).await.unwrap().len(), 1);
    store.close().await;
}

/// Records that another program has made are indexed in bites; until that is through, they are found by reading.
#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_made_again() {
    use chancery_agent::ports::store::{Facet, Query};
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = super::open(&server).await;
    commit(
        &store,
        (0..1_100).map(|n| Op::Insert(exchange(&format!("x{n}"), "done", "issuer", "c"))).collect(),
    )
    .await;
    store.close().await;
    let (mut upkeep, link) = upkeep(&server, &HandClock::new()).await;
    link.client.batch_execute("DELETE FROM chancery_index").await.unwrap();
    let mut bites = 0;
    while upkeep.indexing() {
        upkeep.index(&link).await.unwrap();
        bites += 1;
    }
    assert!(bites > 2, "{bites}");
    let count = link.client.query_one("SELECT COUNT(*) FROM chancery_index", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 1_100);
    let store = super::open(&server).await;
    let query =
        Query { facets: vec![(Facet::Thread, vec!["thread-x700".into()])], ..Query::all("cred_ex_v20") };
    assert_eq!(store.find(&tenant(), &query).await.unwrap().len(), 1);
    store.close().await;
}
