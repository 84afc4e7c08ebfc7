//! Looks from time to time whether messages are getting through.

use std::sync::Arc;
use std::time::Duration;

use chancery_agent::Agent;
use chancery_agent::delivery::notice_delay;

/// Starts to look. `most`: age of a message beyond which the controller is told.
pub fn watch(agent: Arc<Agent>, most: Duration) {
    let pause = (most / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
    let seconds = i64::try_from(most.as_secs()).unwrap_or(i64::MAX);
    #[expect(clippy::disallowed_methods, reason = "it holds nothing that a stop would have to wait for")]
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let tenant = agent.default_tenant();
            if let Err(error) = notice_delay(&agent, tenant, seconds).await {
                tracing::debug!(%tenant, %error, "the age of waiting messages can't be read");
            }
        }
    });
}
