//! An agent's admin API as its controller sees it: JSON over HTTP.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Client;

/// The admin API of one agent.
pub(super) struct AdminApi {
    name: &'static str,
    client: Client,
}

/// A call that did not come out as expected; the text says which, and what the agent answered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CallError(pub(super) String);

impl AdminApi {
    /// An API at `http://HOST:PORT`. `name` is for messages.
    pub(super) fn new(name: &'static str, base: &str, api_key: Option<&str>) -> Result<Self, CallError> {
        let client = Client::new(base, api_key).map_err(CallError)?;
        Ok(Self { name, client })
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Value, CallError> {
        self.call("GET", path, None).await
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call("POST", path, Some(body)).await
    }

    async fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let fault = |what: String| CallError(format!("{}: {method} {path}: {what}", self.name));
        let bytes = body.map(|body| body.to_string().into_bytes());
        let reply =
            self.client.call(method, path, bytes.as_deref()).await.map_err(|e| fault(e.to_string()))?;
        if !(200..300).contains(&reply.status) {
            let text = String::from_utf8_lossy(&reply.body);
            return Err(fault(format!("{} {}", reply.status, text.chars().take(400).collect::<String>())));
        }
        serde_json::from_slice(&reply.body).map_err(|e| fault(format!("the answer is no JSON: {e}")))
    }

    /// Waits until `/status/ready` answers 200.
    pub(super) async fn wait_ready(&mut self, deadline: Duration) -> Result<(), CallError> {
        self.wait_ready_every(Duration::from_millis(10), deadline).await
    }

    /// The same, with another time between two looks.
    pub(super) async fn wait_ready_every(
        &mut self,
        pause: Duration,
        deadline: Duration,
    ) -> Result<(), CallError> {
        let end = Instant::now() + deadline;
        loop {
            match self.get("/status/ready").await {
                Ok(_) => return Ok(()),
                Err(e) if Instant::now() > end => return Err(e),
                Err(_) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// Reads `path` again and again until `accept` takes something out of the answer.
    pub(super) async fn poll<T>(
        &mut self,
        path: &str,
        what: &str,
        deadline: Duration,
        mut accept: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, CallError> {
        let end = Instant::now() + deadline;
        loop {
            let answer = self.get(path).await?;
            if let Some(found) = accept(&answer) {
                return Ok(found);
            }
            if Instant::now() > end {
                let seen: String = answer.to_string().chars().take(400).collect();
                return Err(CallError(format!(
                    "{}: {what} did not happen within {} s; GET {path} answers {seen}",
                    self.name,
                    deadline.as_secs()
                )));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A new did:key with an Ed25519 key.
    pub(super) async fn create_did_key(&mut self) -> Result<String, CallError> {
        let body = serde_json::json!({"method": "key", "options": {"key_type": "ed25519"}});
        let answer = self.post("/wallet/did/create", &body).await?;
        text(&answer, "/result/did")
    }
}

/// The text at a JSON pointer of an answer.
pub(super) fn text(answer: &Value, pointer: &str) -> Result<String, CallError> {
    answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        let seen: String = answer.to_string().chars().take(400).collect();
        CallError(format!("an answer has no text at {pointer}: {seen}"))
    })
}
