//! Out-of-band 1.0 and 1.1 (Aries RFC 0434), both roles.

mod commands;

pub use commands::{
    AttachmentRef, CreateInvitation, InvitationId, ListOob, OobId, ReceiveInvitation, create_invitation,
    delete_invitation, invitation, receive_invitation, records,
};
