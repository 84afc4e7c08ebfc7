//! What the workers give up becomes dead letters, one after the other, beside the deliveries.

use std::sync::Arc;

use chancery_agent::delivery::{GivenUp, give_up};
use chancery_agent::{Agent, Tenant};
use tokio::sync::{mpsc, oneshot};

enum Order {
    Bury(Tenant, Box<GivenUp>),
    Drain(oneshot::Sender<()>),
}

/// A handle to the task. Cheap to clone.
#[derive(Clone)]
pub struct Burial(mpsc::UnboundedSender<Order>);

impl Burial {
    /// Starts the task.
    pub fn start(agent: Arc<Agent>) -> Self {
        let (sender, mut orders) = mpsc::unbounded_channel();
        #[expect(
            clippy::disallowed_methods,
            reason = "a delivery worker; `Burial::drain` waits for what it was told"
        )]
        tokio::spawn(async move {
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Bury(tenant, given_up) => {
                        if let Err(error) = give_up(&agent, &tenant, *given_up).await {
                            tracing::error!(%tenant, %error, "a dead letter can't be written: it is tried again after the next start");
                        }
                    }
                    Order::Drain(done) => {
                        let _ = done.send(());
                    }
                }
            }
        });
        Self(sender)
    }

    /// Makes a dead letter of it, soon.
    pub fn bury(&self, tenant: &Tenant, given_up: GivenUp) {
        // The task ends only with the process.
        let _ = self.0.send(Order::Bury(tenant.clone(), Box::new(given_up)));
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
