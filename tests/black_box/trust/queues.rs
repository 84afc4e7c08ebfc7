//! What waits costs the agent the number of its row, however large it is and however long it waits.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::connection;
use crate::support::peer::{
    Address, Identity, Link, Peer, at_rest, complete, invite, new_id, pack, ping, with_return_route,
};
use crate::support::{Agent, Inbox, Pair, eventually};

/// Messages that wait, and the bytes of each: 30 MB together, and twice that with what is read from them.
const COUNT: usize = 300;
const SIZE: usize = 100_000;
/// What an agent's memory may grow by: the 8 MiB that it may carry along, what is under way, and the caches of its wallet, which
/// grow by some 16 MB however much waits.
const MOST: u64 = 35_000_000;

/// Short pauses, so that an endpoint that is back is soon found to be.
const PAUSES: &[&str] = &["--outbound-first-pause", "1s", "--outbound-longest-pause", "1s"];

/// A text of its own for each number.
fn text(at: usize) -> String {
    format!("{at} {}", "x".repeat(SIZE))
}

fn number(text: &Value) -> usize {
    let text = text.as_str().unwrap();
    assert!(text.len() > SIZE);
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Bytes of memory of the process that no file stands for.
fn memory(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_000
}

/// Has the agent say all the texts on a connection.
async fn say_all(agent: &Agent, connection_id: &str, count: usize) {
    let path = format!("/connections/{connection_id}/send-message");
    for at in 0..count {
        agent.post(&path, json!({"content": text(at)})).await;
    }
}

/// Waits until the metrics say so.
async fn measured(agent: &Agent, line: &str) {
    eventually(line, async || {
        let (_, text) = agent.try_get("/metrics").await;
        text.as_str().unwrap_or_default().lines().any(|l| l == line).then_some(())
    })
    .await;
}

/// Each text has come once.
async fn all_heard(inbox: &Inbox, count: usize) {
    let mut heard = Vec::new();
    while heard.len() < count {
        let texts: Vec<usize> = eventually("another text", async || {
            let events = inbox.take();
            let texts = events.iter().filter(|event| event.topic == "basicmessages");
            let texts: Vec<usize> = texts.map(|event| number(&event.body["content"])).collect();
            (!texts.is_empty()).then_some(texts)
        })
        .await;
        heard.extend(texts);
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..count).collect::<Vec<_>>());
}

fn grown(agent: &Agent, before: u64, what: &str) {
    let now = memory(agent);
    assert!(now < before + MOST, "{what}: from {before} to {now} bytes");
}

#[tokio::test]
async fn messages_for_a_peer_that_is_away_wait_at_the_cost_of_their_numbers_and_all_arrive() {
    let mut pair = Pair::connected(PAUSES, &[]).await;
    let inbox = pair.holder.controller.inbox();
    // Whatever an agent keeps once it has been in use.
    say_all(&pair.issuer, &pair.to_holder, 20).await;
    all_heard(&inbox, 20).await;
    at_rest(&pair.issuer).await;
    // Or else it would tell its controller the last of them again.
    at_rest(&pair.holder).await;
    let before = memory(&pair.issuer);
    pair.holder.kill();
    say_all(&pair.issuer, &pair.to_holder, COUNT).await;
    let waiting = format!(r#"chancery_delivery_waiting{{worker="outbound"}} {COUNT}"#);
    measured(&pair.issuer, &waiting).await;
    grown(&pair.issuer, before, "messages wait");
    pair.holder.spawn().await;
    all_heard(&inbox, COUNT).await;
    grown(&pair.issuer, before, "messages were delivered");
}

#[tokio::test]
async fn webhooks_for_a_controller_that_is_away_wait_at_the_cost_of_their_numbers_and_all_arrive() {
    let mut pair = Pair::connected(&[], PAUSES).await;
    let inbox = pair.holder.controller.inbox();
    say_all(&pair.issuer, &pair.to_holder, 20).await;
    all_heard(&inbox, 20).await;
    at_rest(&pair.holder).await;
    let before = memory(&pair.holder);
    pair.holder.controller.down().await;
    say_all(&pair.issuer, &pair.to_holder, COUNT).await;
    let waiting = format!(r#"chancery_delivery_waiting{{worker="webhooks"}} {COUNT}"#);
    measured(&pair.holder, &waiting).await;
    grown(&pair.holder, before, "events wait");
    pair.holder.controller.up();
    all_heard(&inbox, COUNT).await;
    grown(&pair.holder, before, "events were delivered");
}

/// A connection whose other side has no endpoint: it is answered in the bodies of its own requests.
async fn connected_without_an_endpoint(peer: &Peer, agent: &Agent) -> Link {
    let me = Identity::peer4(&peer.key(), "didcomm:transport/queue");
    let invitation = invite(agent, me.minor(), json!({})).await;
    let pthid = invitation["@id"].as_str().unwrap();
    let request = with_return_route(me.request(Some(pthid)));
    let answer = peer.send(&Address::of_invitation(&invitation), Some(&me.key), &request).await;
    let response = answer.letter.unwrap();
    assert!(response.is("response"), "{response:?}");
    let (to, thid) = (Address::of_handshake(&response), request["@id"].as_str().unwrap());
    peer.send(&to, Some(&me.key), &complete(me.minor(), thid, pthid)).await;
    let active = |e: &crate::support::Event| {
        e.topic == "connections" && e.body["state"] == "active" && e.body["request_id"] == thid
    };
    let event = agent.controller.event("the connection active", active).await;
    let connection_id = event.body["connection_id"].as_str().unwrap().to_owned();
    assert_eq!(connection(agent, &connection_id).await["state"], "active");
    let their_did = response.message["did"].as_str().unwrap().to_owned();
    Link { me: me.clone(), to, their_did, connection_id, handshake: thid.to_owned() }
}

#[tokio::test]
async fn answers_held_for_a_peer_without_an_endpoint_wait_at_the_cost_of_their_numbers_and_come_in_order() {
    let agent = Agent::start("agent", PAUSES).await;
    let peer = Peer::start();
    let link = connected_without_an_endpoint(&peer, &agent).await;
    let poll = async || {
        let mut poll = with_return_route(ping());
        poll["response_requested"] = json!(false);
        poll["comment"] = json!(new_id());
        peer.send(&link.to, Some(link.key()), &poll).await.letter
    };
    let fetch = async |count: usize| {
        for at in 0..count {
            let letter = poll().await.unwrap_or_else(|| panic!("nothing is held, after {at} texts"));
            assert_eq!(number(&letter.message["content"]), at);
        }
        assert!(poll().await.is_none());
    };
    say_all(&agent, &link.connection_id, 20).await;
    measured(&agent, "chancery_delivery_held 20").await;
    fetch(20).await;
    let before = memory(&agent);
    say_all(&agent, &link.connection_id, COUNT).await;
    measured(&agent, &format!("chancery_delivery_held {COUNT}")).await;
    grown(&agent, before, "answers are held");
    fetch(COUNT).await;
    grown(&agent, before, "answers were fetched");
}

/// What a message has caused is carried on by the agent, not by the sender's connection.
#[tokio::test]
async fn a_sender_that_hangs_up_while_its_message_is_written_is_answered_all_the_same() {
    if std::env::var("CHANCERY_TEST_STORE").is_ok_and(|store| store == "postgres") {
        return; // It is an SQLite file whose writer is held up.
    }
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    at_rest(&agent).await;
    let wallet = rusqlite::Connection::open(agent.home.join("wallet/agent/sqlite.db")).unwrap();
    wallet.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked = ping();
    let body = pack(&asked, Some(link.key()), &link.to.keys, &link.to.routing);
    let didcomm = agent.endpoint.trim_start_matches("http://");
    let mut sender = tokio::net::TcpStream::connect(didcomm).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nhost: agent\r\ncontent-length: {}\r\n\r\n", body.len());
    sender.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    measured(&agent, "chancery_inbound_handling 1").await;
    sender.set_zero_linger().unwrap();
    drop(sender);
    // The port has seen that it is gone by the time that it has answered somebody else.
    agent.http.get(&agent.endpoint).send().await.unwrap();
    measured(&agent, "chancery_inbound_handling 1").await;
    wallet.execute_batch("ROLLBACK").unwrap();
    peer.answer_on("ping_response", asked["@id"].as_str().unwrap()).await;
}
