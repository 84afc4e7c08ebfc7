//! Log lines, figures and traces.

mod bounds;
mod json;
pub mod metrics;
mod otlp;
pub mod tallies;

use std::fs::OpenOptions;
use std::sync::Arc;
use std::time::Duration;

use chancery_agent::ports::{NoTrace, Trace};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, Logging};
use bounds::{Bounds, Withheld};

/// How often it is said how many lines were left out.
const TELL: Duration = Duration::from_secs(10);

/// What the process says of itself while it runs.
pub struct Telemetry {
    /// What is recorded of steps.
    pub trace: Arc<dyn Trace>,
    provider: Option<SdkTracerProvider>,
    withheld: Arc<Withheld>,
}

impl Telemetry {
    /// Sends what is still to be sent to the collector.
    pub async fn stop(self) {
        self.withheld.tell();
        let Some(provider) = self.provider else { return };
        // It waits for its own thread, which waits for our runtime.
        let stopped = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Opens the log. Libraries speak from `warn` on; `RUST_LOG` overrides everything. Within a tokio runtime.
///
/// Errors: the log file can't be opened, or the exporter of traces can't be set up.
pub fn start(logging: &Logging, label: &str) -> std::io::Result<Telemetry> {
    let (writer, colours) = match &logging.file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
                let what = format!(
                    "{}: {error}; name a file that this user may write with --log-file",
                    path.display()
                );
                std::io::Error::new(error.kind(), what)
            })?;
            (BoxMakeWriter::new(Arc::new(file)), false)
        }
        None => (BoxMakeWriter::new(std::io::stderr), std::io::IsTerminal::is_terminal(&std::io::stderr())),
    };
    let withheld: Arc<Withheld> = Arc::default();
    let telling = withheld.clone();
    #[expect(clippy::disallowed_methods, reason = "it holds nothing that a stop would have to wait for")]
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TELL).await;
            telling.tell();
        }
    });
    let Some(traces) = &logging.traces else {
        // One filter for everything: spans that only traces need are not even made.
        let log =
            Registry::default().with(filter(logging)).with(lines(logging.format, &withheld, writer, colours));
        // A second start in one process (tests) keeps the first log.
        let _ = log.try_init();
        return Ok(Telemetry { trace: Arc::new(NoTrace), provider: None, withheld });
    };
    let provider = otlp::provider(traces, label).map_err(std::io::Error::other)?;
    let lines = lines(logging.format, &withheld, writer, colours).with_filter(filter(logging));
    let _ = Registry::default().with(lines).with(otlp::layer(&provider)).try_init();
    Ok(Telemetry { trace: Arc::new(otlp::Traces), provider: Some(provider), withheld })
}

fn lines<S>(
    format: LogFormat,
    withheld: &Arc<Withheld>,
    writer: BoxMakeWriter,
    colours: bool,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let withheld = withheld.clone();
    match format {
        LogFormat::Text => Box::new(
            lines.fmt_fields(bounds::Fields).event_format(Bounds { form: bounds::Text::default(), withheld }),
        ),
        LogFormat::Json => {
            Box::new(lines.fmt_fields(JsonFields::new()).event_format(Bounds { form: json::Json, withheld }))
        }
    }
}

fn filter(logging: &Logging) -> EnvFilter {
    let level = logging.level.as_directive();
    // What actix calls an error there is what strangers send that is no HTTP.
    let mut directives =
        format!("warn,actix_http::h1=off,chancery={level},chancery_agent={level},chancery_admin_api={level}");
    for (wanted, rooms) in [
        (logging.debug_connections, &["connection", "out_of_band", "did_exchange"][..]),
        (logging.debug_credentials, &["issue_credential_v2", "credential"][..]),
    ] {
        for room in rooms.iter().filter(|_| wanted) {
            directives.push_str(&format!(",chancery_agent::{room}=debug"));
        }
    }
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives))
}
