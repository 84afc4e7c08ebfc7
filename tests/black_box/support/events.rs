//! Server-Sent Events as a controller reads them.

use std::time::Duration;

use serde_json::Value;

use super::Agent;

/// An open stream of events.
pub struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// Opens `GET /chancery/events`; `after`: the last event that was seen.
    pub async fn open(agent: &Agent, after: i64) -> Self {
        let mut request = agent.http.get(format!("{}/chancery/events", agent.admin));
        request = request.header("accept", "text/event-stream").header("last-event-id", after);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let lines: Vec<&str> = block.lines().collect();
                let member = |name: &str| lines.iter().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
                let (id, topic, data) = (member("id: "), member("event: "), member("data: "));
                self.text = rest.to_owned();
                let Some(data) = data else { continue };
                let event: Value = serde_json::from_str(&data).unwrap();
                assert_eq!(id.unwrap(), event["number"].to_string());
                assert_eq!(topic.as_deref(), event["topic"].as_str());
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.response.chunk());
            let chunk = chunk.await.expect("the stream is silent").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event that fits.
    pub async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await.expect("the stream has ended");
            if fits(&event) {
                return event;
            }
        }
    }
}
