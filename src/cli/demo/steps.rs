//! The story: connect, offer, request, issue, store, verify.

use std::time::Instant;

use serde_json::{Value, json};

use super::narration::Narration;
use super::{DemoError, PATIENCE};
use crate::cli::admin_api::{AdminApi, CallError, text};
use crate::cli::agent_process::AgentProcess;

/// One agent and its admin API.
struct Side<'a> {
    narration: &'a Narration,
    base: String,
    name: &'static str,
    api: AdminApi,
}

/// Tells the whole story; returns when the holder's credential is verified.
pub(super) async fn all(
    narration: &Narration,
    issuer: &mut AgentProcess,
    holder: &mut AgentProcess,
    auto: bool,
) -> Result<(), DemoError> {
    let mut issuer_side = Side::new(narration, issuer)?;
    let mut holder_side = Side::new(narration, holder)?;
    let begun = Instant::now();
    for (side, process) in [(&mut issuer_side, issuer), (&mut holder_side, holder)] {
        let pid = process.process();
        tokio::select! {
            ready = side.api.wait_ready(PATIENCE) => ready?,
            ended = process.ended() => return Err(ended.into()),
        }
        narration.state(side.name, "ready", &format!("{} (process {pid})", side.base));
    }
    narration.say(&format!("Both agents are ready after {:.2} s.", begun.elapsed().as_secs_f64()));
    let mut story = Story { issuer: issuer_side, holder: holder_side, auto };
    let issuer_connection = story.connect().await?;
    let offer = story.prepare_offer(&issuer_connection).await?;
    let begun = Instant::now();
    story.exchange(&offer).await?;
    let took = begun.elapsed();
    let kind = if auto { "all by itself" } else { "told step by step" };
    narration.say(&format!(
        "  From the offer until both sides were done, {kind}: {:.1} ms",
        took.as_secs_f64() * 1e3
    ));
    story.verify().await
}

impl<'a> Side<'a> {
    fn new(narration: &'a Narration, agent: &AgentProcess) -> Result<Self, CallError> {
        let (base, name) = (agent.admin_url(), agent.name);
        Ok(Self { narration, api: AdminApi::new(name, &base, None)?, base, name })
    }

    /// Shows the call, then makes it.
    async fn post(&mut self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.narration.call(&self.base, "POST", path, Some(body));
        self.api.post(path, body).await
    }

    /// Waits until the only credential exchange of this agent is in `state`, shows it, and returns its id.
    async fn exchange_reaches(&mut self, state: &str) -> Result<String, CallError> {
        let path = "/issue-credential-2.0/records";
        let what = format!("credential exchange `{state}`");
        let found = self.api.poll(path, &what, PATIENCE, |answer| {
            let record = &answer["results"][0]["cred_ex_record"];
            if record["state"] == "abandoned" {
                return Some(Err(CallError(format!("the credential exchange was abandoned: {record}"))));
            }
            (record["state"] == state).then(|| text(record, "/cred_ex_id"))
        });
        let id = found.await??;
        self.narration.state(self.name, state, &format!("cred_ex_id {id}"));
        Ok(id)
    }

    /// Waits until the connection under `path` is completed, shows it, and returns its id.
    async fn connection_completes(&mut self, path: &str) -> Result<String, CallError> {
        let found = self.api.poll(path, "the connection", PATIENCE, |answer| {
            let record = answer.pointer("/results/0").unwrap_or(answer);
            (record["rfc23_state"] == "completed").then(|| text(record, "/connection_id"))
        });
        let id = found.await??;
        self.narration.state(self.name, "completed", &format!("connection_id {id}"));
        Ok(id)
    }
}

struct Story<'a> {
    issuer: Side<'a>,
    holder: Side<'a>,
    auto: bool,
}

impl Story<'_> {
    /// Step 1; returns the issuer's id of the connection.
    async fn connect(&mut self) -> Result<String, DemoError> {
        self.issuer.narration.step("1  Connect: the issuer invites, the holder accepts");
        let wanted = json!({
            "alias": "Holder",
            "handshake_protocols": ["https://didcomm.org/didexchange/1.1"],
            "my_label": "Invitation to Holder"
        });
        let created = self.issuer.post("/out-of-band/create-invitation?auto_accept=true", &wanted).await?;
        let receive = "/out-of-band/receive-invitation?auto_accept=true&alias=Issuer";
        let received = self.holder.post(receive, &created["invitation"]).await?;
        let holders = format!("/connections/{}", text(&received, "/connection_id")?);
        self.holder.connection_completes(&holders).await?;
        let issuers = format!("/connections?invitation_msg_id={}", text(&created, "/invi_msg_id")?);
        Ok(self.issuer.connection_completes(&issuers).await?)
    }

    /// Makes a DID for either side; returns the body of the offer.
    async fn prepare_offer(&mut self, connection: &str) -> Result<Value, DemoError> {
        self.issuer
            .narration
            .step("   Each side makes a DID: one to sign with, one to be named in the credential");
        let wanted = json!({"method": "key", "options": {"key_type": "ed25519"}});
        let mut dids = Vec::new();
        for side in [&mut self.issuer, &mut self.holder] {
            let did = text(&side.post("/wallet/did/create", &wanted).await?, "/result/did")?;
            side.narration.state(side.name, "created", &did);
            dids.push(did);
        }
        Ok(json!({
            "connection_id": connection,
            "comment": "Credential from the demonstration",
            "auto_issue": self.auto,
            "auto_remove": false,
            "filter": {"ld_proof": {
                "credential": {
                    "@context": [
                        "https://www.w3.org/2018/credentials/v1",
                        "https://w3id.org/citizenship/v1",
                        "https://w3id.org/security/suites/ed25519-2020/v1"
                    ],
                    "type": ["VerifiableCredential", "PermanentResidentCard"],
                    "issuer": dids.first(),
                    "issuanceDate": "2024-01-01T00:00:00Z",
                    "credentialSubject": {
                        "id": dids.get(1),
                        "type": ["PermanentResident"],
                        "givenName": "Alice",
                        "familyName": "Smith",
                        "birthCountry": "Bahamas",
                        "birthDate": "1958-07-17"
                    }
                },
                "options": {"proofType": "Ed25519Signature2020"}
            }}
        }))
    }

    /// Steps 2 to 5; with automatic agents the first call leads to the end.
    async fn exchange(&mut self, offer: &Value) -> Result<(), DemoError> {
        let narration = self.issuer.narration;
        let (issuer, holder) = (&mut self.issuer, &mut self.holder);
        narration.step("2  Offer: the issuer offers a credential");
        issuer.post("/issue-credential-2.0/send-offer", offer).await?;
        if self.auto {
            narration.step("3-5  Request, issue, store: the agents answer each other (--auto-* options)");
        } else {
            issuer.exchange_reaches("offer-sent").await?;
            let theirs = holder.exchange_reaches("offer-received").await?;
            narration.step("3  Request: the holder accepts the offer");
            let request = format!("/issue-credential-2.0/records/{theirs}/send-request");
            holder.post(&request, &json!({"auto_remove": false})).await?;
            holder.exchange_reaches("request-sent").await?;
            let ours = issuer.exchange_reaches("request-received").await?;
            narration.step("4  Issue: the issuer signs the credential and sends it");
            let issue = format!("/issue-credential-2.0/records/{ours}/issue");
            issuer.post(&issue, &json!({"comment": "here you are"})).await?;
            issuer.exchange_reaches("credential-issued").await?;
            holder.exchange_reaches("credential-received").await?;
            narration.step("5  Store: the holder checks the signature and keeps the credential");
            let store = format!("/issue-credential-2.0/records/{theirs}/store");
            holder.post(&store, &json!({"credential_id": "my-card"})).await?;
        }
        holder.exchange_reaches("done").await?;
        issuer.exchange_reaches("done").await?;
        Ok(())
    }

    /// Reads the credential back from the holder's wallet and verifies it.
    async fn verify(&mut self) -> Result<(), DemoError> {
        let holder = &mut self.holder;
        holder
            .narration
            .step("   Verify: the holder reads the stored credential and checks its proof once more");
        let stored = holder.post("/credentials/w3c", &json!({})).await?;
        let credential = stored.pointer("/results/0/cred_value").cloned().unwrap_or_default();
        let asked = json!({"verifiableCredential": credential});
        let answer = holder.post("/vc/credentials/verify", &asked).await?;
        if answer["verified"] != true {
            return Err(DemoError::NotVerified(answer.to_string()));
        }
        let proof = credential.pointer("/proof/type").and_then(Value::as_str).unwrap_or_default();
        holder.narration.state(holder.name, "verified", &format!("proof {proof}"));
        Ok(())
    }
}
