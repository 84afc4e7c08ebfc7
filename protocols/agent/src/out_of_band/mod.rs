//! Out-of-band 1.0 and 1.1 (Aries RFC 0434), both roles.

mod accompany;
mod commands;
mod create;
mod handler;
mod invitation;
mod receive;
mod record;
mod reuse;
mod state;
#[cfg(test)]
mod tests;

pub use commands::{
    AttachmentRef, CreateInvitation, InvitationId, ListOob, OobId, ReceiveInvitation, create_invitation,
    delete_invitation, invitation, receive_invitation, records,
};
pub use handler::{Handler, registration};
