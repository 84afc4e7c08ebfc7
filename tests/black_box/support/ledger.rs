//! What a controller can know from webhooks alone, and that they keep their promise: at least once, in order per record.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::{Agent, Event, Inbox};

const TOPIC: &str = "issue_credential_v2_0";

pub struct Ledger {
    name: String,
    inbox: Inbox,
    seen: HashSet<String>,
    latest: HashMap<String, i64>,
    states: HashMap<String, Vec<String>>,
    done: usize,
    /// Webhooks received.
    pub deliveries: usize,
    /// Those of them that had been received before.
    pub repeats: usize,
}

impl Ledger {
    pub fn of(agent: &Agent, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            inbox: agent.controller.inbox(),
            seen: HashSet::new(),
            latest: HashMap::new(),
            states: HashMap::new(),
            done: 0,
            deliveries: 0,
            repeats: 0,
        }
    }

    /// Reads what has come since the last time.
    pub fn read(&mut self) {
        for event in self.inbox.take() {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Event) {
        self.deliveries += 1;
        if !self.seen.insert(event.id.clone()) {
            self.repeats += 1;
            return;
        }
        let member = |name: &str| event.body[name].as_str().map(str::to_owned);
        let record = ["cred_ex_id", "oob_id", "connection_id"].into_iter().find_map(member);
        let record = record.unwrap_or_else(|| event.topic.clone());
        let latest = self.latest.entry(record).or_insert(0);
        assert!(event.sequence > *latest, "{}: out of order, {latest} came before {event:?}", self.name);
        *latest = event.sequence;
        if event.topic == TOPIC {
            let state = member("state").unwrap();
            self.done += usize::from(state == "done");
            self.states.entry(member("thread_id").unwrap()).or_default().push(state);
        }
    }

    /// The states of each exchange, by thread, in the order in which they were told.
    pub fn exchanges(&self) -> &HashMap<String, Vec<String>> {
        &self.states
    }

    /// Waits until so many exchanges are done.
    pub async fn wait_for(&mut self, done: usize, patience: Duration) {
        let mut begun = Instant::now();
        let mut before = self.done;
        while self.done < done {
            assert!(
                begun.elapsed() < patience,
                "{}: {} of {done} exchanges are done, and no other for {patience:?}",
                self.name,
                self.done
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.read();
            if self.done > before {
                (begun, before) = (Instant::now(), self.done);
            }
        }
    }

    /// Every exchange went through exactly these states.
    pub fn each_went_through(&self, states: &[&str]) {
        for (thread, went) in &self.states {
            assert_eq!(went, states, "{}: {thread}", self.name);
        }
    }
}
