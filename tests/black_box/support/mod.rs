//! What the stories are told with.

mod agent;
mod controller;
mod events;
mod pair;
mod relay;

pub use agent::{Agent, free_port};
pub use controller::{Controller, Event};
pub use events::Events;
pub use pair::{AUTOMATIC, MANUAL, Pair, connect, credential, offer};
pub use relay::Relay;
