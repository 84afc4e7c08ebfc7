use std::collections::HashMap;

use serde_json::json;

use super::{
    Content, DELAY_TOPIC, DeadLetter, Events, GivenUp, Letter, Page, TOPIC, Webhook, dead_letters, discard,
    events, give_up, notice_delay, outbox, retry, waiting_since,
};
use crate::engine::Held;
use crate::ports::operations::{Deliveries, Down, Failure, Standing};
use crate::ports::store::{Commit, Op, Queue, Seq};
use crate::ports::{Store as _, Timestamp};
use crate::testing::{Party, World, now};
use crate::transact;
use crate::unit::{AgentError, Kind, Outbound, Plaintext, Scope, Target, Work};

fn world() -> World {
    World::new(&["issuer"], Vec::new)
}

fn message() -> Outbound {
    Outbound {
        message: Plaintext::of_json(
            &json!({"@type": "https://didcomm.org/basicmessage/1.0/message", "@id": "m1", "content": "secret"}),
        ),
        target: Target {
            recipient_keys: vec!["key".into()],
            routing_keys: Vec::new(),
            endpoint: Some("http://holder.example".into()),
            sender_key: None,
        },
        connection_id: Some("c1".into()),
        thread_id: "m1".into(),
        owner: None,
        trace: None,
        scope: Scope::Thread,
    }
}

fn letter(party: &Party, content: Content) -> Letter {
    Letter {
        content,
        endpoint: Some("http://holder.example".into()),
        reason: "answered 500".into(),
        attempts: 3,
        since: party.agent.clock().now(),
    }
}

/// A queued message, and its number.
fn queued(party: &Party) -> Seq {
    now(async {
        transact!(party.agent, &party.tenant, |unit| {
            unit.queue(message());
            Ok::<_, AgentError>(())
        })
    })
    .unwrap();
    party.take_outbound()[0].seq
}

/// Knows one message, whose endpoint is down.
struct Worker(Seq);

#[async_trait::async_trait]
impl Deliveries for Worker {
    async fn standings(&self, _: Queue, messages: &[Seq]) -> HashMap<Seq, Standing> {
        let last = Failure { reason: "refused".into(), at: Timestamp(2_000_000) };
        let standing = Standing {
            in_flight: false,
            failure: Some(last.clone()),
            not_before: Some(Timestamp(2_000_000)),
            endpoint: Some(Down { failures: 3, since: Timestamp(1_000_000), last }),
        };
        messages.iter().filter(|seq| **seq == self.0).map(|seq| (*seq, standing.clone())).collect()
    }
}

fn dead_message(party: &Party) -> Seq {
    let row = Some(queued(party));
    let given_up = GivenUp { letter: letter(party, Content::Message(message())), row };
    now(give_up(&party.agent, &party.tenant, given_up)).unwrap().unwrap()
}

/// An event that its target got or not, given up for it.
fn dead_webhook(party: &Party, topic: &'static str) -> (Option<Seq>, i64) {
    now(async {
        transact!(party.agent, &party.tenant, |unit| {
            unit.notify(topic, "r1", &json!({"state": "done"}));
            Ok::<_, AgentError>(())
        })
    })
    .unwrap();
    let event = now(party.store.events(None, 0, None, true, 100)).unwrap().pop().unwrap();
    let webhook = Webhook {
        event: event.number,
        id: event.id,
        topic: event.topic,
        record: event.record,
        target: "test".into(),
    };
    let given_up = GivenUp { letter: letter(party, Content::Webhook(webhook)), row: None };
    (now(give_up(&party.agent, &party.tenant, given_up)).unwrap(), event.number)
}

fn listed(party: &Party) -> Vec<serde_json::Value> {
    let list = now(dead_letters(&party.agent, &party.tenant, Page::default())).unwrap();
    list["results"].as_array().unwrap().clone()
}

fn pending(party: &Party, number: i64) -> bool {
    now(party.store.events(None, 0, None, true, 100))
        .unwrap()
        .iter()
        .any(|e| e.number == number && !e.targets.is_empty())
}

#[test]
fn what_waits_is_shown_without_what_it_says() {
    let world = world();
    let party = world.party("issuer");
    let first = queued(party);
    let second = queued(party);
    let page = |after, limit| {
        now(outbox(&party.agent, &party.tenant, &Worker(first), Page { after, limit })).unwrap()
    };
    let all = page(None, None);
    assert!(!all.to_string().contains("secret"));
    assert_eq!(all["results"][0]["seq"], first);
    assert_eq!(all["results"][0]["type"], "https://didcomm.org/basicmessage/1.0/message");
    assert_eq!(all["results"][0]["endpoint"], "http://holder.example");
    assert_eq!((&all["results"][0]["thread_id"], &all["results"][0]["attempts"]), (&json!("m1"), &json!(0)));
    let at = "1970-01-01T00:00:02.000000Z";
    assert_eq!(all["results"][0]["last_failure"], json!({"reason": "refused", "at": at}));
    assert_eq!(
        (&all["results"][0]["under_way"], &all["results"][0]["next_try"]),
        (&json!(false), &json!(at))
    );
    assert_eq!(
        all["results"][0]["endpoint_down"],
        json!({"reason": "refused", "at": at, "failures": 3, "since": "1970-01-01T00:00:01.000000Z"})
    );
    // One that the worker knows nothing of.
    for member in ["last_failure", "next_try", "endpoint_down"] {
        assert_eq!(all["results"][1][member], serde_json::Value::Null, "{member}");
    }
    assert_eq!(page(Some(first), None)["results"][0]["seq"], second);
    assert_eq!(page(None, Some(1))["results"].as_array().unwrap().len(), 1);
}

#[test]
fn a_message_given_up_is_a_letter_that_the_controller_hears_of() {
    let world = world();
    let party = world.party("issuer");
    let seq = dead_message(party);
    assert_eq!(
        now(outbox(&party.agent, &party.tenant, &Worker(0), Page::default())).unwrap()["results"],
        json!([])
    );
    let letters = listed(party);
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["seq"], &letters[0]["kind"]), (&json!(seq), &json!("message")));
    assert_eq!((&letters[0]["reason"], &letters[0]["attempts"]), (&json!("answered 500"), &json!(3)));
    assert!(!letters[0].to_string().contains("secret"));
    let told = party.events_of(TOPIC);
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["seq"], &told[0]["thread_id"]), (&json!(seq), &json!("m1")));
    assert!(!told[0].to_string().contains("secret"));
}

#[test]
fn a_message_is_sent_again_once() {
    let world = world();
    let party = world.party("issuer");
    let seq = dead_message(party);
    assert_eq!(now(retry(&party.agent, &party.tenant, DeadLetter { seq })).unwrap(), json!({}));
    assert!(listed(party).is_empty());
    let sent = party.take_outbound();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].attempts, sent[0].queue), (0, Queue::Outbound));
    let outbound: Outbound = serde_json::from_slice(&sent[0].value).unwrap();
    assert_eq!(outbound.message, message().message);
    let again = now(retry(&party.agent, &party.tenant, DeadLetter { seq })).unwrap_err();
    assert_eq!(again.kind, Kind::NotFound);
    assert!(party.take_outbound().is_empty());
}

#[test]
fn of_two_retries_at_once_one_sends() {
    let world = world();
    let party = world.party("issuer");
    let seq = dead_message(party);
    let tenant = party.tenant.clone();
    party.store.before_next_commit(move |store| {
        let commit = crate::ports::store::Commit { guards: Vec::new(), ops: vec![Op::Dequeue(seq)] };
        now(store.commit(&tenant, commit)).unwrap();
    });
    let late = now(retry(&party.agent, &party.tenant, DeadLetter { seq })).unwrap_err();
    assert_eq!(late.kind, Kind::NotFound);
    assert!(party.take_outbound().is_empty());
}

#[test]
fn an_event_waits_for_its_target_again_under_its_old_number() {
    let world = world();
    let party = world.party("issuer");
    let (seq, number) = dead_webhook(party, "connections");
    assert!(!pending(party, number), "given up");
    let letters = listed(party);
    assert_eq!((&letters[0]["kind"], &letters[0]["topic"]), (&json!("webhook"), &json!("connections")));
    let seq = seq.unwrap();
    now(retry(&party.agent, &party.tenant, DeadLetter { seq })).unwrap();
    assert!(pending(party, number));
    let again = party.take_redelivered();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].number, &again[0].targets[..]), (number, &["test".to_owned()][..]));
    // After a restart, too, its age counts from the retry.
    let waiting = now(party.store.events(None, number - 1, None, true, 1)).unwrap().remove(0);
    let since = |target: &str| now(waiting_since(&*party.store, &waiting, target)).unwrap();
    assert!(since("test") > waiting.created);
    assert_eq!(since("another"), waiting.created);
    assert!(listed(party).is_empty());
}

#[test]
fn an_event_for_a_target_that_is_gone_stays_a_letter() {
    let world = world();
    let party = world.party("issuer");
    let (seq, _) = dead_webhook(party, "connections");
    party.agent.change_settings(&party.tenant, |settings| settings.webhook_targets.clear());
    let refused = now(retry(&party.agent, &party.tenant, DeadLetter { seq: seq.unwrap() })).unwrap_err();
    assert_eq!((refused.kind, refused.code), (Kind::BadRequest, "letter-not-deliverable"));
    assert_eq!(listed(party).len(), 1);
    assert!(party.take_redelivered().is_empty());
}

#[test]
fn letters_about_letters_are_dropped() {
    let world = world();
    let party = world.party("issuer");
    let (seq, number) = dead_webhook(party, TOPIC);
    assert_eq!(seq, None);
    assert!(!pending(party, number));
    assert!(listed(party).is_empty());
    assert_eq!(party.events_of(TOPIC).len(), 1, "only the one that was given up");
}

#[test]
fn work_is_done_again_and_letters_can_be_discarded() {
    let world = world();
    let party = world.party("issuer");
    let work = Content::Work(Work {
        protocol: "issue-credential".into(),
        detail: json!({"x": 1}),
        cause: None,
        lane: None,
        job: None,
        owner: None,
        trace: None,
    });
    let bury = || {
        let given_up = GivenUp { letter: letter(party, work.clone()), row: None };
        now(give_up(&party.agent, &party.tenant, given_up)).unwrap().unwrap()
    };
    let seq = bury();
    now(retry(&party.agent, &party.tenant, DeadLetter { seq })).unwrap();
    assert_eq!(now(party.store.items(Queue::Work, 0, 9)).unwrap().len(), 1);
    let seq = bury();
    assert_eq!(now(discard(&party.agent, &party.tenant, DeadLetter { seq })).unwrap(), json!({}));
    assert!(listed(party).is_empty());
    let gone = now(discard(&party.agent, &party.tenant, DeadLetter { seq })).unwrap_err();
    assert_eq!(gone.kind, Kind::NotFound);
    // A row of another queue is no letter.
    let waiting = queued(party);
    assert!(now(discard(&party.agent, &party.tenant, DeadLetter { seq: waiting })).is_err());
}

#[test]
fn events_by_cursor() {
    let world = world();
    let party = world.party("issuer");
    for topic in ["connections", "ping", "connections"] {
        now(async {
            transact!(party.agent, &party.tenant, |unit| {
                unit.notify(topic, "r1", &json!({"state": "done"}));
                Ok::<_, AgentError>(())
            })
        })
        .unwrap();
    }
    let ask = |which| now(events(&party.agent, &party.tenant, which)).unwrap();
    let first = ask(Events { limit: Some(1), ..Events::default() });
    assert_eq!(first["results"][0]["topic"], "connections");
    assert_eq!(first["results"][0]["payload"], json!({"state": "done"}));
    let after = first["next"].as_i64();
    let next = ask(Events { after, topic: Some("connections".into()), ..Events::default() });
    assert_eq!(next["results"].as_array().unwrap().len(), 1);
    let end = ask(Events { after: next["next"].as_i64(), ..Events::default() });
    assert_eq!((&end["results"], &end["next"]), (&json!([]), &next["next"]));
}

#[test]
fn the_controller_is_told_once_per_episode_that_messages_wait() {
    let world = world();
    let party = world.party("issuer");
    let look = || now(notice_delay(&party.agent, &party.tenant, 60)).unwrap();
    let told = || party.events_of(DELAY_TOPIC);
    let minute = std::time::Duration::from_secs(61);
    look();
    // Waits to be fetched: no endpoint is down.
    now(async {
        transact!(party.agent, &party.tenant, |unit| {
            let mut held = message();
            held.target.endpoint = None;
            unit.queue(held);
            Ok::<_, AgentError>(())
        })
    })
    .unwrap();
    world.advance(minute);
    look();
    party.take_outbound();
    let seq = queued(party);
    look();
    assert!(told().is_empty(), "it is young");
    world.advance(minute);
    look();
    look();
    assert_eq!(told().len(), 1);
    let payload = told().remove(0);
    assert_eq!((&payload["seq"], &payload["age_seconds"]), (&json!(seq), &json!(61)));
    assert_eq!((&payload["thread_id"], &payload["connection_id"]), (&json!("m1"), &json!("c1")));
    assert!(!payload.to_string().contains("secret"));
    // It got through: the episode is over. The next one is told again.
    let commit = Commit { guards: Vec::new(), ops: vec![Op::Dequeue(seq)] };
    now(party.store.commit(&party.tenant, commit)).unwrap();
    look();
    queued(party);
    world.advance(minute);
    look();
    assert_eq!(told().len(), 2);
}

#[test]
fn a_message_that_nobody_polls_for_is_taken_after_a_time() {
    let world = world();
    let party = world.party("issuer");
    let hold = |recipient| {
        let seq = queued(party);
        let item = now(party.store.item(seq)).unwrap().unwrap();
        party.agent.hold(recipient, Held { tenant: item.tenant, seq, created: item.created });
        seq
    };
    let old = [hold("one"), hold("two")];
    world.advance(std::time::Duration::from_secs(60));
    let before = party.agent.clock().now();
    hold("one");
    assert_eq!(party.agent.count_held(), 3);
    let mut taken: Vec<Seq> = party.agent.take_unfetched(before).iter().map(|held| held.seq).collect();
    taken.sort_unstable();
    assert_eq!(taken, old);
    assert_eq!(party.agent.count_held(), 1, "the young one stays");
    assert!(party.agent.take_unfetched(before).is_empty());
}
