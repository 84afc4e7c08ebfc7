//! Log lines: how many, of what form, where to.

use std::collections::HashMap;
use std::path::PathBuf;

use super::error::ConfigError;
use super::given::Given;

/// Log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
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
                let problem = format!("`{word}` is none of debug, info, warning, error, critical");
                match given.is_given("--log-level") {
                    true => given.invalid("--log-level", problem),
                    false => ConfigError::Invalid { origin: "LOG_LEVEL".to_owned(), problem },
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
        })
    }
}
