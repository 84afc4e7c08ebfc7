//! What the workers give up becomes dead letters, one after the other, beside the deliveries.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_agent::Agent;
use chancery_agent::delivery::{GivenUp, give_up};
use chancery_agent::ports::store::{Op, Queue, Seq, StoreError};
use chancery_agent::ports::{Store, Tenant, Timestamp};
use chancery_agent::unit::AgentError;
use tokio::sync::{mpsc, oneshot};

/// What was given up, told by its row: that is read when its turn comes, however much is given up at once.
#[async_trait]
pub trait Lost: Send + Sync + 'static {
    /// Whose.
    fn tenant(&self) -> &Tenant;
    /// The letter that it becomes, told to the log; `None`: there is nothing left to give up.
    ///
    /// Errors: those of the store.
    async fn letter(&self, store: &dyn Store) -> Result<Option<GivenUp>, StoreError>;
}

/// Makes a dead letter of a queue row that can't be read.
pub fn bury_unread(store: &dyn Store, tenant: &Tenant, seq: Seq, attempts: u32, now: Timestamp) {
    let op = Op::Requeue { seq, queue: Queue::Dead, due: now, attempts };
    store.lazily(tenant, vec![op]);
}

/// What was handed over, told to whoever makes the letters.
enum Order {
    Bury(Box<dyn Lost>),
    Drain(oneshot::Sender<()>),
}

/// A handle to the task. Cheap to clone.
#[derive(Clone)]
pub struct Burial(mpsc::UnboundedSender<Order>);

/// The other end of a [`Burial`].
pub struct Graves(mpsc::UnboundedReceiver<Order>);

impl Graves {
    /// Starts the task.
    pub fn start(self, agent: Arc<Agent>) {
        let Self(mut orders) = self;
        #[expect(
            clippy::disallowed_methods,
            reason = "a delivery worker; `Burial::drain` waits for what it was told"
        )]
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Bury(lost) => {
                        let tenant = lost.tenant();
                        if let Err(error) = bury(&agent, &*lost).await {
                            tracing::error!(%tenant, %error, "a dead letter can't be written: it is tried again after the next start");
                        }
                    }
                    Order::Drain(done) => {
                        let _ = done.send(());
                    }
                }
            }
        });
    }
}

impl Burial {
    /// A handle and its other end.
    pub fn new() -> (Self, Graves) {
        let (sender, orders) = mpsc::unbounded_channel();
        (Self(sender), Graves(orders))
    }

    /// Makes a dead letter of it, soon.
    pub fn bury(&self, lost: impl Lost) {
        // The task ends only with the process.
        let _ = self.0.send(Order::Bury(Box::new(lost)));
    }

    /// Resolves when everything handed over so far is written.
    pub async fn drain(&self) {
        self.answers().await;
    }

    /// Whether the task is alive and gets round to what it is told; it may take a while to find out.
    pub async fn answers(&self) -> bool {
        let (done, drained) = oneshot::channel();
        self.0.send(Order::Drain(done)).is_ok() && drained.await.is_ok()
    }
}

async fn bury(agent: &Agent, lost: &dyn Lost) -> Result<(), AgentError> {
    if let Some(given_up) = lost.letter(agent.store()).await? {
        give_up(agent, lost.tenant(), given_up).await?;
    }
    Ok(())
}
