//! `POST /connections/create-static`

use chancery_agent::connection;

use super::RECORD;
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::{ENDPOINT, INDY_DID};
use crate::schema::{Field, Schema, matching, object, text};

static BODY: Schema = Schema { name: "ConnectionStaticRequest", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 8] = [
    text("my_seed").about("Seed of our DID"),
    matching("my_did", &INDY_DID).about("Our DID").example("WgWxqztrNooG92RXvxSTWv"),
    text("their_seed").about("Seed of the other side's DID"),
    matching("their_did", &INDY_DID).about("The other side's DID").example("WgWxqztrNooG92RXvxSTWv"),
    text("their_verkey").about("The other side's key, base58"),
    matching("their_endpoint", &ENDPOINT).about("The other side's endpoint").example("https://myhost:8021"),
    text("their_label").about("The other side's label"),
    text("alias").about("The controller's name for the connection"),
];

static ANSWER: Schema = Schema {
    name: "ConnectionStaticResult",
    parts: &[&[
        text("my_did").about("Our DID"),
        text("my_verkey").about("Our key, base58"),
        text("my_endpoint").about("Our endpoint"),
        text("their_did").about("The other side's DID"),
        text("their_verkey").about("The other side's key, base58"),
        object("record", &RECORD).about("The connection"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/connections/create-static", super::TAG, command!(connection::create_static))
        .summary("Make a connection without a handshake")
        .about("Both sides must know each other's keys already.")
        .body(&BODY)
        .answers(Answer::One(&ANSWER));
