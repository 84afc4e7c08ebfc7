//! `GET /resolver/resolve/{did}`

use chancery_agent::resolver;

use crate::operation::{Answer, Operation, command};
use crate::schema::rule::W3C_DID;
use crate::schema::{Field, Schema, map, matching};

static PATH: [Field; 1] = [matching("did", &W3C_DID).about("The DID").example("did:web:example.com")];

static ANSWER: Schema = Schema {
    name: "ResolutionResult",
    parts: &[&[
        map("did_document").about("The DID document"),
        map("metadata").about("By which resolver, when, how long it took"),
        map("document_metadata").about("What the method says about the document"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::get("/resolver/resolve/{did}", super::TAG, command!(resolver::resolve))
        .summary("Fetch a DID document")
        .path(&PATH)
        .answers(Answer::One(&ANSWER));
