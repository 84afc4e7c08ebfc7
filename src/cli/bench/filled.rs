//! Wallets with much in them: a connection and an exchange as agents have written them, copied through the store port.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery_agent::Tenant;
use chancery_agent::ports::Store;
use chancery_agent::ports::store::{Commit, Op, Query, Row, StoreError};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::Value;
use zeroize::Zeroizing;

use super::BenchError;
use super::copies::Copies;
use super::pair::{Home, Pair, PairOptions, RAW};
use super::session::{Shape, multi_use};
use crate::cli::admin_api::AdminApi;
use crate::store::{CreateMode, KeyMethod, OpenOptions, Place, SqliteStore};
use crate::wiring::FACETS;
use crate::world::{SystemClock, SystemEntropy};

/// Changes per commit.
const BATCH: usize = 2_000;

/// Where the rows of a connection are, beside the connection itself.
const OF_CONNECTIONS: [&str; 9] = [
    "connection_invitation",
    "connection_request",
    "connection_metadata",
    "did",
    "did_key",
    "did_doc",
    "long_peer_did_4_doc",
    "peer3_to_peer2",
    "oob_record",
];

/// States in which an exchange may rest, with the messages that its record does not have yet.
const OURS: [(&str, &str, &[&str]); 8] = [
    ("issuer", "offer-sent", &["cred_request", "cred_issue"]),
    ("issuer", "request-received", &["cred_issue"]),
    ("issuer", "abandoned", &["cred_request", "cred_issue"]),
    ("issuer", "done", &[]),
    ("holder", "offer-received", &["cred_request", "cred_issue"]),
    ("holder", "request-sent", &["cred_issue"]),
    ("holder", "abandoned", &["cred_request", "cred_issue"]),
    ("holder", "done", &[]),
];

/// How much goes into a wallet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount {
    pub(super) connections: usize,
    pub(super) records: usize,
}

/// What there is to be found in a filled wallet.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    /// Eleven of twenty exchange records are of this connection.
    pub(super) busy_connection: String,
    /// Twelve of twenty have this role.
    pub(super) usual_role: String,
    /// The thread of one of them.
    pub(super) thread: String,
    /// The multi-use invitation that all of the issuer's connections came from.
    pub(super) invitation: Value,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// How long it took.
    pub(super) took: Duration,
}

/// Lets two agents make the originals, then fills the wallets of these names. The agents aren't running afterwards.
pub(super) async fn fill(
    options: &PairOptions,
    home: &Home,
    names: &[&'static str],
    amount: Amount,
) -> Result<Vec<Contents>, BenchError> {
    let pair = Pair::start(options, home, &[RAW, &["--preserve-exchange-records"]].concat()).await?;
    let shape = Shape { auto_remove: false, ..Shape::default() };
    let outcome = async {
        pair.session(&shape).await?;
        let mut issuer = AdminApi::new("issuer", &pair.issuer.admin_url(), None)?;
        multi_use(&mut issuer).await
    };
    let outcome = outcome.await;
    let invited = &pair.end(outcome).await?;
    // One thread each: encryption is most of the work.
    let filled = std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || fill_one(&home.wallet(name), &home.key, name, amount, invited)))
            .collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    filled
        .into_iter()
        .map(|one| one.unwrap_or_else(|_| Err(BenchError::Fill("the filling broke".into()))))
        .collect()
}

fn fill_one(
    path: &Path,
    key: &str,
    role: &str,
    amount: Amount,
    invited: &Value,
) -> Result<Contents, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| BenchError::Fill(format!("can't start an event loop: {e}")))?;
    runtime.block_on(async {
        let begun = Instant::now();
        let store = SqliteStore::open(OpenOptions {
            place: Place::File(path.to_owned()),
            key: Zeroizing::new(key.to_owned()),
            method: KeyMethod::Raw,
            rekey: None,
            create: CreateMode::Never,
            profile: None,
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy),
            facets: FACETS,
        })
        .await?;
        let filled = Filling::prepare(&store).await;
        let contents = match filled {
            Ok(mut filling) => filling.write(role, amount, invited).await,
            Err(error) => Err(error),
        };
        store.close().await;
        let bytes = std::fs::metadata(path).map(|file| file.len()).unwrap_or_default();
        Ok(Contents { bytes, took: begun.elapsed(), invitation: invited.clone(), ..contents? })
    })
}

struct Filling<'s> {
    store: &'s dyn Store,
    tenant: Tenant,
    rng: ChaCha20Rng,
    connection_id: String,
    connection: Copies,
    /// The original's invitation.
    invitation_id: String,
    exchange: Row,
    details: Vec<Row>,
    ops: Vec<Op>,
}

impl<'s> Filling<'s> {
    /// Reads the originals.
    async fn prepare(store: &'s dyn Store) -> Result<Self, BenchError> {
        let tenant = store.tenants().await?.into_iter().next();
        let tenant = tenant.ok_or_else(|| StoreError::NoTenant("(default)".into()))?;
        let only = |mut rows: Vec<Row>, what: &str| {
            rows.pop().ok_or_else(|| BenchError::Fill(format!("the agents have left no {what}")))
        };
        let mut connections = store.find(&tenant, &Query::all("connection")).await?;
        // The multi-use invitation's own has nobody yet.
        connections.retain(|row| json_of(row).is_ok_and(|record| record["their_did"].is_string()));
        let connection = only(connections, "connection")?;
        let exchange = only(store.find(&tenant, &Query::all("cred_ex_v20")).await?, "exchange")?;
        let details = store.find(&tenant, &Query::all("ld_proof_cred_ex_v20")).await?;
        let record = json_of(&connection)?;
        let mut ids = vec![connection.key.name.clone()];
        for member in ["my_did", "their_did", "invitation_key", "invitation_msg_id", "request_id"] {
            ids.extend(record[member].as_str().map(|id| id.rsplit(':').next().unwrap_or(id).to_owned()));
        }
        let connection_id = connection.key.name.clone();
        let invitation_id = record["invitation_msg_id"].as_str().unwrap_or_default().to_owned();
        let mut rows = vec![connection];
        for category in OF_CONNECTIONS {
            let all = store.find(&tenant, &Query::all(category)).await?;
            rows.extend(all.into_iter().filter(|row| ids.iter().any(|id| mentions(row, id))));
        }
        let mut keys = Vec::new();
        for row in rows.iter().filter(|row| row.key.category == "did") {
            let key = json_of(row)?["verkey"].as_str().unwrap_or_default().to_owned();
            if !keys.contains(&key) && store.key(&tenant, &key).await?.is_some() {
                keys.push(key);
            }
        }
        let connection = Copies::of(&rows, &keys);
        let rng = ChaCha20Rng::from_seed([20; 32]);
        let ops = Vec::new();
        Ok(Self { store, tenant, rng, connection_id, connection, invitation_id, exchange, details, ops })
    }

    async fn write(&mut self, role: &str, amount: Amount, invited: &Value) -> Result<Contents, BenchError> {
        let mut connections = Vec::new();
        let shared = (self.invitation_id.clone(), invited["@id"].as_str().unwrap_or_default());
        let given = if role == "issuer" { vec![(&*shared.0, shared.1)] } else { Vec::new() };
        for _ in 0..amount.connections {
            let copy = self.connection.make(&given, &mut self.rng);
            let id = self.connection.became(&copy, &self.connection_id);
            connections.extend(id.map(str::to_owned));
            self.add(copy.ops).await?;
        }
        let original = json_of(&self.exchange)?;
        let thread = original["thread_id"].as_str().unwrap_or_default().to_owned();
        let kinds = OURS.map(|(role, state, lacking)| {
            let mut row = self.exchange.clone();
            let mut value = original.clone();
            if let Value::Object(members) = &mut value {
                members.insert("role".into(), role.into());
                members.insert("state".into(), state.into());
                members.retain(|name, _| !lacking.contains(&name.as_str()));
            }
            row.value = value.to_string().into_bytes();
            let mut rows = vec![row];
            if (role, state) == ("holder", "done") {
                rows.extend(self.details.iter().cloned());
            }
            (role == "issuer", Copies::of(&rows, &[]))
        });
        let mut a_thread = thread.clone();
        for number in 0..amount.records {
            // Each of the three is spread evenly over the others.
            let is_usual = number % 20 < 12;
            let state = match number / 20 % 20 {
                0..13 => 3,
                other => other % 3,
            };
            let is_busy = number / 400 % 20 < 11;
            let issuer = is_usual == (role == "issuer");
            let connection = match connections.get(number % connections.len().max(1)) {
                Some(other) if !is_busy => other.as_str(),
                _ => self.connection_id.as_str(),
            };
            let kinds = kinds.iter().filter(|(of_issuer, _)| *of_issuer == issuer);
            let Some((_, kind)) = kinds.into_iter().nth(state) else { continue };
            let copy = kind.make(&[(&self.connection_id, connection)], &mut self.rng);
            if number == amount.records / 2 {
                kind.became(&copy, &thread).unwrap_or_default().clone_into(&mut a_thread);
            }
            self.add(copy.ops).await?;
        }
        self.flush().await?;
        Ok(Contents {
            busy_connection: self.connection_id.clone(),
            usual_role: role.to_owned(),
            thread: a_thread,
            ..Contents::default()
        })
    }

    async fn add(&mut self, ops: Vec<Op>) -> Result<(), BenchError> {
        self.ops.extend(ops);
        if self.ops.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), BenchError> {
        let commit = Commit { guards: Vec::new(), ops: std::mem::take(&mut self.ops) };
        self.store.commit(&self.tenant, commit).await?;
        Ok(())
    }
}

fn json_of(row: &Row) -> Result<Value, BenchError> {
    serde_json::from_slice(&row.value)
        .map_err(|e| BenchError::Fill(format!("{}/{}: {e}", row.key.category, row.key.name)))
}

fn mentions(row: &Row, id: &str) -> bool {
    row.key.name.contains(id)
        || row.tags.iter().any(|tag| tag.value.contains(id))
        || String::from_utf8_lossy(&row.value).contains(id)
}
