//! Which messages are being delivered at this moment. The answer to one may come in before the status that its delivery was
//! answered with is read: acting on it waits for that, so that a crash afterwards cannot send the message again.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chancery_agent::Tenant;
use tokio::sync::watch;

/// The status of a peer that answers first is on its way already; longer waits for one that says nothing before it has sent
/// its answer.
const MOST: Duration = Duration::from_millis(50);
/// So long nothing is waited for on a connection whose other side turned out to be one of those.
const TRUSTED: Duration = Duration::from_secs(60);
const MOST_CONNECTIONS: usize = 10_000;

/// Whose connection.
type Connection = (Tenant, String);
/// A connection and a thread on it.
type Lane = (Connection, String);

/// Deliveries under way, by connection and thread.
#[derive(Default)]
pub struct UnderWay {
    lanes: Mutex<HashMap<Lane, watch::Receiver<()>>>,
    answers_first: Mutex<HashMap<Connection, Instant>>,
}

/// One delivery; over when dropped.
pub struct Delivery<'u> {
    all: &'u UnderWay,
    lane: Lane,
    _over: watch::Sender<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl UnderWay {
    /// A delivery begins.
    pub fn begin(&self, tenant: &Tenant, connection_id: &str, thread_id: &str) -> Delivery<'_> {
        let lane = ((tenant.clone(), connection_id.to_owned()), thread_id.to_owned());
        let (over, waiting) = watch::channel(());
        lock(&self.lanes).insert(lane.clone(), waiting);
        Delivery { all: self, lane, _over: over }
    }

    /// Ends when the delivery on this thread is over, or cannot be waited for; `None`: there is none.
    pub fn settling<'u>(
        &'u self,
        tenant: &Tenant,
        connection_id: &str,
        thread_id: &str,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send + 'u>>> {
        let lane = ((tenant.clone(), connection_id.to_owned()), thread_id.to_owned());
        let mut waiting = lock(&self.lanes).get(&lane)?.clone();
        if lock(&self.answers_first).get(&lane.0).is_some_and(|until| *until > Instant::now()) {
            return None;
        }
        Some(Box::pin(async move {
            // Nothing is ever sent: the channel closes.
            if tokio::time::timeout(MOST, waiting.changed()).await.is_err() {
                let mut answers_first = lock(&self.answers_first);
                if answers_first.len() >= MOST_CONNECTIONS {
                    answers_first.clear();
                }
                answers_first.insert(lane.0, Instant::now() + TRUSTED);
            }
        }))
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        lock(&self.all.lanes).remove(&self.lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_waited_for_and_nothing_else() {
        let (all, tenant) = (UnderWay::default(), Tenant::new("t"));
        assert!(all.settling(&tenant, "c", "t").is_none());
        let delivery = all.begin(&tenant, "c", "t");
        assert!(
            all.settling(&tenant, "c", "other").is_none() && all.settling(&tenant, "other", "t").is_none()
        );
        let settling = all.settling(&tenant, "c", "t").unwrap();
        let began = tokio::time::Instant::now();
        drop(delivery);
        settling.await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(all.settling(&tenant, "c", "t").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_before_it_says_so_is_waited_for_once() {
        let (all, tenant) = (UnderWay::default(), Tenant::new("t"));
        let _delivery = all.begin(&tenant, "c", "t");
        let began = tokio::time::Instant::now();
        all.settling(&tenant, "c", "t").unwrap().await;
        assert_eq!(began.elapsed(), MOST);
        assert!(all.settling(&tenant, "c", "t").is_none());
    }
}
