//! Tag `issue-credential v2.0` (Aries RFC 0453).

mod bound_offer;
mod bound_request;
mod create;
mod create_offer;
mod formats;
mod get;
mod input;
mod issue;
mod list;
mod problem_report;
mod record;
mod remove;
mod send;
mod send_offer;
mod send_proposal;
mod send_request;
mod store;

pub(crate) use input::{CREDENTIAL_MEMBERS, OPTIONS, tree_of};

use crate::groups::Group;

const TAG: &str = "issue-credential v2.0";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Issue Credential 2.0: offers, requests, credentials, as issuer and as holder",
    module: "acapy_agent.protocols.issue_credential",
    operations: &[
        &list::OPERATION,
        &get::OPERATION,
        &remove::OPERATION,
        &create::OPERATION,
        &create_offer::OPERATION,
        &send::OPERATION,
        &send_offer::OPERATION,
        &send_proposal::OPERATION,
        &send_request::OPERATION,
        &bound_offer::OPERATION,
        &bound_request::OPERATION,
        &bound_request::TUTORIAL,
        &issue::OPERATION,
        &store::OPERATION,
        &problem_report::OPERATION,
    ],
};
