//! A did:web publishes its document: what it says there counts, and nothing else.

use std::net::TcpListener;

use chancery_did::SecretKey;
use chancery_did::methods::sov;
use serde_json::json;

use super::{connection, heard};
use crate::support::peer::{
    Identity, Link, Peer, Site, at_rest, invitation, invite, ping, published, with_return_route,
};
use crate::support::{Agent, eventually, free_port};

/// The DID with a document attached that its site knows nothing of.
fn attached(site: &Site, key: &SecretKey, extra: &SecretKey, endpoint: &str) -> Identity {
    Identity::named(&site.did, key, sov::build_for(&site.did, extra.as_public(), &[endpoint], &[]))
}

async fn scene() -> (Site, Agent, Peer) {
    let site = Site::start().await;
    let agent = Agent::start_in(site.surroundings(), "agent", free_port(), free_port(), &[]).await;
    (site, agent, Peer::start())
}

async fn is_heard(agent: &Agent, peer: &Peer, link: &Link, key: &SecretKey) -> bool {
    heard(agent, peer, &link.to, key).await.inspect(|id| assert_eq!(*id, link.connection_id)).is_some()
}

#[tokio::test]
async fn a_document_attached_to_a_did_web_adds_no_key_to_it() {
    let (site, agent, peer) = scene().await;
    let (key, extra) = (peer.key(), peer.key());
    site.publish(published(&site.did, &[key.as_public()], &peer.endpoint));
    let elsewhere = format!("{}/elsewhere", peer.endpoint);
    let me = attached(&site, &key, &extra, &elsewhere);
    let link = peer.connect_as(&agent, &me).await;
    assert!(!is_heard(&agent, &peer, &link, &extra).await);
    peer.is_served(&agent, &link).await;
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [key.as_public().base58()]);
    let document = agent.get(&format!("/resolver/resolve/{}", site.did.replace('%', "%25"))).await;
    assert_eq!(document["did_document"], published(&site.did, &[key.as_public()], &peer.endpoint));
    // As an inviter no less.
    let link = peer.host(&agent, &me).await;
    assert!(!is_heard(&agent, &peer, &link, &extra).await);
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_did_web_is_taken_from_nobody_whose_key_its_site_does_not_publish() {
    let (site, agent, peer) = scene().await;
    let attacker = Peer::start();
    let (key, thief) = (peer.key(), attacker.key());
    site.publish(published(&site.did, &[key.as_public()], &peer.endpoint));
    for stolen in [attached(&site, &thief, &thief, &attacker.endpoint), Identity::bare(&site.did, &thief)] {
        attacker.ask(&invite(&agent, 1, json!({})).await, &stolen).await;
        let offered = invitation(1, thief.as_public(), &attacker.endpoint);
        let asked = attacker.invite(&agent, offered).await;
        attacker.answer(&asked, &stolen).await;
        at_rest(&agent).await;
        assert_eq!(connection(&agent, &asked.connection_id).await["state"], "request");
    }
    assert!(!attacker.heard("response") && !attacker.heard("complete"));
    let link = peer.connect_as(&agent, &Identity::bare(&site.did, &key)).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_key_that_a_site_publishes_no_more_authenticates_no_new_message_once_that_is_known() {
    let (site, mut agent, peer) = scene().await;
    let (old, new) = (peer.key(), peer.key());
    site.publish(published(&site.did, &[old.as_public()], &peer.endpoint));
    let link = peer.connect_as(&agent, &Identity::bare(&site.did, &old)).await;
    peer.is_served(&agent, &link).await;
    site.publish(published(&site.did, &[new.as_public()], &peer.endpoint));
    // What was looked up is kept for a while; an agent that has just started looks anew.
    agent.restart().await;
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [new.as_public().base58()]);
    assert!(!is_heard(&agent, &peer, &link, &old).await);
    assert!(is_heard(&agent, &peer, &link, &new).await);
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [new.as_public().base58()]);
}

#[tokio::test]
async fn a_site_that_is_gone_keeps_no_message_waiting() {
    let (site, mut agent, peer) = scene().await;
    let key = peer.key();
    site.publish(published(&site.did, &[key.as_public()], &peer.endpoint));
    let link = peer.connect_as(&agent, &Identity::bare(&site.did, &key)).await;
    let honest = peer.connect(&agent).await;
    peer.is_served(&agent, &link).await;
    drop(site);
    agent.restart().await;
    for link in [&link, &honest] {
        let answer = peer.send(&link.to, Some(link.key()), &with_return_route(ping())).await;
        assert!(answer.letter.is_some_and(|letter| letter.is("ping_response")));
    }
    let log = eventually("the operator is told", async || {
        let log = agent.log_text();
        let told =
            |l: &str| l.contains("WARN") && l.contains("could not be looked up") && l.contains(&link.me.did);
        log.lines().any(told).then_some(log)
    })
    .await;
    assert!(!log.contains("ERROR"), "a site's fault is none of ours: {log}");
}

/// Each hop of a redirect is checked: a document that came over https never comes over anything else.
#[tokio::test]
async fn a_document_that_moved_is_followed_from_https_to_https_only() {
    let (site, agent, peer) = scene().await;
    let key = peer.key();
    site.publish(published(&site.did, &[key.as_public()], &peer.endpoint));
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    let resolve = format!("/resolver/resolve/{}", site.did.replace('%', "%25"));
    for (elsewhere, said) in [
        (format!("http://{}/did.json", plain.local_addr().unwrap()), "leads out of https"),
        ("https://169.254.169.254/did.json".to_owned(), "out of reach"),
        ("https://me:secret@localhost/did.json".to_owned(), "user name"),
    ] {
        site.moves_to(&elsewhere);
        let (status, text) = agent.try_get(&resolve).await;
        let text = text.to_string();
        assert!(
            status >= 400 && text.contains(said) && !text.contains("secret"),
            "{elsewhere}: {status} {text}"
        );
    }
    assert_eq!(plain.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
    site.moves_to("/elsewhere/did.json");
    assert_eq!(agent.get(&resolve).await["did_document"]["id"], site.did.as_str());
    let link = peer.connect_as(&agent, &Identity::bare(&site.did, &key)).await;
    peer.is_served(&agent, &link).await;
}
