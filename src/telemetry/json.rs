//! Log lines as JSON: one object per line, with what the spans around it say (request, tenant, connection, thread, trace) beside
//! what the line says itself.

use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::bounds::{bounded, most};

/// The form of a line.
pub struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let about = event.metadata();
        let mut line = Map::new();
        for (name, value) in
            [("timestamp", &*time), ("level", about.level().as_str()), ("target", about.target())]
        {
            line.insert(name.to_owned(), value.into());
        }
        event.record(&mut Fields { line: &mut line, about: Some(about) });
        // From the innermost outwards: what is nearer counts.
        for span in context.event_scope().into_iter().flatten() {
            line.entry("span").or_insert_with(|| span.name().into());
            let extensions = span.extensions();
            let Some(fields) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
            let Ok(Value::Object(fields)) = serde_json::from_str(&fields.fields) else { continue };
            for (name, value) in fields {
                let value = match value {
                    Value::String(text) => bounded(&format_args!("{text}"), most(None, &name)).into(),
                    other => other,
                };
                line.entry(name).or_insert(value);
            }
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields<'a> {
    line: &'a mut Map<String, Value>,
    about: Option<&'a Metadata<'a>>,
}

impl Fields<'_> {
    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        // A field must not pass for the time or the level of its line.
        let name = if self.line.contains_key(name) { format!("field.{name}") } else { name.to_owned() };
        self.line.insert(name, value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let shown = bounded(value, most(self.about, field.name()));
        self.set(field, shown.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::field::Empty;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_line_says_what_it_is_about() {
        let lines = Lines::default();
        let log = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Json)
            .with_writer(lines.clone())
            .finish();
        tracing::subscriber::with_default(log, || {
            let outer = tracing::error_span!("admin", request_id = %"r-1", tenant = "t", thread = Empty);
            let _outer = outer.enter();
            outer.record("thread", "late");
            let inner = tracing::error_span!("message", tenant = "nearer", number = 7);
            let _inner = inner.enter();
            tracing::warn!(level = "mine", answer = 42, wait = ?std::time::Duration::from_secs(1), "hello \"you\"");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let time = line["timestamp"].take();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        let expected = serde_json::json!({
            "timestamp": null, "level": "WARN", "target": "chancery::telemetry::json::tests", "message": "hello \"you\"",
            "field.level": "mine", "answer": 42, "wait": "1s", "span": "message", "tenant": "nearer", "number": 7,
            "request_id": "r-1", "thread": "late",
        });
        assert_eq!(line, expected);
    }
}
