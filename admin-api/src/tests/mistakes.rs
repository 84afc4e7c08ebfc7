//! What people send that is almost right.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ports::Process;
use super::{Ask, Asked, Auth, api, ask_all, post};

const RECEIVE: &str = "/out-of-band/receive-invitation";

async fn problems(asks: Vec<Ask<'_>>) -> Vec<Asked> {
    let asks = asks.into_iter().map(|ask| ask.header("accept", "application/problem+json")).collect();
    ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await
}

#[actix_web::test]
async fn what_is_posted_instead_of_an_invitation_gets_a_hint() {
    let invitation = json!({"@type": "https://didcomm.org/out-of-band/1.1/invitation", "services": []});
    let whole = json!({"state": "initial", "invitation": invitation, "invitation_url": "http://a?oob=e30"});
    let cases = [
        (whole.to_string(), 422, "that is the whole answer of create-invitation"),
        (r#""http://a.example?oob=e30""#.to_owned(), 422, "that is an invitation as a URL"),
        (
            r#"{"invitation_url": "http://a.example?oob=e30"}"#.to_owned(),
            422,
            "that is an invitation as a URL",
        ),
        ("http://a.example?oob=e30".to_owned(), 400, "that is an invitation as a URL"),
        ("http://a.example?c_i=e30".to_owned(), 400, "that is an invitation of connections/1.0"),
        ("{".to_owned(), 400, "send one JSON object as body"),
    ];
    let answers = problems(cases.iter().map(|(body, ..)| post(RECEIVE, body)).collect()).await;
    for (answer, (body, status, hint)) in answers.iter().zip(cases) {
        let problem = answer.json();
        assert_eq!(answer.status, status, "{body}: {problem}");
        assert!(problem["hint"].as_str().unwrap().starts_with(hint), "{body}: {problem}");
    }
}

#[actix_web::test]
async fn a_body_without_content_type_gets_a_hint() {
    let mut without =
        post(RECEIVE, r#"{"handshake_protocols": ["didexchange/1.1"], "services": ["did:example:1"]}"#);
    without.headers.clear();
    let answer = problems(vec![without]).await.remove(0);
    assert_eq!(answer.status, 422);
    let hint = answer.json()["hint"].clone();
    assert_eq!(hint, "the body was not read: send it with the header Content-Type: application/json");
}

/// As ACA-Py's schema of invitations.
#[actix_web::test]
async fn an_invitation_that_is_wrong_gets_acapys_answer() {
    let with = |name: &str, value: Value| {
        let mut invitation =
            json!({"handshake_protocols": ["didexchange/1.1"], "services": ["did:example:1"]});
        invitation[name] = value;
        invitation.to_string()
    };
    let cases = [
        (with("goal", json!("x")), "{'json': {'_schema': ['Model cannot have goal without goal_code']}}"),
        (
            with("goal_code", json!("x")),
            "{'json': {'_schema': ['Model cannot have goal_code without goal']}}",
        ),
        (with("imageUrl", json!("logo")), "{'json': {'imageUrl': ['Not a valid URL.']}}"),
        (with("imageUrl", json!("data:image/png;base64,AA")), "{'json': {'imageUrl': ['Not a valid URL.']}}"),
        (
            with("services", json!([1])),
            "{'json': {'services': {0: ['Service item must be a valid decentralized identifier (DID) or object']}}}",
        ),
        (
            with("services", json!(["x"])),
            "{'json': {'services': {0: ['Service item must be a valid decentralized identifier (DID)']}}}",
        ),
    ];
    let good = [
        with("goal", json!("")),
        with("imageUrl", Value::Null),
        with("imageUrl", json!("http://192.168.56.101/img/logo.jpg")),
        with("imageUrl", json!("https://user:key@example.com:8443?x=y")),
        with("imageUrl", json!("http://localhost:8000/")),
    ];
    let asks = cases.iter().map(|(body, _)| body).chain(&good).map(|body| post(RECEIVE, body));
    let answers = ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks.collect()).await;
    for (answer, (body, text)) in answers.iter().zip(&cases) {
        assert_eq!((answer.status, &*answer.body), (422, &*format!("422: {text}")), "{body}");
    }
    for (answer, body) in answers[cases.len()..].iter().zip(&good) {
        assert_ne!(answer.status, 422, "{body}: {}", answer.body);
    }
}

/// Recorded trace 61, lines 67 and 75; where ACA-Py answers 500 (line 74), this agent says what is missing.
#[actix_web::test]
async fn what_is_no_credential_is_refused_by_verify_with_acapys_status() {
    let credential = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1"], "type": ["VerifiableCredential"],
        "issuer": "did:example:1", "issuanceDate": "2024-01-01T00:00:00Z", "credentialSubject": {"id": "did:example:2"},
    });
    let cases = [
        (
            json!({"verifiableCredential": credential}),
            "422: {'json': {'verifiableCredential': {'proof': ['Missing data for required field.']}}}",
        ),
        (
            json!({"verifiableCredential": "x"}),
            "422: {'json': {'verifiableCredential': {'_schema': ['Invalid input type.']}}}",
        ),
        (json!({}), "422: {'json': {'verifiableCredential': ['Missing data for required field.']}}"),
    ];
    let bodies = cases.each_ref().map(|(body, _)| body.to_string());
    let asks = bodies.iter().map(|body| post("/vc/credentials/verify", body)).collect();
    for (answer, (body, text)) in
        ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await.iter().zip(cases)
    {
        assert_eq!((answer.status, &*answer.body), (422, text), "{body}");
    }
}

#[actix_web::test]
async fn options_of_verify_are_ignored_whatever_they_are() {
    let credential = json!({
        "@context": ["https://www.w3.org/2018/credentials/v1"], "type": ["VerifiableCredential"],
        "issuer": "did:example:1", "issuanceDate": "2024-01-01T00:00:00Z", "credentialSubject": {"id": "did:example:2"},
        "proof": {"type": "Ed25519Signature2018", "proofPurpose": "assertionMethod", "created": "2024-01-01T00:00:00Z",
            "verificationMethod": "did:example:1#key", "jws": "a..b"},
    });
    let bodies = [json!({}), json!(""), json!("x"), json!([{"challenge": "x"}]), json!(1)]
        .map(|options| json!({"verifiableCredential": credential, "options": options}).to_string());
    let asks = bodies.iter().map(|body| post("/vc/credentials/verify", body)).collect();
    for (answer, body) in
        ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await.iter().zip(&bodies)
    {
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    }
}

/// The public test harness replaces this text in answers.
#[actix_web::test]
async fn answers_are_written_with_pythons_separators() {
    let asks = vec![super::get("/status"), super::get("/status/live"), super::get("/vc/credentials/nope")];
    let answers = ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await;
    assert!(answers[0].body.starts_with(r#"{"version": "1.7.0", "chancery": "0.1.0", "label": "issuer", "#));
    assert_eq!(answers[1].body, r#"{"alive": true}"#);
    assert_eq!(answers[2].body, r#"{"message": "Record not found: vc_cred/nope."}"#, "errors, too");
}

#[actix_web::test]
async fn a_prometheus_that_knows_only_bearer_tokens_may_scrape() {
    let bearer = |path, token| super::get(path).header("authorization", token);
    let asks = vec![
        bearer("/metrics", "Bearer golden-api-key"),
        bearer("/metrics", "Bearer wrong"),
        bearer("/status", "Bearer golden-api-key"),
        super::get("/metrics").header("x-api-key", super::KEY),
    ];
    let answers = ask_all(api(&Arc::new(Process::default()), super::with_key()), asks).await;
    assert_eq!(answers.iter().map(|a| a.status).collect::<Vec<_>>(), [200, 401, 401, 200]);
}

#[actix_web::test]
async fn the_path_of_the_tutorial_reaches_the_same_operation() {
    let id = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
    let paths =
        ["/issue-credential-2.0", "/issue-credential"].map(|p| format!("{p}/records/{id}/send-request"));
    let asks = paths.iter().map(|path| post(path, "{}")).collect();
    let answers = ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await;
    assert_eq!(
        (answers[0].status, &*answers[0].body),
        (404, &*format!("404: Record not found: cred_ex_v20/{id}."))
    );
    assert_eq!((answers[1].status, &answers[1].body), (answers[0].status, &answers[0].body));
}
