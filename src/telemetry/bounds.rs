//! What no log line passes, whoever wrote what it says: values are short and on one line, and of what is said again and again so much is
//! left out as a second has no room for.

use std::collections::HashMap;
use std::fmt::{self, Debug, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chancery_agent::quoted::{Bounded, MOST};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Characters of a sentence of our own.
const SENTENCE: usize = 2_000;
/// Characters of a line of a library: time, level and name of the library take up to a hundred.
const LIBRARY: usize = MOST + 100;
/// Lines of one kind, for one reason, in a second.
const LINES: u32 = 20;
/// Kinds and reasons that are told apart.
const KINDS: usize = 512;

/// Most characters of a value: what is in a sentence of ours is ours, all else may be a peer's.
pub(super) fn most(about: Option<&Metadata<'_>>, field: &str) -> usize {
    let ours = about.is_none_or(|about| about.target().starts_with("chancery"));
    // One more than a quotation, so that its sign for more is kept.
    if field == "message" && ours { SENTENCE } else { MOST + 1 }
}

/// A value as it is shown.
pub(super) fn bounded(value: &dyn Debug, most: usize) -> String {
    let mut shown = String::new();
    // Writing to a String does not fail.
    let _ = write!(Bounded::new(&mut shown, most), "{value:?}");
    shown
}

/// Fields of text lines: `name=value`, the sentence without its name.
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Named { writer, begun: false, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct Named<'w> {
    writer: Writer<'w>,
    begun: bool,
    outcome: fmt::Result,
}

impl Visit for Named<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.outcome.is_err() {
            return;
        }
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        let gap = if std::mem::replace(&mut self.begun, true) { " " } else { "" };
        self.outcome = match name {
            "message" => write!(self.writer, "{gap}{}", bounded(value, SENTENCE)),
            name => write!(self.writer, "{gap}{name}={}", bounded(value, MOST + 1)),
        };
    }
}

/// The form of text lines. What a library says is short as a whole: its sentence may quote what a peer sent.
#[derive(Default)]
pub(super) struct Text(Format);

impl<S, N> FormatEvent<S, N> for Text
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
        if event.metadata().target().starts_with("chancery") {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        write!(Bounded::new(&mut writer, LIBRARY), "{}", line.trim_end())?;
        writeln!(writer)
    }
}

/// Writes lines in their form, unless too many of the kind are written already.
pub(super) struct Bounds<F> {
    pub(super) form: F,
    pub(super) withheld: Arc<Withheld>,
}

impl<S, N, F> FormatEvent<S, N> for Bounds<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.withheld.withholds(event, Instant::now()) {
            return Ok(());
        }
        self.form.format_event(context, writer, event)
    }
}

/// Counts lines by where they come from and why, and those that were left out.
#[derive(Default)]
pub(super) struct Withheld(Mutex<HashMap<(Identifier, String), Kind>>);

struct Kind {
    since: Instant,
    written: u32,
    withheld: u64,
    sentence: String,
}

/// Lines that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// What they say.
    pub(super) sentence: String,
    /// Their reason, status or code.
    pub(super) reason: String,
    /// How many.
    pub(super) lines: u64,
}

/// What tells lines of one place apart.
#[derive(Default)]
struct Why {
    sentence: String,
    reason: String,
}

impl Visit for Why {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.sentence = bounded(value, MOST),
            "reason" | "code" | "status" => self.reason = bounded(value, MOST),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl Withheld {
    fn withholds(&self, event: &Event<'_>, now: Instant) -> bool {
        // Who asks for more than that wants everything.
        if *event.metadata().level() > Level::INFO {
            return false;
        }
        let mut why = Why::default();
        event.record(&mut why);
        let place = event.metadata().callsite();
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (place.clone(), why.reason);
        if kinds.len() >= KINDS && !kinds.contains_key(&key) {
            kinds.retain(|_, kind| {
                kind.withheld > 0 || now.duration_since(kind.since) < Duration::from_secs(1)
            });
            if kinds.len() >= KINDS {
                key = (place, String::new());
            }
        }
        let fresh = Kind { since: now, written: 0, withheld: 0, sentence: why.sentence };
        let kind = kinds.entry(key).or_insert(fresh);
        if now.duration_since(kind.since) >= Duration::from_secs(1) {
            (kind.since, kind.written) = (now, 0);
        }
        if kind.written < LINES {
            kind.written += 1;
            return false;
        }
        kind.withheld += 1;
        true
    }

    /// What was left out since the last time.
    pub(super) fn take(&self) -> Vec<Left> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = kinds.iter_mut().filter(|(_, kind)| kind.withheld > 0);
        left.map(|((_, reason), kind)| Left {
            sentence: kind.sentence.clone(),
            reason: reason.clone(),
            lines: std::mem::take(&mut kind.withheld),
        })
        .collect()
    }

    /// Says what was left out since the last time.
    pub(super) fn tell(&self) {
        for Left { sentence, reason, lines } in self.take() {
            tracing::info!(of = %sentence, of_reason = %reason, lines, "more lines of one kind were left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::json::Json;
    use super::*;
    use tracing_subscriber::fmt::MakeWriter;

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

    /// What both forms of the log make of some lines.
    fn logged(say: impl Fn()) -> (String, String, Arc<Withheld>) {
        let (text, json) = (Lines::default(), Lines::default());
        let withheld: Arc<Withheld> = Arc::default();
        let bounds = Bounds { form: Text::default(), withheld: withheld.clone() };
        let log = tracing_subscriber::fmt().fmt_fields(Fields).event_format(bounds);
        tracing::subscriber::with_default(log.with_writer(text.clone()).finish(), &say);
        let bounds = Bounds { form: Json, withheld: Arc::default() };
        let fields = tracing_subscriber::fmt::format::JsonFields::new();
        let log = tracing_subscriber::fmt().fmt_fields(fields).event_format(bounds);
        tracing::subscriber::with_default(log.with_writer(json.clone()).finish(), &say);
        let read = |lines: Lines| String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        (read(text), read(json), withheld)
    }

    #[test]
    fn no_value_forges_a_line_or_makes_one_long() {
        let forged = format!("x\n2026-01-01 ERROR forged\u{1b}[2J\u{2028}{}", "y".repeat(100_000));
        let (text, json, _) = logged(|| {
            let span = tracing::error_span!("message", thread = %forged, kind = forged);
            let _inside = span.enter();
            tracing::warn!(one = %forged, two = ?forged, three = forged, "said");
            tracing::warn!(target: "some_library", "heard {forged}");
        });
        for (lines, form) in [(&text, "text"), (&json, "json")] {
            assert_eq!(lines.lines().count(), 2, "{form}: {lines}");
            for line in lines.lines() {
                assert!(line.chars().count() < 6 * (MOST + 60), "{form}: {line}");
                assert!(!line.contains("\u{1b}[2J") && !line.contains('\u{2028}'), "{form}: {line}");
            }
        }
    }

    #[test]
    fn what_is_said_again_and_again_is_counted() {
        let (text, _, withheld) = logged(|| {
            for _ in 0..1000 {
                tracing::info!(reason = "not-opened", "a message had no effect");
            }
            tracing::info!(reason = "another", "a message had no effect");
        });
        let written = text.matches("not-opened").count();
        assert!(written >= LINES as usize && written < 1000, "{written}");
        assert_eq!(text.matches("another").count(), 1, "another reason has lines of its own");
        let left = withheld.take();
        let expected = Left {
            sentence: "a message had no effect".to_owned(),
            reason: "not-opened".to_owned(),
            lines: 1000 - written as u64,
        };
        assert_eq!(left, [expected]);
        assert!(withheld.take().is_empty());
    }
}
