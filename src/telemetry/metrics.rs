//! Figures of the process as Prometheus reads them (text format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chancery_agent::ports::store::Event;
use serde::Deserialize;

/// Committed events since the start, by topic, role and state: what exchanges went through.
#[derive(Debug, Default)]
pub struct Events(Mutex<BTreeMap<[String; 3], u64>>);

/// Kinds of events that are told apart; the rest is counted as one, so that metrics stay small.
const MOST_KINDS: usize = 500;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Payload {
    role: Option<String>,
    state: Option<String>,
}

impl Events {
    /// Counts what was just committed.
    pub fn count(&self, events: &[Event]) {
        for event in events {
            let Payload { role, state } = serde_json::from_slice(&event.payload).unwrap_or_default();
            let mut kind = [event.topic.clone(), role.unwrap_or_default(), state.unwrap_or_default()];
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.len() >= MOST_KINDS && !counts.contains_key(&kind) {
                kind = ["other".to_owned(), String::new(), String::new()];
            }
            *counts.entry(kind).or_default() += 1;
        }
    }

    fn all(&self) -> Vec<([String; 3], u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(kind, count)| (kind.clone(), *count)).collect()
    }

    /// Writes the counter.
    pub fn write(&self, page: &mut Page) {
        page.family("chancery_events_total", "counter", "Committed events by topic, role and state");
        for ([topic, role, state], count) in self.all() {
            let labels = [("topic", topic.as_str()), ("role", &role), ("state", &state)];
            page.value("chancery_events_total", &labels, count);
        }
    }
}

/// Which port a request came in at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// A DIDComm endpoint.
    DidComm,
    /// The admin API.
    Admin,
}

/// What was not taken, by reason. Reasons are fixed texts of the program, so that nobody outside can make up more of them;
/// the lock is taken for what is refused only.
#[derive(Debug, Default)]
pub struct Rejected(Mutex<BTreeMap<(Port, &'static str), u64>>);

impl Rejected {
    /// Counts one.
    pub fn count(&self, port: Port, reason: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((port, reason)).or_default() += 1;
    }

    /// Writes the counter.
    pub fn write(&self, page: &mut Page) {
        page.family("chancery_rejected_total", "counter", "Input that was not taken, by port and reason");
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((port, reason), count) in counts {
            let port = match port {
                Port::DidComm => "didcomm",
                Port::Admin => "admin",
            };
            page.value("chancery_rejected_total", &[("port", port), ("reason", reason)], count);
        }
    }
}

/// Commits since the start.
#[derive(Debug, Default)]
pub struct Commits {
    done: AtomicU64,
    conflicts: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

/// What came of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Durable.
    Done,
    /// A guard did not hold.
    Conflict,
    /// The store failed.
    Failed,
}

impl Commits {
    /// Counts a commit and the time that it took, from the request to the answer.
    pub fn count(&self, ended: Ended, took: Duration) {
        let counter = match ended {
            Ended::Done => &self.done,
            Ended::Conflict => &self.conflicts,
            Ended::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Writes counters and times.
    pub fn write(&self, page: &mut Page) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = [read(&self.done), read(&self.conflicts), read(&self.failed)];
        page.family("chancery_store_commits_total", "counter", "Commits by outcome");
        for (outcome, count) in ["done", "conflict", "failed"].into_iter().zip(counts) {
            page.value("chancery_store_commits_total", &[("outcome", outcome)], count);
        }
        page.family("chancery_store_commit_seconds", "summary", "Time of a commit, waiting included");
        page.value("chancery_store_commit_seconds_sum", &[], read(&self.micros) as f64 / 1e6);
        page.value("chancery_store_commit_seconds_count", &[], counts.iter().sum::<u64>());
    }
}

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric. `kind`: `counter`, `gauge` or `summary`.
    pub fn family(&mut self, name: &str, kind: &str, about: &str) {
        // Writing to a text cannot fail.
        let _ = write!(self.0, "# HELP {name} {about}\n# TYPE {name} {kind}\n");
    }

    /// Adds a value.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A metric with one value.
    pub fn gauge(&mut self, name: &str, about: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", about);
        self.value(name, &[], value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Memory and processor time, where the system has `/proc`.
pub fn process(page: &mut Page) {
    /// Linux counts processor time for programs in hundredths of a second.
    const TICKS: f64 = 100.0;
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let resident =
        status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    if let Some(kilobytes) = resident {
        let kilobytes: u64 = kilobytes;
        page.gauge("process_resident_memory_bytes", "Resident memory", kilobytes * 1024);
    }
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // The name, in parentheses, may hold anything: what follows the last of them counts.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: Vec<u64> = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse().ok()).collect();
    page.family("process_cpu_seconds_total", "counter", "Processor time, user and system");
    page.value("process_cpu_seconds_total", &[], ticks.iter().sum::<u64>() as f64 / TICKS);
}

#[cfg(test)]
mod tests {
    use chancery_agent::Tenant;
    use chancery_agent::ports::Timestamp;

    use super::*;

    fn event(topic: &str, payload: &str) -> Event {
        Event {
            tenant: Tenant::new("t"),
            number: 1,
            id: "i".into(),
            topic: topic.into(),
            record: "r".into(),
            created: Timestamp(0),
            payload: payload.as_bytes().to_vec(),
            targets: Vec::new(),
        }
    }

    #[test]
    fn events_are_counted_by_role_and_state() {
        let events = Events::default();
        let done = event("issue_credential_v2_0", r#"{"role": "issuer", "state": "done", "by_format": {}}"#);
        events.count(&[done.clone(), done, event("ping", "[]")]);
        let mut page = Page::default();
        events.write(&mut page);
        let text = page.finish();
        let line =
            "chancery_events_total{topic=\"issue_credential_v2_0\",role=\"issuer\",state=\"done\"} 2\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("chancery_events_total{topic=\"ping\",role=\"\",state=\"\"} 1\n"), "{text}");
    }

    #[test]
    fn kinds_are_bounded() {
        let events = Events::default();
        let many: Vec<_> =
            (0..MOST_KINDS + 9).map(|n| event("t", &format!(r#"{{"state": "s{n}"}}"#))).collect();
        events.count(&many);
        assert_eq!(events.all().len(), MOST_KINDS + 1);
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.value("m", &[("a", "x\"y\\z\n")], 1);
        page.gauge("g", "About", 0.5);
        assert_eq!(page.finish(), "m{a=\"x\\\"y\\\\z\\n\"} 1\n# HELP g About\n# TYPE g gauge\ng 0.5\n");
    }

    #[test]
    fn commits_have_a_time() {
        let commits = Commits::default();
        commits.count(Ended::Done, Duration::from_millis(250));
        commits.count(Ended::Conflict, Duration::from_millis(250));
        let mut page = Page::default();
        commits.write(&mut page);
        let text = page.finish();
        assert!(text.contains("chancery_store_commits_total{outcome=\"conflict\"} 1\n"), "{text}");
        assert!(
            text.contains("chancery_store_commit_seconds_sum 0.5\nchancery_store_commit_seconds_count 2\n")
        );
    }
}
