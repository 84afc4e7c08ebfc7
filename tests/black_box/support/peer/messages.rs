//! Messages as JSON, to be changed at will.

use chancery_did::PublicKey;
use chancery_didcomm::message::Attachment;
use serde_json::{Value, json};

pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// `protocol/1.0/name` of a message's type.
pub fn kind_of(message: &Value) -> &str {
    let kind = message["@type"].as_str().unwrap_or_default();
    kind.strip_prefix("https://didcomm.org/").unwrap_or(kind)
}

/// The thread that a message belongs to.
pub fn thread_of(message: &Value) -> &str {
    message["~thread"]["thid"].as_str().or(message["@id"].as_str()).unwrap_or_default()
}

fn message(kind: &str) -> Value {
    json!({"@type": format!("https://didcomm.org/{kind}"), "@id": new_id()})
}

/// On a thread.
pub fn on_thread(mut message: Value, thid: &str) -> Value {
    message["~thread"]["thid"] = json!(thid);
    message
}

/// With a parent thread.
pub fn with_parent(mut message: Value, pthid: &str) -> Value {
    message["~thread"]["pthid"] = json!(pthid);
    message
}

/// Wants its answer on the way that it came.
pub fn with_return_route(mut message: Value) -> Value {
    message["~transport"] = json!({"return_route": "all"});
    message
}

/// To be answered at this service of no connection.
pub fn with_service(mut message: Value, key: &PublicKey, endpoint: &str) -> Value {
    message["~service"] =
        json!({"recipientKeys": [key.base58()], "serviceEndpoint": endpoint, "routingKeys": []});
    message
}

/// An invitation by a key.
pub fn invitation(minor: u32, key: &PublicKey, endpoint: &str) -> Value {
    invitation_to(
        minor,
        json!({"id": "#inline", "type": "did-communication",
        "recipientKeys": [key.did_key_url()], "serviceEndpoint": endpoint}),
    )
}

/// An invitation by a DID, or by any service.
pub fn invitation_to(minor: u32, service: Value) -> Value {
    let mut invitation = message("out-of-band/1.1/invitation");
    invitation["label"] = json!("peer");
    invitation["handshake_protocols"] = json!([format!("https://didcomm.org/didexchange/1.{minor}")]);
    invitation["services"] = json!([service]);
    invitation
}

/// With an attached message, which gets the invitation as its parent thread.
pub fn with_attached(mut invitation: Value, attached: Value) -> Value {
    let attached = with_parent(attached, invitation["@id"].as_str().unwrap());
    invitation["requests~attach"] = json!([Attachment::json_inline("request-0", attached)]);
    invitation
}

pub fn complete(minor: u32, thid: &str, pthid: &str) -> Value {
    with_parent(on_thread(message(&format!("didexchange/1.{minor}/complete")), thid), pthid)
}

pub fn ping() -> Value {
    let mut ping = message("trust_ping/1.0/ping");
    ping["response_requested"] = json!(true);
    ping
}

pub fn basic_message(content: &str) -> Value {
    let mut text = message("basicmessage/1.0/message");
    text["content"] = json!(content);
    text["sent_time"] = json!("2026-01-02T03:04:05Z");
    text
}

/// A `handshake-reuse` for an invitation.
pub fn handshake_reuse(pthid: &str) -> Value {
    let message = message("out-of-band/1.1/handshake-reuse");
    let thid = message["@id"].as_str().unwrap().to_owned();
    with_parent(on_thread(message, &thid), pthid)
}

/// The answer to an agent's `handshake-reuse`, or the refusal of one.
pub fn reuse_answer(name: &str, thid: &str, pthid: &str) -> Value {
    let mut answer = with_parent(on_thread(message(&format!("out-of-band/1.1/{name}")), thid), pthid);
    if name == "problem_report" {
        answer["description"] = json!({"code": "existing_connection_not_active", "en": "because I say so"});
    }
    answer
}

/// The end of a handshake.
pub fn handshake_report(thid: &str, code: &str) -> Value {
    let mut report = on_thread(message("didexchange/1.1/problem_report"), thid);
    report["description"] = json!({"en": "because I say so", "code": code});
    report
}

/// A message of a type that nobody knows.
pub fn of_unknown_type() -> Value {
    message("nothing/1.0/at-all")
}

/// A forwarded invitation of an introduction.
pub fn forward_invitation(invitation: &Value) -> Value {
    let mut forward = message("introduction-service/0.1/forward-invitation");
    forward["invitation"] = invitation.clone();
    forward
}

fn exchange(name: &str, attached: &str, credential: &Value, proof_type: &str) -> Value {
    let detail = json!({"credential": credential, "options": {"proofType": proof_type}});
    let mut exchange = message(&format!("issue-credential/2.0/{name}"));
    exchange["formats"] = json!([{"attach_id": "0", "format": "aries/ld-proof-vc-detail@v1.0"}]);
    exchange[format!("{attached}~attach")] = json!([Attachment::json_base64("0", &detail)]);
    exchange
}

const PROOF_TYPE: &str = "Ed25519Signature2020";

pub fn proposal(credential: &Value) -> Value {
    exchange("propose-credential", "filters", credential, PROOF_TYPE)
}

pub fn credential_offer(credential: &Value) -> Value {
    exchange("offer-credential", "offers", credential, PROOF_TYPE)
}

/// A request for what an offer offers.
pub fn credential_request(offer: &Value) -> Value {
    let mut request = message("issue-credential/2.0/request-credential");
    let thid = thread_of(offer).to_owned();
    request["formats"] = offer["formats"].clone();
    request["requests~attach"] = offer["offers~attach"].clone();
    on_thread(request, &thid)
}

/// The credential that a thread is about, as it is.
pub fn credential_issue(thid: &str, credential: &Value) -> Value {
    let mut issue = message("issue-credential/2.0/issue-credential");
    issue["formats"] = json!([{"attach_id": "0", "format": "aries/ld-proof-vc@v1.0"}]);
    issue["credentials~attach"] = json!([Attachment::json_base64("0", credential)]);
    on_thread(issue, thid)
}

pub fn credential_ack(thid: &str) -> Value {
    let mut ack = on_thread(message("issue-credential/2.0/ack"), thid);
    ack["status"] = json!("OK");
    ack
}

pub fn credential_report(thid: &str) -> Value {
    let mut report = on_thread(message("issue-credential/2.0/problem-report"), thid);
    report["description"] = json!({"en": "because I say so", "code": "issuance-abandoned"});
    report
}
