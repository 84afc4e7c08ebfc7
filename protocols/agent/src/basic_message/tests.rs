use serde_json::{Value, json};

use super::{SendMessage, send_message};
use crate::engine::{Registration, Rejection};
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{Party, World, now};
use crate::unit::{AgentError, Kind, Settings};

fn protocols() -> Vec<Registration> {
    vec![crate::did_exchange::registration(), crate::out_of_band::registration(), super::registration()]
}

fn world(auto: bool, change: impl Fn(&str, &mut Settings)) -> World {
    let world = World::with(&["issuer", "holder"], protocols, change);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let command = CreateInvitation {
        handshake_protocols: Some(vec!["didexchange/1.1".into()]),
        auto_accept: Some(auto),
        ..CreateInvitation::default()
    };
    let made = now(create_invitation(&issuer.agent, &issuer.tenant, command)).unwrap();
    let take = ReceiveInvitation {
        invitation: made["invitation"].clone(),
        auto_accept: Some(true),
        ..ReceiveInvitation::default()
    };
    world.run(receive_invitation(&holder.agent, &holder.tenant, take)).unwrap();
    world.settle();
    world.take_log();
    world
}

fn connection(party: &Party) -> String {
    party.store.dump("connection")[0].0.clone()
}

fn say(party: &Party, content: &str) -> Result<Value, AgentError> {
    let command = SendMessage { conn_id: connection(party), content: content.to_owned() };
    now(send_message(&party.agent, &party.tenant, command))
}

fn golden(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../../testdata/basic_message.json")).unwrap();
    all[name].clone()
}

/// The recorded value with what differs from run to run taken from ours.
fn expected(name: &str, ours: &Value, differs: &[&str]) -> String {
    let mut value = golden(name);
    for member in differs {
        assert!(value.get(member).is_some() && ours[member].is_string(), "{member}: {value} {ours}");
        value[*member] = ours[*member].clone();
    }
    value.to_string()
}

#[test]
fn a_text_arrives_as_recorded() {
    let world = world(true, |_, _| {});
    let holder = world.party("holder");
    assert_eq!(say(holder, golden("sent")["content"].as_str().unwrap()).unwrap(), json!({}));
    world.settle();
    let log = world.take_log();
    assert_eq!(log.len(), 1, "nobody answers unless told to");
    let sent = &log[0].1;
    assert_eq!(sent.to_string(), expected("sent", sent, &["@id", "sent_time"]));
    let heard = world.party("issuer").events_of("basicmessages");
    assert_eq!(heard.len(), 1);
    assert_eq!(
        heard[0].to_string(),
        expected("webhook", &heard[0], &["connection_id", "message_id", "sent_time"])
    );
    assert_eq!((&heard[0]["message_id"], &heard[0]["sent_time"]), (&sent["@id"], &sent["sent_time"]));
    assert_eq!(heard[0]["connection_id"], json!(connection(world.party("issuer"))));
}

#[test]
fn an_automatic_answer_is_as_recorded_and_is_not_answered() {
    let world = world(true, |_, settings| settings.auto_respond_messages = true);
    say(world.party("issuer"), "hi").unwrap();
    world.settle();
    let log = world.take_log();
    assert_eq!(log.len(), 2, "{log:?}");
    let mut wanted = golden("answer");
    wanted["@id"] = log[1].1["@id"].clone();
    wanted["sent_time"] = log[1].1["sent_time"].clone();
    wanted["~thread"]["thid"] = log[0].1["@id"].clone();
    assert_eq!(log[1].1.to_string(), wanted.to_string());
    let heard = world.party("issuer").events_of("basicmessages");
    let differs = ["connection_id", "message_id", "sent_time"];
    assert_eq!(heard[0].to_string(), expected("answer webhook", &heard[0], &differs));
}

/// What the holder says in answer to a message of the issuer's with these members.
fn answer_to(world: &World, members: Value) -> Option<Value> {
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    say(issuer, "x").unwrap();
    let mut outbound = issuer.take_messages().remove(0);
    for (name, value) in members.as_object().unwrap() {
        outbound.message[name] = value.clone();
        if value.is_null() {
            outbound.message.as_object_mut().unwrap().shift_remove(name);
        }
    }
    holder.receive(&issuer.pack(&outbound));
    holder.take_messages().pop().map(|answer| answer.message)
}

#[test]
fn what_is_answered() {
    let silent = world(true, |_, _| {});
    assert_eq!(answer_to(&silent, json!({"content": "Reply with: moo"})), None);
    let quiet = world(true, |_, settings| settings.echo_messages = true);
    let talking = world(true, |_, settings| settings.auto_respond_messages = true);
    let echoed = answer_to(&quiet, json!({"content": "Reply with: moo"})).unwrap();
    assert_eq!(echoed["content"], "moo");
    for (world, content) in
        [(&quiet, "hi"), (&quiet, "Reply with: "), (&talking, ""), (&talking, "I received your message")]
    {
        assert_eq!(answer_to(world, json!({"content": content})), None, "{content}");
    }
    let l10n = json!({"locale": "de-CH"});
    let members = json!({"~l10n": l10n, "~thread": {"thid": "t", "pthid": "p"}});
    let answer = answer_to(&talking, members).unwrap();
    assert_eq!((&answer["~l10n"], &answer["~thread"]), (&l10n, &json!({"thid": "t", "pthid": "p"})));
    assert_eq!(talking.party("holder").events_of("basicmessages").last().unwrap()["locale"], "de-CH");
}

#[test]
fn a_text_without_a_time_is_heard_with_ours() {
    let world = world(true, |_, _| {});
    answer_to(&world, json!({"sent_time": null}));
    let heard = world.party("holder").events_of("basicmessages").remove(0);
    assert!(super::time::is_iso8601(heard["sent_time"].as_str().unwrap()));
}

#[test]
fn malformed_texts_are_reported_and_not_heard() {
    let world = world(true, |_, settings| settings.auto_respond_messages = true);
    for members in [
        json!({"content": null}),
        json!({"content": 5}),
        json!({"sent_time": "yesterday"}),
        json!({"sent_time": 5}),
        json!({"~l10n": {"locale": 5}}),
    ] {
        let report = answer_to(&world, members.clone()).unwrap();
        let text = "Error deserializing message: BasicMessage schema validation failed";
        assert_eq!(report["description"], json!({"en": text, "code": "message-parse-failure"}), "{members}");
    }
    assert!(world.party("holder").events_of("basicmessages").is_empty());
}

#[test]
fn a_repeated_message_is_heard_and_answered_once() {
    let world = world(true, |_, settings| settings.auto_respond_messages = true);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    say(issuer, "once").unwrap();
    let outbound = issuer.take_messages().remove(0);
    assert_eq!(holder.receive(&issuer.pack(&outbound)).rejection, None);
    for _ in 0..2 {
        let rejection = holder.receive(&issuer.pack(&outbound)).rejection;
        assert!(matches!(rejection, Some(Rejection::NotAccepted("repeated-message", _))), "{rejection:?}");
    }
    assert_eq!(holder.events_of("basicmessages").len(), 1);
    assert_eq!(holder.take_messages().len(), 1);
    say(issuer, "once").unwrap();
    world.settle();
    assert_eq!(holder.events_of("basicmessages").len(), 2, "the same text again is another message");
}

#[test]
fn connections_that_are_not_ready_or_not_there() {
    let world = world(false, |_, _| {});
    let holder = world.party("holder");
    assert_eq!(say(holder, "too early").unwrap(), json!({}));
    assert!(holder.take_messages().is_empty());
    let command = SendMessage { conn_id: "nobody".into(), content: "x".into() };
    let error = now(send_message(&holder.agent, &holder.tenant, command)).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (Kind::NotFound, "Record not found: connection/nobody.")
    );
}
