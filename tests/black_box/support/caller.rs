//! A controller that doesn't give up: calls are repeated, with their `Idempotency-Key`, until they are answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Agent;

/// How long a call may take with all its repeats.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Caller {
    admin: String,
    http: reqwest::Client,
    repeats: AtomicUsize,
}

/// The agent was killed while it carried the call out, and can't say whether it did.
#[derive(Debug)]
pub struct Interrupted;

impl Caller {
    pub fn new(agent: &Agent) -> Self {
        let http = chancery::wiring::client_builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { admin: agent.admin.clone(), http, repeats: AtomicUsize::new(0) }
    }

    /// How many calls had to be made again.
    pub fn repeats(&self) -> usize {
        self.repeats.load(Ordering::Relaxed)
    }

    pub async fn post(&self, path: &str, body: &Value, key: &str) -> Result<Value, Interrupted> {
        let begun = Instant::now();
        loop {
            let request = self.http.post(format!("{}{path}", self.admin)).header("idempotency-key", key);
            let trouble = match heard(request.json(body)).await {
                Ok((200, _, answer)) => return Ok(answer),
                Ok((409, code, _)) if code == "idempotency-interrupted" => return Err(Interrupted),
                Ok((status @ (409 | 503), code, answer)) => format!("{status} {code} {answer}"),
                Ok((status, code, answer)) => panic!("{path}: {status} {code} {answer}"),
                Err(error) => error.to_string(),
            };
            self.again(begun, path, &trouble).await;
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        let begun = Instant::now();
        loop {
            let trouble = match heard(self.http.get(format!("{}{path}", self.admin))).await {
                Ok((200, _, answer)) => return answer,
                Ok((503, code, answer)) => format!("503 {code} {answer}"),
                Ok((status, code, answer)) => panic!("{path}: {status} {code} {answer}"),
                Err(error) => error.to_string(),
            };
            self.again(begun, path, &trouble).await;
        }
    }

    async fn again(&self, begun: Instant, path: &str, trouble: &str) {
        assert!(begun.elapsed() < PATIENCE, "{path}: not answered: {trouble}");
        self.repeats.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Status, our error code if there is one, and body; an error when the answer did not come through.
async fn heard(request: reqwest::RequestBuilder) -> reqwest::Result<(u16, String, Value)> {
    let response = request.header("accept", "application/json, application/problem+json").send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    Ok((status, code, body))
}
