//! `POST /issue-credential-2.0/records/{cred_ex_id}/send-request`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::Schema;

static BODY: Schema = Schema {
    name: "V20CredRequestRequest",
    parts: &[&[input::HOLDER_DID, input::auto_remove(), input::auto_remove_on_failure()]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/records/{cred_ex_id}/send-request",
    super::TAG,
    command!(issue_credential_v2::bound_request),
)
.summary("Request the credential that was offered")
.path(&input::ID)
.body(&BODY)
.answers(Answer::One(&record::RECORD));
