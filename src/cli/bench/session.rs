//! Two connected agents, and rounds of exchanges between them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::scan::members;
use super::webhooks::{Exchanges, listen};
use crate::cli::admin_api::{AdminApi, CallError, text};
use crate::cli::http::Client;

/// How long agents that were just started may take to be ready: a wallet may have to be made, or looked through.
const READY: Duration = Duration::from_secs(30);

/// Where the agents are.
#[derive(Debug, Clone)]
pub(super) struct Agents {
    /// Admin API of the issuer.
    pub(super) issuer: String,
    /// Admin API of the holder.
    pub(super) holder: String,
    /// `X-API-Key` of both.
    pub(super) api_key: Option<String>,
    /// Process of the issuer, of the holder.
    pub(super) processes: [Option<u32>; 2],
}

/// What the exchanges are like.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) connections: usize,
    pub(super) proof_type: String,
    pub(super) timeout: Duration,
    /// Finished records go.
    pub(super) auto_remove: bool,
}

impl Default for Shape {
    fn default() -> Self {
        let proof_type = "Ed25519Signature2020".to_owned();
        Self { connections: 1, proof_type, timeout: Duration::from_secs(60), auto_remove: true }
    }
}

/// Connected agents with one offer per connection. The first exchange is over: caches are warm.
pub(super) struct Session {
    agents: Agents,
    exchanges: Exchanges,
    offers: Rc<Vec<Vec<u8>>>,
    timeout: Duration,
    /// How long the connections took together.
    pub(super) connect: Duration,
}

/// What a round of exchanges came to.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// One per exchange that came to its end.
    pub(super) latencies: Vec<Duration>,
    pub(super) errors: usize,
}

impl Session {
    /// Takes the webhooks of running agents on this port, then connects them.
    pub(super) async fn listen(agents: Agents, port: u16, shape: &Shape) -> Result<Self, BenchError> {
        let exchanges = Exchanges::default();
        let port = listen(port, exchanges.clone()).await.map_err(|e| BenchError::Port(port, e))?;
        Self::open(agents, exchanges, port, shape).await
    }

    /// Connects agents whose webhooks arrive in `exchanges`, and exchanges a first credential.
    pub(super) async fn open(
        agents: Agents,
        exchanges: Exchanges,
        port: u16,
        shape: &Shape,
    ) -> Result<Self, BenchError> {
        let (connect, offers) = prepare(&agents, shape).await?;
        let session = Self { agents, exchanges, offers: Rc::new(offers), timeout: shape.timeout, connect };
        session.worker()?.exchange(0).await.map_err(|fault| BenchError::First(fault, port))?;
        Ok(session)
    }

    /// The processes of issuer and holder, where they are known.
    pub(super) fn processes(&self) -> [Option<u32>; 2] {
        self.agents.processes
    }

    /// So many exchanges, so many at a time.
    pub(super) async fn round(&self, exchanges: usize, concurrency: usize) -> Result<Round, BenchError> {
        let run = Rc::new(Run { wanted: exchanges, next: Cell::new(0), round: RefCell::default() });
        let mut workers = Vec::new();
        for _ in 0..concurrency.min(exchanges) {
            workers.push(tokio::task::spawn_local(self.worker()?.work(run.clone())));
        }
        for worker in workers {
            // A worker neither panics nor is cancelled.
            let _ = worker.await;
        }
        Ok(run.round.take())
    }

    fn worker(&self) -> Result<Worker, CallError> {
        let client = Client::new(&self.agents.issuer, self.agents.api_key.as_deref()).map_err(CallError)?;
        let (exchanges, offers) = (self.exchanges.clone(), self.offers.clone());
        Ok(Worker { client, exchanges, offers, timeout: self.timeout })
    }
}

/// Makes the DIDs and the connections. Returns how long the connections took, and one offer per connection.
async fn prepare(agents: &Agents, shape: &Shape) -> Result<(Duration, Vec<Vec<u8>>), BenchError> {
    let key = agents.api_key.as_deref();
    let mut issuer = AdminApi::new("issuer", &agents.issuer, key)?;
    let mut holder = AdminApi::new("holder", &agents.holder, key)?;
    issuer.wait_ready(READY).await?;
    holder.wait_ready(READY).await?;
    let issuer_did = issuer.create_did_key().await?;
    let holder_did = holder.create_did_key().await?;
    let begun = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..shape.connections {
        connections.push(connect(&mut issuer, &mut holder, shape.timeout).await?);
    }
    let took = begun.elapsed();
    let offer =
        |connection: &String| offer(connection, &issuer_did, &holder_did, shape).to_string().into_bytes();
    Ok((took, connections.iter().map(offer).collect()))
}

/// One connection by out-of-band invitation; returns the issuer's id of it once both sides have completed it.
async fn connect(
    issuer: &mut AdminApi,
    holder: &mut AdminApi,
    patience: Duration,
) -> Result<String, CallError> {
    let created = issuer.post("/out-of-band/create-invitation?auto_accept=true", &invitation()).await?;
    let received =
        holder.post("/out-of-band/receive-invitation?auto_accept=true", &created["invitation"]).await?;
    let holders = format!("/connections/{}", text(&received, "/connection_id")?);
    holder
        .poll(&holders, "the connection", patience, |seen| (seen["rfc23_state"] == "completed").then_some(()))
        .await?;
    let issuers = format!("/connections?invitation_msg_id={}", text(&created, "/invi_msg_id")?);
    let id = issuer.poll(&issuers, "the connection", patience, |seen| {
        let record = &seen["results"][0];
        (record["rfc23_state"] == "completed")
            .then(|| record["connection_id"].as_str().map(str::to_owned))
            .flatten()
    });
    id.await
}

fn offer(connection: &str, issuer_did: &str, holder_did: &str, shape: &Shape) -> Value {
    json!({
        "connection_id": connection,
        "auto_issue": true,
        "auto_remove": shape.auto_remove,
        "filter": {"ld_proof": credential(issuer_did, holder_did, &shape.proof_type)}
    })
}

/// What is asked for when an invitation is wanted.
pub(super) fn invitation() -> Value {
    json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]})
}

/// An invitation that any number of agents may use.
pub(super) async fn multi_use(issuer: &mut AdminApi) -> Result<Value, BenchError> {
    let path = "/out-of-band/create-invitation?auto_accept=true&multi_use=true";
    let mut created = issuer.post(path, &invitation()).await?;
    Ok(created["invitation"].take())
}

/// A credential of twelve claims over contexts that ACA-Py bundles, and how to sign it.
pub(super) fn credential(issuer_did: &str, holder_did: &str, proof_type: &str) -> Value {
    let mut contexts = vec!["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"];
    if proof_type == "Ed25519Signature2020" {
        contexts.push("https://w3id.org/security/suites/ed25519-2020/v1");
    }
    json!({
        "credential": {
            "@context": contexts,
            "type": ["VerifiableCredential", "PermanentResidentCard"],
            "issuer": issuer_did,
            "issuanceDate": "2024-01-01T00:00:00Z",
            "credentialSubject": {
                "id": holder_did,
                "type": ["PermanentResident"],
                "givenName": "Alice",
                "familyName": "Smith",
                "gender": "Female",
                "birthDate": "1958-07-17",
                "birthCountry": "Bahamas",
                "residentSince": "2015-01-01",
                "lprCategory": "C09",
                "lprNumber": "999-999-999",
                "commuterClassification": "C1",
                "image": "data:image/png;base64,iVBORw0KGgo="
            }
        },
        "options": {"proofType": proof_type}
    })
}

/// Shared by all workers.
struct Run {
    wanted: usize,
    next: Cell<usize>,
    round: RefCell<Round>,
}

/// Offers one credential after another over a connection of its own to the issuer's admin API.
struct Worker {
    client: Client,
    exchanges: Exchanges,
    offers: Rc<Vec<Vec<u8>>>,
    timeout: Duration,
}

impl Worker {
    async fn work(mut self, run: Rc<Run>) {
        let too_many = (run.wanted / 10).max(10);
        loop {
            let number = run.next.get();
            if number >= run.wanted || run.round.borrow().errors >= too_many {
                return;
            }
            run.next.set(number + 1);
            let begun = Instant::now();
            match self.exchange(number).await {
                Ok(()) => run.round.borrow_mut().latencies.push(begun.elapsed()),
                Err(fault) => {
                    run.round.borrow_mut().errors += 1;
                    eprintln!("exchange {number}: {fault}");
                }
            }
        }
    }

    /// One exchange, from the offer until both sides are done.
    async fn exchange(&mut self, number: usize) -> Result<(), String> {
        let offer = self.offers.get(number % self.offers.len()).map(Vec::as_slice);
        let called = self.client.call("POST", "/issue-credential-2.0/send-offer", offer).await;
        let reply = called.map_err(|e| format!("send-offer: {e}"))?;
        let mut thread = None;
        members(&reply.body, |name, value| {
            if name == b"thread_id" {
                thread = value.and_then(|bytes| std::str::from_utf8(bytes).ok());
            }
        });
        let Some(thread) = thread.filter(|_| reply.status == 200) else {
            return Err(format!("send-offer: {} {}", reply.status, String::from_utf8_lossy(&reply.body)));
        };
        match tokio::time::timeout(self.timeout, self.exchanges.outcome(thread)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(format!("thread {thread}: another exchange bears the same thread id")),
            Err(_) => {
                self.exchanges.forget(thread);
                Err(format!("thread {thread}: not done within {} s", self.timeout.as_secs()))
            }
        }
    }
}
