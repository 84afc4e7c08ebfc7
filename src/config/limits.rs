//! How much is served at once, and how long finished things are kept.

use std::time::Duration;

use super::error::ConfigError;
use super::given::Given;

/// JSON-LD contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts {
    /// Contexts that are not bundled are fetched, and pinned at first sight.
    pub fetch_remote: bool,
}

impl Contexts {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        let words = [("on", true), ("true", true), ("off", false), ("false", false)];
        Ok(Self { fetch_remote: given.choice("--jsonld-remote-contexts", &words)?.unwrap_or(true) })
    }
}

/// How long things are kept that nobody may ask for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events, delivered or not.
    pub events: Duration,
    /// Messages and events that could not be delivered.
    pub dead_letters: Duration,
    /// What is remembered of removed exchanges, to answer repeats.
    pub tombstones: Duration,
    /// Envelopes to a connection that is not ready yet.
    pub parked_envelopes: Duration,
    /// Messages for a peer without an endpoint, until it asks.
    pub return_route: Duration,
}

impl Retention {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        Ok(Self {
            events: read_duration(given, "--event-retention")?,
            dead_letters: read_duration(given, "--dead-letter-retention")?,
            tombstones: read_duration(given, "--tombstone-retention")?,
            parked_envelopes: read_duration(given, "--parked-envelope-retention")?,
            return_route: read_duration(given, "--return-route-retention")?,
        })
    }
}

/// Requests served at once; beyond that callers are answered 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// At the DIDComm endpoints, together.
    pub didcomm: usize,
    /// At the admin API.
    pub admin: usize,
}

impl Concurrency {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        let limit = |option| Ok(given.integer(option, 1..=65_535)?.unwrap_or(256));
        Ok(Self { didcomm: limit("--max-concurrent-didcomm")?, admin: limit("--max-concurrent-admin")? })
    }
}

/// A length of time such as `90s`, `10m`, `24h`, `7d`, or a number of seconds.
pub(super) fn read_duration(given: &Given, option: &str) -> Result<Duration, ConfigError> {
    let text = given.text(option).unwrap_or_default();
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let seconds = digits.parse::<u32>().ok().filter(|n| *n > 0).and_then(|n| u64::from(n).checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        given.invalid(option, format!("`{text}` is no length of time, such as 90s, 10m, 24h or 7d"))
    })
}
