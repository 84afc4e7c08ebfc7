//! `POST /credentials/w3c`

use chancery_agent::credential;

use super::record::RECORD;
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::ENDPOINT;
use crate::schema::{Field, Kind, Schema, integer, list, text, text_map};

static QUERY: [Field; 3] = [
    integer("start", Some((0, None))).about("How many matches to skip").example("0"),
    integer("count", Some((1, Some(10_000)))).about("Most results to return").example("10"),
    text("wql").about("A WQL query over the tags").example(r#"{"issuer_id": "did:example:123"}"#),
];

static BODY: Schema = Schema { name: "W3CCredentialsListRequest", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 9] = [
    list("contexts", &Kind::Matching(&ENDPOINT)).about("All of these JSON-LD contexts"),
    list("types", &Kind::Matching(&ENDPOINT)).about("All of these types, as IRIs"),
    list("schema_ids", &Kind::Matching(&ENDPOINT)).about("All of these schemas"),
    text("issuer_id").about("This issuer"),
    list("subject_ids", &Kind::Text).about("All of these subjects"),
    list("proof_types", &Kind::Text)
        .about("All of these proof suites")
        .example(r#"["Ed25519Signature2018"]"#),
    text("given_id").about("The credential's own id"),
    text_map("tag_query").about("Tags given when it was stored"),
    integer("max_results", None).about("Most results to return; 0 means 100, a negative number none"),
];

pub(super) static OPERATION: Operation =
    Operation::post("/credentials/w3c", super::TAG, command!(credential::list_w3c))
        .summary("Search the wallet for W3C credentials")
        .about("All conditions must hold.")
        .query(&[&QUERY])
        .needed_body(&BODY)
        .answers(Answer::Results(&RECORD));
