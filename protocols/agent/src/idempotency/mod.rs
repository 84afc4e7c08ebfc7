//! `Idempotency-Key`: a call that is sent again with its key is answered again and not carried out again.
//!
//! The key is reserved in a commit before the command, and the answer kept in one after it. When the agent dies between the
//! two, it is not known whether the command took effect: a repeat is refused then, and never carried out a second time.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::engine::{Agent, AgentError, Kind};
use crate::ports::Tenant;
use crate::ports::store::{Commit, CommitError, Guard, Op, Space};

#[cfg(test)]
mod tests;

/// How long an answer is kept, in milliseconds: a day.
const KEPT: i64 = 24 * 3_600_000;

/// One call, as its key and content name it.
#[derive(Clone, Debug)]
pub struct Request {
    id: String,
    content: String,
}

/// What is remembered under a key.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// Digest of the request's query and body.
    content: String,
    /// The process that carries the command out; `None`: it has ended without an answer that could be kept.
    run: Option<String>,
    answer: Option<Value>,
}

impl Request {
    /// A call: method and path, the caller's key, and what the same key must always come with.
    pub fn new(method: &str, path: &str, key: &str, query: &str, body: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update((query.len() as u64).to_be_bytes());
        digest.update(query);
        digest.update(body);
        let content = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: format!("{method} {path} {key}"), content }
    }

    fn keep(&self, agent: &Agent, run: Option<&str>, answer: Option<Value>) -> Result<Op, AgentError> {
        let entry = Entry { content: self.content.clone(), run: run.map(str::to_owned), answer };
        let value = serde_json::to_vec(&entry)
            .map_err(|e| AgentError::internal("answer-unwritable", format!("an answer to keep: {e}")))?;
        let expires = Some(agent.clock().now().plus_millis(KEPT));
        Ok(Op::Remember { space: Space::Idempotency, id: self.id.clone(), value, expires })
    }

    /// Reserves the key for `run`, an id of this process. `Some`: the answer of the first time; the command must not be
    /// carried out again.
    ///
    /// Errors: 422 `idempotency-mismatch` when the key came with other content; 409 `idempotency-in-flight`; 409
    /// `idempotency-interrupted` when it is not known whether the first call took effect.
    pub async fn begin(
        &self,
        agent: &Agent,
        tenant: &Tenant,
        run: &str,
    ) -> Result<Option<Value>, AgentError> {
        let known = loop {
            let guards = vec![Guard::Unknown(Space::Idempotency, self.id.clone())];
            let ops = vec![self.keep(agent, Some(run), None)?];
            match agent.store().commit(tenant, Commit { guards, ops }).await {
                Ok(_) => return Ok(None),
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
            // Nothing here: it has expired, or was given back, since the commit.
            if let Some(known) = agent.store().recall(tenant, Space::Idempotency, &self.id).await? {
                break known;
            }
        };
        let known: Entry = serde_json::from_slice(&known)
            .map_err(|e| AgentError::internal("record-unreadable", format!("a kept answer: {e}")))?;
        if known.content != self.content {
            let message = "This Idempotency-Key came with another request before.";
            return Err(AgentError::bad_request("idempotency-mismatch", message)
                .with_kind(Kind::Unprocessable)
                .hint("use a new key for a new request"));
        }
        if let Some(answer) = known.answer {
            return Ok(Some(answer));
        }
        if known.run.as_deref() == Some(run) {
            let message = "The request with this Idempotency-Key is being carried out.";
            return Err(AgentError::bad_request("idempotency-in-flight", message)
                .with_kind(Kind::Conflict)
                .hint("send it again later"));
        }
        let message =
            "The request with this Idempotency-Key was interrupted: it may have taken effect or not.";
        Err(AgentError::bad_request("idempotency-interrupted", message)
            .with_kind(Kind::Conflict)
            .hint("look at the records; if it had no effect, send the request with a new key"))
    }

    /// Keeps the answer.
    pub async fn finish(&self, agent: &Agent, tenant: &Tenant, answer: &Value) -> Result<(), AgentError> {
        self.write(agent, tenant, self.keep(agent, None, Some(answer.clone()))?).await
    }

    /// Gives the key back: the command was refused and changed nothing.
    pub async fn give_back(&self, agent: &Agent, tenant: &Tenant) -> Result<(), AgentError> {
        self.write(agent, tenant, Op::Forget(Space::Idempotency, self.id.clone())).await
    }

    /// Notes that the command broke: nobody knows whether it took effect.
    pub async fn interrupted(&self, agent: &Agent, tenant: &Tenant) -> Result<(), AgentError> {
        self.write(agent, tenant, self.keep(agent, None, None)?).await
    }

    async fn write(&self, agent: &Agent, tenant: &Tenant, op: Op) -> Result<(), AgentError> {
        agent.store().commit(tenant, Commit { guards: Vec::new(), ops: vec![op] }).await?;
        Ok(())
    }
}
