//! `GET /wallet/did/public`

use chancery_agent::wallet;

use super::record::RESULT;
use crate::failure::Failure;
use crate::operation::{Answer, Call, Operation};

pub(super) static OPERATION: Operation = Operation::get("/wallet/did/public", super::TAG, |call: Call| {
    Box::pin(async move { wallet::public_did(call.agent(), &call.tenant).await.map_err(Failure::from) })
})
.summary("Fetch the public DID")
.answers(Answer::One(&RESULT));
