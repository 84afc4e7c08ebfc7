//! An answer in the body of the sender's own request: leaves the queue once the server has taken it for writing, goes the normal way
//! when the connection breaks before.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use chancery_agent::Agent;
use chancery_agent::ports::store::{Item, Op};

/// A leased answer.
pub struct Reply {
    agent: Arc<Agent>,
    item: Option<Item>,
    size: u64,
    bytes: Option<Bytes>,
}

impl Reply {
    /// Packs the first of the leased rows; the others go the normal way, as does one that can't be packed.
    pub async fn pack(agent: &Arc<Agent>, mut items: Vec<Item>) -> Option<Self> {
        if items.is_empty() {
            return None;
        }
        let first = items.remove(0);
        agent.release(items);
        let packed = match Agent::read_outbound(&first) {
            Ok(outbound) => agent.pack(&first.tenant, &outbound).await,
            Err(error) => Err(error),
        };
        match packed {
            Ok(envelope) => Some(Self {
                agent: agent.clone(),
                item: Some(first),
                size: envelope.len() as u64,
                bytes: Some(Bytes::from(envelope)),
            }),
            Err(error) => {
                tracing::warn!(%error, seq = first.seq, "an answer on a return route can't be packed");
                agent.release(vec![first]);
                None
            }
        }
    }

    /// The envelope, for transports that confirm delivery themselves with [`Reply::delivered`].
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone().unwrap_or_default()
    }

    /// The other side has it.
    pub fn delivered(&mut self) {
        if let Some(item) = self.item.take() {
            self.agent.store().lazily(&item.tenant, vec![Op::Dequeue(item.seq)]);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(item) = self.item.take() {
            self.agent.release(vec![item]);
        }
    }
}

impl MessageBody for Reply {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(bytes))),
            None => {
                self.delivered();
                Poll::Ready(None)
            }
        }
    }
}
