//! A controller: receives webhooks and can be awaited. Can be told to refuse, and to come back.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::Value;
use tokio::sync::Notify;

/// A webhook as received.
#[derive(Clone, Debug)]
pub struct Event {
    pub topic: String,
    pub body: Value,
    pub id: String,
    pub sequence: i64,
    pub api_key: Option<String>,
    pub signature: Option<String>,
    /// `traceparent`.
    pub trace: Option<String>,
    /// The body, byte for byte.
    pub raw: String,
}

struct State {
    events: Mutex<Vec<Event>>,
    news: Notify,
    answer: AtomicU16,
    turned_away: Mutex<Vec<Event>>,
}

/// What a controller has received, for those who look at it while the agent is in other hands.
#[derive(Clone)]
pub struct Inbox(Arc<State>);

impl Inbox {
    /// Takes out what has come since the last time.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.events.lock().unwrap())
    }
}

pub struct Controller {
    pub url: String,
    state: Arc<State>,
    handle: Option<actix_web::dev::ServerHandle>,
}

impl Controller {
    pub fn start() -> Self {
        // Not one of the ports for outgoing connections: it must still be there when the controller comes back.
        Self::start_at(&format!("127.0.0.1:{}", super::free_port()))
    }

    /// At an address that somebody was told before.
    pub fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            events: Mutex::default(),
            news: Notify::new(),
            answer: AtomicU16::new(200),
            turned_away: Mutex::default(),
        });
        let handle = Some(serve(&state, listener));
        Self { url, state, handle }
    }

    /// Nobody listens any more.
    pub async fn down(&mut self) {
        self.handle.take().unwrap().stop(false).await;
    }

    /// Listens again where it did.
    pub fn up(&mut self) {
        let address = self.url.strip_prefix("http://").unwrap();
        self.handle = Some(serve(&self.state, TcpListener::bind(address).unwrap()));
    }

    pub fn inbox(&self) -> Inbox {
        Inbox(self.state.clone())
    }

    /// What the controller answers from now on. Only what was answered with 2xx counts as received.
    pub fn answer(&self, status: u16) {
        self.state.answer.store(status, Ordering::SeqCst);
    }

    pub fn events(&self) -> Vec<Event> {
        self.state.events.lock().unwrap().clone()
    }

    pub fn turned_away(&self) -> Vec<Event> {
        self.state.turned_away.lock().unwrap().clone()
    }

    /// The first event that fits, past or future.
    pub async fn event(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        self.wait(what, Self::events, fits).await
    }

    /// The first event that fits among those that were turned away, past or future.
    pub async fn refusal(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        self.wait(what, Self::turned_away, fits).await
    }

    async fn wait(&self, what: &str, among: fn(&Self) -> Vec<Event>, fits: impl Fn(&Event) -> bool) -> Event {
        let found = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let news = self.state.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if let Some(event) = among(self).into_iter().find(|e| fits(e)) {
                    return event;
                }
                news.await;
            }
        });
        match found.await {
            Ok(event) => event,
            Err(_) => panic!("no webhook: {what}. Received: {:#?}", among(self)),
        }
    }

    /// The webhook of a topic that says this state.
    pub async fn state(&self, topic: &str, state: &str) -> Value {
        let fits = |e: &Event| e.topic == topic && e.body["state"] == state;
        self.event(&format!("{topic} {state}"), fits).await.body
    }

    /// The states of a topic, in the order of arrival, of the records that fit.
    pub fn states(&self, topic: &str, fits: impl Fn(&Value) -> bool) -> Vec<String> {
        let of_topic = self.events().into_iter().filter(|e| e.topic == topic && fits(&e.body));
        of_topic.map(|e| e.body["state"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            drop(handle.stop(false));
        }
    }
}

fn serve(state: &Arc<State>, listener: TcpListener) -> actix_web::dev::ServerHandle {
    let data = web::Data::from(state.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(16 << 20))
            .route("/topic/{topic}/", web::post().to(receive))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(0)
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    handle
}

async fn receive(
    state: web::Data<State>,
    request: HttpRequest,
    topic: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let event = Event {
        topic: topic.into_inner(),
        body: serde_json::from_slice(&body).unwrap(),
        raw: String::from_utf8(body.to_vec()).unwrap(),
        signature: header("x-chancery-signature"),
        trace: header("traceparent"),
        id: header("x-event-id").unwrap_or_default(),
        sequence: header("x-event-sequence").and_then(|s| s.parse().ok()).unwrap_or_default(),
        api_key: header("x-api-key"),
    };
    let answer = StatusCode::from_u16(state.answer.load(Ordering::SeqCst)).unwrap();
    let kept = if answer.is_success() { &state.events } else { &state.turned_away };
    kept.lock().unwrap().push(event);
    state.news.notify_waiters();
    HttpResponse::build(answer).finish()
}
