//! What the operations answer, and the invitation itself.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::schema::rule::{DID, URL, UUID4};
use crate::schema::tree::Tree;
use crate::schema::{Field, Kind, Schema, boolean, list, map, matching, object, objects, one_of, text};
use crate::texts::invalid;

/// The states of an out-of-band record.
pub(super) const STATES: &[&str] = &[
    "initial",
    "prepare-response",
    "await-response",
    "reuse-not-accepted",
    "reuse-accepted",
    "done",
    "deleted",
];

/// Both sides of an invitation.
pub(super) const ROLES: &[&str] = &["sender", "receiver"];

/// Which mediation to use.
pub(crate) const fn mediation_id() -> Field {
    matching("mediation_id", &UUID4)
        .about("Id of a mediation; not supported yet")
        .example("3fa85f64-5717-4562-b3fc-2c963f66afa6")
}

/// A record of an invitation, sent or received.
pub(super) static RECORD: Schema = Schema { name: "OobRecord", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 13] = [
    one_of("state", STATES).about("Where it stands"),
    text("created_at").about("When it began"),
    text("updated_at").about("When it last changed"),
    boolean("trace"),
    text("oob_id").about("Id of the record"),
    text("invi_msg_id").about("Id of the invitation"),
    object("invitation", &INVITATION).about("The invitation"),
    map("their_service").about("Where to answer when there is no connection"),
    text("connection_id").about("The connection that came of it"),
    text("attach_thread_id").about("Thread of the attached message"),
    text("our_recipient_key").about("Our key when there is no connection, base58"),
    one_of("role", ROLES).about("Our side"),
    boolean("multi_use").about("It may be used many times"),
];

/// An invitation.
pub(super) static INVITATION: Schema =
    Schema { name: "InvitationMessage", parts: &[&INVITATION_MEMBERS], whole: Some(is_whole) };

static INVITATION_MEMBERS: [Field; 10] = [
    text("@type").about("Message type").example("https://didcomm.org/out-of-band/1.1/invitation"),
    text("@id").about("Id of the invitation").example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    text("label").about("Who invites").example("Bob"),
    matching("imageUrl", &URL)
        .nullable()
        .about("A picture of who invites")
        .example("http://192.168.56.101/img/logo.jpg"),
    list("handshake_protocols", &Kind::Text)
        .about("Handshakes that the inviter speaks, the best first")
        .example(r#"["https://didcomm.org/didexchange/1.1"]"#),
    list("accept", &Kind::Text)
        .about("Envelopes that the inviter opens, the best first")
        .example(r#"["didcomm/aip1"]"#),
    objects("requests~attach", &ATTACHMENT).about("Messages to answer"),
    list("services", &Kind::Judged(service))
        .about("Where to answer: DIDs or service objects")
        .example(r#"["did:peer:4zQmUbw4cNq8ViE1EEbsbMnCBhTky6wGz5Zuhhi1KGzwWfNg"]"#),
    text("goal_code").about("What it is for, for machines").example("issue-vc"),
    text("goal").about("What it is for, for humans").example("To issue a Faber College Graduate credential"),
];

static ATTACHMENT: Schema = Schema {
    name: "AttachDecorator",
    parts: &[&[
        text("@id").about("Id of the attachment"),
        text("mime-type").about("Media type").example("application/json"),
        text("filename").about("Name of the file"),
        text("description").about("For humans"),
        map("data").required().about("The content: `json`, `base64` or `links`"),
    ]],
    whole: None,
};

fn is_whole(invitation: &Map<String, Value>) -> Option<Cow<'static, str>> {
    let given = |name| invitation.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let empty = !given("handshake_protocols") && !given("requests~attach");
    let says = |name| invitation.contains_key(name);
    let fault = match (says("goal"), says("goal_code")) {
        _ if empty => invalid::EMPTY_INVITATION,
        (true, false) => invalid::GOAL_WITHOUT_CODE,
        (false, true) => invalid::CODE_WITHOUT_GOAL,
        _ => return None,
    };
    Some(fault.into())
}

fn service(value: &Value) -> Option<Tree> {
    match value {
        Value::Object(_) => None,
        Value::String(did) => DID.check(did).err().map(|_| Tree::text(invalid::NOT_A_SERVICE_DID)),
        _ => Some(Tree::text(invalid::NOT_A_SERVICE)),
    }
}
