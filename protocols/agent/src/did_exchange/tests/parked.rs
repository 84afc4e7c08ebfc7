//! Messages that come before their connection is ready.

use super::{handshake, invite, only_connection, protocols, receive, states};
use crate::engine::ReceiveError;
use crate::ports::Store as _;
use crate::ports::store::{Commit, NewItem, Op, Queue};
use crate::testing::{Party, World, now};
use crate::trust_ping::{SendPing, send_ping};
use crate::unit::Kind;

/// Killed between the commit that made the connection ready and the handling of what had waited for it.
#[test]
fn what_was_parked_is_handled_after_a_kill() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    receive(&world, holder, &invite(issuer, handshake(&["didexchange/1.1"], true)), true);
    issuer.receive(&holder.pack(&holder.take_messages().remove(0)));
    let response = issuer.take_messages().remove(0);
    let conn_id = issuer.store.dump("connection")[0].0.clone();
    let ping = SendPing { conn_id, comment: None };
    now(send_ping(&issuer.agent, &issuer.tenant, ping)).unwrap();
    holder.receive(&issuer.pack(&issuer.take_messages().remove(0)));
    let run = || crate::engine::Agent::new(holder.parts(), protocols());
    let start = |agent: &crate::engine::Agent| {
        now(async {
            agent.resume().await.unwrap();
            agent.take_all_parked().await;
        });
    };
    // A start while the connection isn't ready changes nothing.
    start(&run());
    assert_eq!(world.queue_len("holder", Queue::Parked), 1);
    // This one makes the connection ready, and knows nothing of what is parked.
    now(run().receive(&issuer.pack(&response), false)).unwrap();
    assert_eq!(world.queue_len("holder", Queue::Parked), 1);
    holder.take_messages();
    start(&run());
    assert_eq!(world.queue_len("holder", Queue::Parked), 0);
    assert_eq!(
        holder.take_messages()[0].message["@type"],
        "https://didcomm.org/trust_ping/1.0/ping_response"
    );
}

/// A message that overtakes the response waits for the connection; a responder becomes active by any message.
#[test]
fn messages_that_overtake_the_handshake() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    receive(&world, holder, &invite(issuer, handshake(&["didexchange/1.1"], true)), true);
    let request = holder.take_messages().remove(0);
    issuer.receive(&holder.pack(&request));
    let response = issuer.take_messages().remove(0);
    let conn_id = issuer.store.dump("connection")[0].0.clone();
    let ping = SendPing { conn_id, comment: None };
    now(send_ping(&issuer.agent, &issuer.tenant, ping)).unwrap();
    let ping = issuer.take_messages().remove(0);

    assert!(holder.receive(&issuer.pack(&ping)).rejection.is_none());
    assert!(holder.take_messages().is_empty());
    assert_eq!(world.queue_len("holder", Queue::Parked), 1);
    holder.receive(&issuer.pack(&response));
    assert_eq!((holder.work(), world.queue_len("holder", Queue::Parked)), (1, 0));
    let sent = holder.take_messages();
    let kinds: Vec<&str> = sent.iter().map(|m| m.message["@type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["https://didcomm.org/didexchange/1.1/complete", "https://didcomm.org/trust_ping/1.0/ping_response"]
    );

    assert_eq!(only_connection(issuer)["state"], "response");
    issuer.receive(&holder.pack(&sent[1]));
    assert_eq!(only_connection(issuer)["state"], "active");
    assert!(issuer.receive(&holder.pack(&sent[0])).rejection.is_none());
    assert_eq!(states(issuer, "connections"), ["invitation", "request", "response", "active"]);
}

/// A holder whose connection isn't ready, the response that makes it so, and so many pings that came before.
fn overtaken(world: &World, pings: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    receive(world, holder, &invite(issuer, handshake(&["didexchange/1.1"], true)), true);
    issuer.receive(&holder.pack(&holder.take_messages().remove(0)));
    let response = issuer.pack(&issuer.take_messages().remove(0));
    let conn_id = issuer.store.dump("connection")[0].0.clone();
    let ping = |_| {
        let ping = SendPing { conn_id: conn_id.clone(), comment: None };
        now(send_ping(&issuer.agent, &issuer.tenant, ping)).unwrap();
        issuer.pack(&issuer.take_messages().remove(0))
    };
    (response, (0..pings).map(ping).collect())
}

fn answers(party: &Party) -> usize {
    let kinds = party.take_messages();
    kinds.iter().filter(|m| m.message["@type"].as_str().unwrap().ends_with("ping_response")).count()
}

#[test]
fn what_is_parked_outlives_a_store_that_fails_and_a_process_that_dies() {
    for dies in [false, true] {
        let world = World::new(&["issuer", "holder"], protocols);
        let holder = world.party("holder");
        let (response, pings) = overtaken(&world, 2);
        pings.iter().for_each(|ping| assert!(holder.receive(ping).rejection.is_none()));
        holder.receive(&response);
        holder.take_messages();
        let work = now(holder.store.items(Queue::Work, 0, 9)).unwrap().remove(0);
        holder.store.fail(true);
        let failed = now(holder.agent.work(&work)).unwrap_err();
        assert_eq!(failed.kind, Kind::Unavailable);
        holder.store.fail(false);
        assert_eq!(world.queue_len("holder", Queue::Parked), 2);
        if dies {
            let next = crate::engine::Agent::new(holder.parts(), protocols());
            now(async {
                next.resume().await.unwrap();
                next.take_all_parked().await;
            });
        } else {
            assert_eq!(holder.work(), 1);
        }
        assert_eq!((answers(holder), world.queue_len("holder", Queue::Parked)), (2, 0), "dies: {dies}");
        // The work of the one that died finds nothing left to do.
        holder.work();
        assert_eq!(answers(holder), 0);
    }
}

/// A row without its sender in the lane is of an earlier version.
#[test]
fn what_is_parked_for_a_key_is_handled_in_order_and_what_waits_for_another_key_stays() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let (response, _) = overtaken(&world, 0);
    let conn_id = issuer.store.dump("connection")[0].0.clone();
    let pings: Vec<_> = (0..3)
        .map(|_| {
            let ping = SendPing { conn_id: conn_id.clone(), comment: None };
            now(send_ping(&issuer.agent, &issuer.tenant, ping)).unwrap();
            issuer.take_messages().remove(0)
        })
        .collect();
    pings[..2].iter().for_each(|ping| assert!(holder.receive(&issuer.pack(ping)).rejection.is_none()));
    let parked = now(holder.store.items(Queue::Parked, 0, 9)).unwrap().remove(0);
    let (verkey, _) = parked.lane.split_once(' ').unwrap();
    let enqueue = |lane: String, value: Vec<u8>| {
        Op::Enqueue(NewItem { queue: Queue::Parked, lane, due: parked.due, value, owner: None })
    };
    let other = format!("{verkey}x {verkey}");
    let ops =
        vec![enqueue(verkey.to_owned(), issuer.pack(&pings[2])), enqueue(other.clone(), b"other".to_vec())];
    now(holder.store.commit(&holder.tenant, Commit { guards: Vec::new(), ops })).unwrap();
    now(holder.agent.resume()).unwrap();
    holder.receive(&response);
    holder.work();
    let answers = holder.take_messages().into_iter().map(|sent| sent.message["~thread"]["thid"].clone());
    let asked: Vec<_> = pings.iter().map(|ping| ping.message["@id"].clone()).collect();
    assert_eq!(answers.skip(1).collect::<Vec<_>>(), asked, "after what completes the connection");
    let left = now(holder.store.items(Queue::Parked, 0, 9)).unwrap();
    assert_eq!(left.iter().map(|item| &item.lane).collect::<Vec<_>>(), [&other]);
}

#[test]
fn what_still_waits_stays_parked_at_the_start() {
    let world = World::new(&["issuer", "holder"], protocols);
    let holder = world.party("holder");
    let (response, pings) = overtaken(&world, 1);
    holder.receive(&pings[0]);
    let next = crate::engine::Agent::new(holder.parts(), protocols());
    let due = |_| now(holder.store.items(Queue::Parked, 0, 9)).unwrap()[0].due;
    let before = due(());
    now(async {
        next.resume().await.unwrap();
        next.take_all_parked().await;
    });
    assert_eq!(
        (due(()), world.queue_len("holder", Queue::Parked)),
        (before, 1),
        "no longer than it was to wait"
    );
    now(next.receive(&response, false)).unwrap();
    holder.work();
    assert_eq!(answers(holder), 1);
}

#[test]
fn a_sender_of_too_many_early_messages_is_told_to_come_again() {
    let world = World::new(&["issuer", "holder"], protocols);
    let holder = world.party("holder");
    let (response, pings) = overtaken(&world, 5);
    pings[..4].iter().for_each(|ping| assert!(holder.receive(ping).rejection.is_none()));
    let refused = now(holder.agent.receive(&pings[4], false));
    assert!(matches!(refused, Err(ReceiveError::Unavailable(_))));
    holder.receive(&response);
    holder.work();
    assert!(holder.receive(&pings[4]).rejection.is_none());
    assert_eq!(answers(holder), 5);
}
