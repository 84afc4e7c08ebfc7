//! Whom we have to do with: connections and their invitations, DIDs and keys of both sides, services. What protocols share, and
//! the one place that says whom a key speaks for.

pub(crate) mod asked;
mod connection;
mod directory;
mod keys;
mod known;
mod oob_record;
pub mod own;
pub(crate) mod published;
mod rotated;
mod route;
mod rows;
mod seed;
mod send;
mod service;
#[cfg(test)]
mod tests;
mod their_did;
pub(crate) mod waiting;

pub use connection::{Connection, INVITEE, INVITER, STATES, State, TOPIC, short_form};
pub use directory::{awaiting, connection, invited, verkey};
pub(crate) use keys::{counts, is_awaited};
pub use known::{count_known_keys, note_waiting_invitations};
pub(crate) use oob_record::oob_with;
pub use oob_record::{OobRecord, oob_of_invitation};
pub(crate) use rotated::replaced as key_replaced;
pub use route::Threads;
pub use rows::{attach_invitation, attach_request, invitation, metadata, request, set_metadata};
pub use seed::Seed;
pub use send::{send_in_exchange, send_with_connection, service_of};
pub(crate) use service::endpoints as connection_endpoints;
pub use service::{has_service, inline_target, services, target, target_again, target_of};
pub(crate) use their_did::known_document;
pub use their_did::{Claim, Distrust, declare, learn, record_expansion};
