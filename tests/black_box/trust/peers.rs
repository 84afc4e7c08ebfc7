//! The peer of these tests is taken for an honest one as long as it behaves like one.

use serde_json::json;

use crate::support::Agent;
use crate::support::peer::{Identity, Peer, at_rest, invite, ping, with_return_route};

#[tokio::test]
async fn an_honest_peer_connects_in_both_roles_and_both_versions() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    for me in [
        Identity::nym(&peer.key(), &peer.endpoint),
        Identity::peer4(&peer.key(), &peer.endpoint),
        Identity::peer2(&peer.key(), &peer.endpoint),
    ] {
        let link = peer.connect_as(&agent, &me).await;
        peer.is_served(&agent, &link).await;
    }
    for me in [Identity::nym(&peer.key(), &peer.endpoint), Identity::peer4(&peer.key(), &peer.endpoint)] {
        let link = peer.host(&agent, &me).await;
        peer.is_served(&agent, &link).await;
    }
    at_rest(&agent).await;
    assert_eq!(agent.get("/connections").await["results"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn an_answer_comes_back_on_the_same_connection() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let invitation = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    let link = peer.join(&agent, &invitation, &me).await;
    let answer = peer.send(&link.to, Some(link.key()), &with_return_route(ping())).await;
    assert!(answer.letter.unwrap().is("ping_response"));
}

#[tokio::test]
async fn a_connection_runs_on_a_did_that_the_agent_has_already() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    for method in ["did:peer:2", "did:peer:4"] {
        let did = super::own_did(&agent, method).await;
        let link = peer.host_to(&agent, &Identity::peer4(&peer.key(), &peer.endpoint), Some(&did)).await;
        peer.is_served(&agent, &link).await;
    }
}
