//! `POST /issue-credential-2.0/records/{cred_ex_id}/issue`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Schema, text};

static BODY: Schema = Schema {
    name: "V20CredIssueRequest",
    parts: &[&[text("comment").nullable().about("For humans")]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/records/{cred_ex_id}/issue",
    super::TAG,
    command!(issue_credential_v2::issue),
)
.summary("Issue the credential that was requested")
.path(&input::ID)
.needed_body(&BODY)
.answers(Answer::One(&record::DETAIL));
