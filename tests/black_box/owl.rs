//! What the ACA-Py backchannel of the OWL Agent Test Harness does (acapy_backchannel.py at a4beb0f, AIP 2.0): how it starts an agent, and
//! how it reads answers, which is as text.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{credential, eventually, free_port};

/// Without these the agent starts, and says so.
const MISSING: [&str; 4] = [
    "--monitor-revocation-notification",
    "--notify-revocation",
    "--open-mediation",
    "--tails-server-base-url",
];

struct Started {
    home: PathBuf,
    options: Vec<String>,
    admin: String,
    http: reqwest::Client,
    child: Option<Child>,
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

impl Started {
    /// The harness's own options, and its `AGENT_CONFIG_FILE` with `no-ledger`.
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("chancery-test-{}-owl-{name}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let file = home.join("agent-config.yml");
        std::fs::write(&file, "no-ledger: true\n").unwrap();
        let (admin, http) = (free_port().to_string(), free_port().to_string());
        let endpoint = format!("http://127.0.0.1:{http}");
        let (label, wallet, key) = (format!("aca-py.{name}"), format!("acapy{name}"), format!("{name}12345"));
        let options = [
            &["--endpoint", &endpoint, "--inbound-transport", "http", "0.0.0.0", &http][..],
            &["--outbound-transport", "http", "--label", &label, "--admin", "0.0.0.0", &admin],
            &["--admin-insecure-mode", "--public-invites"],
            &["--wallet-type", "askar", "--wallet-name", &wallet, "--wallet-key", &key],
            &["--monitor-revocation-notification", "--requests-through-public-did", "--notify-revocation"],
            &["--open-mediation", "--enable-undelivered-queue", "--preserve-exchange-records"],
            &["--auto-provision", "--recreate-wallet", "--genesis-transactions", "{\"reqSignature\":{}}\n{}"],
            &["--seed", "d_000000000000000000000000123456", "--webhook-url", "http://127.0.0.1:9/webhooks"],
            &["--tails-server-base-url", "https://tails-server-test.pathfinder.gov.bc.ca"],
            &["--emit-new-didcomm-prefix", "--emit-new-didcomm-mime-type"],
            &["--plugin", "connections", "--plugin", "issue_credential", "--plugin", "present_proof"],
            &["--plugin-config", "/data-mount/plugin-config.yml", "--log-level", "ERROR"],
            &["--arg-file", file.to_str().unwrap()],
        ]
        .concat();
        let options = options.into_iter().map(str::to_owned).collect();
        let http = chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { home, options, admin: format!("http://127.0.0.1:{admin}"), http, child: None }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(crate::support::binary());
        command.arg("start").args(&self.options).env("ACAPY_HOME", &self.home).stdin(Stdio::null());
        command
    }

    /// Starts it; what it says of its readiness.
    async fn start(&mut self) -> Value {
        let log = self.home.join("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut child = self.command().stdout(Stdio::null()).stderr(file).spawn().unwrap();
        let ready = eventually("the agent is ready", async || {
            assert!(child.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
            let answer = self.http.get(format!("{}/status/ready", self.admin)).send().await.ok()?;
            answer.json().await.ok()
        })
        .await;
        self.child = Some(child);
        ready
    }

    async fn post(&self, path: &str, body: Value) -> String {
        let answer = self.http.post(format!("{}{path}", self.admin)).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    async fn get(&self, path: &str) -> String {
        self.http.get(format!("{}{path}", self.admin)).send().await.unwrap().text().await.unwrap()
    }

    /// The record, once it is in this state, with the state's other name.
    async fn in_state(&self, path: &str, state: &str, rfc: &str) -> Value {
        eventually(&format!("{path} {state}"), async || {
            let text = self.get(path).await;
            let record: Value = serde_json::from_str(&text).unwrap();
            let record = record.get("cred_ex_record").unwrap_or(&record);
            (record["state"] == state).then(|| replaced(&text, state, rfc))
        })
        .await
    }

    /// The id of the first record of a list that is not empty.
    async fn first(&self, path: &str, id: &str) -> String {
        eventually(path, async || {
            let found: Value = serde_json::from_str(&self.get(path).await).unwrap();
            let record = found["results"].get(0)?;
            let id = record.get("cred_ex_record").unwrap_or(record)[id].as_str();
            Some(id.unwrap().to_owned())
        })
        .await
    }
}

/// `replace_state_values` of the backchannel: it changes the text of the answer, not its JSON.
fn replaced(text: &str, state: &str, rfc: &str) -> Value {
    let changed = text.replace(&format!("\"state\": \"{state}\""), &format!("\"state\": \"{rfc}\""));
    let record: Value = serde_json::from_str(&changed).unwrap();
    let read = record.get("cred_ex_record").unwrap_or(&record)["state"].clone();
    assert_eq!(read, rfc, "{text}");
    record
}

#[tokio::test]
async fn the_test_harness_of_owl_starts_the_agent_with_its_own_options() {
    let mut agent = Started::new("Mallory");
    let strict = agent.command().arg("--strict-options").output().unwrap();
    assert_eq!(strict.status.code(), Some(2));
    let refused = String::from_utf8(strict.stderr).unwrap();
    let warnings = agent.start().await["warnings"].to_string();
    for name in MISSING {
        assert!(refused.contains(name), "{refused}");
        assert!(warnings.contains(name), "{warnings}");
    }
}

#[tokio::test]
async fn the_test_harness_of_owl_connects_and_issues_by_the_text_of_the_answers() {
    let (mut acme, mut bob) = (Started::new("Acme"), Started::new("Bob"));
    acme.start().await;
    bob.start().await;
    let body =
        json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"], "use_public_did": false});
    let made = acme.post("/out-of-band/create-invitation", body).await;
    let invitation = replaced(&made, "initial", "invitation-sent");
    let received = bob.post("/out-of-band/receive-invitation", invitation["invitation"].clone()).await;
    let received: Value = serde_json::from_str(&received).unwrap();
    let to_acme = received["connection_id"].as_str().unwrap().to_owned();
    let bobs = format!("/connections/{to_acme}");
    bob.in_state(&bobs, "invitation", "invitation-received").await;
    let asked = bob.post(&format!("/didexchange/{to_acme}/accept-invitation"), json!({})).await;
    replaced(&asked, "request", "request-sent");
    let message = invitation["invi_msg_id"].as_str().unwrap();
    let to_bob =
        acme.first(&format!("/connections?invitation_msg_id={message}&state=request"), "connection_id").await;
    let acmes = format!("/connections/{to_bob}");
    acme.in_state(&acmes, "request", "request-received").await;
    let answered = acme.post(&format!("/didexchange/{to_bob}/accept-request"), json!({})).await;
    replaced(&answered, "response", "response-sent");
    bob.in_state(&bobs, "active", "completed").await;
    acme.in_state(&acmes, "active", "completed").await;

    let made =
        acme.post("/wallet/did/create", json!({"method": "key", "options": {"key_type": "ed25519"}})).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let issuer = made["result"]["did"].as_str().unwrap();
    let filter = json!({"ld_proof": {"credential": credential(issuer), "options": {"proofType": "Ed25519Signature2018"}}});
    let topic = "/issue-credential-2.0";
    let proposed = bob
        .post(&format!("{topic}/send-proposal"), json!({"connection_id": to_acme, "filter": filter}))
        .await;
    let proposed = replaced(&proposed, "proposal-sent", "proposal-sent*");
    let record = |id: &str| format!("{topic}/records/{id}");
    let bobs = record(proposed["cred_ex_id"].as_str().unwrap());
    let acmes = record(&acme.first(&format!("{topic}/records"), "cred_ex_id").await);
    acme.in_state(&acmes, "proposal-received", "proposal-received*").await;
    let offered = acme.post(&format!("{acmes}/send-offer"), json!({})).await;
    replaced(&offered, "offer-sent", "offer-sent*");
    bob.in_state(&bobs, "offer-received", "offer-received*").await;
    let asked = bob.post(&format!("{bobs}/send-request"), json!({})).await;
    replaced(&asked, "request-sent", "request-sent*");
    acme.in_state(&acmes, "request-received", "request-received*").await;
    let issued = acme.post(&format!("{acmes}/issue"), json!({"comment": "issuing"})).await;
    let issued: Value = serde_json::from_str(&issued).unwrap();
    assert_eq!(issued["cred_ex_record"]["state"], "credential-issued");
    bob.in_state(&bobs, "credential-received", "credential-received*").await;
    let stored = bob.post(&format!("{bobs}/store"), json!({})).await;
    assert!(stored.contains("\"state\": \"done\""), "{stored}");
    bob.in_state(&bobs, "done", "done*").await;
    acme.in_state(&acmes, "done", "done*").await;
}
