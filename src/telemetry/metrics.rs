//! Figures of the process as Prometheus reads them (text format 0.0.4).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chancery_agent::ports::store::Event;
use serde::Deserialize;

/// Committed events since the start, by topic, role and state: what exchanges went through. How many there are is another
/// question: [`super::tallies`].
///
/// A table that is only ever added to: counting takes no lock, and no memory once a kind is known.
#[derive(Debug)]
pub struct Events {
    kinds: Box<[OnceLock<Kind>]>,
    other: AtomicU64,
    hasher: RandomState,
}

/// Kinds of events that are told apart; the rest is counted as one, so that metrics stay small.
const MOST_KINDS: usize = 512;

#[derive(Debug)]
struct Kind {
    name: [String; 3],
    count: AtomicU64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    /// Connections have no role of their own.
    #[serde(borrow)]
    their_role: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
}

impl Default for Events {
    fn default() -> Self {
        let kinds = (0..MOST_KINDS).map(|_| OnceLock::new()).collect();
        Self { kinds, other: AtomicU64::new(0), hasher: RandomState::new() }
    }
}

impl Events {
    /// Counts what was just committed.
    pub fn count(&self, events: &[Event]) {
        for event in events {
            let Payload { role, their_role, state } =
                serde_json::from_slice(&event.payload).unwrap_or_default();
            let role = role.or(their_role);
            let name =
                [&*event.topic, role.as_deref().unwrap_or_default(), state.as_deref().unwrap_or_default()];
            self.counter(name).fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counter(&self, name: [&str; 3]) -> &AtomicU64 {
        let first = self.hasher.hash_one(name) as usize;
        for at in 0..MOST_KINDS {
            let place = &self.kinds[first.wrapping_add(at) % MOST_KINDS];
            let kind = place.get_or_init(|| Kind { name: name.map(str::to_owned), count: AtomicU64::new(0) });
            if kind.name == name {
                return &kind.count;
            }
        }
        &self.other
    }

    fn all(&self) -> BTreeMap<[&str; 3], u64> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let kinds = self.kinds.iter().filter_map(OnceLock::get);
        let mut all: BTreeMap<_, _> =
            kinds.map(|kind| (kind.name.each_ref().map(String::as_str), read(&kind.count))).collect();
        if read(&self.other) > 0 {
            all.insert(["other", "", ""], read(&self.other));
        }
        all
    }

    /// Writes the counter.
    pub fn write(&self, page: &mut Page) {
        let name = "chancery_transitions_total";
        page.family(name, "counter", "How often records came to a state, by protocol, role and state");
        for ([protocol, role, state], count) in self.all() {
            page.value(name, &[("protocol", protocol), ("role", role), ("state", state)], count);
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

/// Upper bounds of a histogram's buckets, in microseconds.
const BOUNDS: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// How long something took, by buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn count(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // Each bucket by itself; they are added up when they are read.
        if let Some(bucket) = BOUNDS.iter().position(|bound| micros <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Writes the series of one set of labels; the family is begun by the caller.
    pub fn write(&self, page: &mut Page, name: &str, labels: &[(&str, &str)]) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut below = 0;
        let mut bucket = |bound: &str, count: u64| {
            let with_bound: Vec<_> = labels.iter().copied().chain([("le", bound)]).collect();
            page.value(&format!("{name}_bucket"), &with_bound, count);
        };
        for (counter, bound) in self.buckets.iter().zip(BOUNDS) {
            below += read(counter);
            bucket(&(bound as f64 / 1e6).to_string(), below);
        }
        let count = read(&self.count).max(below);
        bucket("+Inf", count);
        page.value(&format!("{name}_sum"), labels, read(&self.micros) as f64 / 1e6);
        page.value(&format!("{name}_count"), labels, count);
    }
}

/// How long steps took, waiting for the store included.
#[derive(Debug, Default)]
pub struct Steps {
    /// Messages, from the envelope to the commit.
    pub message: Histogram,
    /// Admin calls.
    pub command: Histogram,
    /// Admin calls that only read.
    pub query: Histogram,
    /// Queued work.
    pub work: Histogram,
}

impl Steps {
    /// Writes the histograms.
    pub fn write(&self, page: &mut Page) {
        let name = "chancery_step_seconds";
        page.family(name, "histogram", "Time of a step: a message, an admin call, queued work");
        for (step, histogram) in [
            ("message", &self.message),
            ("command", &self.command),
            ("query", &self.query),
            ("work", &self.work),
        ] {
            histogram.write(page, name, &[("step", step)]);
        }
    }
}

/// The store since the start.
#[derive(Debug, Default)]
pub struct Commits {
    done: AtomicU64,
    conflicts: AtomicU64,
    failed: AtomicU64,
    waiting: AtomicU64,
    time: Histogram,
    reads: Histogram,
    connections: OnceLock<Arc<AtomicU64>>,
    pool: AtomicU64,
    asked: AtomicU64,
    lent: AtomicU64,
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

/// A commit under way: counts as waiting as long as it lives.
#[derive(Debug)]
pub struct Waiting<'a>(&'a Commits);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A read that has no connection yet.
#[derive(Debug)]
pub struct Asking<'a>(&'a Commits);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Commits {
    /// A commit is handed to the writer.
    pub fn begin(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Counts a commit and the time that it took, from the request to the answer.
    pub fn count(&self, ended: Ended, took: Duration) {
        let counter = match ended {
            Ended::Done => &self.done,
            Ended::Conflict => &self.conflicts,
            Ended::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.time.count(took);
    }

    /// So many connections there are to read with.
    pub fn pool(&self, size: usize) {
        self.pool.store(size as u64, Ordering::Relaxed);
    }

    /// This counts the connections that are open: they come and go.
    pub fn connections(&self, open: Arc<AtomicU64>) {
        // A second count would be of another store.
        let _ = self.connections.set(open);
    }

    /// A read waits for a connection as long as the answer lives.
    pub fn ask(&self) -> Asking<'_> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asking(self)
    }

    /// One of the connections is taken.
    pub fn lend(&self) {
        self.lent.fetch_add(1, Ordering::Relaxed);
    }

    /// One of the connections is given back.
    pub fn give_back(&self) {
        self.lent.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a read and the time that it took, waiting for a connection included.
    pub fn read(&self, took: Duration) {
        self.reads.count(took);
    }

    /// Writes counters and times.
    pub fn write(&self, page: &mut Page) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = [read(&self.done), read(&self.conflicts), read(&self.failed)];
        page.family("chancery_store_commits_total", "counter", "Commits by outcome");
        for (outcome, count) in ["done", "conflict", "failed"].into_iter().zip(counts) {
            page.value("chancery_store_commits_total", &[("outcome", outcome)], count);
        }
        page.family("chancery_store_commit_seconds", "histogram", "Time of a commit, waiting included");
        self.time.write(page, "chancery_store_commit_seconds", &[]);
        page.gauge("chancery_store_commits_waiting", "Commits that wait for the writer", read(&self.waiting));
        page.family(
            "chancery_store_read_seconds",
            "histogram",
            "Time of a read, waiting for a connection included",
        );
        self.reads.write(page, "chancery_store_read_seconds", &[]);
        let open = self.connections.get().map_or_else(|| read(&self.pool), |open| read(open));
        page.gauge(
            "chancery_store_connections",
            "Connections to read with; on PostgreSQL all that are open, the writer's too",
            open,
        );
        page.gauge("chancery_store_connections_busy", "Reads under way", read(&self.lent));
        page.gauge("chancery_store_reads_waiting", "Reads that wait for a connection", read(&self.asked));
    }
}

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric. `kind`: `counter`, `gauge` or `histogram`.
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
            trace: None,
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
        let line = "chancery_transitions_total{protocol=\"issue_credential_v2_0\",role=\"issuer\",state=\"done\"} 2\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("chancery_transitions_total{protocol=\"ping\",role=\"\",state=\"\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn kinds_are_bounded() {
        let events = Events::default();
        let many: Vec<_> =
            (0..MOST_KINDS + 9).map(|n| event("t", &format!(r#"{{"state": "s{n}"}}"#))).collect();
        events.count(&many);
        assert_eq!(events.all().len(), MOST_KINDS + 1);
        assert_eq!(events.all()[&["other", "", ""]], 9);
        assert_eq!(events.all().values().sum::<u64>(), MOST_KINDS as u64 + 9);
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
        for line in ["{le=\"0.1\"} 0\n", "{le=\"0.25\"} 2\n", "{le=\"10\"} 2\n", "{le=\"+Inf\"} 2\n"] {
            assert!(text.contains(&format!("chancery_store_commit_seconds_bucket{line}")), "{text}");
        }
    }
}
