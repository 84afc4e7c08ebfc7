//! Messages whose recipient has no endpoint wait in the agent until it polls. Nobody polled for long: a dead letter.

use std::sync::Arc;
use std::time::Duration;

use chancery_agent::delivery::{Content, GivenUp, Letter};
use chancery_agent::engine::Outbound;
use chancery_agent::ports::Timestamp;
use chancery_agent::ports::store::Item;
use chancery_agent::quoted::Quoted;

use super::Carrier;

/// Starts to look from time to time which of them have waited for too long.
pub fn watch(carrier: Arc<Carrier>) {
    let pause = (carrier.schedule.most_held / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
    #[expect(clippy::disallowed_methods, reason = "it holds nothing that a stop would have to wait for")]
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let unfetched = carrier.agent.get().map(|agent| agent.take_unfetched(carrier.held_since()));
            for item in unfetched.unwrap_or_default() {
                match chancery_agent::Agent::read_outbound(&item) {
                    Ok(outbound) => carrier.unfetched(&item, outbound),
                    // It was read before it was held.
                    Err(error) => tracing::error!(%error, seq = item.seq, "a held message can't be read"),
                }
            }
        }
    });
}

impl Carrier {
    /// What was queued before this has been held for too long.
    pub(super) fn held_since(&self) -> Timestamp {
        let most = i64::try_from(self.schedule.most_held.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.clock.now().0.saturating_sub(most))
    }

    /// Gives up a message that nobody polled for.
    pub(super) fn unfetched(&self, item: &Item, outbound: Outbound) {
        let message_type = outbound.message.heading().message_type;
        tracing::warn!(
            tenant = %item.tenant, message_type, thread = %Quoted(&outbound.thread_id), connection = outbound.connection_id,
            "its recipient has no endpoint and did not poll for it, now a dead letter"
        );
        let letter = Letter {
            content: Content::Message(outbound),
            endpoint: None,
            reason: format!(
                "the recipient has no endpoint, and did not poll for it within {} s (--return-route-retention)",
                self.schedule.most_held.as_secs()
            ),
            attempts: item.attempts,
            since: item.created,
        };
        self.burial.bury(&item.tenant, GivenUp { letter, row: Some(item.seq) });
    }
}
