//! `POST /wallet/did/create`

use chancery_agent::wallet;

use super::record::{KEY_TYPES, RESULT};
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::DID;
use crate::schema::{Field, Schema, matching, object, one_of, text};

static BODY: Schema = Schema { name: "DIDCreate", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 3] = [
    text("method").about("DID method: key, sov, web, did:peer:2, did:peer:4").example("key").default("sov"),
    object("options", &OPTIONS).about("Type of the key, and the DID where it can be chosen"),
    text("seed").about("32 bytes, as text or base64; only with --wallet-allow-insecure-seed"),
];

static OPTIONS: Schema = Schema {
    name: "DIDCreateOptions",
    parts: &[&[
        one_of("key_type", KEY_TYPES).required().about("Type of the key").example("ed25519"),
        matching("did", &DID).about("The DID itself; did:web needs it").example("did:web:example.com"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/wallet/did/create", super::TAG, command!(wallet::did_create))
        .summary("Make a DID")
        .body(&BODY)
        .answers(Answer::One(&RESULT));
