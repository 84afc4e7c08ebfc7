//! What the stories are told with.

mod agent;
mod browser;
mod caller;
mod clock;
mod cluster;
mod controller;
mod dice;
mod events;
mod faulty;
mod ledger;
mod network;
mod pair;
mod patience;
pub mod peer;
mod postgres;
mod relay;
mod wallet;

pub use agent::{Agent, RAW_KEY, Surroundings, binary, free_port};
pub use browser::Browser;
pub use caller::Caller;
pub use clock::Clock;
pub use controller::{Controller, Event, Inbox};
pub use dice::Dice;
pub use events::Events;
pub use faulty::{Fault, FaultyPeer};
pub use ledger::Ledger;
pub use network::{Network, told};
pub use pair::{AUTOMATIC, MANUAL, Pair, connect, credential, offer};
pub use patience::eventually;
pub use postgres::Postgres;
pub use relay::Relay;
pub use wallet::opened;
