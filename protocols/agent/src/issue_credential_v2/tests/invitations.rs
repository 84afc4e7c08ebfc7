//! Offers attached to out-of-band invitations.

use chancery_did::KeyType;
use chancery_didcomm::message::Attachment;
use serde_json::{Value, json};

use super::world::add_key;
use crate::engine::Registration;
use crate::issue_credential_v2 as issue;
use crate::testing::{Party, World};
use crate::unit::Settings;
use crate::{did_exchange, out_of_band};

fn protocols() -> Vec<Registration> {
    vec![out_of_band::registration(), did_exchange::registration(), issue::registration()]
}

fn automatic(_: &str, settings: &mut Settings) {
    settings.auto_respond_credential_offer = true;
    settings.auto_respond_credential_request = true;
    settings.auto_store_credential = true;
    settings.preserve_exchange_records = true;
}

fn detail(issuer: &str) -> Value {
    json!({
        "credential": {
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential"],
            "issuer": issuer,
            "credentialSubject": {"id": "did:example:holder"},
        },
        "options": {"proofType": "Ed25519Signature2018"},
    })
}

/// A free offer of the issuer's, and the invitation that carries it.
fn invite(world: &World, more: Value) -> (Value, Value) {
    let Party { agent, tenant, .. } = world.party("issuer");
    let did = add_key(world.party("issuer"), KeyType::Ed25519, 1);
    let command = json!({"filter": {"ld_proof": detail(&did)}, "comment": "free", "auto_remove": false});
    let offer =
        world.run(issue::create_offer(agent, tenant, serde_json::from_value(command).unwrap())).unwrap();
    assert_eq!((offer.get("connection_id"), offer.get("trace")), (None, None));
    let mut command = json!({"attachments": [{"id": offer["cred_ex_id"], "type": "credential-offer"}]});
    super::world::merge(&mut command, more);
    let command = serde_json::from_value(command).unwrap();
    let made = world.run(out_of_band::create_invitation(agent, tenant, command)).unwrap();
    (offer, made["invitation"].clone())
}

fn accept(world: &World, invitation: &Value) -> Value {
    let Party { agent, tenant, .. } = world.party("holder");
    let command = json!({"invitation": invitation, "auto_accept": true});
    world
        .run(out_of_band::receive_invitation(agent, tenant, serde_json::from_value(command).unwrap()))
        .unwrap()
}

fn only_record(party: &Party) -> Value {
    let mut records = party.store.dump("cred_ex_v20");
    assert_eq!(records.len(), 1);
    records.remove(0).1
}

#[test]
fn a_connectionless_offer_runs_to_its_end() {
    let world = World::with(&["issuer", "holder"], protocols, automatic);
    let (offer, invitation) = invite(&world, json!({}));
    let attached = &invitation["requests~attach"][0]["data"]["json"];
    assert_eq!(attached["~thread"], json!({"pthid": invitation["@id"]}));
    assert_eq!(attached["@id"], offer["thread_id"]);
    accept(&world, &invitation);
    world.settle();
    for party in ["issuer", "holder"] {
        let record = only_record(world.party(party));
        assert_eq!((&record["state"], &record["connection_id"]), (&json!("done"), &Value::Null), "{party}");
    }
    assert_eq!(world.party("holder").store.dump("vc_cred").len(), 1);
    let log = world.take_log();
    let names: Vec<&str> =
        log.iter().map(|(_, m)| m["@type"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["request-credential", "issue-credential", "ack"]);
    for (_, message) in &log {
        assert_eq!(message["~thread"], json!({"thid": offer["thread_id"], "pthid": invitation["@id"]}));
        assert_eq!(message.as_object().unwrap().keys().next_back().unwrap(), "~service");
    }
    let request = only_record(world.party("issuer"))["cred_request"].clone();
    assert_eq!(request["~service"], log[0].1["~service"]);
}

#[test]
fn an_offer_that_is_attached_as_base64_runs_to_its_end() {
    let world = World::with(&["issuer", "holder"], protocols, automatic);
    let (_, mut invitation) = invite(&world, json!({}));
    let data = &mut invitation["requests~attach"][0]["data"];
    let encoded = Attachment::json_base64("request-0", &data["json"]).to_json()["data"].clone();
    assert!(encoded["base64"].is_string() && encoded.get("json").is_none());
    *data = encoded;
    accept(&world, &invitation);
    world.settle();
    for party in ["issuer", "holder"] {
        assert_eq!(only_record(world.party(party))["state"], "done", "{party}");
    }
}

#[test]
fn an_attached_offer_runs_over_the_new_connection() {
    let world = World::with(&["issuer", "holder"], protocols, |name, settings| {
        automatic(name, settings);
        settings.auto_accept_requests = true;
    });
    let didx = "https://didcomm.org/didexchange/1.1";
    let (offer, invitation) = invite(&world, json!({"handshake_protocols": [didx], "auto_accept": true}));
    let answer = accept(&world, &invitation);
    world.settle();
    let (ours, theirs) = (only_record(world.party("issuer")), only_record(world.party("holder")));
    assert_eq!((&ours["state"], &theirs["state"]), (&json!("done"), &json!("done")));
    assert_eq!(theirs["connection_id"], answer["connection_id"]);
    assert_eq!(ours["connection_id"].as_str().map(str::len), Some(36));
    assert_eq!(theirs["parent_thread_id"], invitation["@id"], "the record names the invitation");
    assert_eq!(ours["thread_id"], offer["thread_id"]);
    let log = world.take_log();
    assert!(log.iter().all(|(_, message)| message.get("~service").is_none()));
}

#[test]
fn only_offers_of_ours_can_be_attached() {
    let world = World::new(&["issuer"], protocols);
    let Party { agent, tenant, .. } = world.party("issuer");
    let unknown = json!({"attachments": [{"id": "nope", "type": "credential-offer"}]});
    let refused = out_of_band::create_invitation(agent, tenant, serde_json::from_value(unknown).unwrap());
    assert!(world.run(refused).unwrap_err().message.contains("cred_ex_v20/nope"));
}
