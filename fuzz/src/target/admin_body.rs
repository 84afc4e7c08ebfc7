//! Requests of the admin API, from controllers: the line `METHOD /path?query`, then the body. What is let through runs on an
//! agent with an empty wallet.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use chancery_admin_api::fuzzing::{Answered, Bare, all, words};
use chancery_admin_api::{AdminApi, Auth, Limits};
use chancery_agent::Agent;
use chancery_agent::engine::Registration;
use chancery_agent::ports::Operations;
use chancery_agent::ports::operations::{Conductor, Deliveries, Standing};
use chancery_agent::ports::store::{Queue, Seq};
use chancery_agent::testing::World;
use serde_json::{Map, Value};

use crate::mutate::{self, Bytes, Choice};

/// Names, choices and examples of all bodies.
static WORDS: LazyLock<Vec<&str>> = LazyLock::new(words);

/// ACA-Py answers 500 to these faults of others, and so do we.
const AS_ACAPY: [&str; 2] = ["connection-not-ready", "did-without-service"];

static PATHS: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| all().collect());

struct Quiet;

#[async_trait]
impl Deliveries for Quiet {
    async fn standings(&self, _: Queue, _: &[Seq]) -> HashMap<Seq, Standing> {
        HashMap::new()
    }
}

#[async_trait]
impl Operations for Quiet {
    fn conductor(&self) -> Conductor {
        Conductor::default()
    }
    fn reset(&self) {}
    fn config(&self) -> Map<String, Value> {
        Map::new()
    }
    async fn not_ready(&self) -> Vec<String> {
        Vec::new()
    }
    async fn metrics(&self) -> String {
        String::new()
    }
    fn answered(&self, _reads: bool, _took: Duration) {}
    fn rejected(&self, _: &'static str) {}
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
    fn shutdown(&self) {}
    fn stopping(&self) -> bool {
        false
    }
}

fn protocols() -> Vec<Registration> {
    vec![
        chancery_agent::out_of_band::registration(),
        chancery_agent::did_exchange::registration(),
        chancery_agent::trust_ping::registration(),
        chancery_agent::basic_message::registration(),
        chancery_agent::introduction::registration(),
        chancery_agent::issue_credential_v2::registration(),
    ]
}

/// A fresh agent: an input must not see what another one left.
fn api() -> Bare {
    let world = World::new(&["agent"], protocols);
    let parts = world.party("agent").parts();
    let limits = Limits {
        max_request_bytes: 1 << 20,
        max_concurrent: 4,
        connections: 4,
        connections_per_address: None,
        header_time: Duration::from_secs(1),
        body_time: Duration::from_secs(1),
        idle_time: Duration::from_secs(1),
        shape: Default::default(),
        rate_per_address: None,
        rate_per_key: None,
        address_header: None,
    };
    Bare::new(AdminApi {
        agent: Arc::new(Agent::new(parts, protocols())),
        operations: Arc::new(Quiet),
        auth: Auth::Insecure,
        limits,
        hosts: Vec::new(),
        version: "0".to_owned(),
    })
}

/// Request line and body.
fn parts(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(data.get(..end)?).ok()?, data.get(end + 1..)?))
}

fn perform(data: &[u8]) -> Option<(Answered, &[u8])> {
    let (line, body) = parts(data)?;
    let (method, target) = line.split_once(' ')?;
    Some((api().perform(method, target, body)?, body))
}

/// One request.
pub fn run(data: &[u8]) {
    let Some((answered, body)) = perform(data) else { return };
    let is_ours = answered.status == Some(500) && !AS_ACAPY.contains(&answered.code);
    assert!(!is_ours, "a fault of ours: {}", String::from_utf8_lossy(&answered.body));
    if answered.code == "not-json" {
        let told = String::from_utf8_lossy(&answered.body).into_owned();
        let mut pieces = body.windows(24).filter_map(|piece| std::str::from_utf8(piece).ok());
        assert!(!pieces.any(|piece| told.contains(piece)), "a broken body is repeated: {told}");
    }
}

/// Whether the agent's command was reached.
pub fn reaches_command(data: &[u8]) -> bool {
    perform(data).is_some_and(|(answered, _)| answered.ran)
}

/// Another body, now and then for another operation.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, bytes: Bytes) -> usize {
    let mut choice = Choice::new(seed);
    let taken = data.get(..size).and_then(parts).map(|(line, body)| (line.to_owned(), body.to_vec()));
    let Some((mut line, body)) = taken.filter(|_| !choice.one_in(16)) else {
        return bytes(data, size, max_size);
    };
    if choice.one_in(8) {
        let (method, path) = PATHS.get(choice.below(PATHS.len())).copied().unwrap_or_default();
        line = format!("{method} {path}");
    }
    let most = max_size.saturating_sub(line.len() + 1);
    let mut new = body.clone();
    new.resize(most.max(body.len()), 0);
    let size_of_body = mutate::json(&mut new, body.len(), most, seed, &WORDS, bytes);
    new.truncate(size_of_body);
    let whole = [line.as_bytes(), b"\n", &new].concat();
    mutate::write(data, max_size, &whole).unwrap_or_else(|| bytes(data, size, max_size))
}
