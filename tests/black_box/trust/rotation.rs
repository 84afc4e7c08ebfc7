//! Keys that were replaced, theirs and ours.

use serde_json::json;

use super::{exchange, heard};
use crate::support::peer::{
    Address, Identity, Link, Peer, at_rest, basic_message, credential_offer, credential_report, invite, tell,
};
use crate::support::{Agent, credential};

/// A peer has replaced the key of its nym: the connection from before, and the new key's identity.
async fn replaced(agent: &Agent, peer: &Peer, link: &Link) -> Identity {
    let new = peer.key();
    let renewed = Identity::stolen(&link.me.did, &new, &peer.endpoint).signed_by(&[link.key()]);
    let multi = invite(agent, 0, json!({"multi_use": true})).await;
    peer.join(agent, &multi, &renewed).await;
    renewed
}

#[tokio::test]
async fn a_replaced_key_authenticates_no_new_message() {
    for window in ["600", "0"] {
        let agent = Agent::start("agent", &["--replaced-key-window", window]).await;
        let peer = Peer::start();
        let link = peer.connect(&agent).await;
        peer.is_served(&agent, &link).await;
        let renewed = replaced(&agent, &peer, &link).await;
        assert_eq!(heard(&agent, &peer, &link.to, link.key()).await, None, "{window}");
        let author = heard(&agent, &peer, &link.to, &renewed.key).await;
        assert_eq!(author.as_deref(), Some(&*link.connection_id));
        let letter = peer.told(&agent, &link.connection_id).await;
        assert_eq!(letter.packed_for, [renewed.key.as_public().base58()]);
        // Nor does an offer begin.
        let offered = credential_offer(&credential(&link.key().as_public().did_key()));
        peer.say(&link, &offered).await;
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, offered["@id"].as_str().unwrap()).await, None);
    }
}

#[tokio::test]
async fn within_the_window_a_replaced_key_ends_what_it_began() {
    for (window, state) in [("600", "abandoned"), ("0", "offer-received")] {
        let options = ["--preserve-exchange-records", "--replaced-key-window", window];
        let agent = Agent::start("agent", &options).await;
        let peer = Peer::start();
        let link = peer.connect(&agent).await;
        let offered = credential_offer(&credential(&link.key().as_public().did_key()));
        let thread = offered["@id"].as_str().unwrap();
        peer.say(&link, &offered).await;
        at_rest(&agent).await;
        let renewed = replaced(&agent, &peer, &link).await;
        peer.say(&link, &credential_report(thread)).await;
        at_rest(&agent).await;
        assert_eq!(exchange(&agent, thread).await.unwrap()["state"], state, "{window}");
        let author = heard(&agent, &peer, &link.to, &renewed.key).await;
        assert_eq!(author.as_deref(), Some(&*link.connection_id));
    }
}

#[tokio::test]
async fn within_the_window_an_identical_repeat_is_known_and_not_heard_again() {
    for (window, known) in [("600", true), ("0", false)] {
        let agent = Agent::start("agent", &["--replaced-key-window", window]).await;
        let peer = Peer::start();
        let link = peer.connect(&agent).await;
        let offered = credential_offer(&credential(&link.key().as_public().did_key()));
        let said = basic_message("said before");
        for message in [&offered, &said] {
            peer.say(&link, message).await;
        }
        replaced(&agent, &peer, &link).await;
        for message in [&offered, &said] {
            peer.say(&link, message).await;
        }
        at_rest(&agent).await;
        let events = agent.controller.events();
        assert_eq!(events.iter().filter(|e| e.body["content"] == "said before").count(), 1);
        let found = exchange(&agent, offered["@id"].as_str().unwrap()).await.unwrap();
        assert_eq!(found["state"], "offer-received");
        assert!(!peer.heard("problem-report"), "{:?}", peer.letters());
        // The offer is told by its record, the other by what was noted of it.
        let (_, figures) = agent.try_get("/metrics").await;
        let line = r#"chancery_rejected_total{port="didcomm",reason="repeated-message"} 1"#;
        let figures = figures.as_str().unwrap();
        assert_eq!(figures.lines().any(|l| l == line), known, "{window}: {figures}");
    }
}

#[tokio::test]
async fn a_replaced_key_can_not_replace_the_new_one() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let renewed = replaced(&agent, &peer, &link).await;
    // Whoever has got the old key: with a third one, and with the document from before, which fits the nym.
    let multi = invite(&agent, 0, json!({"multi_use": true})).await;
    let third = Identity::stolen(&link.me.did, &peer.key(), &peer.endpoint).signed_by(&[link.key()]);
    for back in [&third, &link.me] {
        let thid = peer.ask(&multi, back).await;
        peer.answer_on("problem_report", &thid).await;
        assert_eq!(heard(&agent, &peer, &link.to, &back.key).await, None);
    }
    let letter = peer.told(&agent, &link.connection_id).await;
    assert_eq!(letter.packed_for, [renewed.key.as_public().base58()]);
}

#[tokio::test]
async fn our_old_key_opens_what_the_peer_sends_until_the_peer_has_used_the_new_one() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, other) = (Peer::start(), Peer::start());
    let link = peer.connect(&agent).await;
    let elsewhere = other.connect(&agent).await;
    let path = format!("{}/wallet/did/local/rotate-keypair?did={}", agent.admin, link.their_did);
    assert_eq!(agent.http.patch(path).send().await.unwrap().status().as_u16(), 200);
    // The peer doesn't know yet.
    let author = heard(&agent, &peer, &link.to, link.key()).await;
    assert_eq!(author.as_deref(), Some(&*link.connection_id));
    // What the agent sends comes from the new key.
    let letter = peer.told(&agent, &link.connection_id).await;
    let new = letter.sender.unwrap();
    assert_ne!(Some(&new), link.to.keys.first());
    // Who has no part in the connection can't reach it by either key.
    let to = Address { keys: vec![new], ..link.to.clone() };
    for to in [&link.to, &to] {
        assert_eq!(heard(&agent, &other, to, elsewhere.key()).await, None);
    }
    let author = heard(&agent, &peer, &to, link.key()).await;
    assert_eq!(author.as_deref(), Some(&*link.connection_id));
    // Now it does.
    assert_eq!(heard(&agent, &peer, &link.to, link.key()).await, None);
    let author = heard(&agent, &peer, &to, link.key()).await;
    assert_eq!(author.as_deref(), Some(&*link.connection_id));
    other.is_served(&agent, &elsewhere).await;
}

#[tokio::test]
async fn a_replacement_survives_a_restart() {
    let mut agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let renewed = replaced(&agent, &peer, &link).await;
    at_rest(&agent).await;
    agent.restart().await;
    assert_eq!(heard(&agent, &peer, &link.to, link.key()).await, None);
    let author = heard(&agent, &peer, &link.to, &renewed.key).await;
    assert_eq!(author.as_deref(), Some(&*link.connection_id));
    let text = tell(&agent, &link.connection_id).await;
    peer.letter("the text", |l| l.message["content"] == text.as_str()).await;
}
