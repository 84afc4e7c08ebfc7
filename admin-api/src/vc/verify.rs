//! `POST /vc/credentials/verify`

use chancery_agent::credential;
use serde_json::Value;

use crate::issue_credential_v2::{CREDENTIAL_MEMBERS, OPTIONS, tree_of};
use crate::operation::{Answer, Operation, command};
use crate::schema::tree::Tree;
use crate::schema::{Field, Kind, Schema, boolean, json, list, map, of};

static BODY: Schema = Schema { name: "VerifyCredentialRequest", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 2] = [
    of("verifiableCredential", Kind::Custom(faults, &CREDENTIAL))
        .required()
        .about("The credential with its proof"),
    of("options", Kind::Custom(|_| None, &OPTIONS)).about("Accepted and ignored, as by ACA-Py"),
];

static CREDENTIAL: Schema =
    Schema { name: "VerifiableCredential", parts: &[&CREDENTIAL_MEMBERS, &PROOF], whole: None };

fn faults(credential: &Value) -> Option<Tree> {
    chancery_credentials::validate_credential(credential).err().and_then(tree_of)
}

static PROOF: [Field; 1] = [json("proof").required().about("The proof, or a list of proofs")];

static ANSWER: Schema = Schema {
    name: "VerifyCredentialResponse",
    parts: &[&[
        boolean("verified").about("A proof holds"),
        map("document").about("The credential"),
        list("results", &Kind::Map).about("The outcome by proof"),
        list("errors", &Kind::Text).about("Why it does not verify"),
    ]],
    whole: None,
};

pub(super) static OPERATION: Operation =
    Operation::post("/vc/credentials/verify", super::TAG, command!(credential::verify))
        .summary("Verify a W3C credential")
        .body(&BODY)
        .answers(Answer::One(&ANSWER))
        .json_errors();
