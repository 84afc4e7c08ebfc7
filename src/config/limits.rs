//! How much is served at once, and how long finished things are kept.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use chancery_agent::edge::{Rate, Shape};
use chancery_agent::unit::PinnedContexts;

use super::error::ConfigError;
use super::given::Given;
use crate::ledger::Bounds;
use crate::resolve::Reach;

/// JSON-LD contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts {
    /// Contexts that are not bundled are fetched, and pinned by the step that they are fetched for.
    pub fetch_remote: bool,
    /// How many are pinned at most.
    pub pinned: PinnedContexts,
}

impl Contexts {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        let words = [("on", true), ("true", true), ("off", false), ("false", false)];
        let usual = PinnedContexts::default();
        let count = given.integer("--max-pinned-contexts", 0..=1_000_000)?;
        let bytes = given.integer("--max-pinned-context-bytes", 0..=1 << 40)?;
        Ok(Self {
            fetch_remote: given.choice("--jsonld-remote-contexts", &words)?.unwrap_or(true),
            pinned: PinnedContexts {
                count: count.unwrap_or(usual.count),
                bytes: bytes.unwrap_or(usual.bytes),
            },
        })
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
    /// Keys that the other side has replaced, for what began before; zero: not at all.
    pub replaced_keys: Duration,
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
            replaced_keys: match given.text("--replaced-key-window") {
                Some("0" | "0s") => Duration::ZERO,
                _ => read_duration(given, "--replaced-key-window")?,
            },
            parked_envelopes: read_duration(given, "--parked-envelope-retention")?,
            return_route: read_duration(given, "--return-route-retention")?,
        })
    }
}

/// What is taken from outside, at once and in a time. `None`: any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// DIDComm requests at once; beyond that senders are answered 503.
    pub didcomm: usize,
    /// Admin requests at once.
    pub admin: usize,
    /// DIDComm requests of one address at once.
    pub per_address: Option<usize>,
    /// DIDComm messages of one sender key at once.
    pub per_sender: Option<usize>,
    /// DIDComm messages of one address.
    pub rate_per_address: Option<Rate>,
    /// DIDComm messages of one sender key.
    pub rate_per_sender: Option<Rate>,
    /// Admin requests of one address.
    pub admin_rate_per_address: Option<Rate>,
    /// Admin requests with one key.
    pub admin_rate_per_key: Option<Rate>,
    /// What may wait because of one connection's messages.
    pub waiting: Bounds,
    /// Header in which the operator's proxy names the client, in lower case.
    pub address_header: Option<String>,
    /// Open connections on each DIDComm port.
    pub didcomm_connections: usize,
    /// Open connections on the admin port.
    pub admin_connections: usize,
    /// Open connections of one address on each port; `None` also where a proxy names the clients: it is one address.
    pub connections_per_address: Option<usize>,
    /// Open connections to peers and for documents.
    pub outbound_connections: usize,
    /// Of these, to one address.
    pub outbound_per_address: usize,
    /// Open DIDComm WebSockets.
    pub websockets: usize,
    /// Time for the header of a request.
    pub header_time: Duration,
    /// Time for the body of a request.
    pub body_time: Duration,
    /// Time that a connection may be without a request.
    pub idle_time: Duration,
    /// JSON that is parsed.
    pub shape: Shape,
    /// Which addresses are connected to; `None`: it follows from the agent's own endpoints.
    pub reach: Option<Reach>,
}

impl Limits {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        let count = |option, most, default| Ok(given.integer(option, 1..=most)?.unwrap_or(default));
        let address_header = header_name(given, "--client-address-header")?;
        let per_address = unless_off(given, "--max-connections-per-address", 65_535)?;
        Ok(Self {
            connections_per_address: per_address.filter(|_| address_header.is_none()),
            outbound_connections: count("--max-connections-outbound", 1_000_000, 1024)?,
            outbound_per_address: count("--max-connections-outbound-per-address", 1_000_000, 64)?,
            didcomm: count("--max-concurrent-didcomm", 65_535, 256)?,
            admin: count("--max-concurrent-admin", 65_535, 256)?,
            per_address: unless_off(given, "--max-concurrent-per-address", 65_535)?,
            per_sender: unless_off(given, "--max-concurrent-per-sender", 65_535)?,
            rate_per_address: read_rate(given, "--max-rate-per-address")?,
            rate_per_sender: read_rate(given, "--max-rate-per-sender")?,
            admin_rate_per_address: read_rate(given, "--max-admin-rate-per-address")?,
            admin_rate_per_key: read_rate(given, "--max-admin-rate-per-key")?,
            waiting: Bounds {
                rows: unless_off(given, "--max-rows-per-connection", 1_000_000)?,
                bytes: unless_off(given, "--max-bytes-per-connection", 1 << 40)?,
            },
            address_header,
            didcomm_connections: count("--max-connections-didcomm", 1_000_000, 4096)?,
            admin_connections: count("--max-connections-admin", 1_000_000, 1024)?,
            websockets: count("--max-websockets-didcomm", 1_000_000, 1024)?,
            header_time: read_duration(given, "--request-header-timeout")?,
            body_time: read_duration(given, "--request-body-timeout")?,
            idle_time: read_duration(given, "--idle-connection-timeout")?,
            reach: given
                .choice(
                    "--outbound-reach",
                    &[("auto", None), ("public", Some(Reach::Public)), ("private", Some(Reach::Private))],
                )?
                .flatten(),
            shape: Shape {
                // serde_json itself goes no deeper than 127.
                depth: count("--max-json-depth", 127, 64)?,
                values: count("--max-json-values", 100_000_000, 100_000)?,
            },
        })
    }
}

fn unless_off<T>(given: &Given, option: &str, most: T) -> Result<Option<T>, ConfigError>
where
    T: From<u8> + FromStr + PartialOrd + Display,
{
    match given.text(option) {
        None | Some("off") => Ok(None),
        Some(_) => given.integer(option, T::from(1)..=most),
    }
}

fn header_name(given: &Given, option: &str) -> Result<Option<String>, ConfigError> {
    let Some(name) = given.string(option).map(|name| name.to_ascii_lowercase()) else { return Ok(None) };
    let fits =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    fits.then_some(Some(name))
        .ok_or_else(|| given.invalid(option, "that is no name of a header, such as X-Forwarded-For"))
}

/// A number in a second, a minute or an hour, such as `20/s`, `600/m`, `9000/h`; `None`: `off`.
fn read_rate(given: &Given, option: &str) -> Result<Option<Rate>, ConfigError> {
    let text = match given.text(option) {
        None | Some("off") => return Ok(None),
        Some(text) => text,
    };
    let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
    let per = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    let count = count.parse::<u32>().ok().filter(|count| (1..=1_000_000).contains(count));
    match (count, per) {
        (Some(count), Some(per)) => Ok(Some(Rate { count, per: Duration::from_secs(per) })),
        _ => Err(given.invalid(option, "that is no rate, such as 20/s, 600/m, 9000/h or off")),
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
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| given.invalid(option, "that is no length of time, such as 90s, 10m, 24h or 7d"))
}
