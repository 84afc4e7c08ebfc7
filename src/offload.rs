//! Threads for heavy work: one for each core, and a queue that has an end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use async_trait::async_trait;
use chancery_agent::ports::Offload;
use chancery_agent::ports::offload::{Busy, Heavy};
use tokio::sync::oneshot;

/// What waits for each thread: a second's work of a hundred milliseconds each.
const WAITING_PER_THREAD: usize = 10;

struct Task {
    heavy: Heavy,
    /// Dropped when it has been done.
    done: oneshot::Sender<()>,
}

/// The threads. They end with the last handle to them.
pub struct Pool(SyncSender<Task>);

impl Pool {
    /// Starts a thread for each core.
    ///
    /// Errors: the system's.
    pub fn start() -> std::io::Result<Self> {
        Self::of(thread::available_parallelism().map_or(1, usize::from), WAITING_PER_THREAD)
    }

    fn of(threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (tasks, queue) = sync_channel(threads * waiting);
        let queue = Arc::new(Mutex::new(queue));
        for at in 0..threads {
            let queue = queue.clone();
            thread::Builder::new().name(format!("heavy-{at}")).spawn(move || work(&queue))?;
        }
        Ok(Self(tasks))
    }
}

fn work(queue: &Mutex<Receiver<Task>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { heavy, done }) = next else { return };
        // Nobody waits for it any more.
        if done.is_closed() {
            continue;
        }
        // Whoever waits finds no outcome; the thread goes on.
        if catch_unwind(AssertUnwindSafe(heavy)).is_err() {
            tracing::error!("heavy work has panicked");
        }
    }
}

#[async_trait]
impl Offload for Pool {
    async fn run(&self, heavy: Heavy) -> Result<(), Busy> {
        let (done, over) = oneshot::channel();
        match self.0.try_send(Task { heavy, done }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(Busy),
        }
        let _ = over.await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::task::JoinSet;

    use super::*;

    /// Work that begins, says so, and goes on when it is told.
    fn held() -> (Heavy, Receiver<()>, std::sync::mpsc::Sender<()>) {
        let ((began, has_begun), (go, goes)) = (channel(), channel::<()>());
        let heavy = Box::new(move || {
            let _ = began.send(());
            let _ = goes.recv();
        });
        (heavy, has_begun, go)
    }

    #[tokio::test]
    async fn each_thread_has_one_under_way_and_more_than_may_wait_is_refused() {
        let pool = Arc::new(Pool::of(2, 1).unwrap());
        let mut running = JoinSet::new();
        let mut start = || {
            let (heavy, has_begun, go) = held();
            let pool = pool.clone();
            running.spawn(async move { pool.run(heavy).await });
            (has_begun, go)
        };
        let first = [start(), start()];
        tokio::task::yield_now().await;
        first.iter().for_each(|(has_begun, _)| has_begun.recv().unwrap());
        let waiting = [start(), start()];
        tokio::task::yield_now().await;
        assert_eq!(pool.run(Box::new(|| ())).await, Err(Busy));
        assert!(waiting.iter().all(|(has_begun, _)| has_begun.try_recv().is_err()));
        for (_, go) in first {
            go.send(()).unwrap();
        }
        for (has_begun, go) in waiting {
            has_begun.recv().unwrap();
            go.send(()).unwrap();
        }
        assert_eq!(running.join_all().await, [Ok(()); 4]);
        assert_eq!(pool.run(Box::new(|| ())).await, Ok(()));
    }

    #[tokio::test]
    async fn work_that_panics_takes_no_thread_along() {
        let pool = Pool::of(1, 1).unwrap();
        for _ in 0..3 {
            assert_eq!(pool.run(Box::new(|| panic!("on purpose"))).await, Ok(()));
        }
        let (done, is_done) = channel();
        pool.run(Box::new(move || done.send(thread::current().name().map(str::to_owned)).unwrap()))
            .await
            .unwrap();
        assert_eq!(is_done.recv().unwrap().as_deref(), Some("heavy-0"));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_begun() {
        let pool = Arc::new(Pool::of(1, 2).unwrap());
        let (heavy, has_begun, go) = held();
        let (mut running, mut given_up) = (JoinSet::new(), JoinSet::new());
        running.spawn({
            let pool = pool.clone();
            async move { pool.run(heavy).await }
        });
        tokio::task::yield_now().await;
        has_begun.recv().unwrap();
        let (heavy, given_up_began, _go) = held();
        given_up.spawn({
            let pool = pool.clone();
            async move { pool.run(heavy).await }
        });
        tokio::task::yield_now().await;
        given_up.shutdown().await;
        go.send(()).unwrap();
        assert_eq!(running.join_all().await, [Ok(())]);
        pool.run(Box::new(|| ())).await.unwrap();
        assert!(given_up_began.try_recv().is_err());
    }
}
