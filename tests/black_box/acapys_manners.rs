//! Small things that ACA-Py's controllers are used to.

use serde_json::{Value, json};

use crate::support::{Agent, Pair, eventually, offer};

const DIDX: &str = "https://didcomm.org/didexchange/1.1";

/// The OWL agent test harness does this to every answer, and fails where there is nothing to replace.
#[tokio::test]
async fn a_client_that_replaces_the_state_in_the_text_of_an_answer_finds_it() {
    let agent = Agent::start("agent", &[]).await;
    let http = chancery::wiring::client_builder().build().unwrap();
    let request = http.post(format!("{}/out-of-band/create-invitation", agent.admin));
    let text =
        request.json(&json!({"handshake_protocols": [DIDX]})).send().await.unwrap().text().await.unwrap();
    let replaced = text.replace(r#""state": "initial""#, r#""state": "invitation-sent""#);
    let replaced: Value = serde_json::from_str(&replaced).unwrap();
    assert_eq!(replaced["state"], "invitation-sent", "{text}");
}

#[tokio::test]
async fn empty_texts_for_optional_members_mean_absent() {
    let agent = Agent::start("agent", &[]).await;
    let body = json!({
        "handshake_protocols": [DIDX], "my_label": "", "alias": "", "use_did": "", "protocol_version": "",
        "goal_code": "", "goal": "",
    });
    let made = agent.post("/out-of-band/create-invitation", body).await;
    let invitation = &made["invitation"];
    assert_eq!(invitation["label"], "agent");
    assert_eq!(invitation["@type"], "https://didcomm.org/out-of-band/1.1/invitation");
    assert!(invitation.get("goal").is_none() && invitation.get("goal_code").is_none(), "{invitation}");
    let did = agent.post("/wallet/did/create", json!({"method": "", "seed": ""})).await;
    assert_eq!(did["result"]["method"], "sov");
}

#[tokio::test]
async fn a_did_peer_4_made_by_the_wallet_makes_a_connection_that_carries_messages() {
    let inviter = Agent::start("inviter", &[]).await;
    let invited = Agent::start("invited", &[]).await;
    let made = invited.post("/wallet/did/create", json!({"method": "did:peer:4"})).await;
    let did = made["result"]["did"].as_str().unwrap().to_owned();
    let create = "/out-of-band/create-invitation?auto_accept=true";
    let invitation = inviter.post(create, json!({"handshake_protocols": [DIDX]})).await;
    let receive = "/out-of-band/receive-invitation?auto_accept=false";
    let received = invited.post(receive, invitation["invitation"].clone()).await;
    let id = received["connection_id"].as_str().unwrap();
    invited.post(&format!("/didexchange/{id}/accept-invitation?use_did={did}"), json!({})).await;
    let active = inviter.controller.state("connections", "active").await;
    let back = active["connection_id"].as_str().unwrap();
    inviter.post(&format!("/connections/{back}/send-message"), json!({"content": "hello"})).await;
    assert_eq!(invited.controller.state("basicmessages", "received").await["connection_id"], id);
}

/// 0 stands for ACA-Py's page of 100, a negative number for none at all.
#[tokio::test]
async fn max_results_of_0_and_below_counts_as_in_acapy() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    for _ in 0..2 {
        let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
        pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    }
    let found = async |most: Value| {
        let answer = pair.holder.post("/credentials/w3c", json!({"max_results": most})).await;
        answer["results"].as_array().unwrap().len()
    };
    eventually("both credentials are there", async || (found(json!(100)).await == 2).then_some(())).await;
    for (most, number) in [(json!(0), 2), (json!(1), 1), (json!(-1), 0), (json!("1"), 1)] {
        assert_eq!(found(most.clone()).await, number, "{most}");
    }
}

/// ACA-Py's answer, and beside it what no signature says.
#[tokio::test]
async fn verify_warns_of_what_has_expired_and_of_what_an_inline_context_means() {
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let mut body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let credential = &mut body["filter"]["ld_proof"]["credential"];
    credential["expirationDate"] = json!("2026-01-03T03:04:05Z");
    credential["@context"].as_array_mut().unwrap().push(json!({"rank": "urn:rank"}));
    credential["credentialSubject"]["rank"] = json!("admiral");
    let plain = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    for (body, said) in
        [(plain, &[][..]), (body, &["expirationDate is 2026-01-03T03:04:05Z", "inline context"])]
    {
        pair.issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
        let wanted = &body["filter"]["ld_proof"]["credential"]["expirationDate"];
        let held = eventually("the credential is there", async || {
            let held = pair.holder.post("/credentials/w3c", json!({})).await;
            let mut held = held["results"].as_array().unwrap().iter();
            held.find(|one| &one["cred_value"]["expirationDate"] == wanted)
                .map(|one| one["cred_value"].clone())
        })
        .await;
        let verified =
            pair.holder.post("/vc/credentials/verify", json!({"verifiableCredential": held})).await;
        assert_eq!(verified["verified"], true, "{verified}");
        let warnings = verified["warnings"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(warnings.len(), said.len(), "{verified}");
        for (warning, said) in warnings.iter().zip(said) {
            assert!(warning.as_str().unwrap().contains(said), "{verified}");
        }
    }
}
