//! `POST /out-of-band/receive-invitation`

use chancery_agent::out_of_band;
use serde_json::Value;

use super::record::{INVITATION, RECORD, mediation_id};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, boolean, text};

static QUERY: [Field; 4] = [
    text("alias").about("The controller's name for the connection").example("Barry"),
    boolean("auto_accept").about("Send the request without being asked (default: --auto-accept-invites)"),
    boolean("use_existing_connection").about("Use a connection that there is already").default("true"),
    mediation_id(),
];

pub(super) static OPERATION: Operation =
    Operation::post("/out-of-band/receive-invitation", super::TAG, command!(out_of_band::receive_invitation))
        .summary("Take an invitation")
        .about(
            "Waits up to 15 seconds for the answer when an existing connection is reused, and up to 7 for the connection \
             that an attached message needs.",
        )
        .query(&[&QUERY])
        .body_as("invitation", &INVITATION)
        .mistakes(mistaken)
        .answers(Answer::One(&RECORD));

/// What people post instead of the invitation: what came with it, or its URL.
fn mistaken(body: &Value) -> Option<&'static str> {
    if body["invitation"].is_object() {
        return Some("that is the whole answer of create-invitation: post its member `invitation` alone");
    }
    let url =
        body.as_str().or_else(|| ["invitation_url", "url"].iter().find_map(|name| body[name].as_str()))?;
    if url.contains("oob=") {
        Some("that is an invitation as a URL: post the JSON that its parameter `oob` holds as base64url")
    } else if url.contains("c_i=") || url.contains("d_m=") {
        Some("that is an invitation of connections/1.0, which is not spoken here: ask for an out-of-band one")
    } else {
        None
    }
}
