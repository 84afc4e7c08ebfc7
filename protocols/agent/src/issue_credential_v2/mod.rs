//! Issue Credential 2.0 (RFC 0453), issuer and holder.
//!
//! | issuer: from | by | to | sends |
//! |---|---|---|---|
//! | – | proposal received | `proposal-received` | |
//! | `proposal-received` | auto_offer, `records/{id}/send-offer` | `offer-sent` | offer |
//! | – | `send`, `send-offer`; `create`, `create-offer` (for an invitation, not sent) | `offer-sent` | offer |
//! | `proposal-received` | other proposal received | `abandoned` | problem report |
//! | `offer-sent` | another proposal received | `proposal-received` | |
//! | –, `offer-sent` | request received | `request-received` | |
//! | `request-received` | auto_issue, `records/{id}/issue` | `credential-issued` | credential |
//! | `credential-issued`, `done` | request received again | same | the same credential |
//! | `credential-issued` | ack received | `done`, removed if auto_remove | |
//! | `abandoned` by their report after the credential | ack received | `done`, removed if auto_remove | |
//!
//! | holder: from | by | to | sends |
//! |---|---|---|---|
//! | – | `send-proposal` | `proposal-sent` | proposal |
//! | –, `proposal-sent` | offer received | `offer-received` | |
//! | `offer-received` | other offer received | `abandoned` | problem report |
//! | `offer-received` | policy, `records/{id}/send-request` | `request-sent` | request |
//! | – | `send-request` | `request-sent` | request |
//! | `request-sent` | offer received again | same | the same request |
//! | `request-sent` | credential received | `credential-received` | |
//! | `credential-received` | policy, `records/{id}/store` | `done`, removed if auto_remove | ack |
//! | `done`, or removed when done | credential received again | same | ack |
//!
//! Both: a problem report received before `done`, our own at any time, and an automatic answer that fails lead to
//! `abandoned`; we report the last two. A message that fails its checks changes `error_msg` alone. Whatever changes a record
//! is an event. A proposal or offer that says the same as the stored one under a new id is a repeat. Other repeats and
//! messages of removed exchanges have no effect.

mod answer;
mod commands;
mod content;
mod handler;
mod machine;
pub mod messages;
mod operations;
mod record;
mod state;
#[cfg(test)]
mod tests;

pub use crate::exchange::List;
pub use commands::{Beginning, Filter, OnRecord};
pub use handler::Handler;
pub use operations::{
    bound_offer, bound_request, create, create_offer, get, issue, list, problem_report, remove, send,
    send_offer, send_proposal, send_request, store,
};
pub use record::{Exchange, Initiator, LD_PROOF_TOPIC, LdProofDetail, Role, State, TOPIC};

/// What this folder brings in.
pub fn registration() -> crate::engine::Registration {
    crate::engine::Registration {
        protocol: Some(Box::new(Handler)),
        attaches: Some(Box::new(Handler)),
        routes: Some(Box::new(Handler)),
        works: Some(Box::new(Handler)),
        ..Default::default()
    }
}
