//! `GET /wallet/get-did-endpoint`

use chancery_agent::wallet;

use crate::operation::{Answer, Operation, command};
use crate::schema::rule::DID;
use crate::schema::{Field, Schema, matching, text};

static QUERY: [Field; 1] =
    [matching("did", &DID).required().about("A DID of the wallet").example("WgWxqztrNooG92RXvxSTWv")];

static ANSWER: Schema = Schema {
    name: "DIDEndpoint",
    parts: &[&[text("did").about("The DID"), text("endpoint").nullable().about("Its endpoint")]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::get("/wallet/get-did-endpoint", super::TAG, command!(wallet::get_did_endpoint))
        .summary("Fetch the endpoint of a DID")
        .query(&[&QUERY])
        .answers(Answer::One(&ANSWER));
