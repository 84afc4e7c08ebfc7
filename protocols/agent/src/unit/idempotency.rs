//! `Idempotency-Key`: a call that is sent again with its key is answered again and not carried out again.
//!
//! | the call's commit | writes under the key |
//! |---|---|
//! | the first, when the answer follows from it | the answer |
//! | the first of several, or of one that waits | that the call has begun |
//! | the one that the answer follows from | the answer |
//!
//! The first of them holds only while the key is unknown: of two processes that carry the same call out at once, one
//! commits. A call that dies between its first commit and its answer is refused when it is sent again: nobody knows how far
//! it came. A call that commits once has no such moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ports::store::{Commit, CommitError, Committed, Guard, Op, Space, StoreError};
use crate::ports::{Tenant, Timestamp};
use crate::unit::Context;
use crate::unit::{AgentError, Kind};

#[cfg(test)]
mod tests;

/// How long an answer is kept, in milliseconds: a day.
const KEPT: i64 = 24 * 3_600_000;

/// Nothing is written under the key.
const FRESH: u8 = 0;
/// The call has begun.
const BEGUN: u8 = 1;
/// The answer is kept.
const ANSWERED: u8 = 2;
/// Somebody else was faster.
const LOST: u8 = 3;

/// One call with its key, on its way through the agent.
#[derive(Debug)]
pub struct Claim {
    id: String,
    /// Digest of the request's query and body.
    content: String,
    progress: AtomicU8,
}

/// What is remembered under a key.
#[derive(Serialize, Deserialize)]
struct Entry {
    content: String,
    /// `None`: the call has begun.
    answer: Option<Value>,
}

impl Claim {
    /// A call: method and path, the caller's key, and what the same key must always come with.
    pub fn new(method: &str, path: &str, key: &str, query: &str, body: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update((query.len() as u64).to_be_bytes());
        digest.update(query);
        digest.update(body);
        let content = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: format!("{method} {path} {key}"), content, progress: AtomicU8::new(FRESH) }
    }

    fn progress(&self) -> u8 {
        self.progress.load(Ordering::Acquire)
    }

    /// Whether somebody else has carried the call out, or has begun to.
    pub fn is_lost(&self) -> bool {
        self.progress() == LOST
    }

    /// Lets a commit of the call write what it must under the key. `writes`: it changes something.
    pub(crate) fn join(
        &self,
        commit: &mut Commit,
        writes: bool,
        answer: Option<&Value>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let progress = self.progress();
        if progress == ANSWERED || answer.is_none() && (progress == BEGUN || !writes) {
            return Ok(());
        }
        if progress == FRESH {
            commit.guards.push(Guard::Unknown(Space::Idempotency, self.id.clone()));
        }
        let entry = Entry { content: self.content.clone(), answer: answer.cloned() };
        let value = serde_json::to_vec(&entry)
            .map_err(|e| StoreError::Damaged(format!("an answer that can't be written: {e}")))?;
        let expires = Some(now.plus_millis(KEPT));
        commit.ops.push(Op::Remember { space: Space::Idempotency, id: self.id.clone(), value, expires });
        Ok(())
    }

    /// Notes what became of a commit that [`Claim::join`] was asked for.
    pub(crate) fn settle(&self, outcome: &Result<Committed, CommitError>, answered: bool) {
        let progress = match outcome {
            Ok(_) if answered || self.progress() == ANSWERED => ANSWERED,
            Ok(_) => BEGUN,
            Err(CommitError::Conflict(row)) if row.category == Space::Idempotency.as_str() => LOST,
            Err(_) => return,
        };
        self.progress.store(progress, Ordering::Release);
    }

    /// The answer of the first time, if there was one; the call must not be carried out again then.
    ///
    /// Errors: 422 `idempotency-mismatch` when the key came with other content; 409 `idempotency-interrupted` when it is
    /// not known how far the first call came.
    pub async fn answered(&self, context: &Context, tenant: &Tenant) -> Result<Option<Value>, AgentError> {
        let Some(known) = context.store().recall(tenant, Space::Idempotency, &self.id).await? else {
            return Ok(None);
        };
        let known: Entry = serde_json::from_slice(&known)
            .map_err(|e| AgentError::internal("record-unreadable", format!("a kept answer: {e}")))?;
        if known.content != self.content {
            return Err(mismatch());
        }
        if known.answer.is_some() {
            return Ok(known.answer);
        }
        let message =
            "The request with this Idempotency-Key was interrupted: it may have taken effect or not.";
        Err(AgentError::bad_request("idempotency-interrupted", message)
            .with_kind(Kind::Conflict)
            .hint("look at the records; if it had no effect, send the request with a new key"))
    }

    /// Keeps the answer of a call that none of its commits could keep it for: because it waited for others, or changed
    /// nothing.
    ///
    /// Errors: those of the store, and 503 `busy` when the claim is lost.
    pub async fn keep(&self, context: &Context, tenant: &Tenant, answer: &Value) -> Result<(), AgentError> {
        if self.progress() == ANSWERED {
            return Ok(());
        }
        let mut commit = Commit::default();
        self.join(&mut commit, false, Some(answer), context.clock().now())?;
        let outcome = context.store().commit(tenant, commit).await;
        self.settle(&outcome, true);
        Ok(outcome.map(drop)?)
    }
}

fn mismatch() -> AgentError {
    let message = "This Idempotency-Key came with another request before.";
    AgentError::bad_request("idempotency-mismatch", message)
        .with_kind(Kind::Unprocessable)
        .hint("use a new key for a new request")
}

/// The calls with a key that this process is carrying out. Only for a better answer: what must not happen twice is
/// guarded in the commits.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<HashMap<(Tenant, String), String>>);

/// The place of a call that is being carried out; given back when dropped.
#[derive(Debug)]
pub struct Place<'a> {
    calls: &'a InFlight,
    name: (Tenant, String),
}

impl InFlight {
    /// A place for the call.
    ///
    /// Errors: 409 `idempotency-in-flight` while the same call is being carried out; 422 `idempotency-mismatch` while
    /// another one with this key is.
    pub fn enter(&self, tenant: &Tenant, claim: &Claim) -> Result<Place<'_>, AgentError> {
        let name = (tenant.clone(), claim.id.clone());
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.get(&name) {
            Some(content) if *content != claim.content => return Err(mismatch()),
            Some(_) => {
                let message = "The request with this Idempotency-Key is being carried out.";
                return Err(AgentError::bad_request("idempotency-in-flight", message)
                    .with_kind(Kind::Conflict)
                    .hint("send it again later"));
            }
            None => calls.insert(name.clone(), claim.content.clone()),
        };
        Ok(Place { calls: self, name })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.calls.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
