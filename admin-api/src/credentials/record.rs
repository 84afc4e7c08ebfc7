//! What the operations answer.

use crate::schema::{Field, Kind, Schema, list, map, text};

/// A stored W3C credential.
pub(super) static RECORD: Schema = Schema { name: "VCRecord", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 10] = [
    list("contexts", &Kind::Text).about("JSON-LD contexts"),
    list("expanded_types", &Kind::Text).about("Types as IRIs"),
    list("schema_ids", &Kind::Text).about("Ids of its schemas"),
    text("issuer_id").about("DID of the issuer"),
    list("subject_ids", &Kind::Text).about("Ids of the subjects"),
    list("proof_types", &Kind::Text).about("Proof suites"),
    map("cred_value").about("The credential"),
    text("given_id").about("Its own id"),
    map("cred_tags").about("Tags given when it was stored"),
    text("record_id").about("Id of the stored credential"),
];
