//! What every answer has in common, and the operations that are answered here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::json;

use super::ports::Process;
use super::{Ask, Auth, KEY, api, ask, ask_all, get, post, with_key};

#[actix_web::test]
async fn every_answer_carries_a_request_id() {
    for path in ["/status", "/no/such", "/api/doc", "/schemas"] {
        let id = ask(get(path)).await.header("x-request-id").map(str::to_owned);
        assert_eq!(id.map(|id| id.len()), Some(36), "{path}");
    }
    let own = ask(get("/status").header("x-request-id", "trace/42")).await;
    assert_eq!(own.header("x-request-id"), Some("trace/42"));
    let strange = ask(get("/status").header("x-request-id", "a b\"c")).await;
    assert_ne!(strange.header("x-request-id"), Some("a b\"c"));
}

#[actix_web::test]
async fn the_process_is_shown() {
    let process = Arc::new(Process::default());
    let asks = vec![get("/status"), get("/status/config"), get("/plugins"), post("/status/reset", "")];
    let answers = ask_all(api(&process, Auth::Insecure), asks).await;
    assert_eq!(answers[0].json()["version"], "1.7.0", "of ACA-Py");
    assert_eq!(answers[0].json()["chancery"], "0.1.0", "of the agent");
    assert_eq!(answers[0].json()["label"], "issuer");
    assert_eq!(answers[0].json()["conductor"]["task_done"], 7);
    assert_eq!(answers[1].json(), json!({"config": {"log.level": "WARNING"}}));
    let modules = &answers[2].json()["result"];
    assert!(
        modules.as_array().unwrap().contains(&json!("acapy_agent.protocols.issue_credential")),
        "{modules}"
    );
    assert_eq!(answers[3].json(), json!({}));
    assert_eq!(process.resets.load(Ordering::Relaxed), 1);
    for answer in answers {
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    }
}

#[actix_web::test]
async fn readiness_says_why_not() {
    let process = Arc::new(Process::default());
    let probe = |process: &Arc<Process>| {
        let api = api(process, with_key());
        async move { ask_all(api, vec![get("/status/ready"), get("/status/live").method("HEAD")]).await }
    };
    assert_eq!(probe(&process).await[0].json(), json!({"ready": true}));
    *process.warnings.lock().unwrap() = vec!["open to all".to_owned()];
    assert_eq!(probe(&process).await[0].json(), json!({"ready": true, "warnings": ["open to all"]}));
    *process.reasons.lock().unwrap() = vec!["the store is down".to_owned()];
    let answers = probe(&process).await;
    assert_eq!(
        (answers[0].status, answers[0].body.as_str()),
        (503, "503: Service not ready: the store is down")
    );
    assert_eq!(answers[1].status, 200, "HEAD on a probe");
}

#[actix_web::test]
async fn after_shutdown_calls_are_still_answered_and_the_agent_is_not_ready() {
    let process = Arc::new(Process::default());
    let asks = vec![get("/shutdown"), get("/connections"), get("/status/live"), get("/status/ready")];
    let answers = ask_all(api(&process, Auth::Insecure), asks).await;
    assert_eq!((answers[0].status, answers[0].body.as_str()), (200, "{}"));
    assert_eq!(answers[1].status, 200, "whoever is in by then gets an answer");
    assert_eq!(answers[2].status, 200);
    assert_eq!(answers[3].status, 503);
}

#[actix_web::test]
async fn settings_change_by_either_name() {
    let put = |body: &'static str| post("/settings", body).method("PUT");
    let asks = vec![
        get("/settings"),
        put(
            r#"{"extra_settings": {"ACAPY_PUBLIC_INVITES": true, "auto-accept-requests": "true", "unknown": 1}}"#,
        ),
        get("/settings"),
        put(r#"{"extra_settings": {"public-invites": false}}"#),
        put(r#"{"extra_settings": {"public-invites": "perhaps"}}"#),
        get("/settings"),
    ];
    let answers = ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await;
    assert_eq!(answers[0].json(), json!({"log.level": "WARNING", "wallet.type": "askar"}));
    let changed = json!({
        "log.level": "WARNING", "wallet.type": "askar", "public_invites": true, "debug.auto_accept_requests": true,
    });
    assert_eq!(answers[1].json(), changed);
    assert_eq!(answers[2].json(), changed);
    assert_eq!(answers[3].json()["public_invites"], false);
    let refused = "422: {'json': {'extra_settings': {'public-invites': ['Not a valid boolean.']}}}";
    assert_eq!((answers[4].status, answers[4].body.as_str()), (422, refused));
    assert_eq!(answers[5].json().get("public_invites"), None);
}

#[actix_web::test]
async fn what_is_lacking_says_so_to_those_who_may_know() {
    let asks = vec![
        post("/present-proof-2.0/send-request", "{}").header("x-api-key", KEY),
        post("/present-proof-2.0/send-request", "{}"),
        get("/api/docs/openapi.json"),
    ];
    let answers = ask_all(api(&Arc::new(Process::default()), with_key()), asks).await;
    assert_eq!(answers[0].status, 501);
    assert!(
        answers[0].body.starts_with("501: POST /present-proof-2.0/send-request is not supported: "),
        "{}",
        answers[0].body
    );
    assert_eq!(answers[1].status, 401);
    assert_eq!(answers[2].json()["paths"].get("/present-proof-2.0/send-request"), None);
}

#[actix_web::test]
async fn pages_need_no_key_and_load_nothing_from_elsewhere() {
    let paths = ["/", "/api/doc", "/api/doc/page.js", "/api/doc/page.css", "/api/docs/swagger.json"];
    let asks = paths.into_iter().chain([
        "/api/docs/openapi.json",
        "/api/doc/errors/not-json",
        "/api/doc/errors/no-such-code",
    ]);
    let answers = ask_all(api(&Arc::new(Process::default()), with_key()), asks.map(get).collect()).await;
    assert_eq!((answers[0].status, answers[0].header("location")), (302, Some("/api/doc")));
    for answer in &answers[1..4] {
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(!answer.body.contains("https://cdn"), "{}", answer.body);
    }
    assert_eq!(answers[4].body, answers[5].body);
    assert_eq!((answers[6].status, answers[7].status), (200, 404));
    assert!(answers[6].body.starts_with("# `not-json`\n"), "the page itself: {}", answers[6].body);
}

#[actix_web::test]
async fn problem_details_for_those_who_ask() {
    let problem = |ask: Ask<'static>| ask.header("accept", "application/problem+json");
    let asks = vec![
        problem(post("/issue-credential-2.0/send-offer", "{}")),
        problem(get("/no/such")),
        problem(post("/issue-credential-2.0/send-offer", "{\"secret\": ")),
    ];
    let answers = ask_all(api(&Arc::new(Process::default()), Auth::Insecure), asks).await;
    let first = answers[0].json();
    assert_eq!(answers[0].header("content-type"), Some("application/problem+json"));
    assert_eq!(first["code"], "invalid-input");
    assert_eq!(first["field"], "filter");
    assert_eq!(first["errors"]["connection_id"], json!(["Missing data for required field."]));
    assert_eq!(first["request_id"].as_str(), answers[0].header("x-request-id"));
    assert_eq!(answers[1].json()["code"], "no-such-path");
    assert_eq!(answers[2].json()["code"], "not-json");
    assert!(!answers[2].body.contains("secret"));
}

#[actix_web::test]
async fn other_origins_see_the_headers() {
    let keyed = || api(&Arc::new(Process::default()), with_key());
    let request = get("/status").header("origin", "http://x.example").header("x-api-key", KEY);
    let answer = ask_all(keyed(), vec![request]).await.remove(0);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://x.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let shown = answer.header("access-control-expose-headers").unwrap();
    assert!(shown.contains("x-request-id") && !shown.contains("content-type"), "{shown}");
    let preflight = |path| get(path).method("OPTIONS").header("origin", "http://x.example");
    let answers = ask_all(keyed(), vec![preflight("/status"), preflight("/no/such")]).await;
    assert_eq!(answers[0].status, 403, "no method asked for");
    assert_eq!(answers[1].status, 404);
    // Without a key a page of others gets nothing, and may read nothing.
    for path in ["/status", "/shutdown", "/status/live", "/api/doc"] {
        let refused = ask(get(path).header("origin", "http://x.example")).await;
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.header("access-control-allow-origin"), None, "{path}");
    }
}

#[actix_web::test]
async fn path_parameters_are_decoded() {
    let answer = ask(get("/issue-credential-2.0/records/a%20%C3%A9%2Fb")).await;
    let text = "422: {'match_info': {'cred_ex_id': \
                ['Value a é/b is not UUID4 (8-4-4-4-12 hex digits with digit#13=4)']}}";
    assert_eq!(answer.body, text);
}

#[actix_web::test]
async fn members_of_the_body_do_not_pass_for_parameters() {
    // `multi_use` is a parameter of the query: taken from here, it would be no boolean.
    let body = r#"{"handshake_protocols": ["didexchange/1.1"], "multi_use": "nonsense", "invitation": 1}"#;
    assert_ne!(ask(post("/out-of-band/create-invitation", body)).await.status, 422);
}

#[actix_web::test]
async fn a_body_where_one_is_needed() {
    let path = "/connections/3fa85f64-5717-4562-b3fc-2c963f66afa6/send-ping";
    let answer = ask(post(path, "")).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (400, "400: A JSON body is required; an empty object will do.")
    );
}
