//! `POST /issue-credential-2.0/send-proposal`

use chancery_agent::issue_credential_v2;

use super::{record, send};
use crate::operation::{Answer, Operation, command};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/send-proposal",
    super::TAG,
    command!(issue_credential_v2::send_proposal),
)
.summary("Propose a credential to its issuer")
.body(&send::BODY)
.answers(Answer::One(&record::RECORD));
