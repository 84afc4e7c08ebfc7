//! Handshakes from the invitation to the end, repeats, and what is refused.

use serde_json::{Value, json};

use super::{handshake, invite, only_connection, protocols, receive, states};
use crate::did_exchange::commands::{AcceptInvitation, AcceptRequest, Reject};
use crate::did_exchange::{accept_invitation, accept_request, reject};
use crate::engine::ReceiveError;
use crate::testing::{Party, World, now};
use crate::unit::Kind;

#[test]
fn automatic_handshake_of_both_versions() {
    for version in ["didexchange/1.1", "didexchange/1.0"] {
        let world = World::new(&["issuer", "holder"], protocols);
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let invitation = invite(issuer, handshake(&[version], true));
        let record = receive(&world, holder, &invitation, true);
        assert_eq!(record["state"], "deleted");
        world.settle();
        assert_eq!(
            world.take_names(),
            [
                format!("holder: {version}/request"),
                format!("issuer: {version}/response"),
                format!("holder: {version}/complete"),
            ]
        );
        for party in [issuer, holder] {
            assert_eq!(
                states(party, "connections"),
                ["invitation", "request", "response", "active"],
                "{version}"
            );
        }
        assert_eq!(states(issuer, "out_of_band"), ["await-response", "done", "deleted"]);
        assert_eq!(states(holder, "out_of_band"), ["initial", "done", "deleted"]);
        assert!(issuer.store.dump("oob_record").is_empty() && holder.store.dump("oob_record").is_empty());

        let (ours, theirs) = (only_connection(issuer), only_connection(holder));
        assert_eq!(ours["my_did"], theirs["their_did"]);
        assert_eq!(ours["their_did"], theirs["my_did"]);
        assert_eq!(ours["connection_protocol"], version);
        assert_eq!(ours["their_label"], "holder");
        let my_did = ours["my_did"].as_str().unwrap();
        match version {
            "didexchange/1.1" => {
                assert!(my_did.starts_with("did:peer:4zQm") && my_did.len() == 57, "{my_did}")
            }
            _ => assert!(my_did.len() < 23, "{my_did}"),
        }
    }
}

/// Which form of a did:peer:4 appears where, as ACA-Py shows it.
#[test]
fn long_and_short_dids_in_events() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    world.settle();
    let forms = |party: &Party| -> Vec<String> {
        let form = |did: &Value| {
            did.as_str().map_or("-", |d| if d.len() > 100 { "long" } else { "short" }).to_owned()
        };
        let events = party.events_of("connections");
        events
            .iter()
            .map(|e| {
                format!(
                    "{} {} {}",
                    e["rfc23_state"].as_str().unwrap(),
                    form(&e["my_did"]),
                    form(&e["their_did"])
                )
            })
            .collect()
    };
    assert_eq!(
        forms(issuer),
        [
            "invitation-sent - -",
            "request-received - long",
            "response-sent long long",
            "completed short short"
        ]
    );
    assert_eq!(
        forms(holder),
        [
            "invitation-received - -",
            "request-sent long -",
            "response-received short short",
            "completed short short"
        ]
    );
    let record = only_connection(issuer);
    assert!(
        record["my_did"].as_str().unwrap().len() == 57 && record["their_did"].as_str().unwrap().len() == 57
    );
}

/// What an ACA-Py that opens the wallet needs to go on.
#[test]
fn rows_are_those_of_aca_py() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    world.settle();
    for party in [issuer, holder] {
        let record = only_connection(party);
        let my_did = record["my_did"].as_str().unwrap();
        let dids = party.store.dump("did");
        assert_eq!(dids.len(), 2, "long and short form of the same DID");
        assert_eq!(dids[0].1["verkey"], dids[1].1["verkey"]);
        assert!(dids.iter().any(|(name, _)| name == my_did));
        let long = party.store.dump("long_peer_did_4_doc");
        assert_eq!(long.len(), 2, "own and theirs");
        let keys = party.store.dump("did_key");
        assert_eq!(keys.len(), 1);
        let tags = party.store.tags("did_key", Box::leak(keys[0].0.clone().into_boxed_str()));
        assert!(tags[0].1.starts_with(record["their_did"].as_str().unwrap()) && tags[0].1.len() > 100);
        assert_eq!(json!(tags[1].1), keys[0].1);
        let id = party.store.dump("connection")[0].0.clone();
        let tags = party.store.tags("connection", Box::leak(id.into_boxed_str()));
        let names: Vec<&str> = tags.iter().map(|t| t.0.as_str()).collect();
        assert_eq!(
            names,
            [
                "invitation_key",
                "invitation_msg_id",
                "my_did",
                "request_id",
                "state",
                "their_did",
                "their_role"
            ]
        );
        assert_eq!(party.store.dump("connection_invitation").len(), 1);
    }
    assert_eq!(issuer.store.dump("connection_request").len(), 1);
    assert!(holder.store.dump("connection_request").is_empty());
}

#[test]
fn by_hand_step_by_step() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], false));
    let record = receive(&world, holder, &invitation, false);
    world.settle();
    assert!(world.take_names().is_empty());
    let conn_id = record["connection_id"].as_str().unwrap().to_owned();
    let accept = AcceptInvitation { conn_id: conn_id.clone(), ..AcceptInvitation::default() };
    let sent = world.run(accept_invitation(&holder.agent, &holder.tenant, accept.clone())).unwrap();
    assert_eq!((&sent["state"], &sent["rfc23_state"]), (&json!("request"), &json!("request-sent")));
    let again = world.run(accept_invitation(&holder.agent, &holder.tenant, accept)).unwrap_err();
    assert_eq!(again.kind, Kind::BadRequest);
    world.settle();
    let waiting = issuer.store.dump("connection")[0].clone();
    assert_eq!(waiting.1["state"], "request");
    let accept = AcceptRequest { conn_id: waiting.0, ..AcceptRequest::default() };
    let sent = world.run(accept_request(&issuer.agent, &issuer.tenant, accept.clone())).unwrap();
    assert_eq!(sent["rfc23_state"], "response-sent");
    world.settle();
    let again = world.run(accept_request(&issuer.agent, &issuer.tenant, accept)).unwrap_err();
    assert_eq!((again.kind, again.message.as_str()), (Kind::BadRequest, "Connection not in state request."));
    assert_eq!(only_connection(issuer)["state"], "active");
    assert_eq!(only_connection(holder)["state"], "active");
}

#[test]
fn reject_changes_only_the_own_record() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], false));
    receive(&world, holder, &invitation, true);
    world.settle();
    world.take_names();
    let conn_id = issuer.store.dump("connection")[0].0.clone();
    let command = Reject { conn_id, reason: Some("not today".into()) };
    let rejected = world.run(reject(&issuer.agent, &issuer.tenant, command.clone())).unwrap();
    assert_eq!(
        (&rejected["state"], &rejected["rfc23_state"], &rejected["error_msg"]),
        (&json!("error"), &json!("abandoned"), &json!("not today"))
    );
    let again = world.run(reject(&issuer.agent, &issuer.tenant, command)).unwrap_err();
    assert_eq!(again.message, "Cannot reject connection in state: abandoned.");
    world.settle();
    assert!(world.take_names().is_empty());
    assert_eq!(only_connection(holder)["state"], "request");
}

#[test]
fn a_handshake_message_counts_as_answered_once_the_answer_was_taken() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let answered = |party: &Party, item: &crate::ports::store::Item| {
        let outbound = crate::engine::Agent::read_outbound(item).unwrap();
        now(party.agent.answered(&item.tenant, item.created, &outbound)).unwrap()
    };
    let deliver = |from: &Party, item: &crate::ports::store::Item, to: &Party| {
        to.receive(&from.pack(&crate::engine::Agent::read_outbound(item).unwrap().into()))
    };
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    let request = holder.take_outbound().remove(0);
    deliver(holder, &request, issuer);
    assert!(!answered(holder, &request));
    let response = issuer.take_outbound().remove(0);
    deliver(issuer, &response, holder);
    assert!(answered(holder, &request) && !answered(issuer, &response));
    let complete = holder.take_outbound().remove(0);
    deliver(holder, &complete, issuer);
    assert!(answered(issuer, &response) && !answered(holder, &complete));
}

/// A second delivery of any message of the handshake changes nothing; a response that was lost is sent again.
#[test]
fn repeats_do_no_harm() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);

    let request = holder.take_messages().remove(0);
    let packed = holder.pack(&request);
    assert!(issuer.receive(&packed).rejection.is_none());
    let lost = issuer.take_messages().remove(0);
    assert!(issuer.receive(&packed).rejection.is_none());
    let response = issuer.take_messages().remove(0);
    assert_eq!(lost.message["did"], response.message["did"]);
    assert_eq!(issuer.store.dump("connection").len(), 1);

    let packed_response = issuer.pack(&response);
    assert!(holder.receive(&packed_response).rejection.is_none());
    assert!(holder.receive(&packed_response).rejection.is_none());
    let completes = holder.take_messages();
    assert_eq!(completes.len(), 2);
    for complete in &completes {
        assert!(issuer.receive(&holder.pack(complete)).rejection.is_none());
    }
    // The handshake is over: the request again is not worth an answer.
    assert!(issuer.receive(&packed).rejection.is_none());
    assert!(issuer.take_messages().is_empty());
    for party in [issuer, holder] {
        assert_eq!(states(party, "connections"), ["invitation", "request", "response", "active"]);
    }
}

#[test]
fn a_used_invitation_takes_no_second_request() {
    let world = World::new(&["issuer", "holder", "other"], protocols);
    let (issuer, holder, other) = (world.party("issuer"), world.party("holder"), world.party("other"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    world.settle();
    receive(&world, other, &invitation, true);
    world.settle();
    assert_eq!(only_connection(issuer)["their_label"], "holder");
    assert_eq!(only_connection(other)["state"], "request");
}

#[test]
fn two_requests_at_once_for_one_invitation() {
    let world = World::new(&["issuer", "holder", "other"], protocols);
    let (issuer, holder, other) = (world.party("issuer"), world.party("holder"), world.party("other"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    receive(&world, other, &invitation, true);
    let first = holder.pack(&holder.take_messages().remove(0));
    let second = other.pack(&other.take_messages().remove(0));
    // The second request is committed by another process between the first one's reading and writing.
    let rival = crate::engine::Agent::new(issuer.parts(), protocols());
    issuer.store.before_next_commit(move |_| {
        let receipt = now(rival.receive(&second, false)).unwrap();
        assert!(receipt.rejection.is_none());
    });
    let receipt = issuer.receive(&first);
    assert!(receipt.rejection.is_some());
    assert_eq!(only_connection(issuer)["their_label"], "other");
}

#[test]
fn multi_use_makes_a_record_per_request() {
    let world = World::new(&["issuer", "holder", "other"], protocols);
    let (issuer, holder, other) = (world.party("issuer"), world.party("holder"), world.party("other"));
    let mut command = handshake(&["didexchange/1.1"], true);
    command.multi_use = true;
    command.alias = Some("many".into());
    command.metadata = json!({"k": {"v": 1}}).as_object().cloned();
    let invitation = invite(issuer, command);
    receive(&world, holder, &invitation, true);
    world.settle();
    receive(&world, other, &invitation, true);
    world.settle();
    let records = issuer.store.dump("connection");
    assert_eq!(records.len(), 3);
    assert_eq!(
        (&records[0].1["state"], &records[0].1["invitation_mode"]),
        (&json!("invitation"), &json!("multi"))
    );
    for (_, record) in &records[1..] {
        assert_eq!((&record["state"], &record["invitation_mode"]), (&json!("active"), &json!("once")));
        assert_eq!(record["alias"], Value::Null);
    }
    assert_eq!(issuer.store.dump("connection_metadata").len(), 3);
    assert_eq!(states(issuer, "out_of_band"), ["await-response", "done", "done"]);
    let record = &issuer.store.dump("oob_record")[0].1;
    assert_eq!(record["state"], "await-response");
    let events = issuer.events_of("connections");
    assert_eq!(events[1]["state"], "init");
    assert!(events[1].get("connection_protocol").is_none());
}

#[test]
fn a_request_to_a_multi_use_invitation_asks_for_nothing_that_its_connections_share() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let mut command = handshake(&["didexchange/1.1"], true);
    command.multi_use = true;
    let invitation = invite(issuer, command);
    receive(&world, holder, &invitation, true);
    issuer.store.take_asked();
    world.settle();
    assert_eq!(issuer.store.dump("connection").len(), 2);
    let asked = issuer.store.take_asked();
    assert!(asked.iter().any(|query| query.category == "oob_record"), "{asked:?}");
    for query in &asked {
        let shared = ["invitation_msg_id", "invitation_key", "state"];
        let by = |name: &str| shared.contains(&name);
        let selective = query.tags.iter().any(|(name, _)| !by(name)) || query.limit.is_some();
        assert!(query.category != "connection" || selective, "{query:?}");
    }
}

#[test]
fn an_invitation_waits_also_without_its_out_of_band_record() {
    use crate::ports::store::{Commit, Op, RowKey, Store as _};
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    let (id, _) = issuer.store.dump("oob_record").remove(0);
    let ops = vec![Op::Remove(RowKey::new("oob_record", id))];
    now(issuer.store.commit(&issuer.tenant, Commit { guards: Vec::new(), ops })).unwrap();
    receive(&world, holder, &invitation, true);
    world.settle();
    assert_eq!(only_connection(issuer)["their_label"], "holder");
}

#[test]
fn multi_use_request_twice_at_once_makes_one_record() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let mut command = handshake(&["didexchange/1.1"], true);
    command.multi_use = true;
    let invitation = invite(issuer, command);
    receive(&world, holder, &invitation, true);
    let request = holder.pack(&holder.take_messages().remove(0));
    let rival = crate::engine::Agent::new(issuer.parts(), protocols());
    let copy = request.clone();
    issuer.store.before_next_commit(move |_| {
        now(rival.receive(&copy, false)).unwrap();
    });
    assert!(issuer.receive(&request).rejection.is_none());
    assert_eq!(issuer.store.dump("connection").len(), 2);
}

#[test]
fn a_response_signed_by_somebody_else_is_refused() {
    let world = World::new(&["issuer", "holder", "mallory"], protocols);
    let (issuer, holder, mallory) = (world.party("issuer"), world.party("holder"), world.party("mallory"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    let request = holder.take_messages().remove(0);
    // Mallory knows the request and answers it with a DID of its own, signed by an invitation key of its own.
    let theirs = invite(mallory, handshake(&["didexchange/1.1"], true));
    let mut forged = request.clone();
    forged.message["~thread"]["pthid"] = theirs["invi_msg_id"].clone();
    forged.outbound.target.recipient_keys =
        vec![mallory.store.dump("connection")[0].1["invitation_key"].as_str().unwrap().into()];
    assert!(mallory.receive(&holder.pack(&forged)).rejection.is_none());
    let response = mallory.take_messages().remove(0);
    assert!(holder.receive(&mallory.pack(&response)).rejection.is_some());
    assert_eq!(only_connection(holder)["state"], "request");
    assert!(holder.store.dump("did_key").is_empty());
}

#[test]
fn a_tampered_document_is_reported() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.0"], true));
    receive(&world, holder, &invitation, true);
    let mut request = holder.take_messages().remove(0);
    let signature = &mut request.message["did_doc~attach"]["data"]["jws"]["signature"];
    let flipped = signature.as_str().unwrap().chars().rev().collect::<String>();
    *signature = json!(flipped);
    assert!(issuer.receive(&holder.pack(&request)).rejection.is_none());
    let report = issuer.take_messages().remove(0);
    assert_eq!(report.message["@type"], "https://didcomm.org/didexchange/1.0/problem_report");
    assert_eq!(report.message["description"]["code"], "request_not_accepted");
    assert_eq!(only_connection(issuer)["state"], "invitation");
    assert!(issuer.store.dump("did_doc").is_empty());

    holder.receive(&issuer.pack(&report));
    let record = only_connection(holder);
    assert_eq!(record["state"], "error");
    assert!(record["error_msg"].as_str().unwrap().starts_with("request_not_accepted"));
}

/// A stranger must not be able to put its own document in the place of a known connection's.
#[test]
fn a_known_nym_keeps_its_document() {
    let world = World::new(&["issuer", "holder", "mallory"], protocols);
    let (issuer, holder, mallory) = (world.party("issuer"), world.party("holder"), world.party("mallory"));
    receive(&world, holder, &invite(issuer, handshake(&["didexchange/1.0"], true)), true);
    world.settle();
    let nym = only_connection(holder)["my_did"].as_str().unwrap().to_owned();
    let before = issuer.store.dump("did_doc");

    receive(&world, mallory, &invite(issuer, handshake(&["didexchange/1.0"], true)), true);
    let mut request = mallory.take_messages().remove(0);
    let own = request.message["did"].as_str().unwrap().to_owned();
    let attachment =
        chancery_didcomm::message::Attachment::from_json(&request.message["did_doc~attach"]).unwrap();
    let document = attachment.content().unwrap().to_string().replace(&own, &nym);
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut forged = chancery_didcomm::message::Attachment::json_base64("x", &document);
    let verkey = request.outbound.target.sender_key.clone().unwrap();
    let secret = now(mallory.agent.secret(&mallory.tenant, &verkey)).unwrap().unwrap();
    forged.sign(&secret).unwrap();
    request.message["did"] = json!(nym);
    request.message["did_doc~attach"] = forged.to_json();
    issuer.receive(&mallory.pack(&request));
    assert_eq!(issuer.store.dump("did_doc"), before);
    let report = issuer.take_messages().remove(0);
    assert_eq!(report.message["description"]["code"], "request_not_accepted");
}

/// Credo answers without `pthid`.
#[test]
fn complete_takes_its_parent_thread_from_the_invitation() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    let request = holder.take_messages().remove(0);
    issuer.receive(&holder.pack(&request));
    let mut response = issuer.take_messages().remove(0);
    response.message["~thread"] = json!({"thid": request.message["@id"]});
    holder.receive(&issuer.pack(&response));
    let complete = holder.take_messages().remove(0);
    assert_eq!(complete.message["~thread"]["pthid"], invitation["invi_msg_id"]);
}

/// A fault of the store: the sender is told to try again, and trying again works.
#[test]
fn nothing_is_lost_when_the_store_is_down() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let invitation = invite(issuer, handshake(&["didexchange/1.1"], true));
    receive(&world, holder, &invitation, true);
    let request = holder.pack(&holder.take_messages().remove(0));
    issuer.store.fail(true);
    let error = now(issuer.agent.receive(&request, false)).unwrap_err();
    assert!(matches!(error, ReceiveError::Unavailable(_)), "{error}");
    issuer.store.fail(false);
    assert_eq!(only_connection(issuer)["state"], "invitation");
    assert!(issuer.receive(&request).rejection.is_none());
    world.settle();
    assert_eq!(only_connection(holder)["state"], "active");
}
