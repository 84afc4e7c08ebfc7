//! What the stories are told with.

mod agent;
mod controller;
mod pair;

pub use agent::{Agent, free_port};
pub use controller::{Controller, Event};
pub use pair::{Pair, connect, credential, offer};
