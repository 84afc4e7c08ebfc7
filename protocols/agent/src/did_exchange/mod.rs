//! DID Exchange 1.0 and 1.1 (Aries RFC 0023), both roles.

mod commands;
mod handler;
mod messages;
mod report;
mod requester;
mod responder;
mod state;
#[cfg(test)]
pub(crate) mod tests;

pub use commands::{
    AcceptInvitation, AcceptRequest, CreateRequest, ReceiveRequest, Reject, accept_invitation,
    accept_request, create_request, receive_request, reject,
};
pub use handler::{Handler, registration};
