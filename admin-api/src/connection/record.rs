//! What the operations answer.

use crate::schema::{Field, Schema, map, one_of, text};

/// Both handshakes that we speak.
pub(crate) const PROTOCOLS: &[&str] = &["didexchange/1.0", "didexchange/1.1"];

/// A connection.
pub(crate) static RECORD: Schema = Schema { name: "ConnRecord", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 20] = [
    text("state").about("Where the connection stands, in the words of RFC 160").example("active"),
    text("created_at").about("When it was made"),
    text("updated_at").about("When it last changed"),
    text("connection_id").about("Id of the connection").example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    text("my_did").about("Our DID"),
    text("their_did").about("The other side's DID"),
    text("their_label").about("The other side's label").example("Bob"),
    text("their_role").about("The other side's role").example("invitee"),
    one_of("connection_protocol", PROTOCOLS).about("Which handshake made it"),
    text("rfc23_state").about("Where the connection stands, in the words of RFC 23").example("completed"),
    text("inbound_connection_id"),
    text("invitation_key").about("Key of the invitation, base58"),
    text("invitation_msg_id").about("Id of the invitation"),
    text("request_id").about("Id of the request"),
    one_of("accept", &["manual", "auto"]).about("Whether steps are taken without being asked"),
    one_of("invitation_mode", &["once", "multi", "static"]).about("How often the invitation may be used"),
    text("alias").about("The controller's name for it").example("Bob, providing quotes"),
    text("error_msg").about("Why it failed"),
    text("their_public_did").about("The other side's DID in its invitation"),
    text("routing_state").about("Where mediation stands"),
];

/// `{"results": {...}}`.
pub(super) static METADATA: Schema = Schema {
    name: "ConnectionMetadata",
    parts: &[&[map("results").about("All entries; with `key` the value of that entry")]],
    whole: None,
};
