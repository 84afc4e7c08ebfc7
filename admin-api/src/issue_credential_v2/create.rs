//! `POST /issue-credential-2.0/create`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::Schema;

static BODY: Schema = Schema {
    name: "V20IssueCredSchemaCore",
    parts: &[&input::CORE],
    whole: Some(input::preview_where_needed),
};

pub(super) static OPERATION: Operation =
    Operation::post("/issue-credential-2.0/create", super::TAG, command!(issue_credential_v2::create))
        .summary("Prepare a credential for an out-of-band invitation, issued automatically")
        .about("Nothing is sent: attach the record to an invitation as `credential-offer`.")
        .body(&BODY)
        .answers(Answer::One(&record::RECORD));
