//! DIDComm transports, and how long a message is tried.

use std::time::Duration;

use super::Purpose;
use super::admin::parse_port;
use super::error::ConfigError;
use super::given::Given;
use super::limits::read_duration;

/// A kind of transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// One POST per message.
    Http,
    /// WebSocket.
    Ws,
}

/// An address that takes messages in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundTransport {
    /// What is spoken there.
    pub scheme: Scheme,
    /// Address to listen on, a name or an IP address.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
}

/// Inbound and outbound DIDComm; both lists are empty with `--no-transport`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// Where messages come in.
    pub inbound: Vec<InboundTransport>,
    /// How messages may go out.
    pub outbound: Vec<Scheme>,
    /// Largest inbound message in bytes.
    pub max_message_bytes: usize,
    /// Pause between pings on an inbound WebSocket.
    pub ws_heartbeat: Duration,
    /// An inbound WebSocket silent for this long is closed.
    pub ws_timeout: Duration,
}

impl Transport {
    pub(super) fn read(given: &Given, purpose: Purpose) -> Result<Self, ConfigError> {
        let disabled = given.flag("--no-transport");
        let mut transport = Self {
            inbound: Vec::new(),
            outbound: Vec::new(),
            max_message_bytes: byte_size(given, "--max-message-size")?,
            ws_heartbeat: seconds(given, "--ws-heartbeat-interval", 3)?,
            ws_timeout: seconds(given, "--ws-timeout-interval", 15)?,
        };
        if disabled {
            return Ok(transport);
        }
        for values in given.occurrences("--inbound-transport") {
            let [scheme, host, port] = &values[..] else { continue };
            transport.inbound.push(InboundTransport {
                scheme: parse_scheme(given, "--inbound-transport", scheme)?,
                host: host.clone(),
                port: parse_port(given, "--inbound-transport", port)?,
            });
        }
        for scheme in given.occurrences("--outbound-transport").iter().flatten() {
            transport.outbound.push(parse_scheme(given, "--outbound-transport", scheme)?);
        }
        if purpose == Purpose::Start {
            if transport.inbound.is_empty() {
                return Err(missing("-it/--inbound-transport", "--inbound-transport http 0.0.0.0 8030"));
            }
            if transport.outbound.is_empty() {
                return Err(missing("-ot/--outbound-transport", "--outbound-transport http"));
            }
        }
        Ok(transport)
    }
}

fn missing(option: &str, example: &str) -> ConfigError {
    ConfigError::Combination(format!(
        "{option} is required, such as {example} (or --no-transport for an agent without DIDComm)"
    ))
}

fn parse_scheme(given: &Given, option: &str, text: &str) -> Result<Scheme, ConfigError> {
    match text {
        "http" => Ok(Scheme::Http),
        "ws" => Ok(Scheme::Ws),
        _ => Err(given.invalid(option, "that is no transport: http and ws exist")),
    }
}

fn seconds(given: &Given, option: &str, default: u64) -> Result<Duration, ConfigError> {
    Ok(Duration::from_secs(given.integer(option, 1..=86_400)?.unwrap_or(default)))
}

/// A number of bytes with an optional `k`, `m` or `g`, at least 1024: ACA-Py's notation.
fn byte_size(given: &Given, option: &str) -> Result<usize, ConfigError> {
    let text = given.text(option).unwrap_or_default().to_ascii_lowercase();
    let number = text.strip_suffix('b').unwrap_or(&text);
    let (digits, shift) = match number.char_indices().next_back() {
        Some((at, 'k')) => (&number[..at], 10),
        Some((at, 'm')) => (&number[..at], 20),
        Some((at, 'g')) => (&number[..at], 30),
        _ => (number, 0),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(1 << shift));
    bytes
        .filter(|bytes| *bytes >= 1024)
        .ok_or_else(|| given.invalid(option, "that is no size of at least 1024 bytes, such as 2097152 or 2m"))
}

/// How outbound messages are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// A message older than this becomes a dead letter.
    pub max_age: Duration,
    /// Tries before it becomes one, if `--max-outbound-retry` is given; else only the age counts.
    pub max_attempts: Option<u32>,
    /// Pause before the first repeat; it doubles with each.
    pub first_pause: Duration,
    /// No pause is longer; not shorter than the first.
    pub longest_pause: Duration,
    /// What an earlier run may have delivered waits for so long for its answer; zero: it is sent again at once.
    pub resend_pause: Duration,
    /// The controller is told when a message waits for longer than this.
    pub delay_notice: Option<Duration>,
}

impl Delivery {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        let max_attempts = match given.is_given("--max-outbound-retry") {
            true => given.integer("--max-outbound-retry", 1..=u32::MAX)?,
            false => None,
        };
        let delay_notice = match given.text("--outbound-delay-notice") {
            Some("off") => None,
            _ => Some(read_duration(given, "--outbound-delay-notice")?),
        };
        let resend_pause = match given.text("--outbound-resend-pause") {
            Some("off" | "0") => Duration::ZERO,
            _ => read_duration(given, "--outbound-resend-pause")?,
        };
        let first_pause = read_duration(given, "--outbound-first-pause")?;
        let longest_pause = read_duration(given, "--outbound-longest-pause")?;
        if longest_pause < first_pause {
            return Err(
                given.invalid("--outbound-longest-pause", "it is shorter than --outbound-first-pause")
            );
        }
        let max_age = read_duration(given, "--outbound-max-age")?;
        Ok(Self { max_age, max_attempts, first_pause, longest_pause, resend_pause, delay_notice })
    }
}
