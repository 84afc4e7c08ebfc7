//! Tag `did-exchange` (Aries RFC 0023).

mod accept_invitation;
mod accept_request;
mod create_request;
mod receive_request;
mod reject;

use crate::groups::Group;
use crate::schema::rule::ENDPOINT;
use crate::schema::{Field, matching};

const TAG: &str = "did-exchange";

/// DID methods for connections.
pub(crate) const USE_DID_METHODS: &[&str] = &["did:peer:2", "did:peer:4"];

/// The endpoint of the DID to make.
const fn my_endpoint() -> Field {
    matching("my_endpoint", &ENDPOINT)
        .about("Our endpoint instead of the agent's")
        .example("https://myhost:8021")
}

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "The handshake that makes connections",
    module: "acapy_agent.protocols.didexchange",
    operations: &[
        &create_request::OPERATION,
        &receive_request::OPERATION,
        &accept_invitation::OPERATION,
        &accept_request::OPERATION,
        &reject::OPERATION,
    ],
};
