//! Messages whose recipient has no endpoint wait in the agent until it polls. Nobody polled for long: a dead letter.

use std::sync::Arc;
use std::time::Duration;

use chancery_agent::engine::Held;
use chancery_agent::ports::Timestamp;

use super::Carrier;
use super::lost::LostMessage;

/// Starts to look from time to time which of them have waited for too long.
pub fn watch(carrier: Arc<Carrier>) {
    let pause = (carrier.schedule.most_held / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
    #[expect(clippy::disallowed_methods, reason = "it holds nothing that a stop would have to wait for")]
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let unfetched = carrier.agent.take_unfetched(carrier.held_since());
            unfetched.into_iter().for_each(|message| carrier.unfetched(message));
        }
    });
}

impl Carrier {
    /// What was queued before this has been held for too long.
    fn held_since(&self) -> Timestamp {
        let most = i64::try_from(self.schedule.most_held.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.clock.now().0.saturating_sub(most))
    }

    /// Gives up a message that nobody polled for.
    fn unfetched(&self, message: Held) {
        let reason = format!(
            "the recipient has no endpoint, and did not poll for it within {} s (--return-route-retention)",
            self.schedule.most_held.as_secs()
        );
        let Held { tenant, seq, .. } = message;
        self.burial.bury(LostMessage { tenant, seq, tried: None, reason, at: self.clock.now() });
    }
}
