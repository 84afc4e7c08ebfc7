//! What a log line says that it belongs to.

use serde_json::{Value, json};

use crate::support::{AUTOMATIC, Event, Pair, offer};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

#[tokio::test]
async fn every_line_of_a_step_says_what_it_belongs_to() {
    let json: Vec<&str> =
        AUTOMATIC.iter().copied().chain(["--log-format", "json", "--log-level", "debug"]).collect();
    let mut pair = Pair::connected(&json, &json).await;
    let did = pair.issuer.did("ed25519").await;
    let send = |body: Value| {
        let request = pair.issuer.http.post(format!("{}/issue-credential-2.0/send-offer", pair.issuer.admin));
        let request = request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        request.header("x-request-id", "my-call").json(&body).send()
    };
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let sent: Value = send(body.clone()).await.unwrap().json().await.unwrap();
    pair.issuer.controller.state("issue_credential_v2_0", "done").await;
    let lines_of_call: Vec<Value> =
        lines(&pair.issuer.log_text()).into_iter().filter(|l| l["request_id"] == "my-call").collect();
    assert!(!lines_of_call.is_empty());
    let tenant = lines_of_call[0]["tenant"].clone();
    assert!(tenant.as_str().is_some_and(|tenant| !tenant.is_empty()));
    for line in &lines_of_call {
        assert_eq!(line["tenant"], tenant, "{line}");
        assert_eq!(line["trace_id"], TRACE, "{line}");
        assert_eq!(line["path"], "/issue-credential-2.0/send-offer", "{line}");
    }
    let answered = lines_of_call.iter().find(|l| l["message"] == "answered").unwrap();
    assert_eq!((&answered["connection"], &answered["thread"]), (&json!(pair.to_holder), &sent["thread_id"]));
    let delivered =
        lines(&pair.issuer.log_text()).into_iter().rfind(|l| l["message"] == "delivered").unwrap();
    assert_eq!(
        (&delivered["connection"], &delivered["thread"], &delivered["tenant"]),
        (&json!(pair.to_holder), &sent["thread_id"], &tenant)
    );
    // A message that has no effect, a peer that is down, a controller that refuses.
    let again = json!({"@type": "https://didcomm.org/issue-credential/2.0/ack", "@id": "1", "~thread": {"thid": "t-9"}});
    pair.issuer.http.post(&pair.issuer.endpoint).body(again.to_string()).send().await.unwrap();
    pair.holder.kill();
    pair.issuer.controller.answer(500);
    let sent: Value = send(body).await.unwrap().json().await.unwrap();
    let about = |e: &Event| e.body["thread_id"] == sent["thread_id"];
    pair.issuer.controller.refusal("the offer", about).await;
    pair.issuer.controller.answer(200);
    pair.issuer.controller.event("the offer", about).await;
    let lines = lines(&pair.issuer.log_text());
    let line = |what: &str| lines.iter().rfind(|l| l["message"] == what).unwrap_or_else(|| panic!("{what}"));
    let no_effect = line("a message had no effect");
    assert_eq!((&no_effect["thread"], &no_effect["tenant"]), (&json!("t-9"), &tenant));
    for what in ["not delivered, will be tried again", "webhook not delivered, will be tried again"] {
        let line = line(what);
        assert_eq!(
            (&line["connection"], &line["thread"]),
            (&json!(pair.to_holder), &sent["thread_id"]),
            "{line}"
        );
    }
}
