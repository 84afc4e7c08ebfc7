//! Live events: what was just committed, for waiting calls and the admin WebSocket.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::Event;
use chancery_agent::ports::watch::{Subscription, Watch};
use serde_json::Value;
use tokio::sync::broadcast;

/// How many events a slow reader may fall behind before it misses some.
const BACKLOG: usize = 4096;

/// The broadcaster.
pub struct Live {
    sender: broadcast::Sender<Arc<Event>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }
}

impl Live {
    /// Tells whoever listens.
    pub fn publish(&self, events: &[Event]) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        for event in events {
            // Fails only when nobody listens any more.
            let _ = self.sender.send(Arc::new(event.clone()));
        }
    }
}

struct Reader {
    tenant: Tenant,
    receiver: broadcast::Receiver<Arc<Event>>,
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            match self.receiver.recv().await {
                Ok(event) if event.tenant == self.tenant => {
                    return Some((event.topic.clone(), event.payload_json()));
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "a live reader was too slow");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

#[async_trait]
impl Watch for Live {
    fn subscribe(&self, tenant: &Tenant) -> Box<dyn Subscription> {
        Box::new(Reader { tenant: tenant.clone(), receiver: self.sender.subscribe() })
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
