//! One unit of work: reads through an overlay of its own writes, guards for what it read, and one commit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chancery_did::SecretKey;
use chancery_didcomm::message::Message;
use serde_json::Value;

use super::message::{Outbound, Plaintext, Scope, Target, Work};
use super::{AgentError, Context, Fetched, Record, Settings};
use crate::ports::clock::Rng;
use crate::ports::store::{
    Guard, KeyRow, NewEvent, NewRow, Op, Owner, Query, Row, RowKey, Space, Tag, Version,
};
use crate::ports::{Tenant, Timestamp};

/// What the unit knows of a row.
#[derive(Clone, Debug)]
pub struct Slot {
    /// As the unit sees it now; `None`: not there.
    pub(super) row: Option<Row>,
    /// As it was in the store; `None`: was not there.
    pub(super) origin: Option<Version>,
    pub(super) written: bool,
    pub(super) guarded: bool,
    /// Written whatever is there: [`Unit::put_row`].
    pub(super) put: bool,
}

/// A unit of work of one tenant. Dropped without [`Unit::commit`], it changes nothing.
pub struct Unit<'a> {
    pub(super) context: &'a Context,
    pub(super) tenant: Tenant,
    pub(super) now: Timestamp,
    pub(super) slots: HashMap<RowKey, Slot>,
    pub(super) order: Vec<RowKey>,
    keys: HashMap<String, KeyRow>,
    remembered: HashMap<(Space, String), Option<Vec<u8>>>,
    pub(super) guards: Vec<Guard>,
    pub(super) ops: Vec<Op>,
    pub(super) sends: Vec<Outbound>,
    pub(super) work: Vec<Work>,
    pub(super) events: Vec<NewEvent>,
    ready_keys: Vec<String>,
    pub(super) unroute: Vec<String>,
    pub(super) answer: Option<Value>,
    told: Told,
    pub(super) owner: Option<Owner>,
    pub(super) on_commit: Vec<Box<dyn FnOnce() + Send + Sync>>,
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
    pub(super) fn new(context: &'a Context, tenant: Tenant) -> Self {
        Self {
            now: context.clock().now(),
            context,
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
            ready_keys: Vec::new(),
            unroute: Vec::new(),
            answer: None,
            told: Told::default(),
            owner: None,
            on_commit: Vec::new(),
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
    pub(crate) fn is_told(&mut self, connection: bool) {
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
            ..Self::new(self.context, self.tenant.clone())
        };
    }

    /// Whose message the unit follows from: what it queues is counted for that party.
    pub(crate) fn owed_by(&mut self, owner: Option<Owner>) {
        self.owner = owner;
    }

    /// The message answers what our side began. A party that is full must still take the answers to its own messages, or two
    /// agents that are both full would wait for each other.
    pub(crate) fn on_our_thread(&mut self, thread_id: &str) {
        if let Some(owner) = &mut self.owner {
            owner.our_thread = Some(thread_id.to_owned());
        }
    }

    /// Ports, settings, caches.
    pub fn context(&self) -> &'a Context {
        self.context
    }

    /// Whose unit this is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The tenant's settings.
    pub fn settings(&self) -> std::sync::Arc<Settings> {
        self.context.settings(&self.tenant)
    }

    /// The time of this unit; every record written by it carries the same.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Random numbers.
    pub fn rng(&self) -> Rng<'a> {
        Rng(self.context.entropy())
    }

    /// A fresh uuid4.
    pub fn new_id(&self) -> String {
        self.context.new_id()
    }

    async fn slot(&mut self, key: &RowKey, guarded: bool) -> Result<&mut Slot, AgentError> {
        if !self.slots.contains_key(key) {
            let row = self.context.store().get(&self.tenant, key).await?;
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
        for row in self.context.store().find(&self.tenant, query).await? {
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

    /// [`Unit::row`], guarded: the commit fails when somebody else changes it meanwhile.
    pub async fn guarded_row(&mut self, key: &RowKey) -> Result<Option<Row>, AgentError> {
        Ok(self.slot(key, true).await?.row.clone())
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
        let row = record.to_row(self.settings().unencrypted_tags)?;
        self.save_row(row)
    }

    /// Writes a changed row that was read or inserted in this unit; the commit conflicts when somebody else changed it.
    pub fn save_row(&mut self, new: NewRow) -> Result<(), AgentError> {
        let Some(slot) = self.slots.get_mut(&new.key) else {
            return Err(AgentError::internal(
                "unread-write",
                format!("{}: saved without being loaded", new.key.category),
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
        self.context.secret(&self.tenant, verkey).await
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
        Ok(self.context.store().recall(&self.tenant, space, id).await?)
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

    /// The connection of a key of ours (base58) is ready: what was parked for it can be handled after the commit.
    pub fn ready(&mut self, verkey: &str) {
        self.ready_keys.push(verkey.to_owned());
    }

    /// The keys that became ready.
    pub(crate) fn take_ready_keys(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ready_keys)
    }

    /// Runs once the commit holds; dropped if it does not.
    pub(crate) fn on_commit(&mut self, run: impl FnOnce() + Send + Sync + 'static) {
        self.on_commit.push(Box::new(run));
    }

    /// The answer of the call that this unit belongs to, to be kept in its commit when the call came with a key.
    pub fn keep_answer(&mut self, answer: &Value) {
        if self.context.claim().is_some() {
            self.answer = Some(answer.clone());
        }
    }
}

fn matches(row: &Row, query: &Query) -> bool {
    query.tags.iter().all(|(name, value)| row.tags.iter().any(|t| &t.name == name && &t.value == value))
}
