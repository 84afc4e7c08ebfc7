//! An invitation that a peer hands on is nobody's word but that peer's.

use serde_json::json;

use super::{connection, count, exchanges};
use crate::support::peer::{
    Identity, Link, Peer, at_rest, credential_offer, forward_invitation, invitation, invitation_to,
    with_attached,
};
use crate::support::{Agent, credential};

/// A peer whose DID the agent was invited by.
pub async fn inviter(agent: &Agent, peer: &Peer) -> Link {
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let received =
        agent.post("/out-of-band/receive-invitation?auto_accept=true", invitation_to(1, json!(me.did))).await;
    let id = received["connection_id"].as_str().unwrap().to_owned();
    let request = peer.letter("the request", |l| l.is("request")).await;
    let pthid = request.message["~thread"]["pthid"].as_str().unwrap();
    let to = crate::support::peer::Address::of_handshake(&request);
    peer.send(&to, Some(&me.key), &me.response(request.thread(), pthid)).await;
    peer.answer_on("complete", request.thread()).await;
    at_rest(agent).await;
    assert_eq!(connection(agent, &id).await["state"], "active");
    let their_did = request.message["did"].as_str().unwrap().to_owned();
    Link { me, to, their_did, connection_id: id, handshake: request.thread().to_owned() }
}

#[tokio::test]
async fn a_forwarded_invitation_puts_no_offer_onto_another_peers_connection() {
    let agent = Agent::start("agent", &["--auto-accept-invites"]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let to_victim = inviter(&agent, &victim).await;
    let link = attacker.connect(&agent).await;
    let offered = credential_offer(&credential(&attacker.key().as_public().did_key()));
    let forged = with_attached(invitation_to(1, json!(to_victim.me.did)), offered);
    attacker.say(&link, &forward_invitation(&forged)).await;
    // It becomes a connection of its own, which the victim may take or leave.
    let pthid = forged["@id"].as_str().unwrap();
    let asked = |l: &crate::support::peer::Letter| l.is("request") && l.message["~thread"]["pthid"] == pthid;
    victim.letter("a request of its own", asked).await;
    at_rest_but_waiting(&agent, &to_victim).await;
    assert!(!victim.heard("handshake-reuse"));
    attacker.is_served(&agent, &link).await;
    victim.is_served(&agent, &to_victim).await;
}

/// Nothing of the exchange is on the connection.
async fn at_rest_but_waiting(agent: &Agent, link: &Link) {
    assert_eq!(exchanges(agent, &link.connection_id).await.len(), 0);
    let record = connection(agent, &link.connection_id).await;
    assert_eq!(record["state"], "active");
}

#[tokio::test]
async fn a_forwarded_invitation_without_a_handshake_begins_nothing() {
    let agent = Agent::start("agent", &["--auto-accept-invites"]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let to_victim = inviter(&agent, &victim).await;
    let link = attacker.connect(&agent).await;
    let issuer = attacker.key();
    for service in [
        json!(to_victim.me.did),
        json!({"id": "#inline", "type": "did-communication", "recipientKeys": [issuer.as_public().did_key_url()],
            "serviceEndpoint": attacker.endpoint}),
    ] {
        let offered = credential_offer(&credential(&issuer.as_public().did_key()));
        let mut forged = with_attached(invitation_to(1, service), offered);
        forged["handshake_protocols"] = json!([]);
        attacker.say(&link, &forward_invitation(&forged)).await;
        at_rest(&agent).await;
        let all = agent.get("/issue-credential-2.0/records").await;
        assert_eq!(all["results"], json!([]));
    }
    victim.is_served(&agent, &to_victim).await;
    attacker.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_forwarded_invitation_reuses_no_connection() {
    let agent = Agent::start("agent", &["--auto-accept-invites"]).await;
    let (victim, attacker) = (Peer::start(), Peer::start());
    let to_victim = inviter(&agent, &victim).await;
    let link = attacker.connect(&agent).await;
    let forged = invitation_to(1, json!(to_victim.me.did));
    attacker.say(&link, &forward_invitation(&forged)).await;
    let pthid = forged["@id"].as_str().unwrap();
    let asked = |l: &crate::support::peer::Letter| l.is("request") && l.message["~thread"]["pthid"] == pthid;
    victim.letter("a request of its own", asked).await;
    assert!(!victim.heard("handshake-reuse"));
    victim.is_served(&agent, &to_victim).await;
}

#[tokio::test]
async fn a_forwarded_invitation_waits_for_the_controller_unless_it_said_otherwise() {
    let agent = Agent::start("agent", &[]).await;
    let (introduced, introducer) = (Peer::start(), Peer::start());
    let link = introducer.connect(&agent).await;
    let key = introduced.key();
    let offered = credential_offer(&credential(&key.as_public().did_key()));
    for invitation in [
        invitation(1, key.as_public(), &introduced.endpoint),
        with_attached(invitation(1, key.as_public(), &introduced.endpoint), offered),
    ] {
        introducer.say(&link, &forward_invitation(&invitation)).await;
        at_rest(&agent).await;
        assert!(introduced.letters().is_empty());
        let waits = agent.get("/connections?state=invitation").await;
        let waits = waits["results"].as_array().unwrap();
        assert!(waits.iter().any(|c| c["invitation_msg_id"] == invitation["@id"]), "{waits:?}");
    }
    assert_eq!(count(&agent, "invitation").await, 2);
    assert_eq!(agent.get("/issue-credential-2.0/records").await["results"], json!([]));
    introducer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn the_controllers_own_invitation_brings_its_offer_onto_the_connection_and_names_itself() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = inviter(&agent, &peer).await;
    let offered = credential_offer(&credential(&link.key().as_public().did_key()));
    let invitation = with_attached(invitation_to(1, json!(link.me.did)), offered);
    agent.post("/out-of-band/receive-invitation", invitation.clone()).await;
    at_rest(&agent).await;
    let record = exchanges(&agent, &link.connection_id).await.remove(0);
    assert_eq!(record["state"], "offer-received");
    // Which invitation it came with.
    assert!(record.to_string().contains(invitation["@id"].as_str().unwrap()), "{record}");
    peer.is_served(&agent, &link).await;
}
