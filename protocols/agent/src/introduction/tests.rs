use serde_json::{Value, json};

use super::record::Introduction;
use super::{StartIntroduction, start_introduction};
use crate::engine::{Registration, Rejection};
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{Party, Sent, World, now};
use crate::unit::{AgentError, Kind, Outbound, Record as _, Settings};

fn protocols() -> Vec<Registration> {
    vec![crate::did_exchange::registration(), crate::out_of_band::registration(), super::registration()]
}

/// Alice knows Bob and Carol, who don't know each other.
struct Friends {
    world: World,
    to_bob: String,
    to_carol: String,
}

impl Friends {
    fn new(change: impl Fn(&str, &mut Settings)) -> Self {
        let world = World::with(&["alice", "bob", "carol"], protocols, |name, settings| {
            settings.auto_accept_invites = true;
            settings.auto_accept_requests = true;
            settings.auto_accept_intro_invitation_requests = true;
            change(name, settings);
        });
        let (to_bob, to_carol) = (connect(&world, "bob"), connect(&world, "carol"));
        world.take_log();
        Self { world, to_bob, to_carol }
    }

    fn party(&self, name: &str) -> &Party {
        self.world.party(name)
    }

    /// Alice brings Bob an invitation of Carol's.
    fn introduce(&self, initiator: &str, target: &str) -> Result<Value, AgentError> {
        let command = StartIntroduction {
            conn_id: initiator.to_owned(),
            target_connection_id: target.to_owned(),
            message: Some("you will like each other".into()),
        };
        let alice = self.party("alice");
        now(start_introduction(&alice.agent, &alice.tenant, command))
    }

    fn record(&self) -> Value {
        self.party("alice").store.dump("introduction_record").remove(0).1
    }
}

fn connect(world: &World, who: &str) -> String {
    let (alice, other) = (world.party("alice"), world.party(who));
    let command = CreateInvitation {
        handshake_protocols: Some(vec!["didexchange/1.1".into()]),
        auto_accept: Some(true),
        ..CreateInvitation::default()
    };
    let made = now(create_invitation(&alice.agent, &alice.tenant, command)).unwrap();
    let take = ReceiveInvitation {
        invitation: made["invitation"].clone(),
        auto_accept: Some(true),
        ..ReceiveInvitation::default()
    };
    world.run(receive_invitation(&other.agent, &other.tenant, take)).unwrap();
    world.settle();
    let events = alice.events_of("connections");
    let found = events.iter().rev().find(|e| e["invitation_msg_id"] == made["invi_msg_id"]).unwrap();
    found["connection_id"].as_str().unwrap().to_owned()
}

fn connections(party: &Party) -> usize {
    party.store.dump("connection").len()
}

/// Delivers the only message that waits; what it was.
fn pass(from: &Party, to: &Party) -> Sent {
    let mut messages = from.take_messages();
    assert_eq!(messages.len(), 1);
    let rejection = to.receive(&from.pack(&messages[0])).rejection;
    assert_eq!(rejection, None, "{}", messages[0].message);
    messages.remove(0)
}

fn reason(rejection: Option<Rejection>) -> &'static str {
    match rejection {
        Some(Rejection::NotAccepted(reason, _)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_connections_are_brought_together() {
    let friends = Friends::new(|_, _| {});
    assert_eq!(friends.introduce(&friends.to_bob, &friends.to_carol).unwrap(), json!({}));
    assert_eq!(friends.record()["state"], "pending");
    friends.world.settle();
    let log = friends.world.take_log();
    let thread = log[0].1["@id"].clone();
    let request = json!({"@type": "https://didcomm.org/introduction-service/0.1/invitation-request", "@id": thread,
        "responder": "bob", "message": "you will like each other"});
    assert_eq!(log[0].1.to_string(), request.to_string());

    let (from, invitation) = &log[1];
    assert_eq!(from, "carol");
    let members: Vec<_> = invitation.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["@type", "@id", "~thread", "invitation", "message"]);
    assert_eq!(invitation["@type"], "https://didcomm.org/introduction-service/0.1/invitation");
    assert_eq!(invitation["~thread"], json!({"thid": thread}));
    assert_eq!(
        invitation["invitation"]["handshake_protocols"],
        json!(["https://didcomm.org/didexchange/1.1"])
    );
    assert!(invitation["invitation"]["services"][0].as_str().unwrap().starts_with("did:peer:4"));

    let (from, forwarded) = &log[2];
    assert_eq!(from, "alice");
    let mut expected = invitation.clone();
    expected["@type"] = json!("https://didcomm.org/introduction-service/0.1/forward-invitation");
    expected["@id"] = forwarded["@id"].clone();
    assert_eq!(forwarded.to_string(), expected.to_string());

    let rest: Vec<_> =
        log[3..].iter().map(|(from, m)| (from.as_str(), m["@type"].as_str().unwrap())).collect();
    assert_eq!(
        rest,
        [
            ("bob", "https://didcomm.org/didexchange/1.1/request"),
            ("carol", "https://didcomm.org/didexchange/1.1/response"),
            ("bob", "https://didcomm.org/didexchange/1.1/complete"),
        ]
    );
    for name in ["bob", "carol"] {
        assert_eq!(connections(friends.party(name)), 2);
        assert_eq!(friends.party(name).events_of("connections").last().unwrap()["state"], "active");
    }
    assert_eq!(friends.record(), json!({"thread_id": thread, "state": "complete"}));
}

#[test]
fn who_can_be_introduced() {
    let friends = Friends::new(|_, _| {});
    let alice = friends.party("alice");
    let unused = CreateInvitation {
        handshake_protocols: Some(vec!["didexchange/1.1".into()]),
        ..CreateInvitation::default()
    };
    let made = now(create_invitation(&alice.agent, &alice.tenant, unused)).unwrap();
    let events = alice.events_of("connections");
    let waiting = events.iter().find(|e| e["invitation_msg_id"] == made["invi_msg_id"]).unwrap();
    let waiting = waiting["connection_id"].as_str().unwrap();
    for (initiator, target, text) in [
        ("x", &*friends.to_carol, "Initiator connection x not found".to_owned()),
        (waiting, &*friends.to_carol, format!("Initiator connection {waiting} not active")),
        (&*friends.to_bob, "x", "Target connection x not found".to_owned()),
        (&*friends.to_bob, waiting, format!("Target connection {waiting} not active")),
    ] {
        let error = friends.introduce(initiator, target).unwrap_err();
        assert_eq!((error.kind, error.message), (Kind::BadRequest, text));
    }
    assert!(alice.store.dump("introduction_record").is_empty() && alice.take_messages().is_empty());
}

#[test]
fn who_does_not_want_to_be_introduced_does_not_answer() {
    let friends =
        Friends::new(|name, settings| settings.auto_accept_intro_invitation_requests = name != "carol");
    friends.introduce(&friends.to_bob, &friends.to_carol).unwrap();
    let (alice, carol) = (friends.party("alice"), friends.party("carol"));
    let request = alice.take_messages().remove(0);
    assert_eq!(reason(carol.receive(&alice.pack(&request)).rejection), "introduction-not-accepted");
    assert!(carol.take_messages().is_empty());
    assert_eq!(connections(carol), 1);
}

#[test]
fn repeats_have_no_second_effect() {
    let friends = Friends::new(|_, _| {});
    friends.introduce(&friends.to_bob, &friends.to_carol).unwrap();
    let (alice, bob, carol) = (friends.party("alice"), friends.party("bob"), friends.party("carol"));
    let request = pass(alice, carol);
    assert_eq!(reason(carol.receive(&alice.pack(&request)).rejection), "repeated-message");
    let invitation = pass(carol, alice);
    assert_eq!(reason(alice.receive(&carol.pack(&invitation)).rejection), "no-introduction");
    let forwarded = pass(alice, bob);
    assert_eq!(reason(bob.receive(&alice.pack(&forwarded)).rejection), "repeated-message");
    let mut again = forwarded;
    again.message["@id"] = json!("another message with the same invitation");
    assert_eq!(bob.receive(&alice.pack(&again)).rejection, None);
    friends.world.settle();
    assert_eq!((connections(bob), connections(carol)), (2, 2));
}

#[test]
fn an_invitation_that_nobody_waits_for_is_not_forwarded() {
    let friends = Friends::new(|_, _| {});
    friends.introduce(&friends.to_bob, &friends.to_carol).unwrap();
    let (alice, bob, carol) = (friends.party("alice"), friends.party("bob"), friends.party("carol"));
    pass(alice, carol);
    let mut invitation = carol.take_messages().remove(0);
    let thread = invitation.message["~thread"].clone();
    invitation.message["~thread"] = json!({"thid": "another"});
    assert_eq!(reason(alice.receive(&carol.pack(&invitation)).rejection), "no-introduction");

    // Nor does it count from somebody else than the one who was asked.
    let link = bob.store.dump("connection")[0].0.clone();
    let target = {
        let mut unit = bob.agent.unit(&bob.tenant);
        let connection = now(unit.peek::<crate::peers::Connection>(&link)).unwrap().unwrap();
        now(crate::peers::target(&mut unit, &connection)).unwrap().unwrap()
    };
    invitation.message["~thread"] = thread;
    let forged = Sent { outbound: Outbound { target, ..invitation.outbound }, ..invitation };
    assert_eq!(reason(alice.receive(&bob.pack(&forged)).rejection), "no-introduction");
    assert!(alice.take_messages().is_empty());
    assert_eq!(friends.record()["state"], "pending");
}

#[test]
fn malformed_messages_are_reported() {
    let friends = Friends::new(|_, _| {});
    friends.introduce(&friends.to_bob, &friends.to_carol).unwrap();
    let (alice, carol) = (friends.party("alice"), friends.party("carol"));
    let request = alice.take_messages().remove(0);
    let kind = |name: &str| format!("https://didcomm.org/introduction-service/0.1/{name}");
    let oob = json!({"@type": "https://didcomm.org/out-of-band/1.1/invitation"});
    for (name, members, class) in [
        ("invitation-request", json!({}), "InvitationRequest"),
        ("invitation-request", json!({"responder": 5}), "InvitationRequest"),
        ("invitation-request", json!({"responder": "bob", "message": 5}), "InvitationRequest"),
        ("invitation", json!({}), "Invitation"),
        ("invitation", json!({"invitation": {"@type": kind("invitation")}}), "Invitation"),
        ("forward-invitation", json!({"invitation": "text"}), "ForwardInvitation"),
        ("forward-invitation", json!({"invitation": oob, "message": []}), "ForwardInvitation"),
    ] {
        let mut message = json!({"@type": kind(name), "@id": "1"});
        message.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let outbound = Sent { message, ..request.clone() };
        carol.receive(&alice.pack(&outbound));
        let report = carol.take_messages().pop().unwrap().message;
        let text = format!("Error deserializing message: {class} schema validation failed");
        assert_eq!(report["description"]["en"], text.as_str(), "{name} {members}");
    }
}

#[test]
fn an_invitation_that_can_not_be_taken_is_reported_to_the_introducer() {
    let friends = Friends::new(|_, _| {});
    let bob = friends.party("bob");
    bob.agent.change_settings(&bob.tenant, |settings| settings.no_receive_invites = true);
    friends.introduce(&friends.to_bob, &friends.to_carol).unwrap();
    friends.world.settle();
    let log = friends.world.take_log();
    let (from, report) = log.last().unwrap();
    assert_eq!((from.as_str(), connections(bob)), ("bob", 1));
    let text = "Configuration does not allow receipt of invitations";
    assert_eq!(report["@type"], "https://didcomm.org/notification/1.0/problem-report");
    assert_eq!(report["~thread"], json!({"thid": log[0].1["@id"]}));
    assert_eq!(report["description"], json!({"en": text, "code": "forward-invitation-error"}));
}

#[test]
fn an_invitation_of_our_own_that_is_forwarded_is_known_by_a_few_of_its_connections() {
    let friends = Friends::new(|_, _| {});
    friends.introduce(&friends.to_bob, &friends.to_carol).unwrap();
    let (alice, carol) = (friends.party("alice"), friends.party("carol"));
    let mut unit = carol.agent.unit(&carol.tenant);
    for _ in 0..50 {
        let invitee = crate::peers::INVITEE;
        let mut connection =
            crate::peers::Connection::new(&unit, crate::peers::State::Completed, invitee, true);
        connection.invitation_msg_id = Some("own".into());
        unit.insert(&connection).unwrap();
    }
    now(unit.commit()).unwrap();
    let request = alice.take_messages().remove(0);
    let invitation = json!({"@type": "https://didcomm.org/out-of-band/1.1/invitation", "@id": "own"});
    let message = json!({
        "@type": "https://didcomm.org/introduction-service/0.1/forward-invitation", "@id": "1", "invitation": invitation,
    });
    assert!(carol.receive(&alice.pack(&Sent { message, ..request })).rejection.is_none());
    assert_eq!(carol.work(), 1);
    let report = carol.take_messages().pop().unwrap().message;
    assert_eq!(report["description"]["en"], "the invitation is one of our own");
}

#[test]
fn an_answer_finds_its_introduction_among_many_to_the_same_connection_and_an_older_one_among_few() {
    let friends = Friends::new(|_, _| {});
    let alice = friends.party("alice");
    let awaiting = |thread: &str| {
        let mut unit = alice.agent.unit(&alice.tenant);
        let found = Introduction::awaiting(&mut unit, &friends.to_carol, thread);
        alice.store.on_the_way(|| now(found)).unwrap().map(|found| found.init_connection_id)
    };
    let mut unit = alice.agent.unit(&alice.tenant);
    let mut older = Introduction::pending(&friends.to_bob, &friends.to_carol, "older");
    older.set_id("a-name-of-its-own".into());
    unit.insert(&older).unwrap();
    now(unit.commit()).unwrap();
    assert_eq!(awaiting("older").as_ref(), Some(&friends.to_bob));
    let mut unit = alice.agent.unit(&alice.tenant);
    for n in 0..100 {
        let target = if n == 99 { "another" } else { &*friends.to_carol };
        unit.insert(&Introduction::pending(&friends.to_bob, target, &format!("thread-{n}"))).unwrap();
    }
    now(unit.commit()).unwrap();
    assert_eq!(awaiting("thread-98").as_ref(), Some(&friends.to_bob));
    assert_eq!(awaiting("thread-99"), None, "another connection was asked");
    assert_eq!(awaiting("thread-100"), None);
}
