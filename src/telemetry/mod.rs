//! Log lines and figures.

mod json;
pub mod metrics;

use std::fs::OpenOptions;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{LogFormat, Logging};

/// Opens the log. Libraries speak from `warn` on; `RUST_LOG` overrides everything.
///
/// Errors: the log file can't be opened.
pub fn start(logging: &Logging) -> std::io::Result<()> {
    let level = logging.level.as_directive();
    let mut directives = format!("warn,chancery={level},chancery_agent={level},chancery_admin_api={level}");
    for (wanted, rooms) in [
        (logging.debug_connections, &["connection", "out_of_band", "did_exchange"][..]),
        (logging.debug_credentials, &["issue_credential_v2", "credential"][..]),
    ] {
        for room in rooms.iter().filter(|_| wanted) {
            directives.push_str(&format!(",chancery_agent::{room}=debug"));
        }
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    let (writer, colours) = match &logging.file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            (BoxMakeWriter::new(Arc::new(file)), false)
        }
        None => (BoxMakeWriter::new(std::io::stderr), std::io::IsTerminal::is_terminal(&std::io::stderr())),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second start in one process (tests) keeps the first log.
    let _ = match logging.format {
        LogFormat::Text => log.with_ansi(colours).try_init(),
        LogFormat::Json => log.fmt_fields(JsonFields::new()).event_format(json::Json).try_init(),
    };
    Ok(())
}
