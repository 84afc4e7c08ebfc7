//! `DELETE /issue-credential-2.0/records/{cred_ex_id}`

use chancery_agent::issue_credential_v2;

use super::input;
use crate::operation::{Operation, command};

pub(super) static OPERATION: Operation = Operation::delete(
    "/issue-credential-2.0/records/{cred_ex_id}",
    super::TAG,
    command!(issue_credential_v2::remove),
)
.summary("Remove a credential exchange")
.about("The other side is not told. Stored credentials stay.")
.path(&input::ID);
