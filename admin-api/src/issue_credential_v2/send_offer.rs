//! `POST /issue-credential-2.0/send-offer`

use chancery_agent::issue_credential_v2;

use super::{input, record};
use crate::operation::{Answer, Operation, command};
use crate::schema::Schema;

static BODY: Schema = Schema {
    name: "V20CredOfferRequest",
    parts: &[&input::CORE, &[input::CONNECTION_ID, input::AUTO_ISSUE]],
    whole: Some(input::preview_where_needed),
};

pub(super) static OPERATION: Operation = Operation::post(
    "/issue-credential-2.0/send-offer",
    super::TAG,
    command!(issue_credential_v2::send_offer),
)
.summary("Offer a credential")
.body(&BODY)
.answers(Answer::One(&record::RECORD));
