//! Connections: the record, which keys belong to which, and where to send. Shared by all protocols.

pub(crate) mod asked;
mod commands;
mod directory;
mod exchange;
mod handshake;
mod keys;
mod known;
mod oob_record;
mod oob_state;
pub(crate) mod published;
mod record;
mod rotated;
mod route;
mod rows;
#[cfg(test)]
mod tests;
mod their_did;
pub(crate) mod waiting;

pub use commands::{
    ConnectionId, CreateStatic, ListConnections, MetadataGet, MetadataSet, create_static, endpoints, get,
    list, metadata_get, metadata_set, remove,
};
pub use directory::{Directory, inline_target, services, target_of};
pub use exchange::{send_in_exchange, service_of};
pub use handshake::{Accept, DID_EXCHANGE, accept_invitation};
pub(crate) use keys::{counts, is_awaited};
pub use known::{count_known_keys, note_waiting_invitations};
pub(crate) use oob_record::oob_with;
pub use oob_record::{OOB_TOPIC, OobRecord, invitation_used, oob_of_invitation};
pub use oob_state::{OobInput, OobRole, OobState};
pub use record::{Connection, INVITEE, INVITER, STATES, TOPIC, short_form};
pub(crate) use rotated::replaced as key_replaced;
pub use rows::{attach_invitation, attach_request, invitation, metadata, request, set_metadata};
pub(crate) use their_did::known_document;
pub use their_did::{Claim, Distrust, declare, learn, record_expansion};

/// Records returned by a list without `limit`.
pub(crate) fn default_limit() -> usize {
    100
}
