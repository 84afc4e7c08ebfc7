//! `POST /connections/{conn_id}/metadata`

use chancery_agent::connection;

use super::record::METADATA;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Schema, map};

static BODY: Schema = Schema {
    name: "ConnectionMetadataSetRequest",
    parts: &[&[map("metadata")
        .required()
        .about("Entries to add or replace")
        .example(r#"{"customer": "42"}"#)]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/connections/{conn_id}/metadata", super::TAG, command!(connection::metadata_set))
        .summary("Keep something with a connection")
        .path(&super::ID)
        .body(&BODY)
        .answers(Answer::One(&METADATA));
