//! A wallet in memory, with the guards and conflicts of the real ones.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use serde_json::Value;

use super::look_ups;
use crate::ports::store::{
    Commit, CommitError, Committed, Event, EventNo, Facet, Guard, Item, KeyRow, Op, Query, Queue, Row,
    RowKey, Seq, Space, StoreError, Version,
};
use crate::ports::{Clock, Store, Tenant, Timestamp};

/// How far the databases count a tag's rows to find the rarest tag.
const COUNTED: usize = 64;

type Remembered = (Vec<u8>, Option<Timestamp>);
type Interfere = Box<dyn FnOnce(&MemoryStore) + Send>;

#[derive(Default)]
struct Inner {
    /// What was asked for by tags and facets.
    asked: Vec<Query>,
    /// A message is on its way: what is asked for must be known.
    on_the_way: bool,
    number: i64,
    rows: BTreeMap<i64, (Tenant, Row)>,
    index: HashMap<(Tenant, RowKey), i64>,
    keys: HashMap<(Tenant, String), KeyRow>,
    items: BTreeMap<Seq, Item>,
    events: BTreeMap<EventNo, Event>,
    remembered: HashMap<(Tenant, Space, String), Remembered>,
    fail: bool,
    commits: usize,
    interfere: Option<Interfere>,
}

/// A store that forgets everything when dropped.
pub struct MemoryStore {
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
    tenant: Tenant,
}

impl MemoryStore {
    pub fn new(clock: Arc<dyn Clock>, tenant: Tenant) -> Self {
        Self { inner: Mutex::default(), clock, tenant }
    }

    /// The queries since the last call.
    pub fn take_asked(&self) -> Vec<Query> {
        std::mem::take(&mut self.lock().asked)
    }

    /// While a message is on its way, each look-up must be one of those in `look_ups.txt`.
    pub fn on_the_way<T>(&self, handle: impl FnOnce() -> T) -> T {
        self.lock().on_the_way = true;
        let outcome = handle();
        self.lock().on_the_way = false;
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// From now on everything fails with `Unavailable` (or works again).
    pub fn fail(&self, fail: bool) {
        self.lock().fail = fail;
    }

    /// How many commits wrote something.
    pub fn commits(&self) -> usize {
        self.lock().commits
    }

    /// Runs once, right before the next commit checks its guards: another writer in between.
    pub fn before_next_commit(&self, interfere: impl FnOnce(&MemoryStore) + Send + 'static) {
        self.lock().interfere = Some(Box::new(interfere));
    }

    /// The values of a category as JSON (a bare string as a JSON string), with their names.
    pub fn dump(&self, category: &str) -> Vec<(String, Value)> {
        let inner = self.lock();
        let rows = inner.rows.values().filter(|(_, row)| row.key.category == category);
        rows.map(|(_, row)| {
            let text = String::from_utf8_lossy(&row.value).into_owned();
            (row.key.name.clone(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
        })
        .collect()
    }

    /// The tags of a row, sorted.
    pub fn tags(&self, category: &'static str, name: &str) -> Vec<(String, String)> {
        let inner = self.lock();
        let id = inner.index[&(self.tenant.clone(), RowKey::new(category, name))];
        let mut tags: Vec<_> =
            inner.rows[&id].1.tags.iter().map(|t| (t.name.to_string(), t.value.clone())).collect();
        tags.sort();
        tags
    }

    /// All events: topic and payload.
    pub fn all_events(&self) -> Vec<(String, Value)> {
        let inner = self.lock();
        inner
            .events
            .values()
            .map(|e| (e.topic.clone(), serde_json::from_slice(&e.payload).unwrap()))
            .collect()
    }

    fn check(&self, inner: &Inner) -> Result<(), StoreError> {
        if inner.fail { Err(StoreError::Unavailable("switched off by the test".into())) } else { Ok(()) }
    }

    fn holds(&self, inner: &Inner, tenant: &Tenant, guard: &Guard) -> Result<(), RowKey> {
        let row = |key: &RowKey| inner.index.get(&(tenant.clone(), key.clone())).map(|id| &inner.rows[id].1);
        match guard {
            Guard::Version(key, version) => match row(key) {
                Some(row) if row.version == *version => Ok(()),
                _ => Err(key.clone()),
            },
            Guard::Absent(key) => row(key).map_or(Ok(()), |_| Err(key.clone())),
            Guard::Unknown(space, id) => match self.remembered(inner, tenant, *space, id) {
                None => Ok(()),
                Some(_) => Err(RowKey { category: space.as_str().into(), name: id.clone() }),
            },
            Guard::Queued(seq, queue) => match inner.items.get(seq) {
                Some(item) if item.queue == *queue && item.tenant == *tenant => Ok(()),
                _ => Err(RowKey::new("queue", seq.to_string())),
            },
        }
    }

    fn remembered(&self, inner: &Inner, tenant: &Tenant, space: Space, id: &str) -> Option<Vec<u8>> {
        let (value, expires) = inner.remembered.get(&(tenant.clone(), space, id.to_owned()))?;
        expires.is_none_or(|at| at >= self.clock.now()).then(|| value.clone())
    }

    fn apply(&self, inner: &mut Inner, tenant: &Tenant, op: Op, done: &mut Committed) -> Result<(), RowKey> {
        inner.number += 1;
        let number = inner.number;
        match op {
            Op::Insert(new) | Op::Replace(new) | Op::Put(new) => {
                let at = (tenant.clone(), new.key.clone());
                let id = *inner.index.entry(at).or_insert(number);
                let mut version = [0; 12];
                version[..8].copy_from_slice(&number.to_be_bytes());
                let row = Row { key: new.key, value: new.value, tags: new.tags, version: Version(version) };
                inner.rows.insert(id, (tenant.clone(), row));
            }
            Op::Remove(key) => {
                if let Some(id) = inner.index.remove(&(tenant.clone(), key)) {
                    inner.rows.remove(&id);
                }
            }
            Op::InsertKey(row) => {
                inner.keys.entry((tenant.clone(), row.name.clone())).or_insert(row);
            }
            Op::UpdateKey { name, metadata, tags } => {
                if let Some(row) = inner.keys.get_mut(&(tenant.clone(), name)) {
                    row.tags = tags;
                    row.metadata = metadata;
                }
            }
            Op::RemoveKey(name) => {
                inner.keys.remove(&(tenant.clone(), name));
            }
            Op::Enqueue(new) => {
                done.items.push(number);
                let item = Item {
                    tenant: tenant.clone(),
                    seq: number,
                    queue: new.queue,
                    lane: new.lane,
                    due: new.due,
                    created: self.clock.now(),
                    attempts: 0,
                    value: new.value,
                };
                inner.items.insert(number, item);
            }
            Op::Requeue { seq, queue, due, attempts } => {
                if let Some(item) = inner.items.get_mut(&seq) {
                    (item.queue, item.due, item.attempts) = (queue, due, attempts);
                }
            }
            Op::Dequeue(seq) => {
                inner.items.remove(&seq);
            }
            Op::Event(new) => {
                let id = format!("event-{number}");
                done.events.push((number, id.clone()));
                let event = Event {
                    tenant: tenant.clone(),
                    number,
                    id,
                    topic: new.topic.into_owned(),
                    record: new.record,
                    created: self.clock.now(),
                    payload: new.payload,
                    targets: new.targets,
                    trace: new.trace,
                };
                inner.events.insert(number, event);
            }
            Op::Delivered { number, target } => {
                if let Some(event) = inner.events.get_mut(&number) {
                    event.targets.retain(|t| *t != target);
                }
            }
            Op::Redeliver { number, target } => {
                if let Some(event) = inner.events.get_mut(&number)
                    && !event.targets.contains(&target)
                {
                    event.targets.push(target);
                }
            }
            Op::Remember { space, id, value, expires } => {
                inner.remembered.insert((tenant.clone(), space, id), (value, expires));
            }
            Op::Forget(space, id) => {
                inner.remembered.remove(&(tenant.clone(), space, id));
            }
        }
        Ok(())
    }

    /// What `Insert` and `Replace` demand, seen against the rows as they are when the transaction begins.
    fn admissible(&self, inner: &Inner, tenant: &Tenant, ops: &[Op]) -> Result<(), RowKey> {
        let mut inserted = Vec::new();
        for op in ops {
            let exists = |key: &RowKey| inner.index.contains_key(&(tenant.clone(), key.clone()));
            match op {
                Op::Insert(new) if exists(&new.key) || inserted.contains(&&new.key) => {
                    return Err(new.key.clone());
                }
                Op::Insert(new) => inserted.push(&new.key),
                Op::Replace(new) if !exists(&new.key) && !inserted.contains(&&new.key) => {
                    return Err(new.key.clone());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn facet(row: &Row, facet: Facet) -> Option<String> {
    let value: Value = serde_json::from_slice(&row.value).ok()?;
    let names: &[&str] = match facet {
        Facet::State => &["state"],
        Facet::Role => &["role", "their_role"],
        Facet::Connection => &["connection_id"],
        Facet::Thread => &["thread_id"],
    };
    names.iter().find_map(|name| value.get(name)?.as_str().map(str::to_owned))
}

fn has(row: &Row, (name, value): &(Cow<'static, str>, String)) -> bool {
    row.tags.iter().any(|t| t.name == *name && t.value == *value)
}

/// The rows that the databases look at: all, or of one tag so many.
fn candidates<'r>(rows: impl Iterator<Item = &'r Row> + Clone, query: &Query) -> Vec<&'r Row> {
    let of = |tag| rows.clone().filter(move |row| has(row, tag));
    match (query.among, query.tags.iter().min_by_key(|tag| of(tag).take(COUNTED).count())) {
        (Some(most), Some(rarest)) => of(rarest).take(most).collect(),
        _ => rows.collect(),
    }
}

fn fits(row: &Row, query: &Query) -> bool {
    row.key.category == query.category
        && query.tags.iter().all(|tag| has(row, tag))
        && query.facets.iter().all(|(which, any)| facet(row, *which).is_some_and(|is| any.contains(&is)))
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, tenant: &Tenant, key: &RowKey) -> Result<Option<Row>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        Ok(inner.index.get(&(tenant.clone(), key.clone())).map(|id| inner.rows[id].1.clone()))
    }

    async fn find(&self, tenant: &Tenant, query: &Query) -> Result<Vec<Row>, StoreError> {
        let mut inner = self.lock();
        self.check(&inner)?;
        if inner.on_the_way {
            look_ups::check(query);
        }
        inner.asked.push(query.clone());
        let own = inner.rows.values().filter(|(t, _)| t == tenant).map(|(_, row)| row);
        let looked_at = candidates(own, query).into_iter();
        let mut rows: Vec<Row> = looked_at.filter(|row| fits(row, query)).cloned().collect();
        if query.descending {
            rows.reverse();
        }
        Ok(rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect())
    }

    async fn key(&self, tenant: &Tenant, name: &str) -> Result<Option<KeyRow>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        Ok(inner.keys.get(&(tenant.clone(), name.to_owned())).cloned())
    }

    async fn find_keys(&self, tenant: &Tenant, tag: &str, value: &str) -> Result<Vec<KeyRow>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        let tagged = |row: &&KeyRow| row.tags.iter().any(|t| t.name == tag && t.value == value);
        Ok(inner
            .keys
            .iter()
            .filter(|((t, _), _)| t == tenant)
            .map(|(_, r)| r)
            .filter(tagged)
            .cloned()
            .collect())
    }

    async fn recall(&self, tenant: &Tenant, space: Space, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        Ok(self.remembered(&inner, tenant, space, id))
    }

    async fn weigh(&self, tenant: &Tenant, space: Space, most: usize) -> Result<(usize, u64), StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        let all = inner.remembered.keys().filter(|(t, s, _)| t == tenant && *s == space).take(most);
        let sizes: Vec<u64> = all
            .filter_map(|(_, _, id)| Some(self.remembered(&inner, tenant, space, id)?.len() as u64))
            .collect();
        Ok((sizes.len(), sizes.iter().sum()))
    }

    async fn remembered(
        &self,
        tenant: &Tenant,
        space: Space,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        let all = inner.remembered.keys().filter(|(t, s, _)| t == tenant && *s == space);
        let all =
            all.filter_map(|(_, _, id)| Some((id.clone(), self.remembered(&inner, tenant, space, id)?)));
        let sorted: BTreeMap<String, Vec<u8>> = all.collect();
        Ok(sorted.into_iter().skip(offset).take(limit).collect())
    }

    async fn commit(&self, tenant: &Tenant, commit: Commit) -> Result<Committed, CommitError> {
        let interfere = self.lock().interfere.take();
        if let Some(interfere) = interfere {
            interfere(self);
        }
        let mut inner = self.lock();
        self.check(&inner)?;
        for guard in &commit.guards {
            self.holds(&inner, tenant, guard).map_err(CommitError::Conflict)?;
        }
        self.admissible(&inner, tenant, &commit.ops).map_err(CommitError::Conflict)?;
        let mut done = Committed::default();
        for op in commit.ops {
            self.apply(&mut inner, tenant, op, &mut done).map_err(CommitError::Conflict)?;
        }
        inner.commits += 1;
        Ok(done)
    }

    fn lazily(&self, tenant: &Tenant, ops: Vec<Op>) {
        let mut inner = self.lock();
        for op in ops {
            self.apply(&mut inner, tenant, op, &mut Committed::default()).unwrap();
        }
    }

    async fn items(&self, queue: Queue, after: Seq, limit: usize) -> Result<Vec<Item>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        let items = inner.items.range(after + 1..).map(|(_, i)| i).filter(|i| i.queue == queue);
        Ok(items.take(limit).cloned().collect())
    }

    async fn lane(
        &self,
        tenant: &Tenant,
        queue: Queue,
        lane: &str,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        let of_lane = |i: &&Item| i.tenant == *tenant && i.queue == queue && i.lane == lane;
        let items = inner.items.range(after + 1..).map(|(_, i)| i).filter(of_lane);
        Ok(items.take(limit).cloned().collect())
    }

    async fn item(&self, seq: Seq) -> Result<Option<Item>, StoreError> {
        Ok(self.lock().items.get(&seq).cloned())
    }

    async fn events(
        &self,
        tenant: Option<&Tenant>,
        after: EventNo,
        topic: Option<&str>,
        pending: bool,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let inner = self.lock();
        self.check(&inner)?;
        let events = inner.events.range(after + 1..).map(|(_, e)| e);
        let wanted = events.filter(|e| {
            tenant.is_none_or(|t| e.tenant == *t)
                && topic.is_none_or(|t| e.topic == t)
                && (!pending || !e.targets.is_empty())
        });
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(vec![self.tenant.clone()])
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.check(&self.lock())
    }

    async fn close(&self) {
        self.lock().fail = true;
    }
}
