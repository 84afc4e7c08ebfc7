//! `bench exchange`: offers through the issuer's admin API; the agents do the rest by themselves, and their
//! webhooks say when both records are done.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::{Gauge, Measured, rounded};
use super::process::{Whose, fsync_ms};
use super::scan::members;
use super::webhooks::{Exchanges, listen};
use crate::cli::admin_api::{AdminApi, CallError, text};
use crate::cli::http::Client;
use crate::cli::usage::Usage;
use crate::cli::{Failure, block_on_one_thread, failed};
use crate::config::options::OptionSpec;

const TITLE: &str = "\
Usage: chancery bench exchange --issuer URL --holder URL --webhook-port PORT [OPTIONS]

Both agents must run already, with these options:
  issuer: --webhook-url http://127.0.0.1:PORT/issuer
  holder: --webhook-url http://127.0.0.1:PORT/holder --auto-respond-credential-offer --auto-store-credential";

static OPTIONS: &[OptionSpec] = &[
    OptionSpec::value("--issuer", "URL", "Admin API of the issuer, http://HOST:PORT"),
    OptionSpec::value("--holder", "URL", "Admin API of the holder, http://HOST:PORT"),
    OptionSpec::value("--webhook-port", "PORT", "Where the webhooks of both are taken, on 127.0.0.1"),
    OptionSpec::value("--exchanges", "N", "How many exchanges").short("-n").default_value("1000"),
    OptionSpec::value("--concurrency", "C", "How many at once").short("-c").default_value("16"),
    OptionSpec::value("--connections", "K", "Over how many connections").default_value("1"),
    OptionSpec::value("--proof-type", "TYPE", "Proof of the credential")
        .default_value("Ed25519Signature2020"),
    OptionSpec::value("--pid-issuer", "PID", "Process of the issuer, for its memory and processor time"),
    OptionSpec::value("--pid-holder", "PID", "Process of the holder, for the same"),
    OptionSpec::value("--api-key", "KEY", "X-API-Key of both"),
    OptionSpec::value(
        "--wallet-dir",
        "DIR",
        "Where to time fsync; the folder for temporary files if not given",
    ),
    OptionSpec::value("--timeout", "SECONDS", "An exchange that takes longer has failed").default_value("60"),
];

struct Plan {
    issuer: String,
    holder: String,
    webhook_port: u16,
    exchanges: usize,
    concurrency: usize,
    connections: usize,
    proof_type: String,
    pid_issuer: Option<Whose>,
    pid_holder: Option<Whose>,
    api_key: Option<String>,
    wallet_dir: PathBuf,
    timeout: Duration,
}

/// Runs `chancery bench exchange …`.
pub(super) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(TITLE, OPTIONS, arguments)? else { return Ok(()) };
    let pid = |name| Ok::<_, Failure>(usage.parsed::<u32>(name)?.map(|pid| Whose::Process(pid.to_string())));
    let plan = Plan {
        issuer: usage.required("--issuer")?,
        holder: usage.required("--holder")?,
        webhook_port: usage.required("--webhook-port")?,
        exchanges: usage.parsed("--exchanges")?.unwrap_or(1000).max(1),
        concurrency: usage.parsed("--concurrency")?.unwrap_or(16).max(1),
        connections: usage.parsed("--connections")?.unwrap_or(1).max(1),
        proof_type: usage.text("--proof-type").unwrap_or("Ed25519Signature2020").to_owned(),
        pid_issuer: pid("--pid-issuer")?,
        pid_holder: pid("--pid-holder")?,
        api_key: usage.text("--api-key").map(str::to_owned),
        wallet_dir: usage.parsed("--wallet-dir")?.unwrap_or_else(std::env::temp_dir),
        timeout: Duration::from_secs(usage.parsed("--timeout")?.unwrap_or(60)),
    };
    let (figures, errors) = block_on_one_thread(measure(Rc::new(plan)))?.map_err(failed)?;
    println!("{figures}");
    match errors {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!("{errors} exchanges failed"))),
    }
}

#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("can't take webhooks on 127.0.0.1:{0}: {1}")]
    Port(u16, io::Error),
    #[error("can't time fsync in {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error(
        "the first exchange failed: {0}\n\
         Does the holder run with --auto-respond-credential-offer --auto-store-credential, and do both send their \
         webhooks to http://127.0.0.1:{1}/issuer and /holder?"
    )]
    First(String, u16),
}

async fn measure(plan: Rc<Plan>) -> Result<(Value, usize), BenchError> {
    let fsync = fsync_ms(&plan.wallet_dir)
        .map_err(|source| BenchError::Folder { folder: plan.wallet_dir.clone(), source })?;
    let exchanges = Exchanges::default();
    let port = plan.webhook_port;
    listen(port, exchanges.clone()).await.map_err(|e| BenchError::Port(port, e))?;
    let (connect, offers) = prepare(&plan).await?;
    let offers = Rc::new(offers);

    let mut first = Worker::new(&plan, &exchanges, &offers)?;
    first.exchange(0).await.map_err(|fault| BenchError::First(fault, port))?;

    let gauges =
        [plan.pid_issuer.clone(), plan.pid_holder.clone(), Some(Whose::ThisThread)].map(Gauge::start);
    let begun = Instant::now();
    let run = Rc::new(Run { next: Cell::new(0), errors: Cell::new(0), latencies: RefCell::default() });
    let mut workers = Vec::new();
    for _ in 0..plan.concurrency.min(plan.exchanges) {
        let worker = Worker::new(&plan, &exchanges, &offers)?;
        workers.push(tokio::task::spawn_local(worker.work(run.clone(), plan.clone())));
    }
    for worker in workers {
        // A worker neither panics nor is cancelled.
        let _ = worker.await;
    }
    let wall = begun.elapsed();
    let [issuer, holder, driver] = gauges;
    let errors = run.errors.get();
    let measured = Measured { wall, connect, latencies: run.latencies.take(), errors };
    let asked =
        json!({"n": plan.exchanges, "concurrency": plan.concurrency, "connections": plan.connections});
    let mut figures = measured.into_json(asked, &issuer, &holder, &driver);
    figures["fsync_ms"] = rounded(fsync);
    Ok((figures, errors))
}

/// Makes the DIDs and the connections. Returns how long the connections took, and one offer per connection.
async fn prepare(plan: &Plan) -> Result<(Duration, Vec<Vec<u8>>), BenchError> {
    let key = plan.api_key.as_deref();
    let mut issuer = AdminApi::new("issuer", &plan.issuer, key)?;
    let mut holder = AdminApi::new("holder", &plan.holder, key)?;
    let patience = Duration::from_secs(10);
    issuer.wait_ready(patience).await?;
    holder.wait_ready(patience).await?;
    let issuer_did = issuer.create_did_key().await?;
    let holder_did = holder.create_did_key().await?;
    let begun = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        connections.push(connect(&mut issuer, &mut holder, plan.timeout).await?);
    }
    let took = begun.elapsed();
    let offer =
        |connection| offer(connection, &issuer_did, &holder_did, &plan.proof_type).to_string().into_bytes();
    Ok((took, connections.iter().map(offer).collect()))
}

/// One connection by out-of-band invitation; returns the issuer's id of it once both sides have completed it.
async fn connect(
    issuer: &mut AdminApi,
    holder: &mut AdminApi,
    patience: Duration,
) -> Result<String, CallError> {
    let wanted = json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]});
    let created = issuer.post("/out-of-band/create-invitation?auto_accept=true", &wanted).await?;
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

fn offer(connection: &String, issuer_did: &str, holder_did: &str, proof_type: &str) -> Value {
    json!({
        "connection_id": connection,
        "auto_issue": true,
        "auto_remove": true,
        "filter": {"ld_proof": credential(issuer_did, holder_did, proof_type)}
    })
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
    next: Cell<usize>,
    errors: Cell<usize>,
    latencies: RefCell<Vec<Duration>>,
}

/// Offers one credential after another over a connection of its own to the issuer's admin API.
struct Worker {
    client: Client,
    exchanges: Exchanges,
    offers: Rc<Vec<Vec<u8>>>,
    timeout: Duration,
}

impl Worker {
    fn new(plan: &Plan, exchanges: &Exchanges, offers: &Rc<Vec<Vec<u8>>>) -> Result<Self, CallError> {
        let client = Client::new(&plan.issuer, plan.api_key.as_deref()).map_err(CallError)?;
        Ok(Self { client, exchanges: exchanges.clone(), offers: offers.clone(), timeout: plan.timeout })
    }

    async fn work(mut self, run: Rc<Run>, plan: Rc<Plan>) {
        let too_many = (plan.exchanges / 10).max(10);
        loop {
            let number = run.next.get();
            if number >= plan.exchanges || run.errors.get() >= too_many {
                return;
            }
            run.next.set(number + 1);
            let begun = Instant::now();
            match self.exchange(number).await {
                Ok(()) => run.latencies.borrow_mut().push(begun.elapsed()),
                Err(fault) => {
                    run.errors.set(run.errors.get() + 1);
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
