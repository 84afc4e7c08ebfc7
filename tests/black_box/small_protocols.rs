//! What connections are good for beside credentials: texts, and meeting others.

use serde_json::json;

use crate::support::peer::{Peer, at_rest, basic_message};
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

/// "Reply with: …" has an agent say whatever a peer wants: only where the operator said so.
#[tokio::test]
async fn what_a_peer_wants_to_hear_is_said_by_an_agent_with_echo_messages_alone() {
    for (options, echoes) in [(&[][..], false), (&["--echo-messages"], true)] {
        let agent = Agent::start("agent", options).await;
        let peer = Peer::start();
        let link = peer.connect(&agent).await;
        peer.say(&link, &basic_message("Reply with: moo")).await;
        // The agent's own words come after whatever it says by itself.
        at_rest(&agent).await;
        peer.is_served(&agent, &link).await;
        let echoed = peer.letters().iter().any(|letter| letter.message["content"] == "moo");
        assert_eq!(echoed, echoes, "{options:?}");
    }
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
