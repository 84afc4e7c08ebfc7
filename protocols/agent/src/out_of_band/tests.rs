mod many;

use std::time::Duration;

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType, Version};
use serde_json::{Value, json};

use super::{
    CreateInvitation, InvitationId, ListOob, OobId, ReceiveInvitation, create_invitation, delete_invitation,
    invitation, receive_invitation, records,
};
use crate::engine::{About, Agent, Attaches, HandlerError, Protocol, Received, Registration, Spoken};
use crate::peers::send_in_exchange;
use crate::testing::{Party, World, now};
use crate::unit::{AgentError, Kind, Unit};
use crate::wallet;

/// Stands for a protocol whose messages are attached: keeps what it gets, answers an offer with a request.
struct Exchange;

#[async_trait]
impl Protocol for Exchange {
    fn speaks(&self) -> &'static [Spoken] {
        &[Spoken {
            name: "issue-credential",
            major: 2,
            minors: &[0],
            messages: &[("offer-credential", "V20CredOffer"), ("request-credential", "V20CredRequest")],
            about: About::AnythingElse,
        }]
    }

    async fn receive(
        &self,
        _agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        if received.connection.is_none() && received.oob_id.is_none() {
            return Err(HandlerError::dropped("no-exchange", "neither connection nor invitation"));
        }
        let message = &received.message;
        let payload = json!({
            "name": message.message_type().name(),
            "connection": received.connection_id(),
            "oob": received.oob_id,
        });
        unit.notify("exchange", message.thread_id().unwrap(), &payload);
        if message.message_type().name() == "offer-credential" {
            let thread = message.thread_id().unwrap().to_owned();
            let mut answer = message.thread().unwrap();
            answer.thid = Some(thread.clone());
            let request = Message::build(kind("request-credential"), unit.new_id()).thread(&answer).finish();
            send_in_exchange(unit, received.connection_id(), &thread, request).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Attaches for Exchange {
    fn kind(&self) -> &'static str {
        "credential-offer"
    }

    fn begins(&self, kind: &MessageType) -> bool {
        kind.is("issue-credential", 2, "offer-credential")
    }

    fn proposes(&self, kind: &MessageType) -> bool {
        kind.is("issue-credential", 2, "propose-credential")
    }

    async fn attachment(&self, unit: &mut Unit<'_>, id: &str) -> Result<Message, AgentError> {
        match id {
            "known" => Ok(Message::build(kind("offer-credential"), unit.new_id())
                .decorator("~thread", json!({}))
                .finish()),
            id => Err(AgentError::no_record("cred_ex_v20", id)),
        }
    }
}

fn kind(name: &str) -> MessageType {
    MessageType::new("issue-credential", Version::new(2, 0), name)
}

fn protocols() -> Vec<Registration> {
    vec![
        crate::did_exchange::registration(),
        super::registration(),
        crate::trust_ping::registration(),
        Registration {
            protocol: Some(Box::new(Exchange)),
            attaches: Some(Box::new(Exchange)),
            ..Registration::default()
        },
    ]
}

fn command(body: Value) -> CreateInvitation {
    serde_json::from_value(body).unwrap()
}

fn invite(party: &Party, body: Value) -> Value {
    now(create_invitation(&party.agent, &party.tenant, command(body))).unwrap()
}

fn take(world: &World, party: &Party, answer: &Value, query: Value) -> Result<Value, AgentError> {
    let mut command: ReceiveInvitation = serde_json::from_value(query).unwrap();
    command.invitation = answer["invitation"].clone();
    world.run(receive_invitation(&party.agent, &party.tenant, command))
}

fn states(party: &Party) -> Vec<String> {
    party.events_of("out_of_band").iter().map(|e| e["state"].as_str().unwrap().to_owned()).collect()
}

const DIDX: &str = "https://didcomm.org/didexchange/1.1";

#[test]
fn members_and_order_are_those_of_aca_py() {
    let world = World::new(&["issuer"], protocols);
    let issuer = world.party("issuer");
    let made = invite(
        issuer,
        json!({"handshake_protocols": [DIDX], "my_label": "Issuer X11", "goal": "issue", "goal_code": "issue-vc",
            "alias": "to-holder", "accept": ["didcomm/aip1"]}),
    );
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), ["state", "trace", "invi_msg_id", "oob_id", "invitation", "invitation_url"]);
    let members = ["@type", "@id", "label", "handshake_protocols", "accept", "services", "goal_code", "goal"];
    assert_eq!(names(&made["invitation"]), members);
    let service = &made["invitation"]["services"][0];
    assert_eq!(names(service), ["id", "type", "recipientKeys", "serviceEndpoint"]);
    let url = made["invitation_url"].as_str().unwrap();
    let encoded = url.strip_prefix("http://issuer.example?oob=").unwrap();
    let decoded = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, encoded).unwrap();
    assert_eq!(String::from_utf8(decoded).unwrap(), chancery_didcomm::to_python_json(&made["invitation"]));

    let events = issuer.events_of("connections");
    assert_eq!(
        names(&events[0]),
        [
            "state",
            "created_at",
            "updated_at",
            "connection_id",
            "their_role",
            "connection_protocol",
            "rfc23_state",
            "invitation_key",
            "invitation_msg_id",
            "accept",
            "invitation_mode",
            "alias"
        ]
    );
    let events = issuer.events_of("out_of_band");
    assert_eq!(
        names(&events[0]),
        [
            "state",
            "created_at",
            "updated_at",
            "trace",
            "oob_id",
            "invi_msg_id",
            "invitation",
            "connection_id",
            "our_recipient_key",
            "role",
            "multi_use"
        ]
    );
    let old =
        invite(issuer, json!({"handshake_protocols": [DIDX], "protocol_version": "1.0", "accept": ["x"]}));
    assert_eq!(old["invitation"]["@type"], "https://didcomm.org/out-of-band/1.0/invitation");
    assert!(old["invitation"].get("accept").is_none());
}

#[test]
fn aliases_of_handshake_protocols() {
    let world = World::new(&["issuer"], protocols);
    let issuer = world.party("issuer");
    for (given, meant) in [
        ("DIDX", "didexchange/1.0"),
        ("rfc23", "didexchange/1.0"),
        ("didexchange/1.1", "didexchange/1.1"),
        ("did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/didexchange/1.0", "didexchange/1.0"),
        ("old", "connections/1.0"),
    ] {
        let made = invite(issuer, json!({"handshake_protocols": [given]}));
        assert_eq!(
            made["invitation"]["handshake_protocols"],
            json!([format!("https://didcomm.org/{meant}")])
        );
    }
    for given in ["did-exchange/1.0", "https://didcomm.org/bogus/1.0", ""] {
        let bad = command(json!({"handshake_protocols": ["didx", given]}));
        let error = now(create_invitation(&issuer.agent, &issuer.tenant, bad)).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Unprocessable, "Invalid value."));
        assert_eq!(error.field.as_deref(), Some("handshake_protocols.1"));
    }
}

#[test]
fn contradicting_options_change_nothing() {
    let world = World::new(&["issuer"], protocols);
    let issuer = world.party("issuer");
    let offer = json!([{"id": "known", "type": "credential-offer"}]);
    let unknown = json!([{"id": "11111111-1111-4111-8111-111111111111", "type": "credential-offer"}]);
    for (body, kind, text) in [
        (
            json!({}),
            Kind::BadRequest,
            "Invitation must include handshake protocols, request attachments, or both.",
        ),
        (
            json!({"attachments": offer, "multi_use": true}),
            Kind::BadRequest,
            "Cannot create multi use invitation with attachments.",
        ),
        (
            json!({"attachments": offer, "metadata": {"a": 1}}),
            Kind::BadRequest,
            "Cannot store metadata without handshake protocols.",
        ),
        (
            json!({"handshake_protocols": [DIDX], "use_did": "did:sov:x", "use_did_method": "did:peer:2"}),
            Kind::BadRequest,
            "use_did and use_did_method are mutually exclusive.",
        ),
        (
            json!({"handshake_protocols": [DIDX], "create_unique_did": true}),
            Kind::BadRequest,
            "create_unique_did can only be used with use_did_method.",
        ),
        (
            json!({"handshake_protocols": [DIDX], "use_did": "did:key:zNobody"}),
            Kind::BadRequest,
            "Cannot find DID for invitation reuse: did:key:zNobody.",
        ),
        (
            json!({"handshake_protocols": [DIDX], "use_public_did": true}),
            Kind::BadRequest,
            "Public invitations are not enabled.",
        ),
        (
            json!({"attachments": unknown}),
            Kind::BadRequest,
            "Record not found: cred_ex_v20/11111111-1111-4111-8111-111111111111.",
        ),
        (
            json!({"attachments": [{"id": "known", "type": "nope"}]}),
            Kind::Unprocessable,
            "Must be one of: credential-offer, present-proof.",
        ),
        (
            json!({"attachments": [{"id": "known", "type": "present-proof"}]}),
            Kind::NotSupported,
            "attachments of type present-proof are not supported yet",
        ),
        (
            json!({"handshake_protocols": [DIDX], "mediation_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6"}),
            Kind::NotSupported,
            "mediation is not supported yet: leave mediation_id out",
        ),
    ] {
        let error = now(create_invitation(&issuer.agent, &issuer.tenant, command(body))).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, text));
    }
    assert_eq!(issuer.store.commits(), 0);
}

#[test]
fn an_invitation_names_no_did_that_cannot_be_reached() {
    let world = World::new(&["issuer"], protocols);
    let issuer = world.party("issuer");
    for method in ["key", "sov"] {
        let wanted = serde_json::from_value(json!({"method": method})).unwrap();
        let made = now(wallet::did_create(&issuer.agent, &issuer.tenant, wanted)).unwrap();
        let did = made["result"]["did"].as_str().unwrap();
        let body = json!({"handshake_protocols": [DIDX], "use_did": did});
        let error = now(create_invitation(&issuer.agent, &issuer.tenant, command(body))).unwrap_err();
        assert_eq!(error.kind, Kind::BadRequest, "{error}");
        assert!(error.message.contains(did), "{error}");
    }
}

#[test]
fn received_invitations_that_cannot_be_taken() {
    let world = World::with(&["issuer", "holder"], protocols, |name, settings| {
        settings.no_receive_invites = name == "issuer";
    });
    let holder = world.party("holder");
    let inline = json!({"id": "#inline", "type": "did-communication",
        "recipientKeys": ["did:key:z6Mkso1ouEL5Jg7qjBcwAKQubhNy3VDS3ZDmcaJAbehcMvA3"],
        "serviceEndpoint": "http://issuer.example"});
    let raw = json!({"id": "#inline", "type": "did-communication",
        "recipientKeys": ["ELkmJz5dy8dNcgnEUkT4kbpyDuwadfyQvZPEmNjbShNf"], "serviceEndpoint": "http://issuer.example"});
    let offer = json!([{"@id": "request-0", "mime-type": "application/json", "data": {"json":
        {"@type": "https://didcomm.org/present-proof/2.0/request-presentation", "@id": "p"}}}]);
    for (invitation, kind) in [
        (json!({}), Kind::Unprocessable),
        (json!({"handshake_protocols": [DIDX], "services": [inline], "goal": "x"}), Kind::Unprocessable),
        (json!({"handshake_protocols": "x", "services": [inline]}), Kind::Unprocessable),
        (json!({"handshake_protocols": [DIDX]}), Kind::BadRequest),
        (json!({"handshake_protocols": [DIDX], "services": [inline, inline]}), Kind::BadRequest),
        (json!({"handshake_protocols": [DIDX], "services": [raw]}), Kind::BadRequest),
        (
            json!({"handshake_protocols": [DIDX], "services": ["did:key:z6Mkso1ouEL5Jg7qjBcwAKQubhNy3VDS3ZDmcaJAbehcMvA3"]}),
            Kind::BadRequest,
        ),
        (
            json!({"handshake_protocols": ["https://didcomm.org/connections/1.0"], "services": [inline]}),
            Kind::BadRequest,
        ),
        (json!({"requests~attach": offer, "services": [inline]}), Kind::NotSupported),
        (
            json!({"handshake_protocols": [DIDX], "requests~attach": offer, "services": [inline]}),
            Kind::NotSupported,
        ),
    ] {
        let error = take(&world, holder, &json!({"invitation": invitation}), json!({})).unwrap_err();
        assert_eq!(error.kind, kind, "{invitation}: {error}");
    }
    assert_eq!(holder.store.commits(), 0);
    let good = json!({"invitation": {"handshake_protocols": [DIDX], "services": [inline]}});
    let error = take(&world, world.party("issuer"), &good, json!({})).unwrap_err();
    assert_eq!(error.kind, Kind::Forbidden);
}

fn connected(world: &World, body: Value) -> Value {
    let made = invite(world.party("issuer"), body);
    take(world, world.party("holder"), &made, json!({"auto_accept": true})).unwrap();
    world.settle();
    world.take_log();
    made
}

#[test]
fn reuse_of_a_connection() {
    for multi_use in [true, false] {
        let world = World::new(&["issuer", "holder"], protocols);
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let body =
            json!({"handshake_protocols": [DIDX], "use_did_method": "did:peer:4", "auto_accept": true});
        connected(&world, body.clone());
        let conn = issuer.store.dump("connection")[0].0.clone();
        let mut again = body;
        again["multi_use"] = json!(multi_use);
        let made = invite(issuer, again);
        let answer = take(&world, holder, &made, json!({"auto_accept": true})).unwrap();
        assert_eq!(answer["state"], "reuse-accepted");
        assert_eq!(
            world.take_names(),
            ["holder: out-of-band/1.1/handshake-reuse", "issuer: out-of-band/1.1/handshake-reuse-accepted"]
        );
        assert_eq!(holder.store.dump("connection").len(), 1);
        let reused = &issuer.events_of("connection_reuse")[0];
        let comment = format!(
            "Connection {conn} is being reused for invitation {}",
            made["invi_msg_id"].as_str().unwrap()
        );
        assert_eq!((&reused["connection_id"], &reused["comment"]), (&json!(conn), &json!(comment)));
        let accepted = &holder.events_of("connection_reuse_accepted")[0];
        assert_eq!(accepted["state"], "accepted");
        assert_eq!(accepted["thread_id"], reused["thread_id"]);
        let records = issuer.store.dump("connection");
        let record = &records.iter().find(|(id, _)| *id == conn).unwrap().1;
        assert_eq!(record["invitation_msg_id"], made["invi_msg_id"]);
        // The invitation's own record is stale when nobody else may use the invitation.
        assert_eq!(records.len(), if multi_use { 2 } else { 1 });
        assert_eq!(issuer.store.dump("oob_record").len(), usize::from(multi_use));
        assert!(holder.store.dump("oob_record").is_empty());
        assert_eq!(states(holder)[3..], ["await-response", "reuse-accepted", "deleted"]);
    }
}

#[test]
fn a_repeated_reuse_is_answered_again_without_events() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let body = json!({"handshake_protocols": [DIDX], "use_did_method": "did:peer:4", "auto_accept": true});
    connected(&world, body.clone());
    let made = invite(issuer, body);
    take(&world, holder, &made, json!({})).unwrap();
    let reuse = world.take_log().remove(0).1;
    let events = issuer.store.all_events().len();
    let mut unit = holder.agent.unit(&holder.tenant);
    let id = holder.store.dump("connection")[0].0.clone();
    let connection = now(unit.peek::<crate::peers::Connection>(&id)).unwrap().unwrap();
    let target = now(crate::peers::target(&mut unit, &connection)).unwrap().unwrap();
    unit.send(&Message::from_json(reuse).unwrap(), target, Some(&id), crate::unit::Scope::Connection);
    now(unit.commit()).unwrap();
    world.step();
    assert_eq!(issuer.store.all_events().len(), events);
    let answer = issuer.take_messages().remove(0);
    assert_eq!(answer.message["@type"], "https://didcomm.org/out-of-band/1.1/handshake-reuse-accepted");
}

/// The inviter does not know the invitation any more: nothing comes back, after 15 s a new connection is made.
#[test]
fn reuse_without_an_answer() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let made = connected(
        &world,
        json!({"handshake_protocols": [DIDX], "use_did_method": "did:peer:4", "auto_accept": true}),
    );
    let before = holder.agent.clock().now();
    let answer = take(&world, holder, &made, json!({"auto_accept": true})).unwrap();
    assert!(holder.agent.clock().now() >= before.plus_millis(15_000));
    assert_eq!(answer["state"], "deleted");
    assert_eq!(states(holder)[3..], ["await-response", "reuse-not-accepted", "done", "deleted"]);
    assert_eq!(holder.events_of("connection_reuse_accepted")[0]["state"], "rejected");
    assert_eq!(holder.store.dump("connection").len(), 2);
    assert!(issuer.events_of("connection_reuse").is_empty());
    world.advance(Duration::from_secs(1));
}

#[test]
fn use_existing_connection_can_be_switched_off() {
    let world = World::new(&["issuer", "holder"], protocols);
    let holder = world.party("holder");
    let body = json!({"handshake_protocols": [DIDX], "use_did_method": "did:peer:4", "auto_accept": true});
    connected(&world, body.clone());
    let made = invite(world.party("issuer"), body);
    take(&world, holder, &made, json!({"use_existing_connection": false, "auto_accept": true})).unwrap();
    world.settle();
    assert_eq!(holder.store.dump("connection").len(), 2);
}

fn offer() -> Value {
    json!([{"id": "known", "type": "credential-offer"}])
}

#[test]
fn an_exchange_without_connection() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let made = invite(issuer, json!({"attachments": offer(), "my_label": "Connectionless"}));
    let invitation = &made["invitation"];
    assert_eq!(invitation["handshake_protocols"], json!([]));
    let attachment = &invitation["requests~attach"][0];
    assert_eq!(attachment["@id"], "request-0");
    let attached = &attachment["data"]["json"];
    assert_eq!(attached["~thread"], json!({"pthid": made["invi_msg_id"]}));

    let answer = take(&world, holder, &made, json!({})).unwrap();
    assert_eq!(answer["state"], "prepare-response");
    assert_eq!(answer["attach_thread_id"], attached["@id"]);
    assert!(answer.get("connection_id").is_none() && answer.get("their_service").is_some());
    let first = &holder.events_of("out_of_band")[0];
    assert!(first.get("their_service").is_none() && first.get("our_recipient_key").is_none());
    world.settle();

    let request = &world.take_log()[0].1;
    assert_eq!(request["~thread"], json!({"thid": attached["@id"], "pthid": made["invi_msg_id"]}));
    assert_eq!(request.as_object().unwrap().keys().next_back().unwrap(), "~service");
    let service = &request["~service"];
    assert_eq!(
        service,
        &json!({"recipientKeys": [answer["our_recipient_key"]], "serviceEndpoint": "http://holder.example",
            "routingKeys": []})
    );
    let got = issuer.events_of("exchange");
    assert_eq!((&got[0]["name"], &got[0]["oob"]), (&json!("request-credential"), &made["oob_id"]));
    let record = &issuer.store.dump("oob_record")[0].1;
    assert_eq!(record["state"], "await-response");
    assert_eq!(&record["their_service"], service);
    assert_eq!(record["attach_thread_id"], attached["@id"]);
    assert!(holder.store.dump("connection").is_empty() && issuer.store.dump("connection").is_empty());

    // The issuer's next message goes where `~service` said, with its own.
    let thread = attached["@id"].as_str().unwrap();
    let mut unit = issuer.agent.unit(&issuer.tenant);
    let next = Message::build(kind("offer-credential"), "next")
        .thread(&chancery_didcomm::message::Thread::new(thread))
        .finish();
    now(send_in_exchange(&mut unit, None, thread, next)).unwrap();
    now(unit.commit()).unwrap();
    world.settle();
    let sent = &world.take_log()[0].1;
    assert_eq!(sent["~thread"]["pthid"], made["invi_msg_id"]);
    assert_eq!(sent["~service"]["serviceEndpoint"], "http://issuer.example");
    assert_eq!(holder.events_of("exchange").len(), 2);
}

/// Somebody who has seen the thread id can not join: the first `~service` decides who may go on.
#[test]
fn a_stranger_cannot_join_a_connectionless_exchange() {
    let world = World::new(&["issuer", "holder", "mallory"], protocols);
    let (issuer, holder, mallory) = (world.party("issuer"), world.party("holder"), world.party("mallory"));
    let made = invite(issuer, json!({"attachments": offer()}));
    take(&world, holder, &made, json!({})).unwrap();
    world.settle();
    take(&world, mallory, &made, json!({})).unwrap();
    let request = mallory.take_messages().remove(0);
    let receipt = issuer.receive(&mallory.pack(&request));
    assert!(receipt.rejection.is_some());
    assert_eq!(issuer.events_of("exchange").len(), 1);
    let service = &issuer.store.dump("oob_record")[0].1["their_service"];
    assert_eq!(service["serviceEndpoint"], "http://holder.example");
}

#[test]
fn an_exchange_over_a_new_connection() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let made =
        invite(issuer, json!({"attachments": offer(), "handshake_protocols": [DIDX], "auto_accept": true}));
    let answer = take(&world, holder, &made, json!({"auto_accept": true})).unwrap();
    assert_eq!(answer["state"], "deleted");
    let offered = holder.events_of("exchange");
    assert_eq!(offered[0]["connection"], answer["connection_id"]);
    world.settle();
    let log = world.take_log();
    let request = &log.last().unwrap().1;
    assert_eq!(request["~thread"]["pthid"], made["invi_msg_id"]);
    assert!(request.get("~service").is_none());
    // The issuer's record is done only now, not when the connection was requested.
    assert_eq!(states(issuer), ["await-response", "done", "deleted"]);
    let done = &issuer.events_of("out_of_band")[1];
    assert_eq!(done["attach_thread_id"], request["~thread"]["thid"]);
    assert!(issuer.store.dump("oob_record").is_empty() && holder.store.dump("oob_record").is_empty());
    assert_eq!(issuer.events_of("exchange")[0]["oob"], made["oob_id"]);
}

#[test]
fn an_attachment_waits_seven_seconds_for_its_connection() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let made = invite(issuer, json!({"attachments": offer(), "handshake_protocols": [DIDX]}));
    let before = holder.agent.clock().now();
    let error = take(&world, holder, &made, json!({"auto_accept": true})).unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::BadRequest, "connection-not-ready"));
    assert!(holder.agent.clock().now() >= before.plus_millis(7_000));
    assert_eq!(holder.store.dump("connection")[0].1["state"], "request");
    assert!(holder.events_of("exchange").is_empty());
}

#[test]
fn records_and_removal() {
    let world = World::new(&["issuer", "holder"], protocols);
    let issuer = world.party("issuer");
    let body = json!({"handshake_protocols": [DIDX], "auto_accept": true, "multi_use": true});
    let made = connected(&world, body);
    invite(issuer, json!({"handshake_protocols": [DIDX]}));
    let list = |query: Value| {
        let query: ListOob = serde_json::from_value(query).unwrap();
        let answer = now(records(&issuer.agent, &issuer.tenant, query)).unwrap();
        answer["results"].as_array().unwrap().len()
    };
    assert_eq!(list(json!({})), 2);
    assert_eq!(list(json!({"limit": 1})), 1);
    assert_eq!(list(json!({"offset": 2})), 0);
    assert_eq!(list(json!({"invi_msg_id": made["invi_msg_id"]})), 1);
    assert_eq!(list(json!({"role": "receiver"})), 0);
    assert_eq!(list(json!({"state": "await-response", "descending": true})), 2);
    let oob_id = made["oob_id"].as_str().unwrap().to_owned();
    let found = now(invitation(&issuer.agent, &issuer.tenant, OobId { oob_id: oob_id.clone() })).unwrap();
    assert_eq!(found["oob_id"], json!(oob_id));

    let invi_msg_id = made["invi_msg_id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let command = InvitationId { invi_msg_id: invi_msg_id.clone() };
        let answer = now(delete_invitation(&issuer.agent, &issuer.tenant, command)).unwrap();
        assert_eq!(answer, json!({}));
    }
    assert_eq!(issuer.store.dump("connection").len(), 1);
    assert_eq!(issuer.store.dump("oob_record").len(), 1);
    let gone = now(invitation(&issuer.agent, &issuer.tenant, OobId { oob_id: oob_id.clone() })).unwrap_err();
    assert_eq!(
        (gone.kind, gone.message),
        (Kind::NotFound, format!("Record not found: oob_record/{oob_id}."))
    );
    let deleted: Vec<Value> =
        issuer.events_of("connections").into_iter().filter(|e| e["state"] == "deleted").collect();
    assert_eq!(deleted.len(), 2);
    assert!(deleted[0].get("rfc23_state").is_none());
}
