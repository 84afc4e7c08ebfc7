//! Issue Credential 2.0 (RFC 0453), issuer and holder.

mod commands;

pub use commands::{
    BoundOffer, BoundRequest, Create, CreateOffer, Filter, Id, Issue, List, ProblemReport, Send, SendOffer, SendProposal,
    SendRequest, Store, bound_offer, bound_request, create, create_offer, get, issue, list, problem_report, remove, send,
    send_offer, send_proposal, send_request, store,
};
