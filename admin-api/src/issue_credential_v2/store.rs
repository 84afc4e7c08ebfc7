//! `POST /issue-credential-2.0/records/{cred_ex_id}/store`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::{Schema, text};

static BODY: Schema = Schema {
    name: "V20CredStoreRequest",
    parts: &[&[text("credential_id").about("Id of the stored credential (default: random)")]],
    whole: None,
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/records/{cred_ex_id}/store",
    super::TAG,
    command!(issue_credential_v2::store),
)
.summary("Verify and store the credential that was received")
.path(&input::ID)
.body(&BODY)
.answers(Answer::One(&record::DETAIL));
