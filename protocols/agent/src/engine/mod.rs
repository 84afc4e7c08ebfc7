//! The engine: how messages and queued work reach the folders that were registered, and what waits for them.

mod agent;
mod capability;
mod held;
mod job;
pub(crate) mod kept;
mod parking;
mod protocol;
mod receive;
mod received;

pub use agent::Agent;
pub use capability::{Accompanies, Attaches, Handshake, Happening, Inviter, Registration, Routes, Watches};
pub use held::Held;
pub use job::{JobKind, Worked, errand, job};
pub use protocol::{About, HandlerError, Protocol, Spoken};
pub use receive::{Receipt, ReceiveError, Rejection};
pub use received::Received;
