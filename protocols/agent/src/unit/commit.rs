//! A unit's commit: what it writes is put together, committed, and followed by what may only happen then.

use serde::Serialize;
use tracing::Instrument;

use super::{Outbound, Unit};
use crate::ports::store::{
    Commit, CommitError, Committed, Event, Guard, Item, NewItem, NewRow, Op, Queue, StoreError,
};
use crate::ports::trace;

/// Whether a queued message is the caller's to deliver.
pub(crate) type Lease<'l> = dyn for<'o> FnMut(&'o Outbound) -> bool + Send + 'l;

impl Unit<'_> {
    /// All of it, or nothing.
    pub async fn commit(self) -> Result<(), CommitError> {
        self.commit_leasing(&mut |_| false).await.map(drop)
    }

    /// [`Unit::commit`]; messages for which `lease` says yes are returned and not given to the delivery worker: the caller
    /// delivers them on its session (DECISIONS 10).
    pub(crate) async fn commit_leasing(mut self, lease: &mut Lease<'_>) -> Result<Vec<Item>, CommitError> {
        let mut commit = Commit { guards: std::mem::take(&mut self.guards), ops: Vec::new() };
        self.put_rows(&mut commit);
        commit.ops.append(&mut self.ops);
        self.put_claim(&mut commit)?;
        // Facts that nothing rests on need not hold: a step that only looked commits nothing.
        if !self.writes(&commit) {
            return Ok(Vec::new());
        }
        let span = tracing::trace_span!(target: trace::TARGET, "commit", tenant = %self.tenant);
        self.put_trace(&span);
        let queued = self.put_queue(&mut commit)?;
        commit.ops.extend(self.events.iter().cloned().map(Op::Event));

        let outcome = self.context.store().commit(&self.tenant, commit).instrument(span).await;
        if let Some(claim) = self.context.claim() {
            claim.settle(&outcome, self.answer.is_some());
        }
        Ok(self.follow(outcome?, queued, lease))
    }

    fn writes(&self, commit: &Commit) -> bool {
        !commit.ops.is_empty() || !self.sends.is_empty() || !self.work.is_empty() || !self.events.is_empty()
    }

    /// The rows that were written, in the order in which the unit met them, and a guard for each that the outcome rests on: one
    /// that was read must be unchanged, one that is made must not exist. What is put whatever is there rests on nothing.
    fn put_rows(&mut self, commit: &mut Commit) {
        for key in std::mem::take(&mut self.order) {
            let Some(slot) = self.slots.remove(&key) else { continue };
            if (slot.guarded || slot.written) && !slot.put {
                match slot.origin {
                    Some(version) => commit.guards.push(Guard::Version(key.clone(), version)),
                    None if slot.row.is_some() => commit.guards.push(Guard::Absent(key.clone())),
                    None => {}
                }
            }
            if !slot.written {
                continue;
            }
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

    /// A call that came with a key claims it with the first thing that it writes, so that of two that are carried out at once
    /// one commits.
    fn put_claim(&self, commit: &mut Commit) -> Result<(), CommitError> {
        let Some(claim) = self.context.claim() else { return Ok(()) };
        let writes = self.writes(commit);
        claim.join(commit, writes, self.answer.as_ref(), self.now)
    }

    /// What goes on after the commit, perhaps in another process, belongs to the same trace.
    fn put_trace(&mut self, span: &tracing::Span) {
        let Some(context) = self.context.trace().context(span) else { return };
        self.sends.iter_mut().for_each(|s| s.trace = Some(context.clone()));
        self.work.iter_mut().for_each(|w| w.trace = Some(context.clone()));
        self.events.iter_mut().for_each(|e| e.trace = Some(context.clone()));
    }

    /// The rows of the queues, messages before work: what a message follows from is counted for its sender.
    fn put_queue(&mut self, commit: &mut Commit) -> Result<Vec<NewItem>, CommitError> {
        let mut queued = Vec::with_capacity(self.sends.len() + self.work.len());
        let (due, owner) = (self.now, &self.owner);
        let mut queue = |queue, lane, value| {
            queued.push(NewItem { queue, lane, due, value, owner: owner.clone() });
        };
        for outbound in &mut self.sends {
            outbound.owner.clone_from(owner);
            queue(Queue::Outbound, outbound.lane(), to_json(outbound)?);
        }
        for work in &mut self.work {
            work.owner.clone_from(owner);
            queue(Queue::Work, work.lane(), to_json(work)?);
        }
        commit.ops.extend(queued.iter().cloned().map(Op::Enqueue));
        Ok(queued)
    }

    /// It is durable: caches forget what has changed, and the workers hear of the rows, but for those that the caller takes.
    fn follow(self, committed: Committed, queued: Vec<NewItem>, lease: &mut Lease<'_>) -> Vec<Item> {
        let Self { context, tenant, now, sends, events, unroute, on_commit, .. } = self;
        on_commit.into_iter().for_each(|run| run(&committed));
        context.caches().forget(&tenant, &unroute);

        let (mut leased, mut outbound, mut work) = (Vec::new(), Vec::new(), Vec::new());
        let ops = committed.items.len().saturating_sub(queued.len());
        for (at, (seq, new)) in committed.items.into_iter().skip(ops).zip(queued).enumerate() {
            let NewItem { queue, lane, due, value, owner: _ } = new;
            let item =
                Item { tenant: tenant.clone(), seq, queue, lane, due, created: now, attempts: 0, value };
            match sends.get(at) {
                Some(send) if lease(send) => leased.push(item),
                Some(_) => outbound.push(item),
                None => work.push(item),
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
        context.tell_workers(outbound, work, events.collect());
        leased
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, CommitError> {
    serde_json::to_vec(value)
        .map_err(|e| CommitError::Store(StoreError::Damaged(format!("unwritable queue row: {e}"))))
}
