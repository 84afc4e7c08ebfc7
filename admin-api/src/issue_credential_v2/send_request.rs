//! `POST /issue-credential-2.0/send-request`

use chancery_agent::issue_credential_v2;

use super::{formats, input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Schema, boolean, object, text};

static BODY: Schema = Schema { name: "V20CredRequestFree", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 7] = [
    input::CONNECTION_ID,
    object("filter", &formats::LD_PROOF_FILTER).required().about("What the credential is to hold"),
    input::auto_remove(),
    input::auto_remove_on_failure(),
    text("comment").nullable().about("For humans"),
    boolean("trace").about("Stored with the record").default("false"),
    input::HOLDER_DID,
];

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/send-request",
    super::TAG,
    command!(issue_credential_v2::send_request),
)
.summary("Request a credential that was not offered")
.about("With linked data proofs only.")
.body(&BODY)
.answers(Answer::One(&record::RECORD));
