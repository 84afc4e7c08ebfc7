//! `POST /issue-credential-2.0/records/{cred_ex_id}/send-request`, also without `-2.0`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::Schema;

static BODY: Schema = Schema {
    name: "V20CredRequestRequest",
    parts: &[&[input::HOLDER_DID, input::auto_remove(), input::auto_remove_on_failure()]],
    whole: None,
};

pub(super) static OPERATION: Operation = at("/issue-credential-2.0/records/{cred_ex_id}/send-request");

/// The path that ACA-Py's tutorial prints.
pub(super) static TUTORIAL: Operation =
    at("/issue-credential/records/{cred_ex_id}/send-request").deprecated();

const fn at(path: &'static str) -> Operation {
    Operation::post(path, super::TAG, command!(issue_credential_v2::bound_request))
        .summary("Request the credential that was offered")
        .path(&input::ID)
        .body(&BODY)
        .answers(Answer::One(&record::RECORD))
}
