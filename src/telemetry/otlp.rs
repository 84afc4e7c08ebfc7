//! Traces for a collector: OTLP over HTTP, by the OpenTelemetry crates over our own HTTP client.
//!
//! Exported are the spans of [`chancery_agent::ports::trace::TARGET`] (requests that come in, commits, deliveries) and those that the log has too (admin calls,
//! messages, queued work).

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chancery_agent::ports::Trace;
use chancery_agent::ports::trace::trace_id;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Traces as Settings;

/// Time for one export.
const TIME: Duration = Duration::from_secs(10);

/// Sends spans to the collector.
pub fn provider(settings: &Settings, label: &str) -> Result<SdkTracerProvider, String> {
    let client = crate::wiring::client_builder().timeout(TIME).build().map_err(|e| e.to_string())?;
    let mut exporter =
        SpanExporter::builder().with_http().with_http_client(Client { client, runtime: Handle::current() });
    if let Some(endpoint) = &settings.endpoint {
        exporter = exporter.with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')));
    }
    if let Some(headers) = &settings.headers {
        exporter = exporter.with_headers(parse_headers(headers.expose()));
    }
    let exporter = exporter.build().map_err(|e| e.to_string())?;
    let mut resource = Resource::builder();
    if !settings.named {
        resource = resource.with_service_name("chancery");
    }
    let about = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("chancery.label", label.to_owned()),
    ];
    let resource = resource.with_attributes(about).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// `name=value,name=value`, the form of `OTEL_EXPORTER_OTLP_HEADERS`.
fn parse_headers(text: &str) -> HashMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The layer that makes spans of ours spans of a trace.
pub fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let layer = OpenTelemetryLayer::new(provider.tracer("chancery"));
    let layer =
        layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false);
    layer.with_filter(filter_fn(is_exported))
}

fn is_exported(about: &Metadata<'_>) -> bool {
    about.is_span() && about.target().starts_with("chancery_")
}

/// The port, when spans are recorded.
#[derive(Clone, Copy, Debug)]
pub struct Traces;

impl Trace for Traces {
    fn context(&self, span: &Span) -> Option<String> {
        let context = span.context();
        let known = context.span().span_context().clone();
        known.is_valid().then(|| {
            format!("00-{}-{}-{:02x}", known.trace_id(), known.span_id(), known.trace_flags().to_u8())
        })
    }

    fn adopt(&self, span: &Span, context: Option<&str>) {
        if let Some(parent) = context.and_then(parse) {
            // Fails for spans that are not exported.
            let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        }
        if let Some(context) = self.context(span) {
            span.record("trace_id", trace_id(&context));
        }
    }
}

/// A `traceparent` as the crate has it.
fn parse(context: &str) -> Option<SpanContext> {
    let trace = TraceId::from_hex(trace_id(context)?).ok()?;
    let mut rest = context.split('-').skip(2);
    let span = SpanId::from_hex(rest.next()?).ok()?;
    let flags = u8::from_str_radix(rest.next()?, 16).ok()?;
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
}

/// The HTTP client; exports run on a thread of the exporter's own, its requests on our runtime.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let sending = async move {
            let answer = client.execute(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, answer.bytes().await?))
        };
        let (status, headers, body) = self.runtime.spawn(sending).await??;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
        let context = parse(text).unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_remote() && context.is_sampled());
        assert!(!parse(&text.replace("-03", "-02")).unwrap().is_sampled());
        assert_eq!(parse("00-x-y-z"), None);
    }

    #[test]
    fn headers_are_read() {
        let headers = parse_headers("authorization=Basic abc==, x-org=1");
        assert_eq!(headers["authorization"], "Basic abc==");
        assert_eq!(headers["x-org"], "1");
        assert!(parse_headers("").is_empty());
    }
}
