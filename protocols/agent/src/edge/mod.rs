//! What is checked before work begins, at whichever port a request comes in. Pure: the time is given.

mod client;
mod places;
mod rate;
mod shape;

pub use client::Client;
pub use places::{Place, Places};
pub use rate::{Limiter, Rate};
pub use shape::{Misshapen, Shape};

/// What the engine checks of a message before it is worked on.
#[derive(Debug, Default)]
pub struct Edge {
    /// Of a body, and of what was in its envelope.
    pub shape: Shape,
    /// Messages of one sender key in a time; `None`: any number.
    pub sender_rate: Option<Limiter>,
    /// Messages of one sender key at once; `None`: any number.
    pub sender_places: Option<Places>,
}
