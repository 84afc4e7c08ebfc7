//! What a run that was killed had sent, but not yet noted as delivered, is not sent again at once: not every peer knows a repeat,
//! and some end an exchange over it. It is held back until the peer's answer has had time to arrive, which proves that it did.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chancery_agent::ports::Timestamp;
use chancery_agent::ports::store::{Item, Op, Space, StoreError};
use chancery_agent::unit::Outbound;
use tokio::time::Instant;

use super::Carrier;
use crate::delivery::Dispatcher;

/// Rows older than this when the earlier run ended are not held back: what waits for so long without a try was not sent.
const FRESH: Duration = Duration::from_secs(10);
/// How often is noted that the agent lives.
const BEAT: Duration = Duration::from_secs(1);
/// Where.
const LIVED: &str = "outbox-lived";

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Notes from time to time that the agent lives, as long as that tells anything about a row that waits.
pub fn watch(carrier: Arc<Carrier>, dispatcher: Dispatcher<Outbound>) {
    #[expect(clippy::disallowed_methods, reason = "it holds nothing that a stop would have to wait for")]
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(BEAT).await;
            let (now, newest) = (carrier.clock.now(), carrier.desk.newest.load(Ordering::Relaxed));
            let tells = now.0.saturating_sub(newest) <= micros(FRESH + 2 * BEAT);
            if tells && dispatcher.figures().waiting.load(Ordering::Relaxed) > 0 {
                carrier.note_life(now);
            }
        }
    });
}

impl Carrier {
    fn note_life(&self, now: Timestamp) {
        let value = now.0.to_be_bytes().to_vec();
        let note = Op::Remember { space: Space::Setting, id: LIVED.to_owned(), value, expires: None };
        self.store.lazily(self.agent.default_tenant(), vec![note]);
    }

    /// Until when a row that an earlier run left is held back.
    ///
    /// A row's age counts at the end of that run, however long ago that is: a peer that was answered by nobody meanwhile goes on
    /// trying, and gets round to it once we are back. The run lived until the last note of [`watch`] at least; a row that
    /// is newer than the note was fresh at the end, or else there would be a newer note. There is one of each run that queued
    /// anything: it goes with its first commit at the latest. Without any (the rows are of a version that made none)
    /// the run is taken to have ended just now.
    pub(super) async fn held_back_until(
        &self,
    ) -> Result<impl Fn(&Item) -> Option<Instant> + use<>, StoreError> {
        let noted = self.store.recall(self.agent.default_tenant(), Space::Setting, LIVED).await?;
        let noted = noted.and_then(|value| Some(i64::from_be_bytes(value.try_into().ok()?)));
        let now = self.clock.now();
        self.note_life(now);
        let ended = noted.map_or(now, Timestamp);
        let until = Instant::now() + self.schedule.resend_pause;
        // Without a pause it is over by the time of the first try.
        Ok(move |item: &Item| may_have_arrived(item, ended).then_some(until))
    }
}

/// Whether a row that was left may have been delivered just before the end of the run that left it.
fn may_have_arrived(item: &Item, ended: Timestamp) -> bool {
    item.attempts == 0 && ended.0.saturating_sub(item.created.0) <= micros(FRESH)
}

#[cfg(test)]
mod tests {
    use chancery_agent::ports::Tenant;
    use chancery_agent::ports::store::Queue;

    use super::*;

    #[test]
    fn only_rows_not_older_than_ten_seconds_at_the_stop_without_a_failed_try_are_held_back() {
        let ended = Timestamp(1_000_000_000);
        for (age_millis, attempts, held_back) in [
            (0, 0, true),
            (10_000, 0, true),
            (10_001, 0, false),
            (3_600_000, 0, false),
            // Newer than the last note.
            (-900, 0, true),
            (-3_600_000, 0, true),
            (0, 1, false),
        ] {
            let item = Item {
                seq: 1,
                tenant: Tenant::new("t"),
                queue: Queue::Outbound,
                lane: String::new(),
                value: Vec::new(),
                due: ended,
                attempts,
                created: Timestamp(ended.0 - age_millis * 1_000),
            };
            assert_eq!(may_have_arrived(&item, ended), held_back, "{age_millis} ms, {attempts} tries");
        }
    }
}
