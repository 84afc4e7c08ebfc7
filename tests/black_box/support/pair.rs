//! An issuer and a holder, connected.

use serde_json::{Value, json};

use super::Agent;

pub struct Pair {
    pub issuer: Agent,
    pub holder: Agent,
    /// The issuer's connection.
    pub to_holder: String,
    /// The holder's connection.
    pub to_issuer: String,
}

pub const MANUAL: &[&str] = &["--preserve-exchange-records"];
pub const AUTOMATIC: &[&str] = &[
    "--preserve-exchange-records",
    "--auto-respond-credential-proposal",
    "--auto-respond-credential-offer",
    "--auto-respond-credential-request",
    "--auto-store-credential",
];

impl Pair {
    /// Every step by hand.
    pub async fn manual() -> Self {
        Self::connected(MANUAL, MANUAL).await
    }

    /// Every answer automatic.
    pub async fn automatic() -> Self {
        Self::connected(AUTOMATIC, AUTOMATIC).await
    }

    pub async fn connected(issuer_options: &[&str], holder_options: &[&str]) -> Self {
        let issuer = Agent::start("issuer", issuer_options).await;
        let holder = Agent::start("holder", holder_options).await;
        let (to_holder, to_issuer) = connect(&issuer, &holder).await;
        Self { issuer, holder, to_holder, to_issuer }
    }
}

/// Connects two agents out of band; both connection ids.
pub async fn connect(issuer: &Agent, holder: &Agent) -> (String, String) {
    let invitation = issuer
        .post(
            "/out-of-band/create-invitation?auto_accept=true",
            json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]}),
        )
        .await;
    let received = holder
        .post("/out-of-band/receive-invitation?auto_accept=true", invitation["invitation"].clone())
        .await;
    let to_issuer = received["connection_id"].as_str().unwrap().to_owned();
    let message = invitation["invi_msg_id"].clone();
    let active = |e: &super::Event| {
        e.topic == "connections" && e.body["state"] == "active" && e.body["invitation_msg_id"] == message
    };
    let to_holder = issuer.controller.event("the issuer's connection active", active).await;
    holder.controller.event("the holder's connection active", active).await;
    (to_holder.body["connection_id"].as_str().unwrap().to_owned(), to_issuer)
}

/// A credential of the bundled citizenship vocabulary.
pub fn credential(issuer: &str) -> Value {
    json!({
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"],
        "type": ["VerifiableCredential", "PermanentResident"],
        "issuer": issuer,
        "issuanceDate": "2026-01-02T03:04:05Z",
        "credentialSubject": {"type": ["PermanentResident"], "givenName": "Ada", "familyName": "Lovelace",
            "birthCountry": "Bahamas"}
    })
}

/// The body of `send-offer`.
pub fn offer(connection_id: &str, issuer: &str, proof_type: &str) -> Value {
    json!({
        "connection_id": connection_id,
        "filter": {"ld_proof": {"credential": credential(issuer), "options": {"proofType": proof_type}}}
    })
}
