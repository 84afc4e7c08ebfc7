mod many;
mod published;
mod trust;

use serde_json::{Value, json};

use super::{Connection, State};
use crate::connection::{
    ConnectionId, CreateStatic, ListConnections, MetadataGet, MetadataSet, create_static, endpoints, get,
    list, metadata_get, metadata_set, remove,
};
use crate::engine::Registration;
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{Party, World, now};
use crate::trust_ping::{SendPing, send_ping};
use crate::unit::Kind;

fn protocols() -> Vec<Registration> {
    vec![
        crate::did_exchange::registration(),
        crate::out_of_band::registration(),
        crate::trust_ping::registration(),
    ]
}

fn connect(world: &World, a: &str, b: &str, protocol: &str, alias: &str) -> (String, String) {
    let (a, b) = (world.party(a), world.party(b));
    let command = CreateInvitation {
        handshake_protocols: Some(vec![protocol.to_owned()]),
        alias: Some(alias.to_owned()),
        auto_accept: Some(true),
        ..CreateInvitation::default()
    };
    let made = now(create_invitation(&a.agent, &a.tenant, command)).unwrap();
    let take = ReceiveInvitation {
        invitation: made["invitation"].clone(),
        auto_accept: Some(true),
        ..ReceiveInvitation::default()
    };
    let theirs = world.run(receive_invitation(&b.agent, &b.tenant, take)).unwrap();
    world.settle();
    world.take_log();
    let id = |party: &Party| party.store.dump("connection").pop().unwrap().0;
    assert_eq!(theirs["connection_id"], json!(id(b)));
    (id(a), id(b))
}

fn named(conn_id: &str) -> ConnectionId {
    ConnectionId { conn_id: conn_id.to_owned() }
}

#[test]
fn view_has_the_members_of_aca_py_in_order() {
    let record = json!({
        "state": "active", "their_did": "their", "their_role": "invitee", "my_did": "my", "invitation_key": "key",
        "invitation_msg_id": "invitation", "request_id": "request", "created_at": "c", "updated_at": "u",
        "inbound_connection_id": null, "accept": "manual", "invitation_mode": "once", "alias": "to-holder",
        "error_msg": null, "their_label": "holder", "their_public_did": null,
        "connection_protocol": "didexchange/1.1", "something_new": 1,
    });
    let mut connection: Connection = serde_json::from_value(record.clone()).unwrap();
    assert_eq!(serde_json::to_value(&connection).unwrap(), record);
    connection.connection_id = "id".into();
    let expected = r#"{"state":"active","created_at":"c","updated_at":"u","connection_id":"id","my_did":"my","their_did":"their","their_label":"holder","their_role":"invitee","connection_protocol":"didexchange/1.1","rfc23_state":"completed","invitation_key":"key","invitation_msg_id":"invitation","request_id":"request","accept":"manual","invitation_mode":"once","alias":"to-holder"}"#;
    assert_eq!(connection.view().to_string(), expected);
    for (role, words) in [
        (
            "inviter",
            ["start", "invitation-received", "request-sent", "response-received", "completed", "abandoned"],
        ),
        (
            "invitee",
            ["start", "invitation-sent", "request-received", "response-sent", "completed", "abandoned"],
        ),
    ] {
        connection.their_role = Some(role.into());
        for (state, word) in
            ["init", "invitation", "request", "response", "active", "error"].iter().zip(words)
        {
            connection.state = State::of(state);
            assert_eq!(connection.rfc23_state(), word);
        }
    }
}

#[test]
fn the_words_of_a_connections_state_are_those_of_both_rfcs_and_an_unknown_one_counts_as_abandoned() {
    for word in ["init", "invitation", "request", "response", "active", "error"] {
        assert_eq!(State::of(word).word(), word);
        let stored: Connection = serde_json::from_value(json!({"state": word})).unwrap();
        assert_eq!(serde_json::to_value(&stored).unwrap()["state"], word);
    }
    for (word, state) in [
        ("start", State::Start),
        ("invitation-sent", State::Invitation),
        ("request-received", State::Request),
        ("response-sent", State::Response),
        ("completed", State::Completed),
        ("abandoned", State::Abandoned),
        ("nonsense", State::Abandoned),
    ] {
        let stored: Connection = serde_json::from_value(json!({"state": word})).unwrap();
        assert_eq!(stored.state, state, "{word}");
    }
}

#[test]
fn lists_and_filters() {
    let world = World::new(&["issuer", "holder"], protocols);
    let issuer = world.party("issuer");
    let (first, _) = connect(&world, "issuer", "holder", "didexchange/1.1", "one");
    let (second, _) = connect(&world, "issuer", "holder", "didexchange/1.0", "two");
    let found = |query: Value| -> Vec<String> {
        let query: ListConnections = serde_json::from_value(query).unwrap();
        let answer = now(list(&issuer.agent, &issuer.tenant, query)).unwrap();
        let ids = answer["results"].as_array().unwrap().iter();
        ids.map(|c| c["connection_id"].as_str().unwrap().to_owned()).collect()
    };
    let both = vec![first.clone(), second.clone()];
    assert_eq!(found(json!({})), both);
    assert_eq!(found(json!({"state": "active"})), both);
    assert_eq!(found(json!({"state": "completed"})), both);
    assert_eq!(found(json!({"state": "request"})), Vec::<String>::new());
    assert_eq!(found(json!({"their_role": "requester"})), both);
    assert_eq!(found(json!({"their_role": "inviter"})), Vec::<String>::new());
    assert_eq!(found(json!({"alias": "two"})), std::slice::from_ref(&second));
    assert_eq!(found(json!({"alias": "", "limit": 1, "offset": 1})), std::slice::from_ref(&second));
    assert_eq!(found(json!({"connection_protocol": "didexchange/1.1"})), std::slice::from_ref(&first));
    assert_eq!(found(json!({"connection_protocol": "didexchange/1.1", "offset": 1})), Vec::<String>::new());
    assert_eq!(found(json!({"descending": true, "limit": 1})), [second]);
    let record = now(get(&issuer.agent, &issuer.tenant, named(&first))).unwrap();
    for filter in ["my_did", "their_did", "invitation_key", "invitation_msg_id"] {
        assert_eq!(found(json!({filter: record[filter]})), std::slice::from_ref(&first), "{filter}");
    }
}

#[test]
fn metadata_endpoints_and_removal() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let (_, id) = connect(&world, "issuer", "holder", "didexchange/1.1", "x");
    let set = |metadata: Value| {
        let command: MetadataSet =
            serde_json::from_value(json!({"conn_id": id, "metadata": metadata})).unwrap();
        now(metadata_set(&holder.agent, &holder.tenant, command)).unwrap()
    };
    let read = |key: Option<&str>| {
        let command = MetadataGet { conn_id: id.clone(), key: key.map(str::to_owned) };
        now(metadata_get(&holder.agent, &holder.tenant, command)).unwrap()
    };
    assert_eq!(set(json!({"k": {"v": 1}})), json!({"results": {"k": {"v": 1}}}));
    assert_eq!(set(json!({"k": 2, "l": "text"})), json!({"results": {"k": 2, "l": "text"}}));
    assert_eq!(read(None), json!({"results": {"k": 2, "l": "text"}}));
    assert_eq!(read(Some("l")), json!({"results": "text"}));
    assert_eq!(read(Some("none")), json!({"results": null}));
    assert_eq!(
        now(endpoints(&holder.agent, &holder.tenant, named(&id))).unwrap(),
        json!({"my_endpoint": "http://holder.example", "their_endpoint": "http://issuer.example"})
    );

    assert_eq!(now(remove(&holder.agent, &holder.tenant, named(&id))).unwrap(), json!({}));
    for category in ["connection", "connection_metadata", "connection_invitation"] {
        assert!(holder.store.dump(category).is_empty(), "{category}");
    }
    let event = holder.events_of("connections").pop().unwrap();
    assert_eq!(event["state"], "deleted");
    assert!(event.get("rfc23_state").is_none());
    let error = now(remove(&holder.agent, &holder.tenant, named(&id))).unwrap_err();
    assert_eq!((error.kind, error.message), (Kind::NotFound, format!("Record not found: connection/{id}.")));
    assert_eq!(issuer.store.dump("connection").len(), 1);
}

/// The caches of the directory must not keep a removed connection alive, nor a changed DID.
#[test]
fn a_removed_connection_is_forgotten() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let (ours, theirs) = connect(&world, "issuer", "holder", "didexchange/1.1", "x");
    let ping = || {
        let command = SendPing { conn_id: ours.clone(), comment: None };
        now(send_ping(&issuer.agent, &issuer.tenant, command)).unwrap();
        issuer.pack(&issuer.take_messages().remove(0))
    };
    assert!(holder.receive(&ping()).rejection.is_none());
    assert!(holder.receive(&ping()).rejection.is_none());
    now(remove(&holder.agent, &holder.tenant, named(&theirs))).unwrap();
    assert!(holder.receive(&ping()).rejection.is_some());
}

/// A wallet of ACA-Py may have several connections with the same pair of DIDs; the one that can be used counts.
#[test]
fn a_ready_connection_is_preferred() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let (ours, theirs) = connect(&world, "issuer", "holder", "didexchange/1.1", "x");
    let mut unit = holder.agent.unit(&holder.tenant);
    let mut twin = now(unit.peek::<Connection>(&theirs)).unwrap().unwrap();
    twin.connection_id = "11111111-1111-4111-8111-111111111111".into();
    twin.state = State::Abandoned;
    unit.insert(&twin).unwrap();
    now(unit.commit()).unwrap();
    now(send_ping(&issuer.agent, &issuer.tenant, SendPing { conn_id: ours, comment: None })).unwrap();
    world.settle();
    assert_eq!(world.take_names(), ["issuer: trust_ping/1.0/ping", "holder: trust_ping/1.0/ping_response"]);
}

#[test]
fn static_connections() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let seeds = ["static-connection-seed-of-issuer", "static-connection-seed-of-holder"];
    let make = |party: &Party, my: &str, their: &str, endpoint: &str| {
        let command = CreateStatic {
            my_seed: Some(my.to_owned().into()),
            their_seed: Some(their.to_owned().into()),
            their_endpoint: Some(endpoint.to_owned()),
            ..CreateStatic::default()
        };
        now(create_static(&party.agent, &party.tenant, command)).unwrap()
    };
    let ours = make(issuer, seeds[0], seeds[1], &holder.endpoint);
    let theirs = make(holder, seeds[1], seeds[0], &issuer.endpoint);
    assert_eq!((&ours["my_did"], &ours["my_verkey"]), (&theirs["their_did"], &theirs["their_verkey"]));
    assert_eq!(
        (&ours["record"]["state"], &ours["record"]["invitation_mode"]),
        (&json!("active"), &json!("static"))
    );
    let conn_id = ours["record"]["connection_id"].as_str().unwrap().to_owned();
    now(send_ping(&issuer.agent, &issuer.tenant, SendPing { conn_id, comment: None })).unwrap();
    world.settle();
    assert_eq!(world.take_names(), ["issuer: trust_ping/1.0/ping", "holder: trust_ping/1.0/ping_response"]);
    let short = CreateStatic { my_seed: Some("short".to_owned().into()), ..CreateStatic::default() };
    let error = now(create_static(&issuer.agent, &issuer.tenant, short)).unwrap_err();
    assert_eq!(error.message, "Seed value must be 32 bytes in length.");
}
