//! Every message is delivered twice and out of order, and all of them once more at the end: as if once.

use std::time::Instant;

use serde_json::{Value, json};

use super::{report, size};
use crate::support::{AUTOMATIC, Agent, Dice, Event, Network, connect, offer, told};

const TOPIC: &str = "issue_credential_v2_0";
const MANUAL: &[&str] = &["--preserve-exchange-records"];
/// Finished exchanges are removed: repeats of their messages meet nothing but a tombstone.
const FORGETTING: &[&str] = &[
    "--auto-respond-credential-proposal",
    "--auto-respond-credential-offer",
    "--auto-respond-credential-request",
    "--auto-store-credential",
];

/// What two agents do with each other.
#[derive(Clone, Copy, Debug)]
enum Story {
    Offer,
    Proposal,
    CounterOffer,
    RequestWithoutOffer,
    RefusedOffer,
    RefusedRequest,
    ByHand,
    WithoutConnection,
}

struct Scene {
    issuer: Agent,
    holder: Agent,
    did: String,
}

impl Story {
    fn options(self, forgetting: bool) -> (&'static [&'static str], &'static [&'static str]) {
        let automatic = if forgetting { FORGETTING } else { AUTOMATIC };
        match self {
            Self::Offer | Self::Proposal | Self::WithoutConnection => (automatic, automatic),
            Self::CounterOffer | Self::RequestWithoutOffer => (MANUAL, automatic),
            Self::RefusedOffer | Self::RefusedRequest | Self::ByHand => (MANUAL, MANUAL),
        }
    }

    async fn play(self, scene: &Scene) {
        let Scene { issuer, holder, did } = scene;
        if let Self::WithoutConnection = self {
            return without_connection(scene).await;
        }
        let (to_holder, to_issuer) = connect(issuer, holder).await;
        let offered = offer(&to_holder, did, "Ed25519Signature2020");
        let asked = offer(&to_issuer, did, "Ed25519Signature2020");
        let filter = &asked["filter"];
        match self {
            Self::Offer => drop(issuer.post("/issue-credential-2.0/send-offer", offered).await),
            Self::Proposal => drop(holder.post("/issue-credential-2.0/send-proposal", asked).await),
            Self::CounterOffer => {
                holder.post("/issue-credential-2.0/send-proposal", asked.clone()).await;
                let mut other = filter.clone();
                other["ld_proof"]["credential"]["credentialSubject"]["givenName"] = json!("Augusta");
                let preview = json!({"@type": "issue-credential/2.0/credential-preview", "attributes": []});
                let body = json!({"filter": other, "counter_preview": preview});
                step(issuer, "proposal-received", "send-offer", body).await;
                step(issuer, "request-received", "issue", json!({})).await;
            }
            Self::RequestWithoutOffer => {
                holder.post("/issue-credential-2.0/send-request", asked).await;
                step(issuer, "request-received", "issue", json!({})).await;
            }
            Self::RefusedOffer => {
                issuer.post("/issue-credential-2.0/send-offer", offered).await;
                step(holder, "offer-received", "problem-report", json!({"description": "no"})).await;
            }
            Self::RefusedRequest => {
                issuer.post("/issue-credential-2.0/send-offer", offered).await;
                step(holder, "offer-received", "send-request", json!({})).await;
                step(issuer, "request-received", "problem-report", json!({"description": "no"})).await;
            }
            Self::ByHand => {
                issuer.post("/issue-credential-2.0/send-offer", offered).await;
                step(holder, "offer-received", "send-request", json!({})).await;
                step(issuer, "request-received", "issue", json!({})).await;
                step(holder, "credential-received", "store", json!({})).await;
            }
            Self::WithoutConnection => {}
        }
        let end =
            if matches!(self, Self::RefusedOffer | Self::RefusedRequest) { "abandoned" } else { "done" };
        issuer.controller.state(TOPIC, end).await;
        holder.controller.state(TOPIC, end).await;
    }
}

async fn without_connection(Scene { issuer, holder, did }: &Scene) {
    let mut body = offer("unused", did, "Ed25519Signature2020");
    body.as_object_mut().unwrap().remove("connection_id");
    let exchange = issuer.post("/issue-credential-2.0/create-offer", body).await;
    let attachment = json!({"id": exchange["cred_ex_id"], "type": "credential-offer"});
    let path = "/out-of-band/create-invitation";
    let invitation = issuer.post(path, json!({"attachments": [attachment]})).await;
    holder.post("/out-of-band/receive-invitation", invitation["invitation"].clone()).await;
    issuer.controller.state(TOPIC, "done").await;
    holder.controller.state(TOPIC, "done").await;
}

/// A command on the one exchange, once it has come to a state.
async fn step(agent: &Agent, state: &str, command: &str, body: Value) {
    let there = |e: &Event| e.topic == TOPIC && e.body["state"] == state;
    let record = agent.controller.event(state, there).await.body;
    let id = record["cred_ex_id"].as_str().unwrap();
    agent.post(&format!("/issue-credential-2.0/records/{id}/{command}"), body).await;
}

/// What can be told of the end of a story without ids.
#[derive(Debug, PartialEq)]
struct End {
    issuer: Vec<String>,
    holder: Vec<String>,
    credentials: usize,
    records: [usize; 4],
}

async fn end(scene: &Scene) -> End {
    let count = async |agent: &Agent, path: &str| agent.get(path).await["results"].as_array().unwrap().len();
    let stored = scene.holder.post("/credentials/w3c", json!({})).await;
    End {
        issuer: told(&scene.issuer),
        holder: told(&scene.holder),
        credentials: stored["results"].as_array().unwrap().len(),
        records: [
            count(&scene.issuer, "/issue-credential-2.0/records").await,
            count(&scene.holder, "/issue-credential-2.0/records").await,
            count(&scene.issuer, "/connections").await,
            count(&scene.holder, "/connections").await,
        ],
    }
}

/// Plays a story over a network; its end, messages sent and copies delivered.
async fn play(story: Story, forgetting: bool, mut network: Network) -> (End, usize, usize) {
    let (issuing, holding) = story.options(forgetting);
    let issuer = network.agent("issuer", issuing).await;
    let holder = network.agent("holder", holding).await;
    let did = issuer.did("ed25519").await;
    let scene = Scene { issuer, holder, did };
    story.play(&scene).await;
    network.quiet().await;
    let before = end(&scene).await;
    network.again().await;
    assert_eq!(end(&scene).await, before, "{story:?}: repeats of everything changed something");
    for agent in [&scene.issuer, &scene.holder] {
        assert_eq!(agent.get("/chancery/dead-letters").await, json!({"results": []}), "{story:?}");
        assert!(!agent.log_text().contains("panicked"), "{}", agent.log_text());
    }
    (before, network.messages(), network.delivered())
}

async fn as_if_once(stories: &[Story], forgetting: bool) {
    let begun = Instant::now();
    let mut dice = Dice::new();
    let (mut played, mut messages, mut copies) = (0, 0, 0);
    for &story in stories {
        let (expected, ..) = play(story, forgetting, Network::of(1, Dice::of(0))).await;
        for _ in 0..size(1, 20) {
            let seed = dice.below(u64::from(u32::MAX));
            println!("attack twice: {story:?}, seed {seed}");
            let (end, sent, delivered) = play(story, forgetting, Network::of(2, Dice::of(seed))).await;
            assert_eq!(end, expected, "{story:?}, seed {seed}");
            played += 1;
            messages += sent as u64;
            copies += delivered as u64;
        }
    }
    report("twice", begun, &[("stories", played), ("messages", messages), ("copies", copies)]);
}

#[tokio::test]
async fn twice_and_out_of_order_automatic() {
    as_if_once(&[Story::Offer, Story::Proposal, Story::WithoutConnection], false).await;
}

#[tokio::test]
async fn twice_and_out_of_order_with_finished_records_removed() {
    as_if_once(&[Story::Offer, Story::Proposal, Story::WithoutConnection], true).await;
}

#[tokio::test]
async fn twice_and_out_of_order_by_hand() {
    as_if_once(&[Story::CounterOffer, Story::RequestWithoutOffer, Story::ByHand], false).await;
}

#[tokio::test]
async fn twice_and_out_of_order_refused() {
    as_if_once(&[Story::RefusedOffer, Story::RefusedRequest], false).await;
}
