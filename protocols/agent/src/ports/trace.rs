//! Traces: how a step, what it commits, and what is delivered later, perhaps by another run, are known to belong together.

use tracing::Span;

/// Target of spans that only traces need: where none are recorded, they are not made.
pub const TARGET: &str = "chancery_trace";

/// Trace contexts in the form of the W3C header `traceparent`: `00-<trace id>-<span id>-<flags>`.
pub trait Trace: Send + Sync {
    /// The context that what a span has caused is to be put under; `None` when no traces are recorded.
    fn context(&self, span: &Span) -> Option<String>;
    /// Puts a span under a context from elsewhere, if there is one, and tells the span's field `trace_id`.
    fn adopt(&self, span: &Span, context: Option<&str>);
}

/// No traces are recorded. A trace that a caller names still shows in the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn context(&self, _: &Span) -> Option<String> {
        None
    }

    fn adopt(&self, span: &Span, context: Option<&str>) {
        if let Some(id) = context.and_then(trace_id) {
            span.record("trace_id", id);
        }
    }
}

/// The trace's id: 32 hexadecimal digits. `None` for what is no `traceparent`.
pub fn trace_id(context: &str) -> Option<&str> {
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = context.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let fits = version.len() == 2
        && version != "ff"
        && flags.len() == 2
        && trace.len() == 32
        && span.len() == 16
        && [version, trace, span, flags].into_iter().all(hex)
        && (parts.next().is_none() || version != "00")
        && [trace, span].into_iter().all(|id| id.bytes().any(|b| b != b'0'));
    fits.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_recommendation_allows_is_a_context() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (context, valid) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false),
            ("", false),
            ("x\ny", false),
        ] {
            assert_eq!(trace_id(context), valid.then_some(id), "{context}");
        }
    }
}
