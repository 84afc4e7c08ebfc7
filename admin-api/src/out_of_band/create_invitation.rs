//! `POST /out-of-band/create-invitation`

use chancery_agent::out_of_band;

use super::record::{INVITATION, mediation_id};
use crate::did_exchange::USE_DID_METHODS;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Kind, Schema, boolean, list, map, object, objects, one_of, text};

static QUERY: [Field; 3] = [
    boolean("auto_accept").about("Accept requests without being asked (default: --auto-accept-requests)"),
    boolean("multi_use").about("The invitation may be used many times").default("false"),
    boolean("create_unique_did").about("A DID of its own for this invitation").default("false"),
];

static BODY: Schema = Schema { name: "InvitationCreateRequest", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 13] = [
    objects("attachments", &ATTACHMENT).about("Messages to attach"),
    list("handshake_protocols", &Kind::Known(is_handshake, &["https://didcomm.org/didexchange/1.1"]))
        .about("Handshakes to offer, by name or alias")
        .example(r#"["https://didcomm.org/didexchange/1.1"]"#),
    list("accept", &Kind::Text).about("Envelopes to name, the best first").example(r#"["didcomm/aip1"]"#),
    boolean("use_public_did").about("Invite with the public DID").example("false"),
    text("use_did")
        .about("Invite with this DID of the wallet")
        .example("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"),
    one_of("use_did_method", USE_DID_METHODS).about("Invite with a DID of this method").example("did:peer:2"),
    map("metadata").about("Kept with the connection that comes of it"),
    text("my_label").about("Label instead of the agent's").example("Invitation to Barry"),
    text("protocol_version").about("Version of the invitation").example("1.1"),
    text("alias").about("The controller's name for the connection").example("Barry"),
    mediation_id(),
    text("goal_code").about("What it is for, for machines").example("issue-vc"),
    text("goal").about("What it is for, for humans").example("To issue a Faber College Graduate credential"),
];

static ATTACHMENT: Schema = Schema {
    name: "AttachmentDef",
    parts: &[&[
        text("id")
            .required()
            .about("Id of the exchange record")
            .example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        one_of("type", &["credential-offer", "present-proof"])
            .required()
            .about("What it is")
            .example("credential-offer"),
    ]],
    whole: None,
};

static ANSWER: Schema = Schema {
    name: "InvitationRecord",
    parts: &[&[
        text("state").example("initial"),
        boolean("trace"),
        text("invi_msg_id").about("Id of the invitation"),
        text("oob_id").about("Id of the out-of-band record"),
        object("invitation", &INVITATION).about("The invitation"),
        text("invitation_url").about("The invitation as a URL, for a QR code"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/out-of-band/create-invitation", super::TAG, command!(out_of_band::create_invitation))
        .summary("Make an invitation")
        .query(&[&QUERY])
        .body(&BODY)
        .answers(Answer::One(&ANSWER));

/// Names and aliases that ACA-Py knows, in any case, with either prefix of message types.
fn is_handshake(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "didexchange/1.0",
        "didexchange/1.1",
        "didexchange",
        "did-exchange",
        "didx",
        "didex",
        "rfc23",
        "rfc-23",
        "23",
        "new",
        "connections/1.0",
        "connections",
        "connection",
        "conns",
        "conn",
        "rfc160",
        "rfc-160",
        "160",
        "old",
    ];
    let name = name.to_ascii_lowercase();
    let name = name
        .strip_prefix("https://didcomm.org/")
        .or_else(|| name.strip_prefix("did:sov:")?.split_once(";spec/").map(|(_, name)| name))
        .unwrap_or(&name);
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::is_handshake;

    #[test]
    fn handshakes_by_name_and_alias() {
        let cases = [
            ("https://didcomm.org/didexchange/1.1", true),
            ("didexchange/1.0", true),
            ("DIDX", true),
            ("rfc23", true),
            ("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/connections/1.0", true),
            ("connections/1.0", true),
            ("did-exchange/1.0", false),
            ("https://didcomm.org/bogus/1.0", false),
            ("", false),
        ];
        for (name, known) in cases {
            assert_eq!(is_handshake(name), known, "{name}");
        }
    }
}
