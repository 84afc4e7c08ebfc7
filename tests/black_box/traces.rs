//! One exchange is one trace, across agents, deliveries and restarts.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::{AUTOMATIC, Pair, offer};

#[derive(Clone, Debug)]
struct Span {
    name: String,
    service: String,
    id: String,
    parent: String,
    trace: String,
    failed: bool,
}

#[derive(Default)]
struct State {
    spans: Mutex<HashMap<String, Span>>,
    news: Notify,
}

/// An OpenTelemetry collector, as far as it is needed to see traces.
struct Collector {
    url: String,
    state: Arc<State>,
    handle: actix_web::dev::ServerHandle,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let data = web::Data::from(state.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(64 << 20))
                .route("/v1/traces", web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, handle }
    }

    fn spans(&self) -> Vec<Span> {
        self.state.spans.lock().unwrap().values().cloned().collect()
    }

    /// What is found in the spans, sooner or later.
    async fn wait<T>(&self, what: &str, find: impl Fn(&[Span]) -> Option<T>) -> T {
        let found = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let news = self.state.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if let Some(found) = find(&self.spans()) {
                    return found;
                }
                news.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {what} in {:#?}", self.spans()))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn receive(state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    let body: Value = serde_json::from_slice(&body).expect("OTLP as JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for resource in list(&body["resourceSpans"]) {
        let attributes = list(&resource["resource"]["attributes"]);
        let service = attributes.iter().find(|a| a["key"] == "chancery.label").unwrap();
        let service = service["value"]["stringValue"].as_str().unwrap().to_owned();
        for span in list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"])) {
            let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
            let span = Span {
                name: text("name"),
                service: service.clone(),
                id: text("spanId"),
                parent: text("parentSpanId"),
                trace: text("traceId"),
                failed: span["status"]["code"] == 2 || span["status"]["code"] == "STATUS_CODE_ERROR",
            };
            state.spans.lock().unwrap().insert(span.id.clone(), span);
        }
    }
    state.news.notify_waiters();
    HttpResponse::Ok().json(serde_json::json!({}))
}

/// The span's ancestors as `service name`, itself first; `None` when one of them is not there (yet).
fn ancestry(spans: &[Span], span: &Span) -> Option<Vec<String>> {
    let mut chain = vec![format!("{} {}", span.service, span.name)];
    let mut at = span;
    while !at.parent.is_empty() && at.parent != CALLER {
        at = spans.iter().find(|s| s.id == at.parent && s.trace == span.trace)?;
        chain.push(format!("{} {}", at.service, at.name));
    }
    Some(chain)
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span of the controller that calls.
const CALLER: &str = "00f067aa0ba902b7";

#[tokio::test]
async fn an_exchange_with_a_restart_in_the_middle_is_one_trace() {
    let collector = Collector::start();
    let traced: Vec<&str> = AUTOMATIC.iter().copied().chain(["--otlp-endpoint", &collector.url]).collect();
    let mut pair = Pair::connected(&traced, &traced).await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let request = pair.issuer.http.post(format!("{}/issue-credential-2.0/send-offer", pair.issuer.admin));
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let answer = request.header("traceparent", traceparent).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // The offer is on its way; the process that accepted it is not the one that delivers it.
    pair.issuer.restart().await;
    pair.holder.spawn().await;
    pair.issuer.controller.state("issue_credential_v2_0", "done").await;
    pair.holder.controller.state("issue_credential_v2_0", "done").await;

    let chain = collector
        .wait("webhook at the end of the exchange", |spans| {
            let mut chains = spans
                .iter()
                .filter(|s| s.trace == TRACE && s.name == "webhook" && s.service == "issuer")
                .filter_map(|s| ancestry(spans, s));
            chains.find(|chain| chain.len() > 14)
        })
        .await;
    let message = |from: &str, to: &str| {
        [format!("{to} commit"), format!("{to} message"), format!("{to} POST /"), format!("{from} deliver")]
    };
    let mut expected = vec!["issuer webhook".to_owned()];
    // Ack, credential, request, offer: from the end to the beginning.
    for (from, to) in [("holder", "issuer"), ("issuer", "holder"), ("holder", "issuer"), ("issuer", "holder")]
    {
        expected.extend(message(from, to));
    }
    let call = ["issuer commit", "issuer admin", "issuer POST /issue-credential-2.0/send-offer"];
    expected.extend(call.map(str::to_owned));
    assert_eq!(chain, expected);

    // The try that failed before the restart belongs to it too.
    collector
        .wait("failed delivery", |spans| {
            spans.iter().find(|s| s.trace == TRACE && s.name == "deliver" && s.failed).cloned()
        })
        .await;
    // What the controller was sent names the trace.
    let named = pair
        .issuer
        .controller
        .events()
        .into_iter()
        .filter(|e| e.trace.as_deref().is_some_and(|t| t.contains(TRACE)));
    assert!(named.count() >= 3);
}

#[tokio::test]
async fn a_message_over_a_websocket_goes_on_with_its_trace() {
    let collector = Collector::start();
    let ws = crate::support::free_port();
    let (port, endpoint) = (ws.to_string(), format!("ws://127.0.0.1:{ws}"));
    let traced = ["--otlp-endpoint", &collector.url];
    let over_ws = [&traced[..], &["-it", "ws", "127.0.0.1", &port, "-e", &endpoint]].concat();
    let pair = Pair::connected(&traced, &over_ws).await;
    let path = format!("{}/connections/{}/send-ping", pair.issuer.admin, pair.to_holder);
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    let request = pair.issuer.http.post(path).header("traceparent", traceparent);
    assert_eq!(request.json(&serde_json::json!({})).send().await.unwrap().status(), 200);
    let chain = collector
        .wait("message over a WebSocket", |spans| {
            let mut messages =
                spans.iter().filter(|s| s.trace == TRACE && s.name == "message" && s.service == "holder");
            messages.find_map(|s| ancestry(spans, s))
        })
        .await;
    assert_eq!(chain[..3], ["holder message", "holder WebSocket /", "issuer deliver"], "{chain:?}");
}

#[tokio::test]
async fn without_a_collector_nothing_is_recorded() {
    let mut pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    pair.holder.kill();
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let request = pair.issuer.http.post(format!("{}/issue-credential-2.0/send-offer", pair.issuer.admin));
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    request.header("traceparent", traceparent).json(&body).send().await.unwrap();
    pair.holder.spawn().await;
    pair.issuer.controller.state("issue_credential_v2_0", "done").await;
    assert!(pair.issuer.controller.events().iter().all(|e| e.trace.is_none()));
}
