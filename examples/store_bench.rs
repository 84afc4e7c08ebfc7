//! What a durable step costs in the wallet, and what lists cost: `cargo run --release --example store_bench -- [steps|lists] [folder]`.
//!
//! A step replaces a record of 3 000 bytes under a version guard, adds 2.5 rows of 600 bytes and removes 1.5. `rows`
//! keeps all of them as Askar records; `side` keeps what ACA-Py does not know in our own tables, as the agent does.
//! The CPU time is that of the whole process, encryption included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use chancery::store::{CreateMode, FacetSource, KeyMethod, OpenOptions, Place, SqliteStore};
use chancery_agent::ports::store::{
    Commit, Facet, Facets, Guard, NewEvent, NewItem, NewRow, Op, Query, Queue, RowKey, Store, Tag, Version,
};
use chancery_agent::ports::{Clock, Entropy, Tenant, Timestamp};
use rand_core::RngCore as _;

struct Steady(Instant);

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000_000 + i64::try_from(self.0.elapsed().as_micros()).unwrap())
    }
}

struct Random;

impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) {
        rand_core::OsRng.fill_bytes(buffer);
    }
}

const CATEGORY: &str = "cred_ex_v20";

/// The members stand in front, as ACA-Py writes them.
fn facets(_: &str, value: &[u8]) -> Option<Facets> {
    let text = std::str::from_utf8(value.get(..value.len().min(300))?).ok()?;
    let member = |name: &str| {
        let rest = text.split_once(&format!("\"{name}\": \""))?.1;
        Some(rest.split_once('"')?.0.to_owned())
    };
    Some(Facets {
        state: member("state"),
        role: member("role"),
        connection: member("connection_id"),
        thread: member("thread_id"),
    })
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(OpenOptions {
        place: Place::File(path.to_owned()),
        key: "8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K".to_owned().into(),
        method: KeyMethod::Raw,
        rekey: None,
        create: CreateMode::IfMissing,
        profile: Some("bench".to_owned()),
        clock: Arc::new(Steady(Instant::now())),
        entropy: Arc::new(Random),
        facets: FacetSource { categories: &[CATEGORY], of: facets },
    })
    .await
    .unwrap()
}

fn tenant() -> Tenant {
    Tenant::new("bench")
}

/// Milliseconds of CPU that this process has used.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

fn record(i: usize, step: usize, size: usize) -> NewRow {
    let states = ["offer-sent", "request-received", "credential-issued", "done"];
    let head = format!(
        r#"{{"state": "{}", "role": "{}", "connection_id": "conn-{}", "thread_id": "thread-{i}", "rest": ""#,
        states[step % 4],
        ["issuer", "holder"][i % 2],
        i % 50,
    );
    let value = format!("{head}{}\"}}", "x".repeat(size.saturating_sub(head.len() + 2)));
    let mut tags = vec![Tag::new("thread_id", format!("thread-{i}"))];
    if i % 2 == 1 {
        tags.push(Tag::new("connection_id", format!("conn-{}", i % 50)));
    }
    NewRow { key: RowKey::new(CATEGORY, format!("record-{i}")), value: value.into_bytes(), tags }
}

fn small(name: String, tags: Vec<Tag>) -> NewRow {
    NewRow { key: RowKey::new("outbox", name), value: vec![b'y'; 600], tags }
}

/// Changes of one step.
fn changes(side: bool, id: usize, step: usize, first: NewRow, left: &mut Vec<i64>) -> (Vec<Op>, Vec<Op>) {
    let mut ops = vec![Op::Replace(first)];
    let mut lazy = Vec::new();
    let two = step.is_multiple_of(2);
    if side {
        for _ in 0..if two { 2 } else { 1 } {
            let item = NewItem {
                queue: Queue::Outbound,
                lane: format!("lane-{id}"),
                due: Timestamp(0),
                value: vec![b'y'; 600],
                owner: None,
            };
            ops.push(Op::Enqueue(item));
        }
        ops.push(Op::Event(NewEvent {
            topic: "issue_credential_v2_0".into(),
            record: format!("record-{id}"),
            payload: vec![b'y'; 600],
            targets: vec!["0".to_owned()],
            trace: None,
        }));
        lazy.extend(left.drain(..).map(Op::Dequeue));
    } else {
        let count = if two { 3 } else { 2 };
        for n in 0..count {
            let tags = if n == 0 { vec![Tag::new("due", format!("{id}-{step}"))] } else { vec![] };
            ops.push(Op::Insert(small(format!("{id}-{step}-{n}"), tags)));
        }
        if step > 0 {
            for n in 0..if two { 1 } else { 2 } {
                ops.push(Op::Remove(RowKey::new("outbox", format!("{id}-{}-{n}", step - 1))));
            }
        }
    }
    (ops, lazy)
}

async fn run(store: &Arc<SqliteStore>, side: bool, callers: usize, total: usize, base: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    let (cpu, wall) = (cpu_ms(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (store, done) = (store.clone(), done.clone());
        tasks.spawn(async move {
            let tenant = tenant();
            let mut times = Vec::new();
            let (mut left, mut step) = (Vec::new(), base);
            let mut versions: Vec<Option<Version>> = vec![None; 4];
            while done.fetch_add(1, Ordering::Relaxed) < total {
                let id = caller * 4 + step / 4 % 4;
                let row = record(id, step, 3_000);
                let guard = match versions[step / 4 % 4] {
                    Some(version) => version,
                    None => store.get(&tenant, &row.key).await.unwrap().unwrap().version,
                };
                let key = row.key.clone();
                let (ops, lazy) = changes(side, caller, step - base, row, &mut left);
                store.lazily(&tenant, lazy);
                let begun = Instant::now();
                let commit = Commit { guards: vec![Guard::Version(key.clone(), guard)], ops };
                let given = store.commit(&tenant, commit).await.unwrap();
                times.push(begun.elapsed());
                left.extend(given.items);
                // A step reads the record that it changes.
                versions[step / 4 % 4] = store.get(&tenant, &key).await.unwrap().map(|row| row.version);
                step += 1;
            }
            times
        });
    }
    let mut times: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let (cpu, wall) = (cpu_ms() - cpu, wall.elapsed());
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{} c={callers:2}  {:4.0} us CPU/step  {:5.0} steps/s  p50 {:.1} p99 {:.1} max {:.1} ms",
        if side { "side" } else { "rows" },
        cpu as f64 * 1e3 / times.len() as f64,
        times.len() as f64 / wall.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

async fn fill(store: &SqliteStore, count: usize, size: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let ops = chunk.iter().map(|i| Op::Insert(record(*i, i / 7, size))).collect();
        store.commit(&tenant(), Commit { guards: vec![], ops }).await.unwrap();
    }
}

async fn steps(folder: &Path) {
    for side in [false, true] {
        let path = folder.join(if side { "side.db" } else { "rows.db" });
        let store = Arc::new(open(&path).await);
        fill(&store, 15_000, 600).await;
        for callers in [1, 8, 16, 32, 64] {
            let total = if callers == 1 { 4_000 } else { 20_000 };
            run(&store, side, callers, total, callers * 1_000_000).await;
            if !side {
                let all = store.find(&tenant(), &Query::all("outbox")).await.unwrap();
                let ops = all.into_iter().map(|row| Op::Remove(row.key)).collect();
                store.commit(&tenant(), Commit { guards: vec![], ops }).await.unwrap();
            }
        }
        store.close().await;
    }
}

async fn reads(store: &SqliteStore) {
    let tenant = tenant();
    for (name, rounds) in [("get", 20_000usize), ("find by tag", 20_000), ("recall", 20_000)] {
        let (cpu, begun) = (cpu_ms(), Instant::now());
        for i in 0..rounds {
            match name {
                "get" => {
                    drop(store.get(&tenant, &RowKey::new(CATEGORY, format!("record-{i}"))).await.unwrap())
                }
                "recall" => {
                    drop(store.recall(&tenant, chancery_agent::ports::store::Space::Seen, name).await)
                }
                _ => {
                    let query = Query::tagged(CATEGORY, "thread_id", format!("thread-{i}"));
                    assert_eq!(store.find(&tenant, &query).await.unwrap().len(), 1);
                }
            }
        }
        let each = |ms: f64| ms * 1e3 / rounds as f64;
        let wall = begun.elapsed().as_secs_f64() * 1e3;
        println!("{name:12} {:5.1} us CPU, {:5.1} us", each((cpu_ms() - cpu) as f64), each(wall));
    }
}

async fn lists(folder: &Path) {
    let path = folder.join("lists.db");
    let store = open(&path).await;
    fill(&store, 200_000, 600).await;
    reads(&store).await;
    let facet = |facet, value: &str| vec![(facet, vec![value.to_owned()])];
    let both = [facet(Facet::State, "done"), facet(Facet::Role, "issuer")].concat();
    let filters = [
        ("all", vec![]),
        ("state", facet(Facet::State, "done")),
        ("role", facet(Facet::Role, "issuer")),
        ("state and role", both),
        ("connection", facet(Facet::Connection, "conn-7")),
        ("thread", facet(Facet::Thread, "thread-777")),
    ];
    for (name, facets) in filters {
        for page in [0, 1_000] {
            let query = Query {
                facets: facets.clone(),
                offset: page * 100,
                limit: Some(100),
                ..Query::all(CATEGORY)
            };
            let mut times = Vec::new();
            let (mut rows, cpu) = (0, cpu_ms());
            for _ in 0..40 {
                let begun = Instant::now();
                rows = store.find(&tenant(), &query).await.unwrap().len();
                times.push(begun.elapsed());
            }
            times.sort();
            println!(
                "list by {name:15} page {page:4}: {rows:3} rows, {:.1} ms CPU, median {:.1} ms",
                (cpu_ms() - cpu) as f64 / 40.0,
                times[20].as_secs_f64() * 1e3
            );
        }
    }
    store.close().await;
    let begun = Instant::now();
    let store = open(&path).await;
    println!("open with 200 000 records: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    store.close().await;
}

#[tokio::main]
async fn main() {
    let mut given = std::env::args().skip(1);
    let what = given.next().unwrap_or_default();
    let folder = given.next().map_or_else(std::env::temp_dir, PathBuf::from).join("chancery-store-bench");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    if what != "lists" {
        steps(&folder).await;
    }
    if what != "steps" {
        lists(&folder).await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
