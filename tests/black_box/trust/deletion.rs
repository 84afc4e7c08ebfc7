//! What is left of the other side when a connection is deleted: nothing that another connection doesn't need.

use serde_json::json;

use super::{connection, heard, own_did};
use crate::support::Agent;
use crate::support::peer::{Identity, Link, Peer, at_rest, invite};

async fn delete(agent: &Agent, link: &Link) {
    let url = format!("{}/connections/{}", agent.admin, link.connection_id);
    assert_eq!(agent.http.delete(url).send().await.unwrap().status().as_u16(), 200);
}

/// Whether the agent knows how to reach a DID.
async fn reaches(agent: &Agent, did: &str) -> bool {
    let path = format!("/didexchange/create-request?their_public_did={did}");
    let (status, answer) = agent.try_post(&path, json!({})).await;
    assert!(status == 200 || (400..600).contains(&status), "{answer}");
    status == 200
}

#[tokio::test]
async fn a_deleted_connections_keys_authenticate_nothing_and_its_nym_is_forgotten() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, other) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let elsewhere = other.connect(&agent).await;
    peer.is_served(&agent, &link).await;
    at_rest(&agent).await;
    delete(&agent, &link).await;
    assert_eq!(heard(&agent, &peer, &link.to, link.key()).await, None);
    assert!(!reaches(&agent, &link.me.did).await);
    let (status, _) = agent.try_get(&format!("/resolver/resolve/did:sov:{}", link.me.did)).await;
    assert!(status >= 400);
    other.is_served(&agent, &elsewhere).await;
    // The owner may come back as if for the first time.
    let link = peer.connect_as(&agent, &link.me).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn what_another_connection_names_stays() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let shared = own_did(&agent, "did:peer:2").await;
    for make in [Identity::nym, Identity::peer4] {
        let me = make(&peer.key(), &peer.endpoint);
        let first = peer.host_to(&agent, &me, Some(&shared)).await;
        let second = peer.host_to(&agent, &me, Some(&shared)).await;
        let third = peer.connect_as(&agent, &me).await;
        at_rest(&agent).await;
        delete(&agent, &second).await;
        let author = heard(&agent, &peer, &first.to, &me.key).await;
        assert_eq!(author.as_deref(), Some(&*first.connection_id));
        peer.told(&agent, &first.connection_id).await;
        peer.is_served(&agent, &third).await;
        delete(&agent, &third).await;
        assert_eq!(heard(&agent, &peer, &third.to, &me.key).await, None);
        let author = heard(&agent, &peer, &first.to, &me.key).await;
        assert_eq!(author.as_deref(), Some(&*first.connection_id));
        delete(&agent, &first).await;
        assert_eq!(heard(&agent, &peer, &first.to, &me.key).await, None);
        // Our own DID stays: it is the agent's to give away again.
        let again = peer.host_to(&agent, &me, Some(&shared)).await;
        let author = heard(&agent, &peer, &again.to, &me.key).await;
        assert_eq!(author.as_deref(), Some(&*again.connection_id));
        delete(&agent, &again).await;
    }
}

#[tokio::test]
async fn a_key_that_was_replaced_before_the_deletion_is_forgotten_with_it() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let renewed = Identity::stolen(&link.me.did, &peer.key(), &peer.endpoint).signed_by(&[link.key()]);
    let multi = invite(&agent, 0, json!({"multi_use": true})).await;
    let second = peer.join(&agent, &multi, &renewed).await;
    at_rest(&agent).await;
    delete(&agent, &link).await;
    peer.is_served(&agent, &second).await;
    delete(&agent, &second).await;
    for key in [link.key(), &renewed.key] {
        for to in [&link.to, &second.to] {
            assert_eq!(heard(&agent, &peer, to, key).await, None);
        }
    }
    let (status, _) = agent.try_get(&format!("/connections/{}", link.connection_id)).await;
    assert_eq!(status, 404);
    // The nym is unknown again, and its first key is the one that it is made of.
    let back = peer.connect_as(&agent, &link.me).await;
    assert_eq!(connection(&agent, &back.connection_id).await["state"], "active");
    peer.is_served(&agent, &back).await;
}

#[tokio::test]
async fn what_waits_in_the_outbox_when_a_connection_is_deleted_still_goes_to_its_peer() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let text = crate::support::peer::tell(&agent, &link.connection_id).await;
    delete(&agent, &link).await;
    let letter = peer.letter("the text", |l| l.message["content"] == text.as_str()).await;
    assert_eq!(letter.packed_for, [link.key().as_public().base58()]);
    assert_eq!(heard(&agent, &peer, &link.to, link.key()).await, None);
}
