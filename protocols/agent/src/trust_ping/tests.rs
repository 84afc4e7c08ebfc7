use serde_json::{Value, json};

use super::{SendPing, send_ping};
use crate::engine::Registration;
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{World, now};
use crate::unit::{Kind, Settings};

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
    world
}

fn ping(world: &World, from: &str) -> Result<Value, crate::AgentError> {
    let party = world.party(from);
    let conn_id = party.store.dump("connection")[0].0.clone();
    now(send_ping(&party.agent, &party.tenant, SendPing { conn_id, comment: Some("hello".into()) }))
}

#[test]
fn a_ping_is_answered_and_monitored() {
    let world = world(true, |_, settings| settings.monitor_ping = true);
    world.take_log();
    let sent = ping(&world, "issuer").unwrap();
    world.settle();
    let log = world.take_log();
    let expected = json!({"@type": "https://didcomm.org/trust_ping/1.0/ping", "@id": sent["thread_id"],
        "response_requested": true, "comment": "hello"});
    assert_eq!(log[0].1.to_string(), expected.to_string());
    assert_eq!(log[1].1["@type"], "https://didcomm.org/trust_ping/1.0/ping_response");
    assert_eq!(log[1].1["~thread"], json!({"thid": sent["thread_id"]}));
    let heard = world.party("holder").events_of("ping");
    assert_eq!((&heard[0]["state"], &heard[0]["responded"]), (&json!("received"), &json!(true)));
    assert_eq!(world.party("issuer").events_of("ping")[0]["state"], "response_received");
}

#[test]
fn nobody_hears_of_pings_unless_asked() {
    let world = world(true, |_, _| {});
    ping(&world, "issuer").unwrap();
    world.settle();
    assert!(world.party("holder").events_of("ping").is_empty());
}

#[test]
fn a_connection_that_is_not_ready_is_not_pinged() {
    let world = world(false, |_, _| {});
    let error = ping(&world, "holder").unwrap_err();
    let id = &world.party("holder").store.dump("connection")[0].0;
    assert_eq!((error.kind, error.message), (Kind::BadRequest, format!("Connection {id} not ready")));
}

#[test]
fn auto_ping_follows_complete() {
    let world = world(true, |_, settings| settings.auto_ping_connection = true);
    let names = world.take_names();
    assert_eq!(names[3..], ["holder: trust_ping/1.0/ping", "issuer: trust_ping/1.0/ping_response"]);
}

#[test]
fn a_boolean_may_come_as_a_text() {
    let world = world(true, |_, _| {});
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    ping(&world, "issuer").unwrap();
    let mut sent = issuer.take_messages().remove(0);
    for (given, answers) in [
        (json!("true"), Some(1)),
        (json!("False"), Some(0)),
        (json!(1), Some(1)),
        (json!(0), Some(0)),
        (json!("perhaps"), None),
        (json!([]), None),
    ] {
        sent.message["response_requested"] = given.clone();
        sent.message["@id"] = json!(format!("ping {given}"));
        let rejection = holder.receive(&issuer.pack(&sent)).rejection;
        let answered = holder.take_messages();
        assert_eq!(rejection.is_none(), answers.is_some(), "{given}: {rejection:?}");
        if let Some(answers) = answers {
            assert_eq!(answered.len(), answers, "{given}");
        }
    }
}
