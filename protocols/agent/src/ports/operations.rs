//! What the admin API needs of the running process.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::Timestamp;
use super::store::{Queue, Seq};

/// Counters of ACA-Py's `GET /status` member `conductor`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conductor {
    /// Open inbound sessions.
    pub in_sessions: u64,
    /// Messages being packed.
    pub out_encode: u64,
    /// Messages being delivered.
    pub out_deliver: u64,
    /// Tasks running.
    pub task_active: u64,
    /// Tasks done since start or reset.
    pub task_done: u64,
    /// Tasks failed since start or reset.
    pub task_failed: u64,
    /// Tasks waiting.
    pub task_pending: u64,
}

/// Why and when a delivery failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// How a queue row stands with its worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// A try is under way.
    pub in_flight: bool,
    /// Its last failed try since the start.
    pub failure: Option<Failure>,
    /// Before this it is not tried; `None`: when its turn comes.
    pub not_before: Option<Timestamp>,
    /// Its endpoint, when that does not work: all messages to it wait, one of them probes.
    pub endpoint: Option<Down>,
}

/// An endpoint that does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// Failed tries in a row.
    pub failures: u32,
    /// The first of them.
    pub since: Timestamp,
    /// The last of them.
    pub last: Failure,
}

/// The workers that deliver messages and go on with queued work.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// How rows of [`Queue::Outbound`] or [`Queue::Work`] stand; those that the worker doesn't have are left out.
    async fn standings(&self, queue: Queue, rows: &[Seq]) -> HashMap<Seq, Standing>;
}

/// The running process.
#[async_trait]
pub trait Operations: Deliveries {
    /// For `GET /status`.
    fn conductor(&self) -> Conductor;
    /// `POST /status/reset`.
    fn reset(&self);
    /// Settings for `GET /status/config`, secrets already left out.
    fn config(&self) -> Map<String, Value>;
    /// Why the agent is not ready (one sentence each); empty when it is. A real round trip.
    async fn not_ready(&self) -> Vec<String>;
    /// Figures in Prometheus' text format 0.0.4.
    async fn metrics(&self) -> String;
    /// Counts a request of the admin API, the probes excepted, by the time that it took. `reads`: it changes nothing.
    fn answered(&self, reads: bool, took: Duration);
    /// Counts a request that was refused, by its error code.
    fn rejected(&self, reason: &'static str);
    /// Remarks for readiness, e.g. that the admin API is open off loopback.
    fn warnings(&self) -> Vec<String>;
    /// Begins a graceful stop.
    fn shutdown(&self);
    /// A stop has begun: calls other than the status probes answer 503.
    fn stopping(&self) -> bool;
}
