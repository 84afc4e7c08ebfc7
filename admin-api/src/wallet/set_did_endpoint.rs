//! `POST /wallet/set-did-endpoint`

use chancery_agent::{AgentError, wallet};
use serde_json::Value;

use crate::failure::Failure;
use crate::operation::{Call, Operation};
use crate::out_of_band::mediation_id;
use crate::schema::rule::{ENDPOINT, INDY_DID};
use crate::schema::{Field, Schema, boolean, matching, one_of, text};

static QUERY: [Field; 2] = [
    text("conn_id").about("Connection to an endorser; not supported"),
    boolean("create_transaction_for_endorser").about("Ask an endorser; not supported").default("false"),
];

static BODY: Schema = Schema { name: "DIDEndpointWithType", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 4] = [
    matching("did", &INDY_DID).required().about("A DID of the wallet").example("WgWxqztrNooG92RXvxSTWv"),
    matching("endpoint", &ENDPOINT)
        .about("The endpoint; without it there is none")
        .example("https://myhost:8021"),
    one_of("endpoint_type", &["Endpoint", "Profile", "LinkedDomains"])
        .about("What the endpoint is for")
        .default("Endpoint"),
    mediation_id(),
];

pub(super) static OPERATION: Operation =
    Operation::post("/wallet/set-did-endpoint", super::TAG, |call| Box::pin(set_did_endpoint(call)))
        .summary("Change the endpoint of a DID")
        .query(&[&QUERY])
        .body(&BODY);

async fn set_did_endpoint(mut call: Call) -> Result<Value, Failure> {
    if call.input.get("create_transaction_for_endorser") == Some(&Value::Bool(true)) {
        let text = "There are no endorsers here: leave create_transaction_for_endorser out.";
        return Err(AgentError::not_supported(text).into());
    }
    if call.input.contains_key("mediation_id") {
        return Err(
            AgentError::not_supported("There is no mediation here yet: leave mediation_id out.").into()
        );
    }
    let command = call.command()?;
    wallet::set_did_endpoint(call.agent(), &call.tenant, command).await.map_err(Failure::from)
}
