//! `GET /issue-credential-2.0/records/{cred_ex_id}`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};

pub(super) static OPERATION: Operation = Operation::get(
    "/issue-credential-2.0/records/{cred_ex_id}",
    super::TAG,
    command!(issue_credential_v2::get),
)
.summary("Fetch one credential exchange")
.path(&input::ID)
.answers(Answer::One(&record::DETAIL));
