//! Out-of-band 1.0 and 1.1 (Aries RFC 0434), both roles.
//!
//! | record | sender | receiver |
//! |---|---|---|
//! | `initial` | | told of, then at once `done` and `deleted`: a connection was made |
//! | `await-response` | invitation made; a request, a reuse or the first message of the exchange -> `done`, `deleted` (multi-use: `done` is told, the record stays) | handshake-reuse sent; accepted -> `reuse-accepted`, `deleted`; refused or 15 s -> `reuse-not-accepted`, then a connection: `done`, `deleted` |
//! | `prepare-response` | | an exchange without connection; stays |

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
