use chancery_agent::ports::store::{Commit, CommitError, Guard, Op, Query, RowKey};
use tokio::task::JoinSet;

use super::{Setup, exchange, row};

const A: &str = "connection";

pub(in crate::store) async fn exactly_one_of_64_wins(setup: &Setup) {
    let key = RowKey::new(A, "contended");
    setup.commit(vec![Op::Insert(row(A, "contended", "start", &[("state", "start")]))]).await;
    for round in 0..20 {
        let version = setup.version(A, "contended").await;
        let mut tasks = JoinSet::new();
        for task in 0..64 {
            let (store, tenant, key) = (setup.store.clone(), setup.tenant.clone(), key.clone());
            tasks.spawn(async move {
                let value = format!("{round}/{task}");
                let commit = Commit {
                    guards: vec![Guard::Version(key, version)],
                    ops: vec![
                        Op::Replace(row(A, "contended", &value, &[("state", &value)])),
                        Op::Insert(row("by", &value, "1", &[])),
                    ],
                };
                match store.commit(&tenant, commit).await {
                    Ok(_) => Some(value),
                    Err(CommitError::Conflict(_)) => None,
                    Err(error) => panic!("{error}"),
                }
            });
        }
        let winners: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(setup.value(A, "contended").await.as_ref(), winners.first());
        let tagged = Query::tagged(A, "state", winners[0].as_str());
        assert_eq!(setup.store.find(&setup.tenant, &tagged).await.unwrap().len(), 1);
    }
    assert_eq!(setup.store.find(&setup.tenant, &Query::all("by")).await.unwrap().len(), 20);
}

pub(in crate::store) async fn a_conflict_takes_no_other_commit_down(setup: &Setup) {
    setup.commit(vec![Op::Insert(row(A, "there", "1", &[]))]).await;
    let mut tasks = JoinSet::new();
    for task in 0..200 {
        let (store, tenant) = (setup.store.clone(), setup.tenant.clone());
        tasks.spawn(async move {
            let mut ops = vec![Op::Insert(row(A, &format!("n{task}"), "1", &[("state", "new")]))];
            match task % 4 {
                // Seen before anything is written, in the middle of the commit, and at its end.
                0 => ops.insert(0, Op::Insert(row(A, "there", "2", &[]))),
                1 => ops.push(Op::Replace(row(A, "missing", "2", &[]))),
                _ => {}
            }
            let done = store.commit(&tenant, Commit { guards: vec![], ops }).await;
            assert_eq!(done.is_ok(), task % 4 > 1, "{done:?}");
        });
    }
    tasks.join_all().await;
    let new = setup.store.find(&setup.tenant, &Query::tagged(A, "state", "new")).await.unwrap();
    assert_eq!(new.len(), 100);
    assert_eq!(setup.value(A, "there").await.as_deref(), Some("1"));
}

/// Readers run beside writers and never see half a commit.
pub(in crate::store) async fn commits_from_everywhere_are_all_there(setup: &Setup) {
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let (store, tenant) = (setup.store.clone(), setup.tenant.clone());
        tasks.spawn(async move {
            for step in 0..20 {
                let name = format!("{task}-{step}");
                let ops = vec![
                    Op::Insert(exchange(&name, "done", "issuer", "c")),
                    Op::Insert(row("twin", &name, "1", &[("thread_id", &name)])),
                    Op::Enqueue(super::side_rows::item("lane", &name)),
                ];
                store.commit(&tenant, Commit { guards: vec![], ops }).await.unwrap();
                let twin =
                    store.find(&tenant, &Query::tagged("twin", "thread_id", name.as_str())).await.unwrap();
                assert_eq!(twin.len(), 1);
                let read = store.get(&tenant, &RowKey::new("cred_ex_v20", name.as_str())).await.unwrap();
                assert!(read.is_some());
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(setup.store.find(&setup.tenant, &Query::all("twin")).await.unwrap().len(), 320);
    assert_eq!(
        setup.store.items(chancery_agent::ports::store::Queue::Outbound, 0, 1_000).await.unwrap().len(),
        320
    );
}

/// A read after a commit has returned never shows what was before, whoever else reads at the same time.
pub(in crate::store) async fn reads_never_go_back(setup: &Setup) {
    setup.commit(vec![Op::Insert(row(A, "counter", "0", &[]))]).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (store, tenant, stop) = (setup.store.clone(), setup.tenant.clone(), stop.clone());
        readers.spawn(async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                store.get(&tenant, &RowKey::new(A, "counter")).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
    }
    for count in 1..=300 {
        match count % 50 {
            0 => {
                setup.commit(vec![Op::Remove(RowKey::new(A, "counter"))]).await;
                assert_eq!(setup.value(A, "counter").await, None);
                setup.commit(vec![Op::Insert(row(A, "counter", &count.to_string(), &[]))]).await;
            }
            _ => drop(setup.commit(vec![Op::Replace(row(A, "counter", &count.to_string(), &[]))]).await),
        }
        assert_eq!(setup.value(A, "counter").await, Some(count.to_string()));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    readers.join_all().await;
}
