use serde_json::{Value, json};

use super::commands::{AcceptInvitation, AcceptRequest, CreateRequest, Reject};
use super::state::{Input, Role, Send, step};
use super::{accept_invitation, accept_request, create_request, reject};
use crate::engine::{ReceiveError, Registration};
use crate::exchange::Effect;
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::peers::State;
use crate::ports::Store as _;
use crate::ports::store::{Commit, NewItem, Op, Queue};
use crate::testing::{Party, World, now};
use crate::trust_ping::{SendPing, send_ping};
use crate::unit::Kind;
use crate::wallet::{DidCreate, SetPublicDid, did_create, set_public_did};

pub(crate) fn protocols() -> Vec<Registration> {
    vec![super::registration(), crate::out_of_band::registration(), crate::trust_ping::registration()]
}

#[test]
fn every_state_meets_every_input() {
    use Input::*;
    let states = [
        State::Start,
        State::Invitation,
        State::Request,
        State::Response,
        State::Completed,
        State::Abandoned,
    ];
    let inputs = [
        AcceptInvitation,
        RequestReceived,
        AcceptRequest,
        ResponseReceived,
        CompleteSent,
        MessageReceived,
        Reject,
        ReportReceived,
    ];
    // One row per state, one column per input; `-` refused, `.` nothing, a state's letter, `+` with a message.
    let requester = "
        Start       -  -  -  -   -  -  -  -
        Invitation  Q+ -  -  -   -  -  X  -
        Request     -  -  -  S+  -  -  -  X
        Response    -  -  -  +   C  -  -  X
        Completed   -  -  -  +   -  .  -  .
        Abandoned   -  -  -  -   -  -  -  .";
    let responder = "
        Start       -  Q  -  -   -  -  -  -
        Invitation  -  Q  -  -   -  -  -  -
        Request     -  .  S+ -   -  -  X  X
        Response    -  +  -  -   -  C  -  X
        Completed   -  .  -  -   -  .  -  .
        Abandoned   -  -  -  -   -  -  -  .";
    for (role, table) in [(Role::Requester, requester), (Role::Responder, responder)] {
        let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|l| l.split_whitespace().collect()).collect();
        for (state, row) in states.into_iter().zip(rows) {
            assert_eq!(row[0], format!("{state:?}"));
            for (input, expected) in inputs.into_iter().zip(&row[1..]) {
                let got = match step(role, state, input) {
                    Err(refusal) => {
                        assert_eq!((refusal.role, refusal.state, refusal.input), (role, state, input));
                        "-".to_owned()
                    }
                    Ok(next) if next.effects.is_empty() && next.record == state => ".".to_owned(),
                    Ok(next) => {
                        let changes = next.moved().then_some(next.record);
                        assert_eq!(next.effects.contains(&Effect::Save), next.record != state);
                        assert_eq!(next.moved(), next.record != state);
                        let send = next.effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
                        let letter = changes.map_or("", |s| match s {
                            State::Request => "Q",
                            State::Response => "S",
                            State::Completed => "C",
                            State::Abandoned => "X",
                            State::Start | State::Invitation => "?",
                        });
                        format!("{letter}{}", if send { "+" } else { "" })
                    }
                };
                assert_eq!(&got, expected, "{role:?} in {state:?} with {input:?}");
            }
        }
    }
    let sent = step(Role::Responder, State::Response, RequestReceived).unwrap().effects;
    assert_eq!(sent, [Effect::Send(Send::Response)]);
}

fn invite(party: &Party, command: CreateInvitation) -> Value {
    now(create_invitation(&party.agent, &party.tenant, command)).unwrap()
}

fn handshake(protocols: &[&str], auto: bool) -> CreateInvitation {
    CreateInvitation {
        handshake_protocols: Some(protocols.iter().map(|p| (*p).to_owned()).collect()),
        auto_accept: Some(auto),
        ..CreateInvitation::default()
    }
}

fn receive(world: &World, party: &Party, invitation: &Value, auto: bool) -> Value {
    let command = ReceiveInvitation {
        invitation: invitation["invitation"].clone(),
        auto_accept: Some(auto),
        ..ReceiveInvitation::default()
    };
    world.run(receive_invitation(&party.agent, &party.tenant, command)).unwrap()
}

fn states(party: &Party, topic: &str) -> Vec<String> {
    party.events_of(topic).iter().map(|e| e["state"].as_str().unwrap_or("?").to_owned()).collect()
}

fn only_connection(party: &Party) -> Value {
    let rows = party.store.dump("connection");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].1.clone()
}

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
    use super::messages::{Request, Response};
    use crate::peers::{Claim, Distrust, learn};
    use chancery_didcomm::Message;

    let golden: Value = serde_json::from_str(include_str!("../../testdata/did_exchange.json")).unwrap();
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
