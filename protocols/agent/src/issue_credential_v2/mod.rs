//! Issue Credential 2.0 (RFC 0453), issuer and holder.

mod answer;
mod commands;
mod content;
mod detail;
mod handler;
mod machine;
pub mod messages;
mod operations;
mod record;
mod state;
#[cfg(test)]
mod tests;

use crate::engine::{Registration, errand};
use crate::exchange::GoOn;

pub use crate::exchange::List;
pub use commands::{Beginning, Filter, OnRecord};
pub use detail::{Detail, Members};
pub use handler::Handler;
pub use operations::{
    bound_offer, bound_request, create, create_offer, get, issue, list, problem_report, remove, send,
    send_offer, send_proposal, send_request, store,
};
pub use record::{Exchange, Initiator, Role, State, TOPIC};

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration {
        protocol: Some(Box::new(Handler)),
        attaches: Some(Box::new(Handler)),
        routes: Some(Box::new(Handler)),
        jobs: vec![errand::<GoOn<Handler>>()],
        ..Registration::default()
    }
}
