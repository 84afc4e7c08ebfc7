//! `POST /issue-credential-2.0/send`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Schema, text};

/// Shared with `send-proposal`, as in ACA-Py.
pub(super) static BODY: Schema =
    Schema { name: "V20CredExFree", parts: &[&input::CORE, &OWN], whole: Some(input::preview_where_needed) };

static OWN: [Field; 2] = [
    input::CONNECTION_ID,
    text("verification_method")
        .nullable()
        .about("Stored with the record; `options.verificationMethod` selects the key"),
];

pub(super) static OPERATION: Operation =
    Operation::post("/issue-credential-2.0/send", super::TAG, command!(issue_credential_v2::send))
        .summary("Offer a credential and issue it as soon as it is requested")
        .body(&BODY)
        .answers(Answer::One(&record::RECORD));
