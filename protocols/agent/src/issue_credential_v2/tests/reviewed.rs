//! What a controller looks at, and who may change it.

use serde_json::{Value, json};

use super::world::{Kind, Pair, content};
use crate::engine::Rejection;
use crate::issue_credential_v2 as issue;
use crate::unit::Settings;

fn kept(_: &str, settings: &mut Settings) {
    settings.preserve_exchange_records = true;
}

/// The message with its credential changed, under this id in its thread.
fn changed(kind: Kind, message: &Value, thread: &Value, id: &str, name: &str) -> Value {
    let mut detail = content(kind, message);
    detail["credential"]["credentialSubject"]["givenName"] = name.into();
    let thread = chancery_didcomm::message::Thread::new(thread.as_str().unwrap());
    let family = &chancery_credentials::ld_proof::FAMILY;
    issue::messages::build(kind, id, Some(&thread), Default::default(), &[(family, detail)]).into_json()
}

/// A proposal of the holder's that the issuer has got.
fn proposed(pair: &Pair) -> Value {
    let holder = pair.holder();
    let body = json!({"connection_id": pair.holder_connection, "filter": pair.filter(|_| {})});
    let command = serde_json::from_value(body).unwrap();
    let record = pair.world.run(issue::send_proposal(&holder.agent, &holder.tenant, command)).unwrap();
    pair.world.settle();
    pair.states("issuer");
    pair.states("holder");
    record["cred_proposal"].clone()
}

#[test]
fn another_offer_while_one_is_reviewed_ends_the_exchange_on_both_sides() {
    let pair = Pair::with(kept);
    pair.send_offer(json!({}));
    pair.world.settle();
    let (id, offer) = (pair.id("holder"), pair.record("issuer")["cred_offer"].clone());
    pair.states("issuer");
    pair.states("holder");

    let mut same = offer.clone();
    (same["@id"], same["~thread"], same["comment"]) =
        ("same".into(), json!({"thid": offer["@id"]}), "x".into());
    let before = pair.record("holder");
    assert!(pair.deliver("issuer", same).rejection.is_none());
    assert_eq!(pair.record("holder"), before, "the same words under another id");

    let swapped = changed(Kind::Offer, &offer, &offer["@id"], "other", "Mallory");
    pair.deliver("issuer", swapped);
    let record = pair.record("holder");
    assert_eq!((&record["state"], &record["cred_offer"]), (&json!("abandoned"), &offer));
    assert_eq!(record["error_msg"], "another offer-credential arrived before this one was answered");
    assert_eq!(pair.states("holder"), ["abandoned"]);
    assert!(pair.on_record("holder", "send-request", &id, json!({})).is_err());
    pair.world.settle();
    assert_eq!(pair.record("issuer")["state"], "abandoned");
    assert_eq!(pair.states("issuer"), ["abandoned"]);

    // A new thread is served.
    pair.send_offer(json!({}));
    pair.world.settle();
    assert_eq!(pair.states("holder"), ["offer-received"]);
}

#[test]
fn another_preview_or_replacement_while_an_offer_is_reviewed_ends_the_exchange() {
    for (member, value) in [
        ("replacement_id", json!("r")),
        ("credential_preview", json!({"attributes": [{"name": "n", "value": "v"}]})),
    ] {
        let pair = Pair::with(kept);
        pair.send_offer(json!({}));
        pair.world.settle();
        let mut other = pair.record("issuer")["cred_offer"].clone();
        other["~thread"] = json!({"thid": other["@id"]});
        other["@id"] = "other".into();
        other[member] = value;
        pair.deliver("issuer", other);
        assert_eq!(pair.record("holder")["state"], "abandoned", "{member}");
    }
}

#[test]
fn another_proposal_while_one_is_reviewed_ends_the_exchange_on_both_sides() {
    let pair = Pair::with(kept);
    let proposal = proposed(&pair);
    let mut same = proposal.clone();
    (same["@id"], same["~thread"]) = ("same".into(), json!({"thid": proposal["@id"]}));
    pair.deliver("holder", same);
    assert!(pair.states("issuer").is_empty());

    pair.deliver("holder", changed(Kind::Proposal, &proposal, &proposal["@id"], "other", "Mallory"));
    let record = pair.record("issuer");
    assert_eq!((&record["state"], &record["cred_proposal"]), (&json!("abandoned"), &proposal));
    assert_eq!(pair.states("issuer"), ["abandoned"]);
    assert!(pair.on_record("issuer", "send-offer", &pair.id("issuer"), json!({})).is_err());
    pair.world.settle();
    assert_eq!(pair.states("holder"), ["abandoned"]);
}

#[test]
fn a_negotiation_of_three_rounds_ends_with_the_last_proposal_and_late_copies_do_not_disturb_it() {
    let pair = Pair::with(kept);
    let first = proposed(&pair);
    let id = pair.id("issuer");
    let second = changed(Kind::Proposal, &first, &first["@id"], "second", "Bob");
    let third = changed(Kind::Proposal, &first, &first["@id"], "third", "Carol");
    for (proposal, earlier) in [(&second, vec![&first]), (&third, vec![&first, &second])] {
        pair.on_record("issuer", "send-offer", &id, json!({})).unwrap();
        // The one who negotiates is another agent's holder: ours never sees these offers.
        pair.issuer().take_messages();
        pair.deliver("holder", proposal.clone());
        assert_eq!(pair.states("issuer"), ["offer-sent", "proposal-received"]);
        for late in earlier {
            pair.deliver("holder", late.clone());
            assert_eq!(pair.record("issuer")["cred_proposal"], *proposal);
        }
        assert!(pair.states("issuer").is_empty());
    }
    pair.on_record("issuer", "send-offer", &id, json!({})).unwrap();
    pair.world.settle();
    let offered = content(Kind::Offer, &pair.record("holder")["cred_offer"]);
    assert_eq!(offered["credential"]["credentialSubject"]["givenName"], "Carol");
    for (party, operation) in [("holder", "send-request"), ("issuer", "issue"), ("holder", "store")] {
        pair.on_record(party, operation, &pair.id(party), json!({})).unwrap();
        pair.world.settle();
    }
    assert_eq!(
        (&pair.record("issuer")["state"], &pair.record("holder")["state"]),
        (&json!("done"), &json!("done"))
    );
}

#[test]
fn an_acknowledgement_after_their_report_makes_the_exchange_done() {
    let pair = Pair::with(kept);
    pair.send_offer(json!({}));
    pair.world.settle();
    for (party, operation) in [("holder", "send-request"), ("issuer", "issue")] {
        pair.on_record(party, operation, &pair.id(party), json!({})).unwrap();
        pair.world.settle();
    }
    pair.states("issuer");
    let thread = pair.record("issuer")["thread_id"].as_str().unwrap().to_owned();
    pair.deliver("holder", issue::messages::report("p", &thread, "twice", "issuance-abandoned").into_json());
    pair.deliver("holder", issue::messages::ack("a", &thread).into_json());
    assert_eq!(pair.states("issuer"), ["abandoned", "done"]);
}

#[test]
fn who_merely_knows_the_thread_of_a_connectionless_offer_gets_nothing() {
    let pair = Pair::with(|name, settings| {
        kept(name, settings);
        settings.auto_respond_credential_request = true;
    });
    let issuer = pair.issuer();
    let command = serde_json::from_value(json!({"filter": pair.filter(|_| {})})).unwrap();
    let made = pair.world.run(issue::create_offer(&issuer.agent, &issuer.tenant, command)).unwrap();
    let request = {
        let thread = chancery_didcomm::message::Thread::new(made["thread_id"].as_str().unwrap());
        let detail = content(Kind::Offer, &made["cred_offer"]);
        let family = &chancery_credentials::ld_proof::FAMILY;
        issue::messages::build(Kind::Request, "r", Some(&thread), Default::default(), &[(family, detail)])
            .into_json()
    };
    let refused = |message: Value| match pair.deliver("holder", message).rejection {
        Some(Rejection::NotAccepted(reason, _)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(request.clone()), "not-a-party");
    let thread = made["thread_id"].as_str().unwrap();
    let report = issue::messages::report("p", thread, "x", "y").into_json();
    assert_eq!(refused(report), "unknown-thread");
    let record = pair.record("issuer");
    assert_eq!((&record["state"], record.get("connection_id")), (&json!("offer-sent"), None));
    pair.on_record("issuer", "delete", &pair.id("issuer"), json!({})).unwrap();
    assert_eq!(refused(request), "not-a-party", "nor that there was one");
    assert!(pair.issuer().take_messages().is_empty());
    assert!(pair.records("issuer").is_empty());
}
