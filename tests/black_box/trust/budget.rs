//! What one party's messages make wait is bounded; nobody else, and no call of the controller, is turned away for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use chancery_did::{KeyType, SecretKey};
use rand_core::OsRng;
use serde_json::{Value, json};

use crate::support::peer::{
    Address, Identity, Link, Peer, at_rest, basic_message, invitation, invite, pack, ping, tell,
};
use crate::support::{Agent, Fault, FaultyPeer, eventually, free_port};

/// Few rows, and no long pauses between two tries.
const OPTIONS: &[&str] = &[
    "--max-rows-per-connection",
    "5",
    "--outbound-first-pause",
    "1s",
    "--outbound-longest-pause",
    "1s",
    "--outbound-resend-pause",
    "off",
];

/// What the agent answers to a message.
async fn status(peer: &Peer, to: &Address, from: &SecretKey, message: &Value) -> u16 {
    peer.post(&to.endpoint, pack(message, Some(from), &to.keys, &to.routing)).await.status
}

/// How many pings are taken until one is turned away.
async fn pings_until_full(peer: &Peer, link: &Link) -> usize {
    for taken in 0..100 {
        match status(peer, &link.to, link.key(), &ping()).await {
            200 => {}
            503 => return taken,
            other => panic!("{other}"),
        }
    }
    panic!("a hundred pings wait")
}

fn port(endpoint: &str) -> u16 {
    endpoint.rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_peer_that_takes_no_answers_is_answered_503_at_its_bound_and_nobody_else_is() {
    let mut agent = Agent::start("agent", OPTIONS).await;
    let (slow, honest) = (Peer::start(), Peer::start());
    let door = FaultyPeer::before(port(&slow.endpoint)).await;
    let link = slow.connect_as(&agent, &Identity::nym(&slow.key(), &door.endpoint)).await;
    let beside = honest.connect(&agent).await;
    at_rest(&agent).await;

    door.now(Fault::Says500);
    assert_eq!(pings_until_full(&slow, &link).await, 5);
    slow.say(&link, &basic_message("what causes nothing is taken")).await;
    honest.is_served(&agent, &beside).await;
    let asked = ping();
    honest.say(&beside, &asked).await;
    honest.answer_on("ping_response", asked["@id"].as_str().unwrap()).await;
    let mut told = Vec::new();
    for _ in 0..10 {
        told.push(tell(&agent, &link.connection_id).await);
    }
    assert_eq!(status(&slow, &link.to, link.key(), &ping()).await, 503);

    agent.restart().await;
    assert_eq!(status(&slow, &link.to, link.key(), &ping()).await, 503, "after a restart");
    told.push(tell(&agent, &link.connection_id).await);
    assert!(!slow.heard("ping_response"));

    door.now(Fault::None);
    for text in told {
        slow.letter("a text of the controller", |letter| letter.message["content"] == text.as_str()).await;
    }
    at_rest(&agent).await;
    assert_eq!(slow.letters().iter().filter(|letter| letter.is("ping_response")).count(), 5);
    let asked = ping();
    slow.say(&link, &asked).await;
    slow.answer_on("ping_response", asked["@id"].as_str().unwrap()).await;
}

#[tokio::test]
async fn strangers_with_fresh_keys_are_bounded_together_and_whom_the_controller_invited_is_served() {
    let agent = Agent::start("agent", OPTIONS).await;
    let (strangers, honest) = (Peer::start(), Peer::start());
    let beside = honest.connect(&agent).await;
    let body = json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]});
    let open = agent.post("/out-of-band/create-invitation?auto_accept=true&multi_use=true", body).await;
    let open = open["invitation"].clone();
    let door = FaultyPeer::before(port(&strangers.endpoint)).await;
    // While they are tried, they wait.
    door.now(Fault::Waits);
    let mut taken = 0;
    for _ in 0..12 {
        let me = Identity::nym(&strangers.key(), &door.endpoint);
        let request = me.request(open["@id"].as_str());
        match status(&strangers, &Address::of_invitation(&open), &me.key, &request).await {
            200 => taken += 1,
            503 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(taken, 5);
    honest.is_served(&agent, &beside).await;
    let invited = honest.connect(&agent).await;
    honest.is_served(&agent, &invited).await;

    door.now(Fault::None);
    at_rest(&agent).await;
    let me = Identity::nym(&honest.key(), &honest.endpoint);
    honest.join(&agent, &open, &me).await;
}

/// Requests of ever new keys whose answers nobody takes, by these endpoints or DIDs in turn.
async fn flood(strangers: &Peer, invitation: &Value, whence: &[&str], taken: &AtomicUsize) {
    for whence in whence.iter().cycle() {
        let key = strangers.key();
        let me = match whence.starts_with("did:web:") {
            true => Identity::bare(whence, &key),
            false => Identity::peer4(&key, whence),
        };
        let request = me.request(invitation["@id"].as_str());
        match status(strangers, &Address::of_invitation(invitation), &me.key, &request).await {
            200 => taken.fetch_add(1, Ordering::Relaxed),
            503 => continue,
            other => panic!("{other}"),
        };
    }
}

/// Asks until it is heard, as an agent does that is told to come again.
async fn ask_until_heard(peer: &Peer, invitation: &Value, me: &Identity) -> String {
    let request = me.request(invitation["@id"].as_str());
    eventually("the newcomer's request is taken", async || {
        let heard = status(peer, &Address::of_invitation(invitation), &me.key, &request).await == 200;
        heard.then(|| request["@id"].as_str().unwrap().to_owned())
    })
    .await
}

#[tokio::test]
async fn a_newcomer_connects_while_strangers_whom_nobody_can_reach_flood_the_invitation() {
    // What has failed twice is hardly tried again within this test.
    let mut options = OPTIONS.to_vec();
    options[1] = "20";
    options[5] = "1h";
    let agent = Agent::start("agent", &options).await;
    let (strangers, honest) = (Peer::start(), Peer::start());
    let door = FaultyPeer::before(port(&strangers.endpoint)).await;
    door.now(Fault::Says500);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let site = format!("did:web:localhost%3A{}", free_port());
    // A server that fails, none at all, no address, and a site that isn't there.
    let whence = [&*door.endpoint, &*nobody, "didcomm:transport/queue", &*site];
    let open = invite(&agent, 1, json!({"multi_use": true})).await;
    let taken = AtomicUsize::new(0);
    let newcomer = async {
        eventually("five times as many were taken as may wait", async || {
            (taken.load(Ordering::Relaxed) >= 100).then_some(())
        })
        .await;
        let me = Identity::peer4(&honest.key(), &honest.endpoint);
        let thid = ask_until_heard(&honest, &open, &me).await;
        honest.completed(&agent, &thid, open["@id"].as_str().unwrap(), &me).await
    };
    let link = tokio::select! {
        link = newcomer => link,
        () = flood(&strangers, &open, &whence, &taken) => unreachable!(),
    };
    honest.is_served(&agent, &link).await;
}

/// What comes before the handshake is done is kept, and strangers who know the key that it comes to leave room for it.
#[tokio::test]
async fn early_messages_of_strangers_leave_places_to_the_honest_party() {
    let agent = Agent::start("agent", &[]).await;
    let honest = Peer::start();
    // However many keys strangers use, the key that invited finds a place; beside one stranger, any key does.
    for (strangers, kept, has_invited) in [(1, 4, false), (5, 12, true)] {
        let inviting = honest.key();
        let me = if has_invited { inviting.clone() } else { honest.key() };
        let me = Identity::nym(&me, &honest.endpoint).signed_by(&[&inviting]);
        let asked = honest.invite(&agent, invitation(1, inviting.as_public(), &honest.endpoint)).await;
        let to = Address::of_handshake(&asked.request);
        let mut taken = 0;
        for _ in 0..strangers {
            let key = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
            for _ in 0..16 {
                match status(&honest, &to, &key, &basic_message("a stranger's")).await {
                    200 => taken += 1,
                    503 => {}
                    other => panic!("{other}"),
                }
            }
        }
        assert_eq!(taken, kept, "strangers: {strangers}");
        let text = format!("early, beside {strangers}");
        assert_eq!(status(&honest, &to, &me.key, &basic_message(&text)).await, 200);
        honest.answer(&asked, &me).await;
        let link = honest.confirmed(&agent, &asked, &me).await;
        let heard = agent
            .controller
            .event("the early text", |e| e.topic == "basicmessages" && e.body["content"] == text.as_str());
        assert_eq!(heard.await.body["connection_id"], link.connection_id.as_str());
    }
    let events = agent.controller.events();
    assert!(events.iter().all(|e| e.body["content"] != "a stranger's"));
}

#[tokio::test]
async fn bytes_that_wait_are_bounded_and_both_bounds_can_be_off() {
    let few = ["--max-bytes-per-connection", "2000", "--max-rows-per-connection", "off"];
    let none = ["--max-bytes-per-connection", "off", "--max-rows-per-connection", "off"];
    for (options, bounded) in [(few, true), (none, false)] {
        let agent = Agent::start("agent", &options).await;
        let peer = Peer::start();
        let door = FaultyPeer::before(port(&peer.endpoint)).await;
        let link = peer.connect_as(&agent, &Identity::nym(&peer.key(), &door.endpoint)).await;
        at_rest(&agent).await;
        door.now(Fault::Says500);
        let mut taken = 0;
        while taken < 20 && status(&peer, &link.to, link.key(), &ping()).await == 200 {
            taken += 1;
        }
        assert_eq!(taken < 20, bounded, "{taken}");
        assert!(taken > 1, "{taken}");
    }
}
