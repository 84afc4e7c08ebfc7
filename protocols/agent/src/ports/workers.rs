//! What happens after a commit: delivery, events, queued work. Called once the rows are durable; must not block.

use std::future::Future;
use std::pin::Pin;

use super::Tenant;
use super::store::{Event, Item, Seq};

/// The workers' ears.
pub trait Workers: Send + Sync {
    /// Rows that were just committed to [`super::store::Queue::Outbound`].
    fn outbound(&self, items: Vec<Item>);
    /// Rows that were just committed to [`super::store::Queue::Work`].
    fn work(&self, items: Vec<Item>);
    /// Rows of [`super::store::Queue::Work`] that are due at once, whatever they waited for.
    fn hurry(&self, rows: Vec<Seq>);
    /// Events that were just committed.
    fn events(&self, events: Vec<Event>);
    /// Events of earlier that their targets wait for again.
    fn redeliver(&self, events: Vec<Event>);
    /// Ends when it is noted what became of a message that is being delivered on this thread of a connection, or after a
    /// moment; `None`: there is none. The one call that waits: before the next message of the thread is acted on.
    fn settling(
        &self,
        _tenant: &Tenant,
        _connection_id: &str,
        _thread_id: &str,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        None
    }
}
