//! The DIDs that both sides use, and messages as ACA-Py writes them.

use serde_json::{Value, json};

use super::{handshake, invite, only_connection, protocols, receive};
use crate::did_exchange::commands::{AcceptInvitation, CreateRequest};
use crate::did_exchange::{accept_invitation, create_request};
use crate::testing::{Party, World, now};
use crate::wallet::{DidCreate, SetPublicDid, did_create, set_public_did};

#[test]
fn requests_to_the_public_did() {
    let did_web = |name: &str| format!("did:web:{name}.example");
    for (invites, unsolicited, accepted) in [(true, true, true), (true, false, false), (false, true, false)] {
        let world = World::with(&["issuer", "holder"], protocols, |name, settings| {
            settings.public_invites = name == "issuer" && invites;
            settings.requests_through_public_did = unsolicited;
            settings.auto_accept_requests = true;
        });
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let did = did_web("issuer");
        let create: DidCreate =
            serde_json::from_value(json!({"method": "web", "options": {"key_type": "ed25519", "did": did}}))
                .unwrap();
        let made = now(did_create(&issuer.agent, &issuer.tenant, create)).unwrap();
        let key = made["result"]["verkey"].as_str().unwrap();
        now(set_public_did(&issuer.agent, &issuer.tenant, SetPublicDid { did: did.clone() })).unwrap();
        let document = json!({
            "@context": "https://www.w3.org/ns/did/v1",
            "id": did,
            "verificationMethod": [{"id": format!("{did}#k"), "type": "Ed25519VerificationKey2018",
                "controller": did, "publicKeyBase58": key}],
            "service": [{"id": format!("{did}#didcomm"), "type": "did-communication", "priority": 0,
                "recipientKeys": [format!("{did}#k")], "serviceEndpoint": issuer.endpoint}],
        });
        for party in [issuer, holder] {
            party.publish("https://issuer.example/.well-known/did.json", document.to_string().as_bytes());
        }
        let command = CreateRequest {
            their_public_did: did.clone(),
            protocol: Some("didexchange/1.1".into()),
            ..CreateRequest::default()
        };
        let record = world.run(create_request(&holder.agent, &holder.tenant, command)).unwrap();
        assert_eq!((&record["state"], &record["their_public_did"]), (&json!("request"), &json!(did)));
        world.settle();
        let log = world.take_log();
        assert_eq!(log[0].1["~thread"]["pthid"], format!("{did}#didcomm"));
        let state = only_connection(holder)["state"].clone();
        assert_eq!(state == "active", accepted, "{invites} {unsolicited} {state}");
    }
}

#[test]
fn methods_of_dids() {
    for (method, auto) in [("did:peer:2", false), ("did:peer:4", false)] {
        let world = World::new(&["issuer", "holder"], protocols);
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
        let record = receive(&world, holder, &invitation, auto);
        let accept = AcceptInvitation {
            conn_id: record["connection_id"].as_str().unwrap().to_owned(),
            use_did_method: Some(method.into()),
            ..AcceptInvitation::default()
        };
        world.run(accept_invitation(&holder.agent, &holder.tenant, accept)).unwrap();
        world.settle();
        let record = only_connection(issuer);
        assert_eq!(record["state"], "active");
        for did in ["my_did", "their_did"] {
            assert!(record[did].as_str().unwrap().starts_with(method), "{did} {method}");
        }
    }
}

/// A did:peer:4 that the controller has made for itself, in either form, in `accept-invitation` and in `create-request`.
#[test]
fn a_did_peer_4_made_by_did_create_connects_in_both_forms() {
    use crate::wallet::{DidCreate, did_create};

    for (short, invited) in [(false, true), (true, true), (false, false), (true, false)] {
        let world = World::with(&["issuer", "holder"], protocols, |_, settings| {
            settings.public_invites = true;
            settings.requests_through_public_did = true;
            settings.auto_accept_requests = true;
        });
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let command = DidCreate { method: Some("did:peer:4".into()), ..DidCreate::default() };
        let make = |party: &Party| {
            let made = now(did_create(&party.agent, &party.tenant, command.clone())).unwrap();
            made["result"]["did"].as_str().unwrap().to_owned()
        };
        let long = make(holder);
        let named = if short { crate::peers::short_form(&long).to_owned() } else { long.clone() };
        if invited {
            let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
            let record = receive(&world, holder, &invitation, false);
            let accept = AcceptInvitation {
                conn_id: record["connection_id"].as_str().unwrap().to_owned(),
                use_did: Some(named),
                ..AcceptInvitation::default()
            };
            world.run(accept_invitation(&holder.agent, &holder.tenant, accept)).unwrap();
        } else {
            let public = make(issuer);
            let set = crate::wallet::SetPublicDid { did: public.clone() };
            now(crate::wallet::set_public_did(&issuer.agent, &issuer.tenant, set)).unwrap();
            let command = CreateRequest {
                their_public_did: public,
                use_did: Some(named),
                protocol: Some("didexchange/1.1".into()),
                ..CreateRequest::default()
            };
            world.run(create_request(&holder.agent, &holder.tenant, command)).unwrap();
        }
        world.settle();
        let request = world.take_log().remove(0).1;
        assert_eq!(request["did"], long, "the other side can't know what a short form stands for");
        for party in [issuer, holder] {
            assert_eq!(only_connection(party)["state"], "active", "{short} {invited} {}", party.name);
        }
        assert_eq!(only_connection(holder)["my_did"], crate::peers::short_form(&long));
        // Messages find the connection by the form that it keeps.
        let conn_id = issuer.store.dump("connection")[0].0.clone();
        let ping = crate::trust_ping::SendPing { conn_id, comment: None };
        now(crate::trust_ping::send_ping(&issuer.agent, &issuer.tenant, ping)).unwrap();
        world.settle();
        assert_eq!(world.take_names().len(), 2, "a ping and its answer");
    }
}

#[test]
fn invitations_with_dids() {
    for method in ["did:peer:2", "did:peer:4"] {
        let world = World::new(&["issuer", "holder"], protocols);
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let mut command = handshake(&["didexchange/1.1"], true);
        command.use_did_method = Some(method.into());
        command.goal = Some("issue".into());
        let invitation = invite(issuer, command.clone());
        assert!(invitation["invitation"].get("goal").is_none());
        let service = invitation["invitation"]["services"][0].as_str().unwrap();
        assert!(service.starts_with(method));
        let shared = invite(issuer, command.clone());
        assert_eq!(shared["invitation"]["services"][0], service);
        command.create_unique_did = true;
        assert_ne!(invite(issuer, command)["invitation"]["services"][0], service);

        receive(&world, holder, &invitation, true);
        world.settle();
        let record = only_connection(holder);
        assert_eq!(record["state"], "active");
        assert!(service.starts_with(record["their_public_did"].as_str().unwrap()));
        let events = holder.events_of("connections");
        assert!(events[0].get("invitation_key").is_none());
        assert!(events[1].get("invitation_key").is_some());
    }
}

/// Messages of ACA-Py are read, their signatures fit, and ours have the same members in the same order.
#[test]
fn golden_messages() {
    use crate::did_exchange::messages::{Request, Response};
    use crate::peers::{Claim, Distrust, learn};
    use chancery_didcomm::Message;

    let golden: Value = serde_json::from_str(include_str!("../../../testdata/did_exchange.json")).unwrap();
    let message = |name: &str| Message::from_json(golden[name].clone()).unwrap();
    let inviter = |version: &str| {
        let key =
            golden[format!("invitation {version}")]["services"][0]["recipientKeys"][0].as_str().unwrap();
        chancery_did::PublicKey::from_did_key(key).unwrap()
    };

    let request = Request::read(&message("request 1.1")).unwrap();
    assert!(request.document.is_none() && request.did.starts_with("did:peer:4") && request.label == "holder");
    let response = Response::read(&message("response 1.1")).unwrap();
    let rotation = response.rotation.unwrap();
    assert_eq!(rotation.verify().unwrap(), [inviter("1.1")]);
    assert_eq!(rotation.content_text().unwrap(), response.did);

    let world = World::new(&["issuer"], protocols);
    let party = world.party("issuer");
    let believes = |did: &str, document: &chancery_didcomm::message::Attachment, by: Option<&str>| {
        let sender =
            document.content().unwrap()["publicKey"][0]["publicKeyBase58"].as_str().unwrap().to_owned();
        let sender = chancery_did::PublicKey::from_base58(chancery_did::KeyType::Ed25519, &sender).unwrap();
        let claim =
            Claim { did, document: Some(document), rotation: None, sender: Some(&sender), invited_by: by };
        match now(learn(&mut party.agent.unit(&party.tenant), &claim)) {
            Ok(()) => true,
            Err(Distrust::Refused(_)) => false,
            Err(Distrust::Failed(error)) => panic!("{error}"),
        }
    };
    let request = Request::read(&message("request 1.0")).unwrap();
    assert!(believes(&request.did, &request.document.unwrap(), None));
    let response = Response::read(&message("response 1.0")).unwrap();
    let attachment = response.document.unwrap();
    assert!(believes(&response.did, &attachment, Some(inviter("1.0").as_base58())));
    assert!(!believes(&response.did, &attachment, Some(inviter("1.1").as_base58())), "another invitation's");
    assert!(!believes(&request.did, &attachment, Some(inviter("1.0").as_base58())), "another DID's");

    for version in ["1.1", "1.0"] {
        let world = World::new(&["issuer", "holder"], protocols);
        let invitation = invite(world.party("issuer"), handshake(&[&format!("didexchange/{version}")], true));
        receive(&world, world.party("holder"), &invitation, true);
        world.settle();
        for ((_, ours), name) in world.take_log().iter().zip(["request", "response", "complete"]) {
            assert_eq!(shape(ours), shape(&golden[format!("{name} {version}")]), "{name} {version}");
        }
    }
}

/// Member names, in order, all the way down; what is in base64 too where it is JSON.
fn shape(value: &Value) -> Value {
    use base64::Engine as _;
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("base64" | "protected", Some(text)) => {
                    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
                    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
                    let inner =
                        serde_json::from_slice(&bytes).map_or(Value::Null, |json: Value| shape(&json));
                    json!([name, inner])
                }
                _ => json!([name, shape(value)]),
            })
            .collect(),
        Value::Array(list) => list.iter().map(shape).collect(),
        _ => Value::Null,
    }
}
