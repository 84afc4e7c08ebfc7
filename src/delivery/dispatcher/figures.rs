//! What can be seen of a dispatcher from outside: figures, and how a job stands.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

/// Figures for status and metrics.
#[derive(Debug, Default)]
pub struct Figures {
    /// Jobs not yet settled.
    pub waiting: AtomicU64,
    /// Tries under way.
    pub in_flight: AtomicU64,
    /// Delivered since start.
    pub delivered: AtomicU64,
    /// Failed tries since start.
    pub failed: AtomicU64,
    /// Given up since start.
    pub dead: AtomicU64,
}

impl Figures {
    /// A job is no longer waiting.
    pub(super) fn leaves(&self, how: Option<&AtomicU64>) {
        if let Some(counter) = how {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why and when a try failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// How a job stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// A try is under way.
    pub in_flight: bool,
    /// Its last failure in this run.
    pub failure: Option<Failure>,
    /// Before this it isn't tried; its endpoint's pause included.
    pub not_before: Option<Instant>,
    /// Its endpoint, when that is down.
    pub endpoint: Option<Down>,
}

/// An endpoint that doesn't work.
#[derive(Clone, Debug)]
pub struct Down {
    /// In a row.
    pub failures: u32,
    /// The first of them.
    pub since: Instant,
    /// The last of them.
    pub last: Failure,
}
