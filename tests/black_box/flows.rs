//! A credential from offer to wallet.

use serde_json::{Value, json};

use crate::support::{Agent, Event, Pair, credential, offer};

const TOPIC: &str = "issue_credential_v2_0";

async fn stored_and_verified(holder: &Agent, count: usize) {
    let stored = holder.post("/credentials/w3c", json!({})).await;
    let records = stored["results"].as_array().unwrap();
    assert_eq!(records.len(), count);
    for record in records {
        let verified = holder
            .post("/vc/credentials/verify", json!({"verifiableCredential": record["cred_value"]}))
            .await;
        assert_eq!(verified["verified"], true, "{verified}");
        let mut tampered = record["cred_value"].clone();
        tampered["credentialSubject"]["givenName"] = json!("Eve");
        let verified = holder.post("/vc/credentials/verify", json!({"verifiableCredential": tampered})).await;
        assert_eq!(verified["verified"], false, "a changed credential must not verify");
    }
}

async fn by_hand(proof_type: &str, key_type: &str) {
    let pair = Pair::manual().await;
    let did = pair.issuer.did(key_type).await;
    let sent =
        pair.issuer.post("/issue-credential-2.0/send-offer", offer(&pair.to_holder, &did, proof_type)).await;
    assert_eq!(sent["state"], "offer-sent");
    let issuer_id = sent["cred_ex_id"].as_str().unwrap();

    let received = pair.holder.controller.state(TOPIC, "offer-received").await;
    assert_eq!(received["thread_id"], sent["thread_id"]);
    let holder_id = received["cred_ex_id"].as_str().unwrap();
    let path = |id: &str, step: &str| format!("/issue-credential-2.0/records/{id}/{step}");

    let requested = pair.holder.post(&path(holder_id, "send-request"), json!({})).await;
    assert_eq!(requested["state"], "request-sent");
    pair.issuer.controller.state(TOPIC, "request-received").await;

    let issued = pair.issuer.post(&path(issuer_id, "issue"), json!({"comment": "here it is"})).await;
    assert_eq!(issued["cred_ex_record"]["state"], "credential-issued");
    pair.holder.controller.state(TOPIC, "credential-received").await;

    let stored = pair.holder.post(&path(holder_id, "store"), json!({"credential_id": "my-credential"})).await;
    assert_eq!(stored["cred_ex_record"]["state"], "done");
    assert_eq!(stored["ld_proof"]["cred_id_stored"], "my-credential");
    pair.issuer.controller.state(TOPIC, "done").await;
    pair.holder.controller.state(TOPIC, "done").await;

    assert_eq!(
        pair.issuer.controller.states(TOPIC, |_| true),
        ["offer-sent", "request-received", "credential-issued", "done"]
    );
    assert_eq!(
        pair.holder.controller.states(TOPIC, |_| true),
        ["offer-received", "request-sent", "credential-received", "done"]
    );
    let proof = &pair.holder.get("/credential/w3c/my-credential").await["cred_value"]["proof"];
    assert_eq!(proof["type"], proof_type);
    assert!(proof["created"].as_str().unwrap().ends_with('Z'), "didkit refuses +00:00: {proof}");
    stored_and_verified(&pair.holder, 1).await;
}

#[tokio::test]
async fn by_hand_2018() {
    by_hand("Ed25519Signature2018", "ed25519").await;
}

#[tokio::test]
async fn by_hand_2020() {
    by_hand("Ed25519Signature2020", "ed25519").await;
}

#[tokio::test]
async fn by_hand_p256() {
    by_hand("EcdsaSecp256r1Signature2019", "p256").await;
}

#[tokio::test]
async fn automatic_answers_need_no_controller() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    for _ in 0..3 {
        let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
        let sent = pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
        let done = |e: &Event| {
            e.topic == TOPIC && e.body["state"] == "done" && e.body["thread_id"] == sent["thread_id"]
        };
        pair.issuer.controller.event("the issuer's exchange done", done).await;
        pair.holder.controller.event("the holder's exchange done", done).await;
    }
    stored_and_verified(&pair.holder, 3).await;
}

#[tokio::test]
async fn a_proposal_leads_to_a_credential() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let sent = pair
        .holder
        .post("/issue-credential-2.0/send-proposal", offer(&pair.to_issuer, &did, "Ed25519Signature2018"))
        .await;
    assert_eq!(sent["state"], "proposal-sent");
    pair.holder.controller.state(TOPIC, "done").await;
    pair.issuer.controller.state(TOPIC, "done").await;
    assert_eq!(
        pair.issuer.controller.states(TOPIC, |_| true),
        ["proposal-received", "offer-sent", "request-received", "credential-issued", "done"]
    );
    stored_and_verified(&pair.holder, 1).await;
}

#[tokio::test]
async fn an_offer_in_an_invitation_needs_no_connection() {
    let issuer = Agent::start("issuer", &["--auto-respond-credential-request"]).await;
    let holder =
        Agent::start("holder", &["--auto-respond-credential-offer", "--auto-store-credential"]).await;
    let did = issuer.did("ed25519").await;
    let mut body = offer("unused", &did, "Ed25519Signature2020");
    body.as_object_mut().unwrap().remove("connection_id");
    let exchange = issuer.post("/issue-credential-2.0/create-offer", body).await;
    let invitation = issuer
        .post(
            "/out-of-band/create-invitation",
            json!({"attachments": [{"id": exchange["cred_ex_id"], "type": "credential-offer"}]}),
        )
        .await;
    let received = holder.post("/out-of-band/receive-invitation", invitation["invitation"].clone()).await;
    assert_eq!(received["connection_id"], Value::Null);
    holder.controller.state(TOPIC, "done").await;
    issuer.controller.state(TOPIC, "done").await;
    // Finished records are removed by default, and say so.
    issuer.controller.state(TOPIC, "deleted").await;
    stored_and_verified(&holder, 1).await;
}

#[tokio::test]
async fn a_problem_report_ends_the_exchange_on_both_sides() {
    let pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    let received = pair.holder.controller.state(TOPIC, "offer-received").await;
    let id = received["cred_ex_id"].as_str().unwrap();
    let path = format!("/issue-credential-2.0/records/{id}/problem-report");
    assert_eq!(pair.holder.post(&path, json!({"description": "not mine"})).await, json!({}));
    let abandoned = pair.issuer.controller.state(TOPIC, "abandoned").await;
    assert_eq!(abandoned["error_msg"], "issuance-abandoned: not mine");
    let abandoned = pair.holder.controller.state(TOPIC, "abandoned").await;
    assert_eq!(abandoned["error_msg"], "created problem report: not mine");
}

#[tokio::test]
async fn undefined_terms_are_refused_at_the_offer() {
    let pair = Pair::manual().await;
    let did = pair.issuer.did("ed25519").await;
    let mut body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    body["filter"]["ld_proof"]["credential"]["credentialSubject"]["shoeSize"] = json!("43");
    let (status, text) = pair.issuer.try_post("/issue-credential-2.0/send-offer", body).await;
    assert_eq!(status, 400);
    let text = text.as_str().unwrap();
    assert!(text.contains("1 attributes dropped") && text.contains("shoeSize"), "{text}");
    assert_eq!(pair.issuer.get("/issue-credential-2.0/records").await["results"], json!([]));
}

#[tokio::test]
async fn over_websocket() {
    let (admin, http, ws) =
        (crate::support::free_port(), crate::support::free_port(), crate::support::free_port());
    let ws_port = ws.to_string();
    let endpoint = format!("ws://127.0.0.1:{ws}");
    let mut options = vec!["-it", "ws", "127.0.0.1", &ws_port, "-e", &endpoint];
    options.extend(["--auto-respond-credential-request"]);
    let issuer = Agent::start_at("issuer", admin, http, &options).await;
    let holder =
        Agent::start("holder", &["--auto-respond-credential-offer", "--auto-store-credential"]).await;
    let (to_holder, _) = crate::support::connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    issuer.post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020")).await;
    holder.controller.state(TOPIC, "done").await;
    issuer.controller.state(TOPIC, "done").await;
    let connection = issuer.get(&format!("/connections/{to_holder}/endpoints")).await;
    assert!(connection["my_endpoint"].as_str().unwrap().starts_with("ws://"), "{connection}");
}

#[tokio::test]
async fn the_api_checks_a_credential_that_it_did_not_make() {
    let agent = Agent::start("verifier", &[]).await;
    let unsigned = credential("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH");
    let (status, answer) =
        agent.try_post("/vc/credentials/verify", json!({"verifiableCredential": unsigned})).await;
    assert!((400..500).contains(&status) && answer.to_string().contains("proof"), "{status} {answer}");
}
