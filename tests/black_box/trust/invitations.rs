//! An invitation is for whoever brings its id to its own key.

use chancery_agent::ports::Store as _;
use chancery_agent::ports::store::{Commit, Op, Query, Space};
use serde_json::{Value, json};

use super::{author, connection, count};
use crate::support::peer::{
    Address, Identity, Letter, Peer, at_rest, basic_message, handshake_reuse, invite, new_id,
};
use crate::support::{Agent, Event, opened};

/// An invitation for one customer, by a DID that the customers' invitations share.
async fn for_customer(agent: &Agent, alias: &str) -> Value {
    let more = json!({"use_did_method": "did:peer:4", "alias": alias, "metadata": {"customer": alias}});
    invite(agent, 1, more).await
}

async fn metadata(agent: &Agent, connection_id: &str) -> Value {
    agent.get(&format!("/connections/{connection_id}/metadata")).await["results"].clone()
}

#[tokio::test]
async fn a_request_without_an_invitations_id_takes_no_invitation_that_shares_its_key() {
    let agent = Agent::start("agent", &[]).await;
    let (alice, stranger) = (Peer::start(), Peer::start());
    let invitation = for_customer(&agent, "alice").await;
    let other = for_customer(&agent, "bob").await;
    assert_eq!(invitation["services"], other["services"]);
    let to = Address::of_invitation(&invitation);
    let did = invitation["services"][0].as_str().unwrap();
    for pthid in [None, Some("11111111-1111-4111-8111-111111111111"), Some(did), Some("")] {
        for make in [Identity::peer4, Identity::nym] {
            let me = make(&stranger.key(), &stranger.endpoint);
            stranger.ask_with(&to, &me, pthid).await;
        }
    }
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    assert_eq!(count(&agent, "invitation").await, 2);
    let link = alice.join(&agent, &invitation, &Identity::peer4(&alice.key(), &alice.endpoint)).await;
    let record = connection(&agent, &link.connection_id).await;
    assert_eq!(record["alias"], "alice");
    assert_eq!(metadata(&agent, &link.connection_id).await, json!({"customer": "alice"}));
    alice.is_served(&agent, &link).await;
    // What is used up is used up.
    let again = Identity::peer4(&stranger.key(), &stranger.endpoint);
    stranger.ask(&invitation, &again).await;
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty());
    assert_eq!(count(&agent, "invitation").await, 1);
}

#[tokio::test]
async fn a_request_to_another_key_than_the_invitations_is_not_heard() {
    let agent = Agent::start("agent", &[]).await;
    let (alice, stranger) = (Peer::start(), Peer::start());
    let inline = invite(&agent, 1, json!({"alias": "alice"})).await;
    let by_did = for_customer(&agent, "bob").await;
    let link = stranger.connect(&agent).await;
    let before = stranger.letters().len();
    for (to, invitation) in [
        (Address::of_invitation(&by_did), &inline),
        (Address::of_invitation(&inline), &by_did),
        (link.to.clone(), &inline),
        (link.to.clone(), &by_did),
    ] {
        let me = Identity::peer4(&stranger.key(), &stranger.endpoint);
        stranger.ask_with(&to, &me, invitation["@id"].as_str()).await;
        // From whom it has a connection with, too.
        stranger.ask_with(&to, &link.me, invitation["@id"].as_str()).await;
    }
    at_rest(&agent).await;
    assert_eq!(stranger.letters().len(), before, "{:?}", stranger.letters());
    assert_eq!(count(&agent, "invitation").await, 2);
    for invitation in [inline, by_did] {
        let me = Identity::peer4(&alice.key(), &alice.endpoint);
        let link = alice.join(&agent, &invitation, &me).await;
        alice.is_served(&agent, &link).await;
    }
}

#[tokio::test]
async fn a_request_in_the_clear_takes_no_invitation() {
    let agent = Agent::start("agent", &[]).await;
    let (alice, stranger) = (Peer::start(), Peer::start());
    let invitation = for_customer(&agent, "alice").await;
    let to = Address::of_invitation(&invitation);
    let me = Identity::peer4(&stranger.key(), &stranger.endpoint);
    let request = me.request(invitation["@id"].as_str());
    // Nobody is known to have sent it: not packed, or packed by nobody.
    stranger.post(&to.endpoint, request.to_string().into_bytes()).await;
    stranger.send(&to, None, &me.request(invitation["@id"].as_str())).await;
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty());
    let link = alice.join(&agent, &invitation, &Identity::peer4(&alice.key(), &alice.endpoint)).await;
    alice.is_served(&agent, &link).await;
}

/// An agent with a public DID that needs no ledger.
async fn public(method: &str, options: &[&str]) -> (Agent, String) {
    let agent = Agent::start("agent", options).await;
    let did = super::own_did(&agent, method).await;
    agent.post(&format!("/wallet/did/public?did={did}"), json!({})).await;
    (agent, did)
}

async fn both_options(method: &str) {
    let (agent, did) = public(method, &["--public-invites", "--auto-accept-requests"]).await;
    let stranger = Peer::start();
    let me = || Identity::peer4(&stranger.key(), &stranger.endpoint);
    let service = format!("{did}#didcomm-0");
    for pthid in [None, Some(did.as_str()), Some(&service)] {
        stranger.ask_with(&Address::of_did(&did), &me(), pthid).await;
    }
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    assert_eq!(agent.get("/connections").await["results"], json!([]));

    let options = ["--public-invites", "--requests-through-public-did", "--auto-accept-requests"];
    let (agent, did) = public(method, &options).await;
    let peer = Peer::start();
    let service = format!("{did}#didcomm-0");
    for pthid in [None, Some(did.as_str()), Some(&service)] {
        let me = Identity::peer4(&peer.key(), &peer.endpoint);
        let thid = peer.ask_with(&Address::of_did(&did), &me, pthid).await;
        let link = peer.completed(&agent, &thid, pthid.unwrap_or(&did), &me).await;
        peer.is_served(&agent, &link).await;
    }
    // The id of no invitation, and another DID, are no way in; nor is another key than the public DID's.
    let inline = Address::of_invitation(&invite(&agent, 1, json!({})).await);
    let to = Address::of_did(&did);
    let (none, other) = ("11111111-1111-4111-8111-111111111111", me().did);
    for (to, pthid) in [
        (&to, Some(none)),
        (&to, Some(&*other)),
        (&inline, None),
        (&inline, Some(&*did)),
        (&inline, Some(&*service)),
    ] {
        stranger.ask_with(to, &me(), pthid).await;
    }
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty(), "{:?}", stranger.letters());
    assert_eq!(count(&agent, "invitation").await, 1);
}

#[tokio::test]
async fn a_request_to_the_public_did_needs_both_options() {
    both_options("did:peer:2").await;
    both_options("did:peer:4").await;
}

#[tokio::test]
async fn an_invitation_with_the_public_did_needs_public_invites_alone() {
    let (agent, did) = public("did:peer:4", &["--public-invites"]).await;
    let peer = Peer::start();
    let invitation = invite(&agent, 1, json!({"use_public_did": true, "alias": "alice"})).await;
    assert_eq!(invitation["services"], json!([did]));
    let stranger = Peer::start();
    for pthid in [None, Some(did.as_str())] {
        let me = Identity::peer4(&stranger.key(), &stranger.endpoint);
        stranger.ask_with(&Address::of_did(&did), &me, pthid).await;
    }
    at_rest(&agent).await;
    assert!(stranger.letters().is_empty());
    let link = peer.join(&agent, &invitation, &Identity::peer4(&peer.key(), &peer.endpoint)).await;
    assert_eq!(connection(&agent, &link.connection_id).await["alias"], "alice");
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn a_reuse_counts_only_on_a_connection_to_the_did_that_the_invitation_names() {
    let agent = Agent::start("agent", &[]).await;
    let (alice, attacker) = (Peer::start(), Peer::start());
    // Connected, but by a key that has nothing to do with the shared DID.
    let link = attacker.connect(&agent).await;
    let invitation = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    attacker.say(&link, &handshake_reuse(invitation["@id"].as_str().unwrap())).await;
    at_rest(&agent).await;
    assert!(!attacker.heard("handshake-reuse-accepted"));
    assert!(agent.controller.events().iter().all(|e| e.topic != "connection_reuse"));
    assert_ne!(connection(&agent, &link.connection_id).await["invitation_msg_id"], invitation["@id"]);
    let me = Identity::peer4(&alice.key(), &alice.endpoint);
    let to_alice = alice.join(&agent, &invitation, &me).await;
    alice.is_served(&agent, &to_alice).await;
    // Alice's connection is to that DID: with the next invitation by it she may go on.
    let next = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    assert_eq!(next["services"], invitation["services"]);
    let reuse = handshake_reuse(next["@id"].as_str().unwrap());
    alice.say(&to_alice, &reuse).await;
    alice.answer_on("handshake-reuse-accepted", reuse["@id"].as_str().unwrap()).await;
    // An inline invitation names no DID.
    let inline = invite(&agent, 1, json!({})).await;
    let reuse = handshake_reuse(inline["@id"].as_str().unwrap());
    for (peer, link) in [(&alice, &to_alice), (&attacker, &link)] {
        peer.say(link, &reuse).await;
    }
    at_rest(&agent).await;
    let accepted = |l: &Letter| l.is("handshake-reuse-accepted") && l.thread() == reuse["@id"];
    assert!(!alice.letters().iter().chain(&attacker.letters()).any(accepted));
    assert_eq!(count(&agent, "invitation").await, 1);
    let text = new_id();
    alice.say(&to_alice, &basic_message(&text)).await;
    assert_eq!(author(&agent, &text).await.as_deref(), Some(&*to_alice.connection_id));
}

#[tokio::test]
async fn a_reuse_takes_nothing_from_whoever_the_invitation_was_made_for() {
    let agent = Agent::start("agent", &[]).await;
    let (alice, bob) = (Peer::start(), Peer::start());
    let first = for_customer(&agent, "alice").await;
    let to_alice = alice.join(&agent, &first, &Identity::peer4(&alice.key(), &alice.endpoint)).await;
    // Alice has seen the invitation that was made for Bob.
    let second = for_customer(&agent, "bob").await;
    alice.say(&to_alice, &handshake_reuse(second["@id"].as_str().unwrap())).await;
    at_rest(&agent).await;
    assert_eq!(connection(&agent, &to_alice.connection_id).await["alias"], "alice");
    assert_eq!(metadata(&agent, &to_alice.connection_id).await, json!({"customer": "alice"}));
    let to_bob = bob.join(&agent, &second, &Identity::peer4(&bob.key(), &bob.endpoint)).await;
    assert_eq!(connection(&agent, &to_bob.connection_id).await["alias"], "bob");
    assert_eq!(metadata(&agent, &to_bob.connection_id).await, json!({"customer": "bob"}));
    for (peer, link) in [(&alice, &to_alice), (&bob, &to_bob)] {
        peer.is_served(&agent, link).await;
    }
}

#[tokio::test]
async fn a_request_with_the_thread_of_anothers_handshake_gets_none_of_its_answers() {
    let agent = Agent::start("agent", &[]).await;
    let (alice, attacker) = (Peer::start(), Peer::start());
    let multi = invite(&agent, 1, json!({"multi_use": true})).await;
    let me = Identity::peer4(&alice.key(), &alice.endpoint);
    let thid = alice.ask(&multi, &me).await;
    alice.answer_on("response", &thid).await;
    // The response was sent, and not yet confirmed: who repeats the request isn't answered unless it is who asked.
    let mut request = me.request(multi["@id"].as_str());
    request["@id"] = json!(thid);
    request["~thread"]["thid"] = json!(thid);
    let responses = |peer: &Peer| peer.letters().iter().filter(|l| l.is("response")).count();
    let thief = attacker.key();
    attacker.send(&Address::of_invitation(&multi), Some(&thief), &request).await;
    let mut stolen = Identity::peer4(&thief, &attacker.endpoint).request(multi["@id"].as_str());
    stolen["@id"] = json!(thid);
    stolen["~thread"]["thid"] = json!(thid);
    attacker.send(&Address::of_invitation(&multi), Some(&thief), &stolen).await;
    at_rest(&agent).await;
    assert_eq!((responses(&alice), responses(&attacker)), (1, 0));
    alice.send(&Address::of_invitation(&multi), Some(&me.key), &request).await;
    at_rest(&agent).await;
    assert_eq!(responses(&alice), 2);
    let link = alice.completed(&agent, &thid, multi["@id"].as_str().unwrap(), &me).await;
    alice.is_served(&agent, &link).await;
    let mine = |e: &&Event| e.topic == "connections" && e.body["request_id"] == thid.as_str();
    let events = agent.controller.events();
    let others = events.iter().filter(mine).any(|e| e.body["connection_id"] != link.connection_id.as_str());
    assert!(!others);
}

#[tokio::test]
async fn a_reuse_takes_no_offer_that_was_attached_for_somebody_else() {
    let agent = Agent::start("agent", &["--preserve-exchange-records"]).await;
    let (alice, bob) = (Peer::start(), Peer::start());
    let first = invite(&agent, 1, json!({"use_did_method": "did:peer:4"})).await;
    let to_alice = alice.join(&agent, &first, &Identity::peer4(&alice.key(), &alice.endpoint)).await;
    let did = agent.did("ed25519").await;
    let mut body = crate::support::offer("unused", &did, "Ed25519Signature2020");
    body.as_object_mut().unwrap().remove("connection_id");
    let made = agent.post("/issue-credential-2.0/create-offer", body).await;
    let attachments = json!([{"id": made["cred_ex_id"], "type": "credential-offer"}]);
    let more = json!({"use_did_method": "did:peer:4", "attachments": attachments});
    let second = invite(&agent, 1, more).await;
    let pthid = second["@id"].as_str().unwrap();
    alice.say(&to_alice, &handshake_reuse(pthid)).await;
    at_rest(&agent).await;
    // Whom the offer was made for connects and has it.
    let to_bob = bob.join(&agent, &second, &Identity::peer4(&bob.key(), &bob.endpoint)).await;
    let offer = second["requests~attach"][0]["data"]["json"].clone();
    let request = crate::support::peer::credential_request(&offer);
    bob.say(&to_bob, &crate::support::peer::with_parent(request, pthid)).await;
    at_rest(&agent).await;
    let records = super::exchanges(&agent, &to_bob.connection_id).await;
    assert_eq!(records[0]["state"], "request-received");
    assert!(super::exchanges(&agent, &to_alice.connection_id).await.is_empty());
    for (peer, link) in [(&alice, &to_alice), (&bob, &to_bob)] {
        peer.is_served(&agent, link).await;
    }
}

#[tokio::test]
async fn an_invitation_of_an_older_wallet_without_its_record_takes_requests_however_many_it_has_taken() {
    if std::env::var_os("CHANCERY_TEST_STORE").is_some() {
        return println!("not run: this wallet is a file");
    }
    let mut agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let me = || Identity::peer4(&peer.key(), &peer.endpoint);
    let multi = invite(&agent, 1, json!({"multi_use": true})).await;
    for _ in 0..9 {
        peer.join(&agent, &multi, &me()).await;
    }
    assert!(agent.stop().await.success());
    let store = opened(&agent.home, "agent").await;
    let tenant = store.tenants().await.unwrap().remove(0);
    let records = store.find(&tenant, &Query::all("oob_record")).await.unwrap();
    assert_eq!(records.len(), 1);
    let mut ops: Vec<Op> = records.into_iter().map(|row| Op::Remove(row.key)).collect();
    // As if no agent of this version had ever started on it.
    ops.push(Op::Forget(Space::Setting, "waiting-invitations-noted".to_owned()));
    store.commit(&tenant, Commit { guards: Vec::new(), ops }).await.unwrap();
    store.close().await;
    agent.spawn().await;
    let link = peer.join(&agent, &multi, &me()).await;
    peer.is_served(&agent, &link).await;
}
