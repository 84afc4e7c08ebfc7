//! One unit of work: reads through an overlay of its own writes, guards for what it read, and one commit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chancery_did::{PublicKey, SecretKey};
use chancery_didcomm::message::Message;
use serde_json::Value;
use tracing::Instrument;

use super::fetch::Fetched;
use super::message::{Outbound, Plaintext, Received, Scope, Target, Work};
use super::parking::Place;
use super::{Agent, AgentError, HandlerError, Record, Settings};
use crate::ports::clock::Rng;
use crate::ports::store::{
    Commit, CommitError, Event, Guard, Item, KeyRow, NewEvent, NewItem, NewRow, Op, Owner, Query, Queue, Row,
    RowKey, Space, Tag, Version,
};
use crate::ports::{Tenant, Timestamp, trace};

/// What the unit knows of a row.
#[derive(Clone, Debug)]
pub struct Slot {
    /// As the unit sees it now; `None`: not there.
    row: Option<Row>,
    /// As it was in the store; `None`: was not there.
    origin: Option<Version>,
    written: bool,
    guarded: bool,
    /// Written whatever is there: [`Unit::put_row`].
    put: bool,
}

/// A unit of work of one tenant. Dropped without [`Unit::commit`], it changes nothing.
pub struct Unit<'a> {
    agent: &'a Agent,
    tenant: Tenant,
    now: Timestamp,
    slots: HashMap<RowKey, Slot>,
    order: Vec<RowKey>,
    keys: HashMap<String, KeyRow>,
    remembered: HashMap<(Space, String), Option<Vec<u8>>>,
    guards: Vec<Guard>,
    ops: Vec<Op>,
    sends: Vec<Outbound>,
    work: Vec<Work>,
    events: Vec<NewEvent>,
    unpark: Vec<String>,
    unroute: Vec<String>,
    answer: Option<Value>,
    told: Told,
    owner: Option<Owner>,
    pub(super) parked: Option<Place>,
    pub(super) fetched: Arc<Fetched>,
    /// The connection whose message causes what is fetched.
    pub(super) fetches_for: Option<String>,
    turn: bool,
}

/// What the span of the step already says.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    connection: bool,
    thread: bool,
}

impl<'a> Unit<'a> {
    pub(super) fn new(agent: &'a Agent, tenant: Tenant) -> Self {
        Self {
            now: agent.clock().now(),
            agent,
            tenant,
            slots: HashMap::new(),
            order: Vec::new(),
            keys: HashMap::new(),
            remembered: HashMap::new(),
            guards: Vec::new(),
            ops: Vec::new(),
            sends: Vec::new(),
            work: Vec::new(),
            events: Vec::new(),
            unpark: Vec::new(),
            unroute: Vec::new(),
            answer: None,
            told: Told::default(),
            owner: None,
            parked: None,
            fetched: Arc::default(),
            fetches_for: None,
            turn: false,
        }
    }

    /// The unit belongs to a message whose sender waits with a place of the transport's: it may wait for no server.
    pub(crate) fn take_turn(&mut self) {
        self.turn = true;
    }

    /// Whether a transport waits for the unit.
    pub(crate) fn is_turn(&self) -> bool {
        self.turn
    }

    /// The span of the step says so itself.
    pub(super) fn is_told(&mut self, connection: bool) {
        self.told = Told { connection, thread: true };
    }

    /// Lets every line of the step's log say which connection and thread it is about.
    fn tell(&mut self, connection: Option<&str>, thread: Option<&str>) {
        let span = tracing::Span::current();
        if let Some(id) = connection.filter(|_| !std::mem::replace(&mut self.told.connection, true)) {
            span.record("connection", id);
        }
        if let Some(id) = thread.filter(|_| !std::mem::replace(&mut self.told.thread, true)) {
            span.record("thread", tracing::field::display(crate::quoted::Quoted(id)));
        }
    }

    /// A refused message changes nothing: whatever its handler had prepared is dropped.
    pub(crate) fn start_over(&mut self) {
        let owner = self.owner.take().map(|owner| Owner { our_thread: None, ..owner });
        *self = Self {
            told: self.told,
            owner,
            fetched: self.fetched.clone(),
            fetches_for: self.fetches_for.take(),
            turn: self.turn,
            ..Self::new(self.agent, self.tenant.clone())
        };
    }

    /// Whose message the unit follows from: what it queues is counted for that party.
    pub(super) fn owed_by(&mut self, owner: Option<Owner>) {
        self.owner = owner;
    }

    /// The message answers what our side began. A party that is full must still take the answers to its own messages, or two
    /// agents that are both full would wait for each other.
    pub(crate) fn on_our_thread(&mut self, thread_id: &str) {
        if let Some(owner) = &mut self.owner {
            owner.our_thread = Some(thread_id.to_owned());
        }
    }

    /// The agent.
    pub fn agent(&self) -> &'a Agent {
        self.agent
    }

    /// Whose unit this is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The tenant's settings.
    pub fn settings(&self) -> std::sync::Arc<Settings> {
        self.agent.settings(&self.tenant)
    }

    /// The time of this unit; every record written by it carries the same.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Random numbers.
    pub fn rng(&self) -> Rng<'a> {
        Rng(self.agent.entropy())
    }

    /// A fresh uuid4.
    pub fn new_id(&self) -> String {
        self.agent.new_id()
    }

    async fn slot(&mut self, key: &RowKey, guarded: bool) -> Result<&mut Slot, AgentError> {
        if !self.slots.contains_key(key) {
            let row = self.agent.store().get(&self.tenant, key).await?;
            self.keep(key.clone(), row, false);
        }
        match self.slots.get_mut(key) {
            Some(slot) => {
                slot.guarded |= guarded;
                Ok(slot)
            }
            None => Err(AgentError::internal("overlay", "a row was lost while it was read")),
        }
    }

    fn keep(&mut self, key: RowKey, row: Option<Row>, guarded: bool) {
        let origin = row.as_ref().map(|r| r.version);
        self.order.push(key.clone());
        self.slots.insert(key, Slot { row, origin, written: false, guarded, put: false });
    }

    /// The record, guarded: the commit fails when somebody else changes it meanwhile.
    pub async fn load<R: Record>(&mut self, id: &str) -> Result<Option<R>, AgentError> {
        let record: Option<R> = self
            .slot(&RowKey::new(R::CATEGORY, id), true)
            .await?
            .row
            .as_ref()
            .map(R::from_row)
            .transpose()?;
        if let Some(record) = &record {
            self.tell(record.connection_id(), record.thread_id());
        }
        Ok(record)
    }

    /// The record as it stands, not guarded: for facts whose change meanwhile does no harm.
    pub async fn peek<R: Record>(&mut self, id: &str) -> Result<Option<R>, AgentError> {
        self.slot(&RowKey::new(R::CATEGORY, id), false).await?.row.as_ref().map(R::from_row).transpose()
    }

    /// [`Unit::load`], or 404 with ACA-Py's text.
    pub async fn require<R: Record>(&mut self, id: &str) -> Result<R, AgentError> {
        self.load(id).await?.ok_or_else(|| AgentError::no_record(R::CATEGORY, id))
    }

    /// The records that match, those of this unit included. Guarded, one by one.
    pub async fn find<R: Record>(&mut self, query: &Query) -> Result<Vec<R>, AgentError> {
        self.find_rows(query, true).await?.iter().map(R::from_row).collect()
    }

    /// The rows that match, those written in this unit included. Only tag conditions see this unit's own writes.
    pub async fn find_rows(&mut self, query: &Query, guarded: bool) -> Result<Vec<Row>, AgentError> {
        let mut rows = Vec::new();
        for row in self.agent.store().find(&self.tenant, query).await? {
            let key = row.key.clone();
            if !self.slots.contains_key(&key) {
                self.keep(key.clone(), Some(row), guarded);
            }
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.guarded |= guarded;
                rows.extend(slot.row.clone().filter(|r| matches(r, query)));
            }
        }
        for key in &self.order {
            if key.category != query.category || rows.iter().any(|r| &r.key == key) {
                continue;
            }
            let written = self.slots.get(key).filter(|s| s.written).and_then(|s| s.row.as_ref());
            rows.extend(written.filter(|r| matches(r, query)).cloned());
        }
        Ok(rows)
    }

    /// A row that is no record (a bare string, a document), not guarded.
    pub async fn row(&mut self, key: &RowKey) -> Result<Option<Row>, AgentError> {
        Ok(self.slot(key, false).await?.row.clone())
    }

    /// Inserts a record; the commit conflicts when its id exists.
    pub fn insert<R: Record>(&mut self, record: &R) -> Result<(), AgentError> {
        self.tell(record.connection_id(), record.thread_id());
        let row = record.to_row(self.settings().unencrypted_tags)?;
        self.insert_row(row);
        Ok(())
    }

    /// Inserts a row; the commit conflicts when it exists.
    pub fn insert_row(&mut self, new: NewRow) {
        let guarded = true;
        let origin = self.slots.get(&new.key).and_then(|s| s.origin);
        self.order.push(new.key.clone());
        let row = Row { key: new.key.clone(), value: new.value, tags: new.tags, version: Version([0; 12]) };
        self.slots.insert(new.key, Slot { row: Some(row), origin, written: true, guarded, put: false });
    }

    /// Writes a row whether or not it exists, unguarded: for rows whose content is determined by their key.
    pub fn put_row(&mut self, new: NewRow) {
        let row = Row { key: new.key.clone(), value: new.value, tags: new.tags, version: Version([0; 12]) };
        self.order.push(new.key.clone());
        self.slots
            .insert(new.key, Slot { row: Some(row), origin: None, written: true, guarded: false, put: true });
    }

    /// Writes a changed record that was loaded or inserted in this unit.
    pub fn save<R: Record>(&mut self, record: &R) -> Result<(), AgentError> {
        let new = record.to_row(self.settings().unencrypted_tags)?;
        let Some(slot) = self.slots.get_mut(&new.key) else {
            return Err(AgentError::internal(
                "unread-write",
                format!("{}: saved without being loaded", R::CATEGORY),
            ));
        };
        let version = slot.origin.unwrap_or(Version([0; 12]));
        slot.row = Some(Row { key: new.key, value: new.value, tags: new.tags, version });
        slot.written = true;
        slot.guarded = true;
        Ok(())
    }

    /// Removes a row, whether it was written in this unit or is in the store.
    pub fn remove(&mut self, key: RowKey) {
        match self.slots.get_mut(&key) {
            Some(slot) => {
                slot.row = None;
                slot.written = true;
            }
            None => self.ops.push(Op::Remove(key)),
        }
    }

    /// A secret key of ours by its base58 public key.
    pub async fn secret(&self, verkey: &str) -> Result<Option<SecretKey>, AgentError> {
        if let Some(row) = self.keys.get(verkey) {
            return Ok(Some(row.secret.clone()));
        }
        self.agent.secret(&self.tenant, verkey).await
    }

    /// Stores a key of ours. ACA-Py's metadata is `{}` for keys made with a DID.
    pub fn insert_key(&mut self, secret: &SecretKey, metadata: Option<&str>, tags: Vec<Tag>) {
        let name = secret.public().base58();
        let row = KeyRow {
            name: name.clone(),
            secret: secret.clone(),
            metadata: metadata.map(str::to_owned),
            tags,
        };
        self.keys.insert(name, row.clone());
        self.ops.push(Op::InsertKey(row));
    }

    /// Any other change, applied after the records'.
    pub fn op(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// Any other condition.
    pub fn guard(&mut self, guard: Guard) {
        self.guards.push(guard);
    }

    /// What is remembered under a space and id, by this unit too.
    pub async fn recall(&mut self, space: Space, id: &str) -> Result<Option<Vec<u8>>, AgentError> {
        if let Some(value) = self.remembered.get(&(space, id.to_owned())) {
            return Ok(value.clone());
        }
        Ok(self.agent.store().recall(&self.tenant, space, id).await?)
    }

    /// What this unit itself remembers under a space and id: nobody else knows of it before the commit.
    pub(crate) fn remembered(&self, space: Space, id: &str) -> Option<&[u8]> {
        self.remembered.get(&(space, id.to_owned()))?.as_deref()
    }

    /// Remembers a value for so many seconds.
    pub fn remember(&mut self, space: Space, id: &str, value: Vec<u8>, seconds: Option<i64>) {
        let expires = seconds.map(|s| self.now.plus_millis(s.saturating_mul(1000)));
        self.remembered.insert((space, id.to_owned()), Some(value.clone()));
        self.ops.push(Op::Remember { space, id: id.to_owned(), value, expires });
    }

    /// Forgets what is remembered under a space and id.
    pub fn forget(&mut self, space: Space, id: &str) {
        self.remembered.insert((space, id.to_owned()), None);
        self.ops.push(Op::Forget(space, id.to_owned()));
    }

    /// After the commit, the connection of messages from or to this key (base58) is looked up anew.
    pub(crate) fn unroute(&mut self, key: &str) {
        self.unroute.push(key.to_owned());
    }

    /// Whether the unit has changed what keys count for.
    pub(crate) fn reroutes(&self) -> bool {
        !self.unroute.is_empty()
    }

    /// Queues a message to a target. `scope`: what it is ordered with.
    pub fn send(&mut self, message: &Message, target: Target, connection_id: Option<&str>, scope: Scope) {
        self.sends.push(Outbound {
            message: Plaintext::of(message),
            target,
            connection_id: connection_id.map(str::to_owned),
            thread_id: message.thread_id().unwrap_or_default().to_owned(),
            scope,
            owner: None,
            trace: None,
        });
    }

    /// Queues a message that was queued before.
    pub(crate) fn queue(&mut self, outbound: Outbound) {
        self.sends.push(outbound);
    }

    /// Tells the controller: an event of a record, delivered to every webhook target, in order per record.
    pub fn notify(&mut self, topic: &'static str, record: &str, payload: &Value) {
        self.events.push(NewEvent {
            topic: Cow::Borrowed(topic),
            record: record.to_owned(),
            payload: payload.to_string().into_bytes(),
            targets: self.settings().webhook_targets.clone(),
            trace: None,
        });
    }

    /// Queues work that goes on after the commit.
    pub fn later(&mut self, work: Work) {
        self.work.push(work);
    }

    /// Nothing is parked for this key yet; what is by the commit is handled right after it.
    pub(super) fn unpark_inline(&mut self, verkey: &str) {
        self.unpark.push(verkey.to_owned());
    }

    /// The answer of the call that this unit belongs to, to be kept in its commit when the call came with a key.
    pub fn keep_answer(&mut self, answer: &Value) {
        if self.agent.claim().is_some() {
            self.answer = Some(answer.clone());
        }
    }

    /// Hands a message to its protocol's handler within this unit: a message attached to an invitation.
    pub async fn dispatch(&mut self, received: &Received) -> Result<(), HandlerError> {
        self.agent.dispatch(self, received).await
    }

    /// The target of an answer to a message outside of any connection: the sender's key, reachable on the return route only.
    pub fn reply_target(received: &Received) -> Option<Target> {
        let to: &PublicKey = received.sender.as_ref()?;
        Some(Target {
            recipient_keys: vec![to.base58()],
            routing_keys: Vec::new(),
            endpoint: None,
            sender_key: received.recipient.as_ref().map(PublicKey::base58),
        })
    }

    /// All of it, or nothing. Gives the queued messages, which nobody else has been told of yet, to the caller
    /// when `session` accepts them, else to the delivery worker.
    pub async fn commit(self) -> Result<(), CommitError> {
        self.commit_leasing(&mut |_| false).await.map(|_| ())
    }

    /// [`Unit::commit`]; messages for which `lease` says yes are returned and not given to the delivery worker: the caller
    /// delivers them on its session (DECISIONS 10).
    pub async fn commit_leasing(
        self,
        lease: &mut (dyn for<'o> FnMut(&'o Outbound) -> bool + Send),
    ) -> Result<Vec<Item>, CommitError> {
        let Self {
            agent,
            tenant,
            now,
            mut slots,
            order,
            guards,
            ops,
            mut sends,
            mut work,
            mut events,
            unpark,
            unroute,
            answer,
            owner,
            parked,
            ..
        } = self;
        let mut commit =
            Commit { guards, ops: Vec::with_capacity(ops.len() + order.len() + sends.len() + events.len()) };
        for key in order {
            let Some(slot) = slots.remove(&key) else { continue };
            if (slot.guarded || slot.written) && !slot.put {
                match slot.origin {
                    Some(version) => commit.guards.push(Guard::Version(key.clone(), version)),
                    None if slot.row.is_some() => commit.guards.push(Guard::Absent(key.clone())),
                    None => {}
                }
            }
            if slot.written {
                match (slot.row, slot.origin) {
                    (Some(row), origin) => {
                        let new = NewRow { key, value: row.value, tags: row.tags };
                        commit.ops.push(match origin {
                            _ if slot.put => Op::Put(new),
                            Some(_) => Op::Replace(new),
                            None => Op::Insert(new),
                        });
                    }
                    (None, Some(_)) => commit.ops.push(Op::Remove(key)),
                    (None, None) => {}
                }
            }
        }
        commit.ops.extend(ops);
        if let Some(claim) = agent.claim() {
            let writes =
                !commit.ops.is_empty() || !sends.is_empty() || !work.is_empty() || !events.is_empty();
            claim.join(&mut commit, writes, answer.as_ref(), now)?;
        }
        let wrote = !commit.ops.is_empty() || !sends.is_empty() || !work.is_empty() || !events.is_empty();
        if !wrote {
            agent.after_commit(&tenant, Vec::new(), Vec::new(), Vec::new(), unpark).await;
            return Ok(Vec::new());
        }
        let span = tracing::trace_span!(target: trace::TARGET, "commit", tenant = %tenant);
        if let Some(context) = agent.trace().context(&span) {
            sends.iter_mut().for_each(|s| s.trace = Some(context.clone()));
            work.iter_mut().for_each(|w| w.trace = Some(context.clone()));
            events.iter_mut().for_each(|e| e.trace = Some(context.clone()));
        }
        let mut queued = Vec::with_capacity(sends.len() + work.len());
        let mut queue = |queue, lane, value| {
            queued.push(NewItem { queue, lane, due: now, value, owner: owner.clone() });
        };
        for outbound in &mut sends {
            outbound.owner.clone_from(&owner);
            queue(Queue::Outbound, outbound.lane(), to_json(outbound)?);
        }
        for work in &mut work {
            work.owner.clone_from(&owner);
            queue(Queue::Work, work.lane(), to_json(work)?);
        }
        commit.ops.extend(queued.iter().cloned().map(Op::Enqueue));
        commit.ops.extend(events.iter().cloned().map(Op::Event));

        let outcome = agent.store().commit(&tenant, commit).instrument(span).await;
        if let Some(claim) = agent.claim() {
            claim.settle(&outcome, answer.is_some());
        }
        let committed = outcome?;
        if let Some(place) = parked {
            place.keep();
        }
        agent.directory().forget(&tenant, &unroute);

        let mut leased = Vec::new();
        let mut outbound = Vec::new();
        let mut jobs = Vec::new();
        for (at, (seq, new)) in committed.items.into_iter().zip(queued).enumerate() {
            let NewItem { queue, lane, due, value, owner: _ } = new;
            let item =
                Item { tenant: tenant.clone(), seq, queue, lane, due, created: now, attempts: 0, value };
            match sends.get(at) {
                Some(send) if lease(send) => leased.push(item),
                Some(_) => outbound.push(item),
                None => jobs.push(item),
            }
        }
        let events = committed.events.into_iter().zip(events).map(|((number, id), new)| Event {
            tenant: tenant.clone(),
            number,
            id,
            topic: new.topic.into_owned(),
            record: new.record,
            created: now,
            payload: new.payload,
            targets: new.targets,
            trace: new.trace,
        });
        agent.after_commit(&tenant, outbound, jobs, events.collect(), unpark).await;
        Ok(leased)
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CommitError> {
    serde_json::to_vec(value).map_err(|e| {
        CommitError::Store(crate::ports::store::StoreError::Damaged(format!("unwritable queue row: {e}")))
    })
}

fn matches(row: &Row, query: &Query) -> bool {
    query.tags.iter().all(|(name, value)| row.tags.iter().any(|t| &t.name == name && &t.value == value))
}
