//! A network between agents that delivers every message, but more than once, late, and in any order.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};

use super::{Agent, Dice, Surroundings, free_port};

/// Longest time that a copy is under way, in milliseconds.
const LATEST: u64 = 300;

/// A message for the agent behind a port.
type Posted = (u16, web::Bytes);

struct State {
    dice: Mutex<Dice>,
    http: reqwest::Client,
    copies: usize,
    posted: Mutex<Vec<Posted>>,
    under_way: AtomicUsize,
    delivered: AtomicUsize,
}

pub struct Network {
    state: Arc<State>,
    servers: Vec<actix_web::dev::ServerHandle>,
}

impl Network {
    /// Delivers each message so many times. One copy: at once, as a good network does.
    pub fn of(copies: usize, dice: Dice) -> Self {
        let state = State {
            dice: Mutex::new(dice),
            http: chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap(),
            copies,
            posted: Mutex::default(),
            under_way: AtomicUsize::new(0),
            delivered: AtomicUsize::new(0),
        };
        Self { state: Arc::new(state), servers: Vec::new() }
    }

    /// An agent that can be reached through this network only.
    pub async fn agent(&mut self, name: &str, options: &[&str]) -> Agent {
        let (admin, behind, before) = (free_port(), free_port(), free_port());
        let data = web::Data::from(self.state.clone());
        let server = HttpServer::new(move || {
            let data = data.clone();
            App::new().app_data(web::PayloadConfig::new(16 << 20)).default_service(web::to(
                move |body: web::Bytes| {
                    post(data.clone().into_inner(), behind, body);
                    std::future::ready(HttpResponse::Ok().finish())
                },
            ))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(0);
        let server = server.listen(TcpListener::bind(("127.0.0.1", before)).unwrap()).unwrap().run();
        self.servers.push(server.handle());
        tokio::spawn(server);
        let endpoint = Some(format!("http://127.0.0.1:{before}"));
        Agent::start_in(Surroundings { endpoint, ..Surroundings::default() }, name, admin, behind, options)
            .await
    }

    /// Waits until nothing is under way and nothing new has been sent for a while.
    pub async fn quiet(&self) {
        let mut calm = 0;
        let mut before = usize::MAX;
        while calm < 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let posted = self.messages();
            let still = self.state.under_way.load(Ordering::SeqCst) == 0 && posted == before;
            calm = if still { calm + 1 } else { 0 };
            before = posted;
        }
    }

    /// Delivers everything that was ever sent once more, in any order.
    pub async fn again(&self) {
        let mut all = self.state.posted.lock().unwrap().clone();
        self.state.dice.lock().unwrap().shuffle(&mut all);
        for (port, body) in all {
            deliver(&self.state, port, body).await;
        }
        self.quiet().await;
    }

    /// Messages that agents have sent, and copies that were delivered.
    pub fn messages(&self) -> usize {
        self.state.posted.lock().unwrap().len()
    }

    pub fn delivered(&self) -> usize {
        self.state.delivered.load(Ordering::SeqCst)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for server in &self.servers {
            drop(server.stop(false));
        }
    }
}

fn post(state: Arc<State>, port: u16, body: web::Bytes) {
    state.posted.lock().unwrap().push((port, body.clone()));
    for _ in 0..state.copies {
        let late = match state.copies {
            1 => Duration::ZERO,
            _ => state.dice.lock().unwrap().millis(LATEST),
        };
        let (state, body) = (state.clone(), body.clone());
        state.under_way.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            deliver(&state, port, body).await;
            state.under_way.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Until it is taken: this network loses nothing.
async fn deliver(state: &State, port: u16, body: web::Bytes) {
    loop {
        let request = state.http.post(format!("http://127.0.0.1:{port}")).body(body.clone());
        match request.send().await.map(|answer| answer.status().as_u16()) {
            Ok(200) => break,
            Ok(503) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(status) => panic!("a message was answered {status}"),
        }
    }
    state.delivered.fetch_add(1, Ordering::SeqCst);
}

/// What a story did, as events tell it: for each record, by topic, its states in order. Ids are left out, so that two
/// runs can be compared.
pub fn told(agent: &Agent) -> Vec<String> {
    let mut records: HashMap<String, String> = HashMap::new();
    for event in agent.controller.events() {
        let member = |name: &str| event.body[name].as_str().unwrap_or_default().to_owned();
        let id = ["cred_ex_id", "oob_id", "connection_id"].map(member).into_iter().find(|id| !id.is_empty());
        let line = records.entry(format!("{} {id:?}", event.topic)).or_insert_with(|| event.topic.clone());
        line.push_str(&format!(" {}", member("state")));
    }
    let mut lines: Vec<String> = records.into_values().collect();
    lines.sort();
    lines
}
