//! `POST /issue-credential-2.0/create-offer`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::Schema;

static BODY: Schema = Schema {
    name: "V20CredOfferConnFreeRequest",
    parts: &[&input::CORE, &[input::AUTO_ISSUE]],
    whole: Some(input::preview_where_needed),
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/create-offer",
    super::TAG,
    command!(issue_credential_v2::create_offer),
)
.summary("Prepare an offer for an out-of-band invitation")
.about("Nothing is sent: attach the record to an invitation as `credential-offer`.")
.body(&BODY)
.answers(Answer::One(&record::RECORD));
