//! What the admin API may know of and do to the running process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::Store;
use chancery_agent::ports::operations::{Conductor, Operations};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::config::{AdminAccess, Config};
use crate::delivery::Dispatcher;
use crate::inbound::Endpoint;
use crate::outbound::Letter;
use crate::webhooks::Notice;

/// The process.
pub struct Process {
    config: Map<String, Value>,
    warnings: Vec<String>,
    store: Arc<dyn Store>,
    endpoint: Arc<Endpoint>,
    outbound: Dispatcher<Letter>,
    webhooks: Dispatcher<Notice>,
    stopping: Arc<AtomicBool>,
    stop: Notify,
    /// Counters at the last reset: done, failed.
    reset: [AtomicU64; 2],
}

impl Process {
    /// The process of a configuration.
    pub fn new(
        config: &Config,
        store: Arc<dyn Store>,
        endpoint: Arc<Endpoint>,
        outbound: Dispatcher<Letter>,
        webhooks: Dispatcher<Notice>,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        let mut warnings = Vec::new();
        if let Some(admin) = &config.admin
            && matches!(admin.access, AdminAccess::Insecure)
            && !is_loopback(&admin.host)
        {
            let warning =
                format!("the admin API on {} lets everybody in (--admin-insecure-mode)", admin.host);
            tracing::warn!("{warning}: give it a key with ACAPY_ADMIN_API_KEY");
            warnings.push(warning);
        }
        Self {
            config: config.status_config(),
            warnings,
            store,
            endpoint,
            outbound,
            webhooks,
            stopping,
            stop: Notify::new(),
            reset: Default::default(),
        }
    }

    /// Resolves once `GET /shutdown` was called.
    pub async fn asked_to_stop(&self) {
        self.stop.notified().await;
    }

    /// From now on inbound messages and calls are answered 503.
    pub fn stop_accepting(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn done_and_failed(&self) -> [u64; 2] {
        let figures = &self.endpoint.figures;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let failed =
            [&figures.not_opened, &figures.not_understood, &figures.not_accepted, &figures.turned_away];
        [read(&figures.accepted), failed.into_iter().map(read).sum()]
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[async_trait]
impl Operations for Process {
    fn conductor(&self) -> Conductor {
        let [done, failed] = self.done_and_failed();
        let since = |at: usize, now: u64| now.saturating_sub(self.reset[at].load(Ordering::Relaxed));
        let out = self.outbound.figures();
        Conductor {
            in_sessions: self.endpoint.figures.sessions.load(Ordering::Relaxed),
            out_encode: 0,
            out_deliver: out.in_flight.load(Ordering::Relaxed),
            task_active: self.endpoint.handling.load(Ordering::Relaxed) as u64,
            task_done: since(0, done),
            task_failed: since(1, failed),
            task_pending: out.waiting.load(Ordering::Relaxed)
                + self.webhooks.figures().waiting.load(Ordering::Relaxed),
        }
    }

    fn reset(&self) {
        for (kept, now) in self.reset.iter().zip(self.done_and_failed()) {
            kept.store(now, Ordering::Relaxed);
        }
    }

    fn config(&self) -> Map<String, Value> {
        self.config.clone()
    }

    async fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping() {
            reasons.push("the agent is stopping".to_owned());
        }
        match tokio::time::timeout(Duration::from_secs(5), self.store.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => reasons.push(error.to_string()),
            Err(_) => reasons.push("the store did not answer within 5 s".to_owned()),
        }
        reasons
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn shutdown(&self) {
        self.stop.notify_one();
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
