//! The API over a real agent on ports made for tests.

mod answers;
mod lacking;
mod limits;
mod mistakes;
mod own;
mod parity;
mod ports;
mod refusals;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, test};
use chancery_agent::edge::Shape;
use serde_json::Value;

use crate::server::{edge, routes};
use crate::state::State;
use crate::{AdminApi, ApiKey, Auth, Limits};
use ports::Process;

/// The recorded traces' admin key.
const KEY: &str = "golden-api-key";

/// An API over a fresh agent.
fn api(process: &Arc<Process>, auth: Auth) -> AdminApi {
    AdminApi {
        agent: Arc::new(process.agent()),
        operations: process.clone(),
        auth,
        limits: limits(),
        hosts: Vec::new(),
        version: "0.1.0".to_owned(),
    }
}

/// Small ones.
fn limits() -> Limits {
    Limits {
        max_request_bytes: 1 << 20,
        max_concurrent: 4,
        connections: 1024,
        connections_per_address: None,
        header_time: Duration::from_secs(1),
        body_time: Duration::from_secs(1),
        idle_time: Duration::from_secs(75),
        shape: Shape::default(),
        rate_per_address: None,
        rate_per_key: None,
        address_header: None,
    }
}

fn with_key() -> Auth {
    Auth::Key(ApiKey::new(KEY.to_owned()))
}

/// A request and its answer.
struct Asked {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What to ask.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Vec<u8>,
}

fn get(path: &str) -> Ask<'_> {
    Ask { method: "GET", path, headers: Vec::new(), body: Vec::new() }
}

fn post<'a>(path: &'a str, body: &str) -> Ask<'a> {
    let headers = vec![("content-type", "application/json")];
    Ask { method: "POST", path, headers, body: body.as_bytes().to_vec() }
}

impl<'a> Ask<'a> {
    fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn method(mut self, method: &'a str) -> Self {
        self.method = method;
        self
    }
}

/// Asks an API, in the order given.
async fn ask_all(api: AdminApi, asks: Vec<Ask<'_>>) -> Vec<Asked> {
    let state = Arc::new(State::new(api));
    let of_edge = state.clone();
    let app = App::new()
        .wrap(from_fn(move |request, next: Next<_>| edge(of_edge.clone(), request, next)))
        .configure(|config| routes(&state, config));
    let app = test::init_service(app).await;
    let mut answers = Vec::new();
    for ask in asks {
        let mut request = test::TestRequest::default()
            .method(Method::from_bytes(ask.method.as_bytes()).unwrap())
            .uri(ask.path)
            .set_payload(ask.body);
        for header in ask.headers {
            request = request.insert_header(header);
        }
        let response: ServiceResponse = app.call(request.to_request()).await.unwrap();
        let status = response.status().as_u16();
        let text =
            |v: &actix_web::http::header::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect();
        let body = String::from_utf8(test::read_body(response).await.to_vec()).unwrap();
        answers.push(Asked { status, headers, body });
    }
    answers
}

/// Asks a fresh open API.
async fn ask(ask: Ask<'_>) -> Asked {
    let api = api(&Arc::new(Process::default()), Auth::Insecure);
    ask_all(api, vec![ask]).await.remove(0)
}

/// Longer than any answer takes; only to end a test that would hang.
const LONG: Duration = Duration::from_secs(60);
