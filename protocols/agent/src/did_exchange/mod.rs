//! DID Exchange 1.0 and 1.1 (Aries RFC 0023), both roles.
//!
//! | state (stored word) | requester: we were invited | responder: we invited |
//! |---|---|---|
//! | start (`init`) | | request -> request |
//! | invitation | accept -> request; reject -> abandoned | request -> request |
//! | request | response -> response, then at once completed; report -> abandoned | accept -> response; reject, report -> abandoned |
//! | response | | complete or any message -> completed; request again -> response again |
//! | completed (`active`) | response again -> complete again | |
//! | abandoned (`error`) | | |

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
