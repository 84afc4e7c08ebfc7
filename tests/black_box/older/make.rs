//! How a fixture is made: `tests/fixtures/make-side-tables`.

use std::net::TcpListener;
use std::path::Path;

use chancery_did::SecretKey;
use serde_json::{Value, json};

use super::kept::Store;
use super::{
    CONTEXTS, Contexts, Facts, Handshake, OFFER, PEER, SITE, colored, connected, depth, endpoint, filter,
    hasty, keyed, party, polling, seconds, start, surroundings, web,
};
use crate::support::peer::{
    Address, Link, Peer, Site, forward_invitation, invitation, invitation_to, invite, pack, ping, proposal,
    tell, thread_of,
};
use crate::support::{Agent, Clock, eventually};

/// Handshakes that the peer has begun; each killing of the agent needs one, and one is left.
const HANDSHAKES: u8 = 6;
/// A sender's messages of which none is turned away before its connection is ready.
const PINGS: usize = 4;

async fn away(address: &str) {
    eventually("nobody listens", async || std::net::TcpStream::connect(address).is_err().then_some(())).await;
}

/// Dead letters of each kind. The agent is two days back; then it gives up what has waited for so long.
async fn die(agent: &mut Agent, clock: &Clock, did: &str) -> (Link, String, Vec<String>) {
    let peer = party();
    let link = peer.connect_as(agent, &connected()).await;
    peer.is_served(agent, &link).await;
    drop(peer);
    away(PEER).await;
    // Of three pieces of work of one connection two wait for the server, the third for those two.
    let silent = TcpListener::bind(CONTEXTS).unwrap();
    let wishes: Vec<Value> = (0..3).map(|_| proposal(&colored(did, "dead"))).collect();
    for wish in &wishes {
        Peer::start().send(&link.to, Some(link.key()), wish).await;
    }
    let said = tell(agent, &link.connection_id).await;
    eventually("queued work", async || (depth(agent, "work").await == 3).then_some(())).await;
    clock.shift("+0");
    agent.restart().await;
    eventually("dead letters", async || {
        let letters = agent.get("/chancery/dead-letters").await["results"].clone();
        let kind = |kind| letters.as_array().unwrap().iter().any(|letter| letter["kind"] == kind);
        (kind("message") && kind("work") && kind("webhook")).then_some(())
    })
    .await;
    drop(silent);
    eventually("no work", async || (depth(agent, "work").await == 0).then_some(())).await;
    (link, said, wishes.iter().map(|wish| thread_of(wish).to_owned()).collect())
}

/// The peer invites the agent and sends before it has answered the agent's request.
async fn shake(peer: &Peer, agent: &Agent, at: u8) -> Handshake {
    let (inviting, me) = hasty(at);
    let asked = peer.invite(agent, invitation(1, inviting.as_public(), &peer.endpoint)).await;
    let mut pings = Vec::new();
    for _ in 0..PINGS {
        let ping = ping();
        peer.send(&Address::of_handshake(&asked.request), Some(&me.key), &ping).await;
        pings.push(thread_of(&ping).to_owned());
    }
    let request = asked.request.message.clone();
    Handshake { at, invitation: asked.invitation, request, pings, answered: false }
}

/// Sends what some versions leave for queued work, and others handle while the sender waits; its thread if it was queued.
async fn queued(agent: &Agent, to: &Address, key: &SecretKey, message: &Value) -> Option<String> {
    let before = depth(agent, "work").await;
    Peer::start().post(&to.endpoint, pack(message, Some(key), &to.keys, &to.routing)).await;
    (depth(agent, "work").await > before).then(|| thread_of(message).to_owned())
}

/// Answers handshakes, and kills the agent at once each time, until it has not come to what was parked.
async fn killed(agent: &mut Agent, store: &Store, handshakes: &mut [Handshake]) {
    let work = depth(agent, "work").await;
    let most = handshakes.len() - 1;
    for at in 0..most {
        let waits = (handshakes.len() - at - 1) * PINGS;
        handshakes[at].answer(&Peer::start(), agent).await;
        agent.kill();
        let work_is = store.figure(agent, "SELECT count(*) FROM chancery_queue WHERE queue = 'work'").await;
        let parked = store.figure(agent, "SELECT count(*) FROM chancery_queue WHERE queue = 'parked'").await;
        if u64::try_from(work_is).unwrap() == work + 1 && usize::try_from(parked).unwrap() > waits {
            return;
        }
        println!("too late: {work_is} rows of work, {parked} parked");
        agent.spawn().await;
        eventually("parked messages handled", async || {
            (depth(agent, "parked").await == waits as u64).then_some(())
        })
        .await;
    }
    panic!("the agent was faster {most} times");
}

#[tokio::test]
#[ignore = "makes a fixture"]
async fn make() {
    let folder = std::env::var_os("CHANCERY_FIXTURES").expect("CHANCERY_FIXTURES: the folder of all");
    let store = Store::of_all();
    let site = Site::start_at(SITE).await;
    let (clock, surroundings) = surroundings(&site, &store);
    clock.shift("-2d");
    let mut agent = start(surroundings, &[]).await;
    let did = agent.did("ed25519").await;
    let (link, dead_said, dead_wishes) = die(&mut agent, &clock, &did).await;

    let (peer, contexts) = (party(), Contexts::start());
    web(&site).iter().for_each(|(_, document)| site.publish(document.clone()));
    let [(one, _), (two, _), (three, _)] = web(&site);
    let published = peer.connect_as(&agent, &one).await;
    let open = invite(&agent, 0, json!({"multi_use": true})).await;
    peer.ask(&open, &polling()).await;
    let mut handshakes = Vec::new();
    for at in 0..HANDSHAKES {
        handshakes.push(shake(&peer, &agent, at).await);
    }
    agent.post(OFFER, filter(colored(&did, "pinned"))).await;
    let (_, kept) = keyed(&agent).await;
    let to_web = invite(&agent, 1, json!({})).await;

    site.down();
    drop((peer, contexts.handle.stop(false).await));
    away(PEER).await;
    away(SITE).await;
    // It forgets what it has seen of the site.
    agent.restart().await;
    // They take connections and say nothing: the work is under way when the agent is killed.
    let _silent = [CONTEXTS, SITE].map(|address| TcpListener::bind(address).unwrap());
    let pinged = queued(&agent, &published.to, published.key(), &ping()).await;
    let request = two.request(to_web["@id"].as_str());
    let request = queued(&agent, &Address::of_invitation(&to_web), &two.key, &request).await;
    let wish = proposal(&colored(&did, "late"));
    let introduced = invitation_to(1, json!(three.did));
    for message in [&wish, &forward_invitation(&introduced)] {
        Peer::start().send(&link.to, Some(link.key()), message).await;
    }
    let work = 2 + u64::from(request.is_some()) + u64::from(pinged.is_some());
    eventually("all work", async || (depth(&agent, "work").await == work).then_some(())).await;
    let said = vec![tell(&agent, &link.connection_id).await, tell(&agent, &link.connection_id).await];
    killed(&mut agent, &store, &mut handshakes).await;

    let events = "SELECT max(n) FROM (SELECT count(*) AS n FROM chancery_undelivered GROUP BY target) AS x";
    let facts = Facts {
        made: seconds(),
        events: store.figure(&agent, events).await,
        introduced: thread_of(&introduced).to_owned(),
        wish: thread_of(&wish).to_owned(),
        connection_id: link.connection_id,
        did,
        open,
        said,
        kept,
        dead_said,
        dead_wishes,
        handshakes,
        request,
        pinged,
    };
    let version = "SELECT CAST(value AS BIGINT) FROM chancery_meta WHERE name = 'version'";
    let version = store.figure(&agent, version).await;
    let folder = Path::new(&folder).join(format!("side-tables-{version}"));
    std::fs::create_dir_all(&folder).unwrap();
    let text = serde_json::to_string_pretty(&facts).unwrap() + "\n";
    std::fs::write(folder.join(store.name()).with_extension("json"), text).unwrap();
    store.keep(&agent, &folder);
    println!("{}: {work} rows of work, {} events; {}", folder.display(), facts.events, endpoint());
}
