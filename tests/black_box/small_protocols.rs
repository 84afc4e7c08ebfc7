//! What connections are good for beside credentials: texts, and meeting others.

use serde_json::json;

use crate::support::{Agent, Pair, connect};

#[tokio::test]
async fn controllers_write_to_each_other() {
    let pair = Pair::connected(&[], &["--auto-respond-messages"]).await;
    let path = format!("/connections/{}/send-message", pair.to_holder);
    assert_eq!(pair.issuer.post(&path, json!({"content": "Grüezi 世界"})).await, json!({}));
    let heard = pair.holder.controller.state("basicmessages", "received").await;
    assert_eq!((&heard["content"], &heard["connection_id"]), (&json!("Grüezi 世界"), &json!(pair.to_issuer)));
    let answer = pair.issuer.controller.state("basicmessages", "received").await;
    assert_eq!(
        (&answer["content"], &answer["connection_id"]),
        (&json!("holder received your message"), &json!(pair.to_holder))
    );

    let (status, refusal) = pair.issuer.try_post(&path, json!({})).await;
    assert_eq!((status, refusal.as_str().unwrap().contains("content")), (422, true), "{refusal}");
    let nobody = "11111111-1111-4111-8111-111111111111";
    let (status, refusal) =
        pair.issuer.try_post(&format!("/connections/{nobody}/send-message"), json!({"content": "x"})).await;
    assert_eq!((status, refusal), (404, json!(format!("404: Record not found: connection/{nobody}."))));
}

#[tokio::test]
async fn an_agent_introduces_two_others_to_each_other() {
    let alice = Agent::start("alice", &[]).await;
    let bob = Agent::start("bob", &["--auto-accept-invites"]).await;
    let carol =
        Agent::start("carol", &["--auto-accept-requests", "--auto-accept-intro-invitation-requests"]).await;
    let (to_bob, _) = connect(&alice, &bob).await;
    let (to_carol, _) = connect(&alice, &carol).await;

    let path = format!("/connections/{to_bob}/start-introduction");
    let (status, refusal) = alice.try_post(&path, json!({})).await;
    assert_eq!(
        (status, refusal.as_str().unwrap().contains("target_connection_id")),
        (422, true),
        "{refusal}"
    );
    let (status, refusal) = alice.try_post(&format!("{path}?target_connection_id=x"), json!({})).await;
    assert_eq!((status, refusal), (400, json!("400: Target connection x not found")));

    let asked = format!("{path}?target_connection_id={to_carol}&message=hello");
    assert_eq!(alice.post(&asked, json!({})).await, json!({}));
    for (agent, other) in [(&bob, "carol"), (&carol, "bob")] {
        let met = |e: &crate::support::Event| {
            e.topic == "connections" && e.body["state"] == "active" && e.body["their_label"] == other
        };
        agent.controller.event("the new connection", met).await;
    }
}
