//! What happens after a commit: delivery, events, queued work. Called once the rows are durable; must not block.

use super::store::{Event, Item};

/// The workers' ears.
pub trait Workers: Send + Sync {
    /// Rows that were just committed to [`super::store::Queue::Outbound`].
    fn outbound(&self, items: Vec<Item>);
    /// Rows that were just committed to [`super::store::Queue::Work`].
    fn work(&self, items: Vec<Item>);
    /// Events that were just committed.
    fn events(&self, events: Vec<Event>);
    /// Events of earlier that their targets wait for again.
    fn redeliver(&self, events: Vec<Event>);
}
