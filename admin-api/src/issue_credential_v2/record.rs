//! What the operations answer.

use super::formats::KEPT;
use crate::schema::{Field, Schema, boolean, map, object, one_of, text};

/// The states of an exchange.
pub(super) const STATES: &[&str] = &[
    "proposal-sent",
    "proposal-received",
    "offer-sent",
    "offer-received",
    "request-sent",
    "request-received",
    "credential-issued",
    "credential-received",
    "done",
    "credential-revoked",
    "abandoned",
];

/// Both sides of an exchange.
pub(super) const ROLES: &[&str] = &["issuer", "holder"];

/// A credential exchange record.
pub(super) static RECORD: Schema = Schema { name: "V20CredExRecord", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 22] = [
    one_of("state", STATES).about("Where the exchange stands"),
    text("created_at").about("When it began"),
    text("updated_at").about("When it last changed"),
    boolean("trace"),
    text("cred_ex_id").about("Id of the record"),
    text("connection_id").about("Id of the connection"),
    text("thread_id").about("Thread of the exchange's messages"),
    text("parent_thread_id").about("Id of the invitation that it came with"),
    one_of("initiator", &["self", "external"]).about("Who began"),
    one_of("role", ROLES).about("Our side"),
    map("cred_preview").about("What an AnonCreds credential says"),
    map("cred_proposal").about("The proposal as a message"),
    map("cred_offer").about("The offer as a message"),
    map("cred_request").about("The request as a message"),
    map("cred_issue").about("The credential as a message"),
    map("by_format").about("What each message holds, by format"),
    boolean("auto_offer").about("Proposals are answered without being asked"),
    boolean("auto_issue").about("Requests are answered without being asked"),
    boolean("auto_remove").about("The record goes when the exchange is done"),
    boolean("auto_remove_on_failure").about("The record goes when the exchange fails"),
    text("error_msg").about("Why it failed"),
    text("replacement_id").about("What the credential replaces"),
];

/// A record with what the formats keep about it.
pub(super) static DETAIL: Schema = Schema {
    name: "V20CredExRecordDetail",
    parts: &[&[object("cred_ex_record", &RECORD).about("The exchange")], KEPT],
    whole: None,
};
