//! `POST /issue-credential-2.0/records/{cred_ex_id}/problem-report`

use chancery_agent::issue_credential_v2;

use super::input;
use crate::operation::{Operation, command};
use crate::schema::{Schema, text};

static BODY: Schema = Schema {
    name: "V20CredIssueProblemReportRequest",
    parts: &[&[text("description").required().about("Told to the other side")]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/records/{cred_ex_id}/problem-report",
    super::TAG,
    command!(issue_credential_v2::problem_report),
)
.summary("Abandon the exchange and tell the other side why")
.path(&input::ID)
.body(&BODY);
