//! Log lines: how many, of what form, where to.

use std::collections::HashMap;
use std::path::PathBuf;

use super::error::ConfigError;
use super::given::Given;
use super::secret::Secret;

/// Log lines.
#[derive(Debug, Clone)]
pub struct Logging {
    /// Least weight of a line.
    pub level: LogLevel,
    /// Form of a line.
    pub format: LogFormat,
    /// File to append to; the error output when there is none.
    pub file: Option<PathBuf>,
    /// Lines of weight debug about connections, whatever the level.
    pub debug_connections: bool,
    /// The same about credential exchanges.
    pub debug_credentials: bool,
    /// The same about presentation exchanges.
    pub debug_presentations: bool,
    /// Where traces go; `None`: none are recorded.
    pub traces: Option<Traces>,
}

/// Traces for an OpenTelemetry collector.
#[derive(Debug, Clone)]
pub struct Traces {
    /// URL of the collector, without `/v1/traces`; `None`: the standard variables (`OTEL_EXPORTER_OTLP_…`) say it.
    pub endpoint: Option<String>,
    /// Headers for the collector, `name=value,name=value`; keys among them.
    pub headers: Option<Secret>,
    /// The standard variables name the service.
    pub named: bool,
}

impl Traces {
    fn read(given: &Given, environment: &HashMap<String, String>) -> Result<Option<Self>, ConfigError> {
        let variable =
            |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let is = |name, value: &str| variable(name).is_some_and(|given| given.eq_ignore_ascii_case(value));
        let endpoint = match given.text("--otlp-endpoint") {
            Some("off") => return Ok(None),
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => Some(url.to_owned()),
            Some(_) => {
                let problem = "that is no URL of a collector, such as http://127.0.0.1:4318, nor off";
                return Err(given.invalid("--otlp-endpoint", problem));
            }
            None if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") => return Ok(None),
            None => {
                let standard = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
                if standard.into_iter().all(|name| variable(name).is_none()) {
                    return Ok(None);
                }
                None
            }
        };
        let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let named = variable("OTEL_SERVICE_NAME").is_some() || attributes.contains("service.name=");
        Ok(Some(Self { endpoint, headers: given.secret("--otlp-headers"), named }))
    }
}

/// Python's log levels; `critical` has no counterpart here and stands for `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `debug`
    Debug,
    /// `info`, the default
    Info,
    /// `warning`
    Warning,
    /// `error` and `critical`
    Error,
}

impl LogLevel {
    /// The name that `tracing` has for it.
    pub fn as_directive(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warn",
            Self::Error => "error",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "debug" | "trace" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warning" | "warn" => Some(Self::Warning),
            "error" | "critical" | "fatal" => Some(Self::Error),
            _ => None,
        }
    }
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Logging {
    pub(super) fn read(given: &Given, environment: &HashMap<String, String>) -> Result<Self, ConfigError> {
        // ACA-Py also reads the variable LOG_LEVEL, after its own option.
        let word = given.text("--log-level").or_else(|| environment.get("LOG_LEVEL").map(String::as_str));
        let level = match word.filter(|word| !word.is_empty()) {
            None => LogLevel::Info,
            Some(word) => LogLevel::parse(word).ok_or_else(|| {
                let problem = "that is none of debug, info, warning, error, critical";
                match given.is_given("--log-level") {
                    true => given.invalid("--log-level", problem),
                    false => {
                        ConfigError::Invalid { origin: "LOG_LEVEL".to_owned(), problem: problem.to_owned() }
                    }
                }
            })?,
        };
        if given.is_given("--log-file") && given.text("--log-file").is_none() {
            return Err(given.invalid("--log-file", "name the file: --log-file PATH"));
        }
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Ok(Self {
            level,
            format: given.choice("--log-format", &formats)?.unwrap_or(LogFormat::Text),
            file: given.text("--log-file").map(PathBuf::from),
            debug_connections: given.flag("--debug-connections"),
            debug_credentials: given.flag("--debug-credentials"),
            debug_presentations: given.flag("--debug-presentations"),
            traces: Traces::read(given, environment)?,
        })
    }
}
