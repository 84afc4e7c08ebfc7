//! `POST /wallet/did/public`

use chancery_agent::{AgentError, wallet};
use serde_json::Value;

use super::record::RESULT;
use crate::failure::Failure;
use crate::operation::{Answer, Call, Operation};
use crate::out_of_band::mediation_id;
use crate::schema::rule::DID;
use crate::schema::{Field, boolean, matching, text};

static QUERY: [Field; 4] = [
    matching("did", &DID).required().about("A DID of the wallet"),
    text("conn_id").about("Connection to an endorser; not supported"),
    boolean("create_transaction_for_endorser").about("Ask an endorser; not supported").default("false"),
    mediation_id(),
];

pub(super) static OPERATION: Operation =
    Operation::post("/wallet/did/public", super::TAG, |call| Box::pin(set_public_did(call)))
        .summary("Choose the public DID")
        .query(&[&QUERY])
        .answers(Answer::One(&RESULT));

async fn set_public_did(mut call: Call) -> Result<Value, Failure> {
    if call.input.get("create_transaction_for_endorser") == Some(&Value::Bool(true)) {
        return Err(AgentError::not_supported(
            "There are no endorsers here: leave create_transaction_for_endorser out.",
        )
        .into());
    }
    if call.input.contains_key("mediation_id") {
        return Err(
            AgentError::not_supported("There is no mediation here yet: leave mediation_id out.").into()
        );
    }
    let command = call.command()?;
    wallet::set_public_did(call.agent(), &call.tenant, command).await.map_err(Failure::from)
}
