//! Stands between a peer and an agent's DIDComm endpoint: everything arrives, but the sender may never hear of it.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

struct State {
    to: String,
    http: reqwest::Client,
    silent: AtomicBool,
    passed: AtomicUsize,
}

pub struct Relay {
    pub url: String,
    state: Arc<State>,
    handle: actix_web::dev::ServerHandle,
}

impl Relay {
    /// In front of this endpoint.
    pub fn start(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let http = chancery::wiring::client_builder().build().unwrap();
        let state = Arc::new(State { to: to.to_owned(), http, silent: false.into(), passed: 0.into() });
        let data = web::Data::from(state.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(16 << 20))
                .route("/", web::post().to(pass))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, state, handle }
    }

    /// Whether senders are left without an answer from now on.
    pub fn silent(&self, silent: bool) {
        self.state.silent.store(silent, Ordering::SeqCst);
    }

    /// How many messages have come.
    pub fn passed(&self) -> usize {
        self.state.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn pass(state: web::Data<State>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let mut onward = state.http.post(&state.to).body(body.to_vec());
    if let Some(kind) = request.headers().get("content-type") {
        onward = onward.header("content-type", kind.as_bytes());
    }
    state.passed.fetch_add(1, Ordering::SeqCst);
    let silent = state.silent.load(Ordering::SeqCst);
    let Ok(answer) = onward.send().await else { return HttpResponse::BadGateway().finish() };
    if silent {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    HttpResponse::build(status).body(answer.bytes().await.unwrap_or_default())
}
