//! DID Exchange 1.0 and 1.1 (Aries RFC 0023), both roles.

mod commands;

pub use commands::{
    AcceptInvitation, AcceptRequest, CreateRequest, ReceiveRequest, Reject, accept_invitation, accept_request,
    create_request, receive_request, reject,
};
