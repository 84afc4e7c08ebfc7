//! The story: connect, offer, request, issue, store, verify.

use std::time::Instant;

use serde_json::Value;

use super::narration::Narration;
use super::script::{self, Variables};
use super::{DemoError, PATIENCE};
use crate::cli::admin_api::{AdminApi, CallError};
use crate::cli::agent_process::AgentProcess;

/// The body that makes a did:key.
const DID_KEY: &str = r#"{"method": "key", "options": {"key_type": "ed25519"}}"#;

/// Who makes a call, by the variable with the address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Issuer,
    Holder,
}

impl Who {
    fn variable(self) -> &'static str {
        match self {
            Self::Issuer => "ISSUER",
            Self::Holder => "HOLDER",
        }
    }

    /// The variable with the id of this side's record of the exchange.
    fn exchange(self) -> &'static str {
        match self {
            Self::Issuer => "issuer_exchange",
            Self::Holder => "holder_exchange",
        }
    }
}

/// Tells the whole story; returns when the holder's credential is verified.
pub(super) async fn all(
    narration: &Narration,
    issuer: &mut AgentProcess,
    holder: &mut AgentProcess,
    auto: bool,
) -> Result<(), DemoError> {
    let mut story = Story {
        narration,
        issuer: Side::new(issuer)?,
        holder: Side::new(holder)?,
        variables: Variables::default(),
        auto,
    };
    let begun = Instant::now();
    for (who, process) in [(Who::Issuer, issuer), (Who::Holder, holder)] {
        let (side, pid) = (story.side(who), process.process());
        tokio::select! {
            ready = side.api.wait_ready(PATIENCE) => ready?,
            ended = process.ended() => return Err(ended.into()),
        }
        let more = format!("{} (process {pid})", process.admin_url());
        narration.state(process.name, "ready", &more);
    }
    narration.say(&format!("Both agents are ready after {:.2} s.", begun.elapsed().as_secs_f64()));
    story.begin();
    story.connect().await?;
    story.make_dids().await?;
    let begun = Instant::now();
    story.exchange().await?;
    let took = begun.elapsed();
    let kind = if auto { "all by itself" } else { "told step by step" };
    narration.say(&format!(
        "  From the offer until both sides were done, {kind}: {:.1} ms",
        took.as_secs_f64() * 1e3
    ));
    story.verify().await
}

/// One agent and its admin API.
struct Side {
    base: String,
    name: &'static str,
    api: AdminApi,
}

impl Side {
    fn new(agent: &AgentProcess) -> Result<Self, CallError> {
        let (base, name) = (agent.admin_url(), agent.name);
        Ok(Self { api: AdminApi::new(name, &base, None)?, base, name })
    }
}

struct Story<'a> {
    narration: &'a Narration,
    issuer: Side,
    holder: Side,
    variables: Variables,
    auto: bool,
}

impl Story<'_> {
    fn side(&mut self, who: Who) -> &mut Side {
        match who {
            Who::Issuer => &mut self.issuer,
            Who::Holder => &mut self.holder,
        }
    }

    /// What the commands build on.
    fn begin(&mut self) {
        self.narration
            .say("The commands can be repeated as they are, in their order: in bash, with curl and jq.");
        for who in [Who::Issuer, Who::Holder] {
            let base = self.side(who).base.clone();
            let shown = self.variables.set(who.variable(), &base);
            self.narration.command(&shown);
        }
        self.narration.command(script::WAIT_FOR);
    }

    /// Shows a call, makes it, and keeps what is wanted of the answer under these names.
    async fn post(
        &mut self,
        who: Who,
        path: &str,
        body: &str,
        keep: &[(&'static str, &str)],
    ) -> Result<Value, CallError> {
        self.narration.command(&script::call(&format!("${}{path}", who.variable()), body));
        let (path, body) = (self.variables.fill(path), self.variables.fill(body));
        let body: Value = serde_json::from_str(&body)
            .map_err(|e| CallError(format!("the body of {path} is no JSON: {e}")))?;
        let answer = self.side(who).api.post(&path, &body).await?;
        self.keep(&answer, keep)?;
        Ok(answer)
    }

    fn keep(&mut self, answer: &Value, keep: &[(&'static str, &str)]) -> Result<(), CallError> {
        for (name, pointer) in keep {
            let shown = self.variables.take(name, answer, pointer)?;
            self.narration.command(&shown);
        }
        Ok(())
    }

    /// Waits until what `path` answers has `value` at the pointer, and returns the answer.
    async fn wait(&mut self, who: Who, path: &str, pointer: &str, value: &str) -> Result<Value, CallError> {
        let url = format!("${}{path}", who.variable());
        self.narration.command(&script::wait(&url, pointer, value));
        let path = self.variables.fill(path);
        let what = format!("`{value}`");
        self.side(who)
            .api
            .poll(&path, &what, PATIENCE, |answer| {
                if answer.pointer("/results/0/cred_ex_record/state").is_some_and(|s| s == "abandoned") {
                    return Some(Err(CallError(format!("the credential exchange was abandoned: {answer}"))));
                }
                (answer.pointer(pointer)? == value).then(|| Ok(answer.clone()))
            })
            .await?
    }

    /// Waits until the exchange of this agent is in `state`.
    async fn reaches(&mut self, who: Who, state: &str) -> Result<Value, CallError> {
        let path = "/issue-credential-2.0/records?thread_id=$thread";
        let answer = self.wait(who, path, "/results/0/cred_ex_record/state", state).await?;
        let id = answer.pointer("/results/0/cred_ex_record/cred_ex_id").and_then(Value::as_str);
        let more = format!("cred_ex_id {}", id.unwrap_or_default());
        self.narration.state(self.side(who).name, state, &more);
        Ok(answer)
    }

    /// Looks up the id of this agent's record of the exchange.
    fn find_exchange(&mut self, who: Who, answer: &Value) -> Result<(), CallError> {
        let url = format!("${}/issue-credential-2.0/records?thread_id=$thread", who.variable());
        self.narration.command(&script::look(&url));
        self.keep(answer, &[(who.exchange(), "/results/0/cred_ex_record/cred_ex_id")])
    }

    /// Step 1.
    async fn connect(&mut self) -> Result<(), DemoError> {
        self.narration.step("1  Connect: the issuer invites, the holder accepts");
        let wanted = r#"{"alias": "Holder", "handshake_protocols": ["https://didcomm.org/didexchange/1.1"], "my_label": "Invitation to Holder"}"#;
        let kept = [("invitation", "/invitation"), ("invi_msg_id", "/invi_msg_id")];
        self.post(Who::Issuer, "/out-of-band/create-invitation?auto_accept=true", wanted, &kept).await?;
        let receive = "/out-of-band/receive-invitation?auto_accept=true&alias=Issuer";
        self.post(Who::Holder, receive, "$invitation", &[]).await?;
        let path = "/connections?invitation_msg_id=$invi_msg_id";
        for (who, name) in [(Who::Holder, "holder_connection"), (Who::Issuer, "issuer_connection")] {
            let answer = self.wait(who, path, "/results/0/rfc23_state", "completed").await?;
            self.narration.command(&script::look(&format!("${}{path}", who.variable())));
            self.keep(&answer, &[(name, "/results/0/connection_id")])?;
            let more = self.variables.fill(&format!("connection_id ${name}"));
            self.narration.state(self.side(who).name, "completed", &more);
        }
        Ok(())
    }

    /// Makes a DID for either side.
    async fn make_dids(&mut self) -> Result<(), DemoError> {
        self.narration.step("   Each side makes a DID: one to sign with, one to be named in the credential");
        for (who, name) in [(Who::Issuer, "issuer_did"), (Who::Holder, "holder_did")] {
            self.post(who, "/wallet/did/create", DID_KEY, &[(name, "/result/did")]).await?;
            let did = self.variables.fill(&format!("${name}"));
            self.narration.state(self.side(who).name, "created", &did);
        }
        Ok(())
    }

    /// Steps 2 to 5; with automatic agents the first call leads to the end.
    async fn exchange(&mut self) -> Result<(), DemoError> {
        let narration = self.narration;
        narration.step("2  Offer: the issuer offers a credential");
        let offer = OFFER.replace("AUTO_ISSUE", if self.auto { "true" } else { "false" });
        let kept = [("thread", "/thread_id"), (Who::Issuer.exchange(), "/cred_ex_id")];
        self.post(Who::Issuer, "/issue-credential-2.0/send-offer", &offer, &kept).await?;
        if self.auto {
            narration.step("3-5  Request, issue, store: the agents answer each other (--auto-* options)");
        } else {
            self.reaches(Who::Issuer, "offer-sent").await?;
            let theirs = self.reaches(Who::Holder, "offer-received").await?;
            self.find_exchange(Who::Holder, &theirs)?;
            narration.step("3  Request: the holder accepts the offer");
            let request = "/issue-credential-2.0/records/$holder_exchange/send-request";
            self.post(Who::Holder, request, r#"{"auto_remove": false}"#, &[]).await?;
            self.reaches(Who::Holder, "request-sent").await?;
            self.reaches(Who::Issuer, "request-received").await?;
            narration.step("4  Issue: the issuer signs the credential and sends it");
            let issue = "/issue-credential-2.0/records/$issuer_exchange/issue";
            self.post(Who::Issuer, issue, r#"{"comment": "here you are"}"#, &[]).await?;
            self.reaches(Who::Issuer, "credential-issued").await?;
            self.reaches(Who::Holder, "credential-received").await?;
            narration.step("5  Store: the holder checks the signature and keeps the credential");
            self.post(Who::Holder, "/issue-credential-2.0/records/$holder_exchange/store", "{}", &[]).await?;
        }
        self.reaches(Who::Holder, "done").await?;
        self.reaches(Who::Issuer, "done").await?;
        Ok(())
    }

    /// Reads the credential back from the holder's wallet and verifies it.
    async fn verify(&mut self) -> Result<(), DemoError> {
        self.narration
            .step("   Verify: the holder reads the stored credential and checks its proof once more");
        let subject = r#"{"subject_ids": ["$holder_did"]}"#;
        let kept = [("credential", "/results/0/cred_value")];
        let stored = self.post(Who::Holder, "/credentials/w3c", subject, &kept).await?;
        let asked = r#"{"verifiableCredential": $credential}"#;
        let answer = self.post(Who::Holder, "/vc/credentials/verify", asked, &[]).await?;
        if answer["verified"] != true {
            return Err(DemoError::NotVerified(answer.to_string()));
        }
        self.narration.command("  printf %s \"$answer\" | jq .verified");
        let proof = stored.pointer("/results/0/cred_value/proof/type").and_then(Value::as_str);
        self.narration.state(self.holder.name, "verified", &format!("proof {}", proof.unwrap_or_default()));
        Ok(())
    }
}

/// The body of the offer.
const OFFER: &str = r#"{
      "connection_id": "$issuer_connection",
      "comment": "Credential from the demonstration",
      "auto_issue": AUTO_ISSUE,
      "auto_remove": false,
      "filter": {"ld_proof": {
        "credential": {
          "@context": [
            "https://www.w3.org/2018/credentials/v1",
            "https://w3id.org/citizenship/v1",
            "https://w3id.org/security/suites/ed25519-2020/v1"
          ],
          "type": ["VerifiableCredential", "PermanentResidentCard"],
          "issuer": "$issuer_did",
          "issuanceDate": "2024-01-01T00:00:00Z",
          "credentialSubject": {
            "id": "$holder_did",
            "type": ["PermanentResident"],
            "givenName": "Alice",
            "familyName": "Smith",
            "birthCountry": "Bahamas",
            "birthDate": "1958-07-17"
          }
        },
        "options": {"proofType": "Ed25519Signature2020"}
      }}
    }"#;
