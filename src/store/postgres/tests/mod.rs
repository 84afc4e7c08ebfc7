//! The conformance suite on PostgreSQL, and what is special to it.

#[path = "../../../../tests/black_box/support/cluster.rs"]
mod cluster;
mod encrypted;
mod plans;
mod servers;
mod upgrade;
mod upkeep;

use std::sync::Arc;

use askar_storage::backend::postgres::{PostgresBackend, PostgresStoreOptions};
use askar_storage::backend::{Backend as _, BackendSession as _};
use askar_storage::entry::{EntryKind, EntryOperation, EntryTag};
use askar_storage::{PassKey, StoreKeyMethod};
use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::{Commit, CommitError, Op, Query, RowKey, Store, StoreError, Tag};
use zeroize::Zeroizing;

use super::super::conformance::{
    FACETS, HandClock, OsEntropy, Setup, as_ours, conformance, exchange, row, sorted,
};
use super::super::{CreateMode, Keep, KeyMethod, OpenError, OpenOptions, Place};
use super::{Account, PostgresStore, Server};
use cluster::Cluster;

/// Base58 of 32 bytes.
const RAW_KEY: &str = "8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K";

fn options(server: &Server) -> OpenOptions {
    OpenOptions {
        place: Place::Server(server.clone()),
        key: Zeroizing::new(RAW_KEY.to_owned()),
        method: KeyMethod::Raw,
        rekey: None,
        create: CreateMode::IfMissing,
        profile: Some("first".to_owned()),
        clock: HandClock::new(),
        entropy: Arc::new(OsEntropy),
        facets: FACETS,
    }
}

async fn open(server: &Server) -> PostgresStore {
    PostgresStore::open(server.clone(), options(server), Keep::default()).await.unwrap()
}

fn askar_uri(server: &Server) -> String {
    let Server { port, database, account, .. } = server;
    format!("postgres://{}:{}@127.0.0.1:{port}/{database}", account.name, account.password.as_str())
}

async fn askar(server: &Server) -> PostgresBackend {
    let Server { port, database, account, .. } = server;
    let uri =
        format!("postgres://{}:{}@127.0.0.1:{port}/{database}", account.name, account.password.as_str());
    PostgresStoreOptions::new(uri.as_str())
        .unwrap()
        .open(Some(StoreKeyMethod::RawKey), PassKey::from(RAW_KEY), None)
        .await
        .unwrap()
}

async fn on_server() -> Option<Setup> {
    let server = servers::shared()?.fresh();
    open(&server).await.close().await;
    let other = askar(&server).await;
    other.create_profile(Some("second".to_owned())).await.unwrap();
    other.close().await.unwrap();
    let clock = HandClock::new();
    let open = {
        let (clock, server) = (clock.clone(), server.clone());
        move || {
            let options = OpenOptions { clock: clock.clone(), ..options(&server) };
            let server = server.clone();
            async move {
                Arc::new(PostgresStore::open(server, options, Keep::default()).await.unwrap())
                    as Arc<dyn Store>
            }
        }
    };
    let store = open().await;
    let first = store.clone();
    Some(Setup {
        store,
        clock,
        tenant: tenant(),
        other: Some(Tenant::new("second")),
        reopen: Some(Box::new(move || {
            let (first, open) = (first.clone(), open.clone());
            Box::pin(async move {
                first.close().await;
                open().await
            })
        })),
        sql: Some(Box::new(move |sql| {
            let server = server.clone();
            Box::pin(async move { server.connect().await.unwrap().client.batch_execute(&sql).await.unwrap() })
        })),
        _held: None,
    })
}

mod server_store {
    super::conformance!(super::super::on_server);
}

fn tenant() -> Tenant {
    Tenant::new("first")
}

async fn commit(store: &PostgresStore, ops: Vec<Op>) {
    store.commit(&tenant(), Commit { guards: vec![], ops }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn askar_reads_what_we_write_and_we_what_it_writes() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    let mut plain = exchange("x1", "done", "issuer", "c");
    plain.tags.push(Tag { plaintext: true, ..Tag::new("cred_ex_id", "x1") });
    let before = row("connection", "c1", "before", &[("state", "request"), ("gone", "1")]);
    let changed = row("connection", "c1", "after", &[("state", "active")]);
    commit(
        &store,
        vec![Op::Insert(plain.clone()), Op::Insert(before), Op::Insert(row("connection", "no", "", &[]))],
    )
    .await;
    commit(&store, vec![Op::Replace(changed.clone()), Op::Remove(RowKey::new("connection", "no"))]).await;
    store.close().await;

    let theirs = askar(&server).await;
    let mut session = theirs.session(None, true).unwrap();
    let found = session.fetch(EntryKind::Item, "cred_ex_v20", "x1", false).await.unwrap().unwrap();
    assert_eq!((found.value.as_ref(), as_ours(&found.tags)), (plain.value.as_slice(), sorted(plain.tags)));
    let all = session
        .fetch_all(Some(EntryKind::Item), Some("connection"), None, None, None, false, false)
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].value.as_ref(), as_ours(&all[0].tags)), (&b"after"[..], sorted(changed.tags)));
    let tags = [EntryTag::Encrypted("thread_id".into(), "t9".into())];
    for (name, expires) in [("x1", None), ("x2", None), ("old", Some(-86_400_000))] {
        let operation = if name == "x1" { EntryOperation::Replace } else { EntryOperation::Insert };
        let value = Some(&br#"{"state": "theirs"}"#[..]);
        session
            .update(EntryKind::Item, operation, "cred_ex_v20", name, value, Some(&tags), expires)
            .await
            .unwrap();
    }
    session.close(true).await.unwrap();
    drop(session);
    theirs.close().await.unwrap();

    let store = open(&server).await;
    let found = store.find(&tenant(), &Query::tagged("cred_ex_v20", "thread_id", "t9")).await.unwrap();
    assert_eq!(found.iter().map(|row| row.key.name.as_str()).collect::<Vec<_>>(), ["x1", "x2"]);
    assert!(store.get(&tenant(), &RowKey::new("cred_ex_v20", "old")).await.unwrap().is_none());
    // The index follows what they have changed.
    let theirs = Query {
        facets: vec![(chancery_agent::ports::store::Facet::State, vec!["theirs".into()])],
        ..Query::all("cred_ex_v20")
    };
    assert_eq!(store.find(&tenant(), &theirs).await.unwrap().len(), 2);
    // What has expired is not in the way.
    commit(&store, vec![Op::Insert(row("cred_ex_v20", "old", "2", &[]))]).await;
    assert!(store.get(&tenant(), &RowKey::new("cred_ex_v20", "old")).await.unwrap().is_some());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn askar_opens_what_we_make_and_rekey() {
    let Some(cluster) = servers::shared() else { return };
    for method in [KeyMethod::Raw, KeyMethod::Argon2iInt, KeyMethod::None] {
        let server = cluster.fresh();
        let made = OpenOptions { method, ..options(&server) };
        PostgresStore::open(server.clone(), made, Keep::default()).await.unwrap().close().await;
        let rekey = Some((KeyMethod::Argon2iInt, Zeroizing::new("another".to_owned())));
        for (uri, key, then) in [
            (method.as_str(), RAW_KEY, Some(OpenOptions { method, rekey, ..options(&server) })),
            ("kdf:argon2i:int", "another", None),
        ] {
            let method = StoreKeyMethod::parse_uri(uri).unwrap();
            let opened = PostgresStoreOptions::new(askar_uri(&server).as_str()).unwrap();
            let theirs = opened.open(Some(method), PassKey::from(key), None).await.unwrap();
            assert_eq!(theirs.list_profiles().await.unwrap(), ["first"]);
            theirs.close().await.unwrap();
            if let Some(options) = then {
                PostgresStore::open(server.clone(), options, Keep::default()).await.unwrap().close().await;
            }
        }
    }
}

/// The admin account makes the database, the other one the wallet.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_need_not_be_able_to_make_databases() {
    let Some(cluster) = servers::shared() else { return };
    let root = cluster.database("postgres").connect().await.unwrap();
    root.client.batch_execute("CREATE ROLE \"a \"\"clerk\" LOGIN PASSWORD 'p w'").await.unwrap();
    let account = Account { name: "a \"clerk".to_owned(), password: Zeroizing::new("p w".to_owned()) };
    let server = cluster.database("the \"clerk's\" wallet");
    let clerk = Server { account: account.clone(), ..server.clone() };
    let refused = PostgresStore::open(clerk.clone(), options(&clerk), Keep::default()).await.err().unwrap();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    let server = Server { admin: Some(server.account.clone()), ..clerk };
    let store = open(&server).await;
    commit(&store, vec![Op::Insert(row("connection", "a", "1", &[]))]).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    match PostgresStore::open(server.clone(), options(&server), Keep::default()).await {
        Err(OpenError::Held { holder, .. }) => assert!(holder.contains("127.0.0.1"), "{holder}"),
        other => panic!("{:?}", other.err()),
    }
    store.close().await;
    open(&server).await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_said() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let with = |change: &dyn Fn(&mut Server, &mut OpenOptions)| {
        let (mut server, mut options) = (server.clone(), options(&server));
        change(&mut server, &mut options);
        async move { PostgresStore::open(server, options, Keep::default()).await.err().unwrap() }
    };
    assert!(matches!(with(&|_, options| options.create = CreateMode::Never).await, OpenError::Missing(_)));
    open(&server).await.close().await;
    let other = "7HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K";
    let wrong = with(&|_, options| options.key = Zeroizing::new(other.to_owned())).await;
    assert!(matches!(wrong, OpenError::WrongKey(_)), "{wrong}");
    let password =
        with(&|server, _| server.account.password = Zeroizing::new("secret-wrong".to_owned())).await;
    assert!(password.to_string().contains("password authentication failed"), "{password}");
    assert!(!password.to_string().contains("secret-wrong"));
    assert!(!format!("{:?}", server).contains("password: \"postgres"));
    let port = with(&|server, _| server.port = 1).await;
    assert!(port.to_string().contains("PostgreSQL at 127.0.0.1:1 does not answer"), "{port}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_and_rekeyed() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    commit(
        &store,
        vec![
            Op::Insert(row("connection", "a", "1", &[])),
            Op::Enqueue(super::super::conformance::side_rows::item("l", "v")),
        ],
    )
    .await;
    store.close().await;
    let key = "7HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K";
    let rekey = Some((KeyMethod::Raw, Zeroizing::new(key.to_owned())));
    let rekeyed = OpenOptions { rekey, ..options(&server) };
    PostgresStore::open(server.clone(), rekeyed, Keep::default()).await.unwrap().close().await;
    let renewed = OpenOptions { key: Zeroizing::new(key.to_owned()), ..options(&server) };
    let store = PostgresStore::open(server.clone(), renewed, Keep::default()).await.unwrap();
    assert!(store.get(&tenant(), &RowKey::new("connection", "a")).await.unwrap().is_some());
    store.close().await;
    let recreated = OpenOptions { create: CreateMode::Recreate, ..options(&server) };
    let store = PostgresStore::open(server.clone(), recreated, Keep::default()).await.unwrap();
    assert!(store.get(&tenant(), &RowKey::new("connection", "a")).await.unwrap().is_none());
    assert!(store.items(chancery_agent::ports::store::Queue::Outbound, 0, 9).await.unwrap().is_empty());
    store.close().await;
}

/// Every commit that was answered is there; the others are told to try again, and may be there.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_goes_and_comes_back() {
    let Some(cluster) = servers::start(&[]) else { return };
    let server = cluster.fresh();
    let store = Arc::new(open(&server).await);
    for order in ["stop", "kill"] {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let answers = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        // Until so many commits were answered.
        let reaches = async |count: usize| {
            let reached = async {
                while answers.load(std::sync::atomic::Ordering::Relaxed) < count {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(60), reached).await.expect("no commits");
        };
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let (store, stop, answers) = (store.clone(), stop.clone(), answers.clone());
            tasks.spawn(async move {
                let mut answered = Vec::new();
                for step in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let name = format!("{order}-{task}-{step}");
                    let ops = vec![Op::Insert(row("connection", &name, "1", &[]))];
                    match store.commit(&tenant(), Commit { guards: vec![], ops }).await {
                        Ok(_) => {
                            answered.push(name);
                            answers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                        Err(CommitError::Store(StoreError::Unavailable(reason))) => {
                            assert!(reason.contains("PostgreSQL at 127.0.0.1"), "{reason}");
                            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                answered
            });
        }
        reaches(8).await;
        tokio::task::block_in_place(|| cluster.order(order));
        let away = store.ping().await.unwrap_err().to_string();
        assert!(away.contains("does not answer"), "{away}");
        assert!(store.find(&tenant(), &Query::all("connection")).await.is_err());
        tokio::task::block_in_place(|| cluster.order("start"));
        let back = async {
            while store.ping().await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), back).await.expect("it never comes back");
        reaches(answers.load(std::sync::atomic::Ordering::Relaxed) + 1).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let answered: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
        for name in answered {
            let key = RowKey::new("connection", name.as_str());
            assert!(store.get(&tenant(), &key).await.unwrap().is_some(), "{name} is lost");
        }
    }
    store.close().await;
}

/// Rows that are new as far as is known are not looked up before they are written.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_after_all_is_a_conflict() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    commit(&store, vec![Op::Insert(row("connection", "there", "1", &[]))]).await;
    store.close().await;
    let store = Arc::new(open(&server).await);
    let insert = |name: &str| {
        let (store, name) = (store.clone(), name.to_owned());
        async move {
            let key = RowKey::new("connection", name.as_str());
            let guards = vec![chancery_agent::ports::store::Guard::Absent(key)];
            store
                .commit(
                    &tenant(),
                    Commit { guards, ops: vec![Op::Insert(row("connection", &name, "2", &[]))] },
                )
                .await
        }
    };
    // In one batch, as far as they come together: only the one must fail.
    let (new, there, other) = tokio::join!(insert("new"), insert("there"), insert("other"));
    assert!(new.is_ok() && other.is_ok());
    assert!(matches!(there, Err(CommitError::Conflict(key)) if key.name == "there"));
    let key = RowKey::new("connection", "there");
    assert_eq!(store.get(&tenant(), &key).await.unwrap().unwrap().value, b"1");
    store.close().await;
}

/// The planner must not take the index of lists for a search by name, nor the other way round: the tables are young and it
/// knows nothing of them.
#[tokio::test(flavor = "multi_thread")]
async fn each_search_takes_its_own_index() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    open(&server).await.close().await;
    let link = server.connect().await.unwrap();
    for (condition, index) in [
        ("profile_id = 1 AND kind = 2 AND category = '' AND name = ''", "ix_items_uniq"),
        ("profile_id + 0 = 1 AND kind = 2 AND category = '' ORDER BY id LIMIT 1", "chancery_items_listed"),
    ] {
        let plan =
            link.client.query(&format!("EXPLAIN SELECT id FROM items WHERE {condition}"), &[]).await.unwrap();
        let plan: Vec<&str> = plan.iter().map(|line| line.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:?}");
    }
}

/// What is taken to be absent isn't looked up: so everything that was there before must be counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_found() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    let store = open(&server).await;
    let tagged = |name: &str| {
        let mut new = row("connection", name, "1", &[("state", name)]);
        new.tags.push(Tag { plaintext: true, ..Tag::new("plain", name) });
        Op::Insert(new)
    };
    let names: Vec<String> = (0..5_000).map(|number| format!("c{number}")).collect();
    for some in names.chunks(500) {
        commit(&store, some.iter().map(|name| tagged(name)).collect()).await;
    }
    let remember = |id: &str| Op::Remember {
        space: chancery_agent::ports::store::Space::Seen,
        id: id.to_owned(),
        value: b"1".to_vec(),
        expires: None,
    };
    commit(&store, names[..10].iter().map(|name| remember(name)).collect()).await;
    store.close().await;
    let store = open(&server).await;
    // While it is being counted, and afterwards.
    for _ in 0..2 {
        for name in [&names[0], &names[2_500], &names[4_999]] {
            assert!(store.get(&tenant(), &RowKey::new("connection", name.as_str())).await.unwrap().is_some());
            for tag in ["state", "plain"] {
                let found = store.find(&tenant(), &Query::tagged("connection", tag, name)).await.unwrap();
                assert_eq!(found.len(), 1, "{tag} {name}");
            }
        }
        for name in &names[..10] {
            let space = chancery_agent::ports::store::Space::Seen;
            assert!(store.recall(&tenant(), space, name).await.unwrap().is_some());
        }
        while store.absent.counting() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    let reads = || {
        let mut page = crate::telemetry::metrics::Page::default();
        store.commits().write(&mut page);
        let page = page.finish();
        page.lines().find(|line| line.starts_with("chancery_store_read_seconds_count")).unwrap().to_owned()
    };
    let asked = reads();
    assert!(store.get(&tenant(), &RowKey::new("connection", "another")).await.unwrap().is_none());
    assert!(
        store.find(&tenant(), &Query::tagged("connection", "state", "another")).await.unwrap().is_empty()
    );
    assert_eq!(reads(), asked, "the database is asked for what isn't there");
    store.close().await;
}
