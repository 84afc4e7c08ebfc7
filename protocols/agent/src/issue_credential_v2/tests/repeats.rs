//! Messages that come twice, late, to nobody, or from the wrong one.

use serde_json::{Value, json};

use super::world::{Kind, Pair, content};
use crate::engine::{Agent, Rejection};
use crate::issue_credential_v2 as issue;
use crate::ports::Store;
use crate::ports::store::{Commit, Item, NewRow, Op, Queue, RowKey};
use crate::testing::now;
use crate::unit::Settings;

fn kept(_: &str, settings: &mut Settings) {
    settings.preserve_exchange_records = true;
}

/// An exchange that stands where `until` says, with manual steps.
fn exchange(pair: &Pair, until: &str) {
    pair.send_offer(json!({}));
    pair.world.settle();
    for (party, operation) in [("holder", "send-request"), ("issuer", "issue"), ("holder", "store")] {
        if operation == until {
            break;
        }
        pair.on_record(party, operation, &pair.id(party), json!({})).unwrap();
        pair.world.settle();
    }
    pair.states("issuer");
    pair.states("holder");
    pair.world.take_log();
}

fn stored(pair: &Pair, party: &str, kind: &str) -> Value {
    pair.record(party)[kind].clone()
}

#[test]
fn an_offer_again_has_no_effect_or_gets_the_same_request() {
    let pair = Pair::with(kept);
    exchange(&pair, "send-request");
    let offer = stored(&pair, "issuer", "cred_offer");
    pair.deliver("issuer", offer.clone());
    assert!(pair.states("holder").is_empty());
    assert_eq!(pair.records("holder").len(), 1);

    pair.on_record("holder", "send-request", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    pair.world.take_log();
    pair.deliver("issuer", offer.clone());
    let again = pair.holder().take_messages();
    assert_eq!(again[0].message, stored(&pair, "holder", "cred_request"));

    pair.on_record("issuer", "issue", &pair.id("issuer"), json!({})).unwrap();
    pair.world.settle();
    pair.on_record("holder", "store", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    pair.deliver("issuer", offer);
    assert_eq!(pair.record("holder")["state"], "done");
    assert!(pair.holder().take_messages().is_empty());
}

#[test]
fn a_request_again_gets_the_same_credential() {
    let pair = Pair::with(kept);
    exchange(&pair, "issue");
    let request = stored(&pair, "issuer", "cred_request");
    pair.deliver("holder", request.clone());
    assert!(pair.states("issuer").is_empty());
    pair.on_record("issuer", "issue", &pair.id("issuer"), json!({})).unwrap();
    pair.world.settle();
    pair.states("issuer");
    for _ in 0..2 {
        pair.deliver("holder", request.clone());
        let again = pair.issuer().take_messages();
        assert_eq!(again[0].message, stored(&pair, "issuer", "cred_issue"));
        pair.on_record("holder", "get", &pair.id("holder"), json!({})).unwrap();
    }
    assert!(pair.states("issuer").is_empty());
}

#[test]
fn a_credential_again_is_acknowledged_again_and_not_stored_again() {
    let pair = Pair::with(kept);
    exchange(&pair, "");
    let credential = stored(&pair, "issuer", "cred_issue");
    pair.deliver("issuer", credential);
    let again = pair.holder().take_messages();
    assert_eq!(again[0].message["@type"], "https://didcomm.org/issue-credential/2.0/ack");
    assert!(pair.states("holder").is_empty());
    assert_eq!(pair.holder().store.dump("vc_cred").len(), 1);
    assert_eq!(pair.holder().store.dump("ld_proof_cred_ex_v20").len(), 1);
    pair.deliver("holder", again[0].message.clone());
    assert!(pair.states("issuer").is_empty());
    assert_eq!(pair.record("issuer")["state"], "done");
}

#[test]
fn removed_exchanges_are_remembered() {
    let pair = Pair::new();
    exchange(&pair, "store");
    let offer = stored(&pair, "issuer", "cred_offer");
    let request = stored(&pair, "issuer", "cred_request");
    let credential = stored(&pair, "issuer", "cred_issue");
    pair.on_record("holder", "store", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    assert!(pair.records("issuer").is_empty() && pair.records("holder").is_empty());
    pair.states("issuer");
    pair.states("holder");

    pair.deliver("issuer", offer);
    pair.deliver("holder", request);
    assert!(pair.records("issuer").is_empty() && pair.records("holder").is_empty());
    assert!(pair.issuer().take_messages().is_empty() && pair.holder().take_messages().is_empty());
    pair.deliver("issuer", credential.clone());
    let ack = pair.holder().take_messages();
    assert_eq!(ack[0].message["~thread"], credential["~thread"]);
    pair.deliver("holder", ack[0].message.clone());
    assert!(pair.states("issuer").is_empty() && pair.states("holder").is_empty());
    assert_eq!(pair.holder().store.dump("vc_cred").len(), 1);
}

#[test]
fn a_request_for_a_deleted_offer_is_told_so() {
    let pair = Pair::new();
    exchange(&pair, "send-request");
    pair.on_record("issuer", "delete", &pair.id("issuer"), json!({})).unwrap();
    pair.on_record("holder", "send-request", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    assert!(pair.records("issuer").is_empty());
    assert_eq!(pair.record("holder")["error_msg"], "issuance-abandoned: record-not-found");
}

#[test]
fn a_proposal_again_makes_no_second_record_and_another_one_reopens_the_offer() {
    let pair = Pair::with(kept);
    let holder = pair.holder();
    let body = json!({"connection_id": pair.holder_connection, "filter": pair.filter(|_| {})});
    let command = serde_json::from_value(body).unwrap();
    let proposal = pair.world.run(issue::send_proposal(&holder.agent, &holder.tenant, command)).unwrap()["cred_proposal"].clone();
    pair.world.settle();
    pair.deliver("holder", proposal.clone());
    let id = pair.id("issuer");
    pair.on_record("issuer", "send-offer", &id, json!({})).unwrap();
    pair.world.settle();
    pair.states("issuer");
    pair.deliver("holder", proposal.clone());
    assert_eq!(pair.issuer().take_messages()[0].message, stored(&pair, "issuer", "cred_offer"));
    let mut other = proposal.clone();
    other["@id"] = "another".into();
    other["~thread"] = json!({"thid": proposal["@id"]});
    pair.deliver("holder", other.clone());
    assert_eq!(pair.record("issuer")["state"], "proposal-received");
    assert_eq!(pair.id("issuer"), id);
    assert_eq!(pair.states("issuer"), ["proposal-received"]);
    // Late copies of both, before the answer and after.
    pair.deliver("holder", proposal.clone());
    assert_eq!(stored(&pair, "issuer", "cred_proposal")["@id"], "another");
    pair.on_record("issuer", "send-offer", &id, json!({})).unwrap();
    pair.world.settle();
    pair.states("issuer");
    pair.deliver("holder", proposal);
    assert!(pair.issuer().take_messages().is_empty());
    pair.deliver("holder", other);
    assert_eq!(pair.issuer().take_messages().len(), 1, "the same offer again");
    assert!(pair.states("issuer").is_empty());
}

#[test]
fn a_late_copy_does_not_undo_what_replaced_it() {
    let pair = Pair::with(kept);
    let holder = pair.holder();
    let body = json!({"connection_id": pair.holder_connection, "filter": pair.filter(|_| {})});
    let command = serde_json::from_value(body).unwrap();
    let proposal = pair.world.run(issue::send_proposal(&holder.agent, &holder.tenant, command)).unwrap()["cred_proposal"].clone();
    pair.world.settle();
    let counter = json!({
        "filter": pair.filter(|_| {}),
        "counter_preview": {"@type": "issue-credential/2.0/credential-preview", "attributes": []}
    });
    pair.on_record("issuer", "send-offer", &pair.id("issuer"), counter).unwrap();
    pair.world.settle();
    let first = stored(&pair, "issuer", "cred_offer");
    pair.states("issuer");
    pair.deliver("holder", proposal);
    assert_eq!(pair.record("issuer")["state"], "offer-sent");
    assert!(pair.states("issuer").is_empty());

    let mut second = first.clone();
    second["@id"] = "another".into();
    pair.states("holder");
    pair.deliver("issuer", second.clone());
    for late in [&first, &second, &first] {
        pair.deliver("issuer", late.clone());
        assert_eq!(stored(&pair, "holder", "cred_offer"), first, "the same words under another id");
    }
    assert!(pair.states("holder").is_empty());
    pair.on_record("holder", "send-request", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    assert_eq!(pair.record("issuer")["state"], "request-received");
}

/// Another process takes the same message between this one's reads and its commit: the second insert meets the first
/// one's record, because both derive the same id.
#[test]
fn the_first_message_twice_at_once_makes_one_record() {
    let pair = Pair::new();
    pair.send_offer(json!({}));
    let outbound = pair.issuer().take_messages().pop().unwrap();
    let holder = pair.holder();
    holder.receive(&pair.issuer().pack(&outbound));
    let id = pair.id("holder");
    assert_eq!(id.len(), 36);
    assert_eq!(pair.states("holder"), ["offer-received"]);
    let key = RowKey::new("cred_ex_v20", &*id);
    let row = now(holder.store.get(&holder.tenant, &key)).unwrap().unwrap();
    let commit = |op| Commit { guards: Vec::new(), ops: vec![op] };
    now(holder.store.commit(&holder.tenant, commit(Op::Remove(key.clone())))).unwrap();
    assert!(pair.records("holder").is_empty());

    let (tenant, again) = (holder.tenant.clone(), NewRow { key, value: row.value, tags: row.tags });
    holder.store.before_next_commit(move |store| {
        now(store.commit(&tenant, Commit { guards: Vec::new(), ops: vec![Op::Insert(again)] })).unwrap();
    });
    assert!(holder.receive(&pair.issuer().pack(&outbound)).rejection.is_none());
    assert_eq!(pair.id("holder"), id);
    assert!(pair.states("holder").is_empty());
}

#[test]
fn a_request_that_differs_from_the_offer_is_not_taken() {
    let pair = Pair::with(|name, settings| {
        kept(name, settings);
        settings.auto_respond_credential_request = true;
    });
    exchange(&pair, "send-request");
    let offer = stored(&pair, "issuer", "cred_offer");
    let thread = offer["@id"].clone();
    let request = |change: &dyn Fn(&mut Value)| {
        let mut detail = content(Kind::Offer, &offer);
        change(&mut detail);
        let family = &chancery_credentials::ld_proof::FAMILY;
        let thread = chancery_didcomm::message::Thread::new(thread.as_str().unwrap());
        issue::messages::build(Kind::Request, "r", Some(&thread), Default::default(), &[(family, detail)])
            .into_json()
    };
    pair.deliver(
        "holder",
        request(&|d| d["credential"]["credentialSubject"]["givenName"] = "Mallory".into()),
    );
    let record = pair.record("issuer");
    assert_eq!(
        (&record["state"], &record["error_msg"]),
        (&json!("offer-sent"), &json!("Request must match offer if offer is sent"))
    );
    assert!(pair.issuer().take_messages().is_empty());

    // Only the subject's id may be added; numbers are compared by value.
    pair.deliver(
        "holder",
        request(&|d| d["credential"]["credentialSubject"]["id"] = "did:example:me".into()),
    );
    assert_eq!(pair.record("issuer")["state"], "credential-issued");
}

#[test]
fn a_credential_that_differs_from_the_request_is_not_taken() {
    let pair = Pair::with(kept);
    exchange(&pair, "issue");
    let issuer = pair.issuer();
    pair.on_record("issuer", "issue", &pair.id("issuer"), json!({})).unwrap();
    issuer.take_outbound();
    let message = stored(&pair, "issuer", "cred_issue");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut credential = content(Kind::Issue, &message);
        change(&mut credential);
        let family = &chancery_credentials::ld_proof::FAMILY;
        let thread = chancery_didcomm::message::Thread::new(message["~thread"]["thid"].as_str().unwrap());
        issue::messages::build(Kind::Issue, "c", Some(&thread), Default::default(), &[(family, credential)])
            .into_json()
    };
    for (change, text) in [
        (
            &(|c: &mut Value| c["credentialSubject"]["givenName"] = "Mallory".into()) as &dyn Fn(&mut Value),
            "does not match requested",
        ),
        (
            &|c: &mut Value| c["credentialStatus"] = json!({"id": "https://a.example/1", "type": "X"}),
            "does not match requested",
        ),
        (&|c: &mut Value| c["proof"]["challenge"] = "x".into(), "proof.challenge does not match"),
        (&|c: &mut Value| c["proof"]["domain"] = "x".into(), "proof.domain does not match"),
        (&|c: &mut Value| c["proof"]["type"] = "Ed25519Signature2020".into(), "proof.type does not match"),
    ] {
        pair.deliver("issuer", changed(change));
        let record = pair.record("holder");
        assert_eq!(record["state"], "request-sent");
        assert!(record["error_msg"].as_str().unwrap().contains(text), "{}", record["error_msg"]);
    }
    // A forged signature passes the comparison and fails where it is verified.
    pair.deliver("issuer", changed(&|c| c["proof"]["created"] = "2020-01-01T00:00:00Z".into()));
    assert_eq!(pair.record("holder")["state"], "credential-received");
    let error = pair.on_record("holder", "store", &pair.id("holder"), json!({})).unwrap_err();
    assert!(error.message.starts_with("Received invalid credential: "), "{}", error.message);
    assert_eq!(pair.record("holder")["state"], "credential-received");
    assert!(pair.holder().store.dump("vc_cred").is_empty());
    assert!(pair.holder().take_messages().is_empty());
}

#[test]
fn a_problem_report_after_done_is_ignored() {
    let pair = Pair::with(kept);
    exchange(&pair, "");
    let thread = pair.record("issuer")["thread_id"].clone();
    let report = issue::messages::report("p", thread.as_str().unwrap(), "too late", "some-code").into_json();
    pair.deliver("issuer", report);
    assert_eq!(pair.record("holder")["state"], "done");
    assert!(pair.states("holder").is_empty());
}

#[test]
fn messages_that_fit_no_exchange_are_dropped() {
    let pair = Pair::new();
    exchange(&pair, "issue");
    let request = stored(&pair, "issuer", "cred_request");
    let rejected = |from: &str, message: Value| match pair.deliver(from, message).rejection {
        Some(Rejection::NotAccepted(reason, _)) => reason,
        other => panic!("{other:?}"),
    };
    let with_thread = |mut message: Value| {
        message["~thread"] = json!({"thid": "unknown"});
        message
    };
    let ack = issue::messages::ack("a", "unknown").into_json();
    assert_eq!(rejected("holder", ack), "unknown-thread");
    let report = issue::messages::report("a", "unknown", "x", "y").into_json();
    assert_eq!(rejected("holder", report), "unknown-thread");
    let thread = pair.record("issuer")["thread_id"].as_str().unwrap().to_owned();
    assert_eq!(rejected("holder", issue::messages::ack("a", &thread).into_json()), "unexpected-message");

    // A format that can't start at a request: the sender is told.
    let mut unknown = with_thread(request);
    unknown["formats"][0]["format"] = "hlindy/cred-req@v2.0".into();
    assert!(pair.deliver("holder", unknown).rejection.is_none());
    let told = pair.issuer().take_messages();
    assert_eq!(
        told[0].message["description"],
        json!({"en": "record-not-found", "code": "issuance-abandoned"})
    );
    assert_eq!(told[0].message["~thread"], json!({"thid": "unknown"}));
}

#[test]
fn malformed_messages_are_answered_with_the_class() {
    let pair = Pair::new();
    exchange(&pair, "send-request");
    let mut offer = stored(&pair, "issuer", "cred_offer");
    offer["@id"] = "broken".into();
    offer["formats"] = json!([]);
    let receipt = pair.deliver("issuer", offer);
    assert!(matches!(receipt.rejection, Some(Rejection::NotUnderstood(_))));
    let told = pair.holder().take_messages();
    assert_eq!(
        told[0].message["description"]["en"],
        "Error deserializing message: V20CredOffer schema validation failed"
    );
    assert_eq!(pair.records("holder").len(), 1);
}

#[test]
fn offers_of_unknown_formats_are_carried_and_cannot_be_requested() {
    let pair = Pair::with(|_, settings| settings.auto_respond_credential_offer = true);
    let mut offer = json!({
        "@type": "https://didcomm.org/issue-credential/2.0/offer-credential", "@id": "foreign",
        "formats": [{"attach_id": "a", "format": "dif/credential-manifest@v1.0"}],
        "offers~attach": [{"@id": "a", "data": {"json": {"x": 1}}}],
    });
    pair.deliver("issuer", offer.clone());
    let record = |thread: &str| {
        let records = pair.records("holder").into_iter().map(|d| d["cred_ex_record"].clone());
        records.into_iter().find(|r| r["thread_id"] == thread).unwrap()
    };
    assert_eq!(record("foreign")["state"], "abandoned");
    assert_eq!(record("foreign")["error_msg"], "Unable to create credential request. No supported formats.");
    assert_eq!(record("foreign").get("by_format"), None);
    assert_eq!(pair.holder().take_messages()[0].message["description"]["en"], "issuance-abandoned");

    offer["@id"] = "indy".into();
    offer["formats"][0]["format"] = "hlindy/cred-abstract@v2.0".into();
    pair.deliver("issuer", offer);
    assert_eq!(record("indy")["state"], "abandoned");
    assert!(record("indy")["error_msg"].as_str().unwrap().contains("\"indy\""));
    assert_eq!(record("indy")["by_format"]["cred_offer"]["indy"], json!({"x": 1}));
}

/// With or without an automatic offer: nobody could ever offer it.
#[test]
fn a_proposal_without_a_known_format_is_answered_and_begins_nothing() {
    for auto in [false, true] {
        let pair = Pair::with(|_, settings| settings.auto_respond_credential_proposal = auto);
        let mut proposal = json!({
            "@type": "https://didcomm.org/issue-credential/2.0/propose-credential", "@id": "foreign",
            "formats": [{"attach_id": "a", "format": "dif/credential-manifest@v1.0"}],
            "filters~attach": [{"@id": "a", "data": {"json": {"x": 1}}}],
        });
        assert!(pair.deliver("holder", proposal.clone()).rejection.is_none());
        let told = pair.issuer().take_messages();
        assert_eq!(told.len(), 1);
        let report = &told[0].message;
        assert_eq!(report["@type"], "https://didcomm.org/issue-credential/2.0/problem-report");
        assert_eq!(report["~thread"]["thid"], "foreign");
        let why = json!({"en": "none of the proposal's formats is supported", "code": "issuance-abandoned"});
        assert_eq!(report["description"], why);
        assert!(pair.records("issuer").is_empty());
        // One known format beside it is enough to look at.
        proposal["@id"] = "both".into();
        let beside = json!({"attach_id": "b", "format": "hlindy/cred-filter@v2.0"});
        proposal["formats"].as_array_mut().unwrap().push(beside);
        let attached = json!({"@id": "b", "data": {"json": {}}});
        proposal["filters~attach"].as_array_mut().unwrap().push(attached);
        pair.deliver("holder", proposal);
        assert_eq!(pair.records("issuer").len(), 1);
    }
}

#[test]
fn a_message_counts_as_answered_once_the_answer_was_taken() {
    for keep in [true, false] {
        let pair = Pair::with(|_, settings| settings.preserve_exchange_records = keep);
        let queued = |party: &str| now(pair.world.party(party).store.items(Queue::Outbound, 0, 9)).unwrap();
        let answered = |party: &str, item: &Item| {
            let outbound = Agent::read_outbound(item).unwrap();
            now(pair.world.party(party).agent.answered(&item.tenant, item.created, &outbound)).unwrap()
        };
        pair.send_offer(json!({}));
        let mut sent = vec![("issuer", queued("issuer").remove(0))];
        pair.world.settle();
        assert!(!answered("issuer", &sent[0].1), "received, not answered");
        for (party, operation) in [("holder", "send-request"), ("issuer", "issue"), ("holder", "store")] {
            pair.on_record(party, operation, &pair.id(party), json!({})).unwrap();
            let (asker, item) = sent.pop().unwrap();
            assert!(!answered(asker, &item), "{operation} is under way");
            sent.push((party, queued(party).remove(0)));
            pair.world.settle();
            assert!(answered(asker, &item), "{operation} arrived, kept: {keep}");
        }
        let (asker, ack) = sent.pop().unwrap();
        assert!(!answered(asker, &ack), "nothing answers an acknowledgement");
    }
}

#[test]
fn what_answers_a_repeat_is_sent_though_the_record_is_further() {
    let pair = Pair::with(kept);
    exchange(&pair, "");
    let request = stored(&pair, "holder", "cred_request");
    pair.deliver("holder", request);
    let again = pair.issuer().take_outbound().remove(0);
    let outbound = Agent::read_outbound(&again).unwrap();
    assert_eq!(outbound.message.to_json(), stored(&pair, "issuer", "cred_issue"));
    assert!(!now(pair.issuer().agent.answered(&again.tenant, again.created, &outbound)).unwrap());
}

#[test]
fn a_message_without_an_id_is_known_by_its_envelope() {
    let pair = Pair::new();
    pair.send_offer(json!({}));
    let mut outbound = pair.issuer().take_messages().remove(0);
    outbound.message.as_object_mut().unwrap().remove("@id");
    let envelope = pair.issuer().pack(&outbound);
    pair.holder().receive(&envelope);
    pair.holder().receive(&envelope);
    assert_eq!((pair.records("holder").len(), pair.states("holder").len()), (1, 1), "delivered twice");
    // The same words in another envelope are another message.
    pair.holder().receive(&pair.issuer().pack(&outbound));
    assert_eq!(pair.records("holder").len(), 2);
}

#[test]
fn an_id_names_a_message_of_its_sender_only() {
    let pair = Pair::new();
    pair.send_offer(json!({}));
    let offer = pair.issuer().take_messages().remove(0).message;
    assert!(pair.deliver("issuer", offer.clone()).rejection.is_none());
    let (issuer_connection, _) = pair.connect_again();
    assert!(pair.deliver_over("issuer", &issuer_connection, offer).rejection.is_none());
    let of = |record: &Value| record["cred_ex_record"]["connection_id"].clone();
    let records = pair.records("holder");
    assert_eq!(records.len(), 2);
    assert_ne!(of(&records[0]), of(&records[1]));
}

#[test]
fn a_repeat_with_other_content_changes_nothing() {
    let pair = Pair::with(kept);
    exchange(&pair, "send-request");
    let before = pair.record("holder");
    let mut offer = stored(&pair, "issuer", "cred_offer");
    offer["comment"] = "another".into();
    pair.deliver("issuer", offer);
    assert_eq!(pair.record("holder"), before);

    pair.on_record("holder", "send-request", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    pair.on_record("issuer", "issue", &pair.id("issuer"), json!({})).unwrap();
    let issued = pair.record("issuer");
    pair.issuer().take_messages();
    let mut request = stored(&pair, "holder", "cred_request");
    request["comment"] = "another".into();
    pair.deliver("holder", request);
    assert_eq!(pair.record("issuer"), issued);
    assert_eq!(pair.issuer().take_messages()[0].message, issued["cred_issue"], "the stored answer again");
}
