//! Whole exchanges between two agents.

use chancery_did::KeyType;
use serde_json::{Value, json};

use super::world::{Kind, Pair, add_key, content, lose_key};
use crate::credential;
use crate::issue_credential_v2 as issue;
use crate::ports::Store;
use crate::ports::store::{Owner, Queue};
use crate::testing::{Party, now};
use crate::unit::{Kind as ErrorKind, Settings};

fn automatic(_: &str, settings: &mut Settings) {
    settings.auto_respond_credential_proposal = true;
    settings.auto_respond_credential_offer = true;
    settings.auto_respond_credential_request = true;
    settings.auto_store_credential = true;
    settings.preserve_exchange_records = true;
}

/// By hand, step by step; what both sides see after each.
fn manual(pair: &Pair, filter: Value, proof_member: &str) -> Value {
    pair.send_offer(json!({"filter": filter, "comment": "c", "auto_issue": false, "auto_remove": false}));
    pair.world.settle();
    assert_eq!(pair.states("issuer"), ["offer-sent"]);
    assert_eq!(pair.states("holder"), ["offer-received"]);
    let (ours, theirs) = (pair.record("issuer"), pair.record("holder"));
    assert_eq!(ours["cred_offer"], theirs["cred_offer"]);
    assert_eq!(ours["cred_offer"]["~thread"], json!({}));
    assert_eq!(ours["thread_id"], ours["cred_offer"]["@id"]);
    assert_eq!(ours["by_format"]["cred_proposal"], filter, "the implicit proposal is what the caller gave");
    assert_eq!(theirs["by_format"]["cred_offer"], ours["by_format"]["cred_offer"]);
    assert_eq!((&theirs["auto_remove"], &theirs["auto_remove_on_failure"]), (&json!(true), &json!(false)));

    let holder_did = json!({"auto_remove": false, "holder_did": pair.holder_did});
    let sent = pair.on_record("holder", "send-request", &pair.id("holder"), holder_did).unwrap();
    assert_eq!((&sent["state"], sent.get("auto_remove_on_failure")), (&json!("request-sent"), None));
    pair.world.settle();
    assert_eq!(pair.states("issuer"), ["request-received"]);
    let requested = content(Kind::Request, &pair.record("issuer")["cred_request"]);
    assert_eq!(requested["credential"]["credentialSubject"]["id"], pair.holder_did);

    let issued = pair.on_record("issuer", "issue", &pair.id("issuer"), json!({"comment": "here"})).unwrap();
    assert_eq!(issued["cred_ex_record"]["state"], "credential-issued");
    assert_eq!(issued["ld_proof"], Value::Null);
    pair.world.settle();
    assert_eq!(pair.states("holder"), ["request-sent", "credential-received"]);
    let credential = content(Kind::Issue, &pair.record("holder")["cred_issue"]);
    assert!(credential["proof"][proof_member].is_string());

    let stored =
        pair.on_record("holder", "store", &pair.id("holder"), json!({"credential_id": "mine"})).unwrap();
    assert_eq!(stored["cred_ex_record"]["state"], "done");
    assert_eq!(stored["ld_proof"]["cred_id_stored"], "mine");
    pair.world.settle();
    assert_eq!(pair.states("issuer"), ["credential-issued", "done"]);
    assert_eq!(pair.states("holder"), ["[ld_proof]", "done"]);
    assert_eq!(pair.records("holder")[0]["ld_proof"]["cred_id_stored"], "mine");
    let names = pair.world.take_names();
    let short: Vec<&str> = names.iter().map(|n| n.rsplit('/').next().unwrap()).collect();
    assert_eq!(short, ["offer-credential", "request-credential", "issue-credential", "ack"]);
    credential
}

#[test]
fn each_suite_by_hand() {
    for (proof_type, kind, seed, member) in [
        ("Ed25519Signature2018", KeyType::Ed25519, 1, "jws"),
        ("Ed25519Signature2020", KeyType::Ed25519, 1, "proofValue"),
        ("EcdsaSecp256r1Signature2019", KeyType::P256, 2, "proofValue"),
    ] {
        let pair = Pair::new();
        let issuer = add_key(pair.issuer(), kind, seed);
        let filter = pair.filter(|detail| {
            detail["options"]["proofType"] = proof_type.into();
            detail["credential"]["issuer"] = issuer.clone().into();
        });
        let credential = manual(&pair, filter, member);
        assert_eq!(credential["proof"]["type"], proof_type);
        assert_eq!(
            credential["proof"]["verificationMethod"].as_str().unwrap().split('#').next().unwrap(),
            issuer
        );

        let holder = pair.holder();
        let list = |body: Value| {
            let command = serde_json::from_value(body).unwrap();
            let list = pair.world.run(credential::list_w3c(&holder.agent, &holder.tenant, command)).unwrap();
            list["results"].as_array().unwrap().len()
        };
        assert_eq!(list(json!({"issuer_id": issuer, "proof_types": [proof_type]})), 1);
        assert_eq!(list(json!({"types": ["https://w3id.org/citizenship#PermanentResidentCard"]})), 1);
        assert_eq!(list(json!({"subject_ids": [pair.holder_did], "issuer_id": "did:key:other"})), 0);
        let id = || serde_json::from_value(json!({"credential_id": "mine"})).unwrap();
        let shown = pair.world.run(credential::get_w3c(&holder.agent, &holder.tenant, id())).unwrap();
        assert_eq!(shown["cred_value"], credential);
        let verify = |document: &Value| {
            let command = serde_json::from_value(json!({"verifiableCredential": document})).unwrap();
            pair.world.run(credential::verify(&holder.agent, &holder.tenant, command)).unwrap()
        };
        assert_eq!(verify(&credential)["verified"], true);
        let mut tampered = credential.clone();
        tampered["credentialSubject"]["givenName"] = "Mallory".into();
        assert_eq!(verify(&tampered)["verified"], false);
        assert_eq!(verify(&tampered)["errors"], json!(["Invalid signature on document"]));
        assert_eq!(
            pair.world.run(credential::delete_w3c(&holder.agent, &holder.tenant, id())).unwrap(),
            json!({})
        );
        assert_eq!(holder.events_of("w3c_credential"), [json!({"id": "mine", "state": "deleted"})]);
        let gone = pair.world.run(credential::get_w3c(&holder.agent, &holder.tenant, id())).unwrap_err();
        assert_eq!(
            (gone.kind, gone.message.as_str()),
            (ErrorKind::NotFound, "Record not found: vc_cred/mine.")
        );
    }
}

#[test]
fn a_large_credential_is_made_and_verified_on_a_thread_for_heavy_work_and_503_when_there_is_none() {
    for (names, heavy) in [(2, 0), (2_000, 1)] {
        let pair = Pair::new();
        let filter = pair.filter(|detail| {
            let names: Vec<String> = (0..names).map(|at| format!("name {at}")).collect();
            detail["credential"]["credentialSubject"]["givenName"] = names.into();
        });
        let credential = manual(&pair, filter, "jws");
        let holder = pair.holder();
        let [issued, stored] = [pair.issuer().heavy(), holder.heavy()];
        assert_eq!((issued > 0, stored > 0), (heavy > 0, heavy > 0));
        let verify = |document: &Value| {
            let command = serde_json::from_value(json!({"verifiableCredential": document})).unwrap();
            pair.world.run(credential::verify(&holder.agent, &holder.tenant, command))
        };
        assert_eq!(verify(&credential).unwrap()["verified"], true);
        assert_eq!(holder.heavy() - stored, heavy);
        let mut tampered = credential.clone();
        tampered["issuanceDate"] = "2025-01-01T00:00:00Z".into();
        assert_eq!(verify(&tampered).unwrap()["verified"], false);
        holder.has_room(false);
        match verify(&credential) {
            Ok(answer) => assert_eq!((heavy, &answer["verified"]), (0, &json!(true))),
            Err(error) => {
                assert_eq!((heavy, error.kind, error.code), (1, ErrorKind::Unavailable, "busy"))
            }
        }
    }
}

#[test]
fn automatic_answers_share_the_commit_of_what_they_answer() {
    let pair = Pair::with(automatic);
    let before = (pair.issuer().store.commits(), pair.holder().store.commits());
    pair.send_offer(json!({}));
    pair.world.settle();
    // Issuer: offer; request and credential; ack. Holder: offer and request; credential, store and ack.
    assert_eq!(pair.issuer().store.commits() - before.0, 3);
    assert_eq!(pair.holder().store.commits() - before.1, 2);
    assert_eq!(pair.states("issuer"), ["offer-sent", "request-received", "credential-issued", "done"]);
    assert_eq!(
        pair.states("holder"),
        ["offer-received", "request-sent", "credential-received", "[ld_proof]", "done"]
    );
}

#[test]
fn send_issues_by_itself_and_removes_what_is_done() {
    let pair = Pair::with(|name, settings| {
        settings.auto_respond_credential_offer = name == "holder";
        settings.auto_store_credential = name == "holder";
    });
    let issuer = pair.issuer();
    let body =
        json!({"connection_id": pair.issuer_connection, "filter": pair.filter(|_| {}), "comment": "mine"});
    let command = serde_json::from_value(body).unwrap();
    let sent = pair.world.run(issue::send(&issuer.agent, &issuer.tenant, command)).unwrap();
    assert_eq!(
        (&sent["trace"], &sent["auto_issue"], &sent["auto_remove"]),
        (&json!(false), &json!(true), &json!(true))
    );
    assert_eq!(sent["cred_proposal"]["comment"], "mine");
    assert_eq!(sent["cred_offer"]["comment"], "create automated v2.0 credential exchange record");
    pair.world.settle();
    assert_eq!(
        pair.states("issuer"),
        ["offer-sent", "request-received", "credential-issued", "done", "deleted"]
    );
    assert_eq!(
        pair.states("holder"),
        ["offer-received", "request-sent", "credential-received", "[ld_proof]", "done", "deleted"]
    );
    assert!(pair.records("issuer").is_empty() && pair.records("holder").is_empty());
    assert!(pair.holder().store.dump("ld_proof_cred_ex_v20").is_empty());
    assert_eq!(pair.holder().store.dump("vc_cred").len(), 1);
}

fn propose(pair: &Pair, more: Value) -> Value {
    let mut body = json!({"connection_id": pair.holder_connection, "filter": pair.filter(|_| {})});
    super::world::merge(&mut body, more);
    let holder = pair.holder();
    let command = serde_json::from_value(body).unwrap();
    pair.world.run(issue::send_proposal(&holder.agent, &holder.tenant, command)).unwrap()
}

#[test]
fn a_proposal_is_answered_with_an_offer_or_a_counter_offer() {
    let pair = Pair::new();
    let proposed = propose(&pair, json!({"comment": "please"}));
    assert_eq!(proposed["cred_proposal"].get("~thread"), None);
    assert_eq!(proposed.get("trace"), None);
    pair.world.settle();
    let received = pair.record("issuer");
    assert_eq!((received.get("auto_offer"), received.get("auto_issue")), (None, None));
    assert_eq!((&received["initiator"], &received["trace"]), (&json!("external"), &json!(false)));

    let id = pair.id("issuer");
    let half =
        pair.on_record("issuer", "send-offer", &id, json!({"filter": pair.filter(|_| {})})).unwrap_err();
    assert_eq!(half.kind, ErrorKind::Unprocessable);
    let counter = json!({
        "filter": pair.filter(|detail| detail["credential"]["name"] = "Counter".into()),
        "counter_preview": {"attributes": [{"name": "n", "value": "v"}]},
    });
    let offered = pair.on_record("issuer", "send-offer", &id, counter).unwrap();
    assert_eq!(offered["cred_preview"]["attributes"], json!([{"name": "n", "value": "v"}]));
    assert_eq!(offered["thread_id"], proposed["thread_id"]);
    assert_ne!(offered["cred_proposal"]["@id"], proposed["thread_id"]);
    pair.world.settle();
    let received = pair.record("holder");
    assert_eq!(received["state"], "offer-received");
    assert_eq!(received["by_format"]["cred_offer"]["ld_proof"]["credential"]["name"], "Counter");
    assert_eq!(received["cred_offer"]["~thread"], json!({"thid": proposed["thread_id"]}));
    let again = pair.on_record("issuer", "send-offer", &id, json!({})).unwrap_err();
    assert!(again.message.ends_with("in offer-sent state (must be proposal-received)."));
    assert_eq!(pair.record("issuer")["state"], "offer-sent");
}

#[test]
fn a_proposal_runs_through_by_itself() {
    let pair = Pair::with(automatic);
    propose(&pair, json!({}));
    pair.world.settle();
    assert_eq!(
        pair.states("issuer"),
        ["proposal-received", "offer-sent", "request-received", "credential-issued", "done"]
    );
    let states = pair.states("holder");
    assert_eq!(states.first().unwrap(), "proposal-sent");
    assert_eq!(states.last().unwrap(), "done");
    let record = pair.record("issuer");
    assert_eq!((&record["auto_offer"], &record["auto_issue"]), (&json!(true), &json!(true)));
}

/// An answer to what the other side began is counted for it, one to what we began is marked so; a call of ours is nobody's.
#[test]
fn rows_say_whose_message_they_follow_from_and_whether_we_began_the_thread() {
    let pair = Pair::with(automatic);
    let thread = propose(&pair, json!({}))["thread_id"].as_str().unwrap().to_owned();
    let owner = |party: &Party| {
        let items = now(party.store.items(Queue::Outbound, 0, 9)).unwrap();
        let [item] = &items[..] else { panic!("{} rows", items.len()) };
        crate::Agent::read_outbound(item).unwrap().owner
    };
    let (issuer, holder) = (pair.issuer(), pair.holder());
    assert_eq!(owner(holder), None, "the proposal");
    pair.world.step();
    let owed = Owner { party: pair.issuer_connection.clone(), stranger: false, our_thread: None };
    assert_eq!(owner(issuer), Some(owed), "the offer");
    pair.world.step();
    let party = pair.holder_connection.clone();
    let ours = Owner { party, stranger: false, our_thread: Some(thread) };
    assert_eq!(owner(holder), Some(ours), "the request");
}

#[test]
fn a_request_may_come_first() {
    let pair = Pair::new();
    let holder = pair.holder();
    let body = json!({
        "connection_id": pair.holder_connection, "filter": pair.filter(|_| {}), "holder_did": pair.holder_did,
        "auto_remove": false,
    });
    let command = serde_json::from_value(body).unwrap();
    let sent = pair.world.run(issue::send_request(&holder.agent, &holder.tenant, command)).unwrap();
    assert_eq!(sent["cred_request"].get("~thread"), None);
    assert_eq!(sent["thread_id"], sent["cred_request"]["@id"]);
    assert_eq!(sent.get("auto_remove_on_failure"), None);
    pair.world.settle();
    let received = pair.record("issuer");
    assert_eq!((&received["auto_offer"], received.get("auto_issue")), (&json!(false), None));
    pair.on_record("issuer", "issue", &pair.id("issuer"), json!({})).unwrap();
    pair.world.settle();
    pair.on_record("holder", "store", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    assert_eq!(pair.states("issuer"), ["request-received", "credential-issued", "done", "deleted"]);
    assert_eq!(pair.record("holder")["state"], "done");
}

#[test]
fn both_sides_can_give_up() {
    let pair = Pair::new();
    pair.send_offer(json!({}));
    pair.world.settle();
    let (issuer, holder) = (pair.id("issuer"), pair.id("holder"));
    let report =
        |text: &str| pair.on_record("holder", "problem-report", &holder, json!({"description": text}));
    assert_eq!(report("no, thanks").unwrap(), json!({}));
    pair.world.settle();
    assert_eq!(pair.record("holder")["error_msg"], "created problem report: no, thanks");
    assert_eq!(pair.record("issuer")["error_msg"], "issuance-abandoned: no, thanks");
    report("again").unwrap();
    pair.world.settle();
    // The second one changes what both records say.
    assert_eq!(pair.states("issuer"), ["offer-sent", "abandoned", "abandoned"]);
    assert_eq!(pair.states("holder"), ["offer-received", "abandoned", "abandoned"]);
    let reports: Vec<Value> =
        pair.world.take_log().into_iter().map(|(_, m)| m).filter(|m| m["description"].is_object()).collect();
    assert_eq!(reports[0]["description"], json!({"en": "no, thanks", "code": "issuance-abandoned"}));
    assert_eq!(reports.len(), 2);

    assert_eq!(pair.on_record("issuer", "delete", &issuer, json!({})).unwrap(), json!({}));
    assert_eq!(pair.states("issuer"), ["deleted"]);
    let gone = pair.on_record("issuer", "get", &issuer, json!({})).unwrap_err();
    assert_eq!(gone.message, format!("Record not found: cred_ex_v20/{issuer}."));
}

#[test]
fn a_failed_exchange_is_removed_where_it_should_be() {
    let pair = Pair::new();
    pair.send_offer(json!({"auto_remove": false}));
    pair.world.settle();
    let flags = json!({"auto_remove_on_failure": true});
    pair.on_record("holder", "send-request", &pair.id("holder"), flags).unwrap();
    pair.world.settle();
    pair.on_record("issuer", "problem-report", &pair.id("issuer"), json!({"description": "x"})).unwrap();
    pair.world.settle();
    assert_eq!(pair.states("holder"), ["offer-received", "request-sent", "abandoned", "deleted"]);
    assert!(pair.records("holder").is_empty());
}

#[test]
fn refused_calls_change_nothing() {
    let pair = Pair::new();
    pair.send_offer(json!({}));
    pair.world.settle();
    let before = (pair.issuer().store.dump("cred_ex_v20"), pair.holder().store.dump("cred_ex_v20"));
    pair.world.take_log();
    for (party, operation) in [
        ("issuer", "issue"),
        ("issuer", "send-request"),
        ("issuer", "store"),
        ("holder", "store"),
        ("holder", "issue"),
        ("holder", "send-offer"),
    ] {
        let error = pair.on_record(party, operation, &pair.id(party), json!({})).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest, "{party} {operation}");
        assert!(error.message.starts_with("Credential exchange "), "{}", error.message);
    }
    pair.world.settle();
    assert_eq!(before, (pair.issuer().store.dump("cred_ex_v20"), pair.holder().store.dump("cred_ex_v20")));
    assert!(pair.world.take_log().is_empty());
}

/// A DID that can be resolved, and whose key is the holder's.
fn other_ed25519(pair: &Pair) -> String {
    add_key(pair.holder(), KeyType::Ed25519, 8)
}

#[test]
fn a_proposal_of_somebody_elses_issuer_is_not_offered() {
    let pair = Pair::new();
    let foreign = other_ed25519(&pair);
    propose(&pair, json!({"filter": pair.filter(|d| d["credential"]["issuer"] = foreign.clone().into())}));
    pair.world.settle();
    let error = pair.on_record("issuer", "send-offer", &pair.id("issuer"), json!({})).unwrap_err();
    assert_eq!((error.kind, error.field.as_deref()), (ErrorKind::BadRequest, Some("credential.issuer")));
    let text = format!("Checking whether issuance is possible failed. Unknown DID: {foreign}.");
    assert_eq!(error.message, text);
    assert_eq!(pair.record("issuer")["state"], "proposal-received");
    assert!(pair.issuer().take_outbound().is_empty());
}

#[test]
fn offers_that_cannot_be_made_leave_no_record() {
    let pair = Pair::new();
    let other = add_key(pair.holder(), KeyType::P256, 9);
    let refused = |change: &dyn Fn(&mut Value), text: &str, field: &str| {
        let error = pair.try_send_offer(json!({"filter": pair.filter(change)})).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadRequest, "{}", error.message);
        assert!(error.message.contains(text), "{}", error.message);
        assert_eq!(error.field.as_deref(), Some(field), "{}", error.message);
    };
    refused(
        &|d| d["credential"]["undefinedTerm"] = "x".into(),
        "1 attributes dropped. Provide definitions in context to correct. ['undefinedTerm']",
        "undefinedTerm",
    );
    refused(
        &|d| d["options"]["proofType"] = "FooSignature2099".into(),
        "Checking whether issuance is possible failed. proof type FooSignature2099 is not supported.",
        "options.proofType",
    );
    refused(
        &|d| d["options"]["proofType"] = "BbsBlsSignature2020".into(),
        "has wrong key type for proof type BbsBlsSignature2020.",
        "options.proofType",
    );
    refused(&|d| d["credential"]["issuer"] = other.clone().into(), "has wrong key type", "options.proofType");
    let subject = "credential.credentialSubject.givenName";
    refused(
        &|d| d["credential"]["credentialSubject"]["givenName"] = "a\u{1}".into(),
        "control character",
        subject,
    );
    refused(&|d| d["credential"]["credentialSubject"]["givenName"] = json!(1e30), "beyond 64 bits", subject);
    refused(
        &|d| d["credential"]["credentialSubject"] = json!({}),
        "subject is required",
        "credential.credentialSubject",
    );
    refused(
        &|d| d["credential"]["@context"][0] = "https://www.w3.org/ns/credentials/v2".into(),
        "Supported VC 2.0 proof types are: ['Ed25519Signature2020', 'BbsBlsSignature2020'].",
        "options.proofType",
    );
    for (issuer, text) in [
        // The holder's key, of which the issuer's wallet has no secret; a nym that nobody knows; no key at all.
        (other_ed25519(&pair), "Unknown DID: did:key:z6Mk"),
        ("did:sov:WgWxqztrNooG92RXvxSTWv".to_owned(), "did:sov"),
        ("did:key:z6Mknonsense".to_owned(), "DID did:key:z6Mknonsense: "),
    ] {
        refused(&|d| d["credential"]["issuer"] = issuer.clone().into(), text, "credential.issuer");
    }
    let unknown = pair.try_send_offer(json!({"connection_id": "nope"})).unwrap_err();
    assert_eq!(
        (unknown.kind, &*unknown.message),
        (ErrorKind::BadRequest, "Record not found: connection/nope.")
    );
    let indy = pair.try_send_offer(json!({"filter": {"indy": {}}})).unwrap_err();
    assert_eq!(indy.kind, ErrorKind::NotSupported);
    assert!(pair.records("issuer").is_empty());
    assert!(pair.issuer().take_outbound().is_empty());
}

#[test]
fn an_issuer_that_lost_the_key_fails_where_acapy_fails() {
    let pair = Pair::new();
    pair.send_offer(json!({}));
    pair.world.settle();
    lose_key(pair.issuer(), &pair.issuer_did);
    pair.on_record("holder", "send-request", &pair.id("holder"), json!({})).unwrap();
    pair.world.settle();
    let error = pair.on_record("issuer", "issue", &pair.id("issuer"), json!({})).unwrap_err();
    assert_eq!(error.message, format!("Failed to issue credential. Unknown DID: {}.", pair.issuer_did));
    assert_eq!(pair.record("issuer")["state"], "request-received");
}

#[test]
fn an_automatic_answer_that_fails_tells_the_controller_and_the_other_side() {
    let pair = Pair::with(|name, settings| settings.auto_respond_credential_offer = name == "holder");
    pair.send_offer(json!({"auto_issue": true}));
    lose_key(pair.issuer(), &pair.issuer_did);
    pair.world.settle();
    let record = pair.record("issuer");
    assert_eq!(record["state"], "abandoned");
    assert!(record["error_msg"].as_str().unwrap().contains("Unknown DID"));
    assert_eq!(pair.record("holder")["state"], "abandoned");
    assert_eq!(pair.record("holder")["error_msg"], "issuance-abandoned: issuance-abandoned");
    assert_eq!(pair.states("issuer"), ["offer-sent", "request-received", "abandoned"]);
    assert_eq!(pair.states("holder"), ["offer-received", "request-sent", "abandoned"]);
}

#[test]
fn lists_are_filtered_and_paged() {
    let pair = Pair::new();
    for _ in 0..5 {
        pair.send_offer(json!({}));
    }
    pair.world.settle();
    let issuer = pair.issuer();
    let list = |body: Value| {
        let command = serde_json::from_value(body).unwrap();
        let list = pair.world.run(issue::list(&issuer.agent, &issuer.tenant, command)).unwrap();
        let ids = list["results"].as_array().unwrap().iter();
        ids.map(|d| d["cred_ex_record"]["cred_ex_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = list(json!({}));
    assert_eq!(all.len(), 5);
    assert_eq!(list(json!({"limit": 2, "offset": 1})), all[1..3]);
    let mut reversed = list(json!({"descending": true}));
    reversed.reverse();
    assert_eq!(reversed, all);
    assert_eq!(
        list(json!({"state": "offer-sent", "role": "issuer", "connection_id": pair.issuer_connection})),
        all
    );
    for none in [
        json!({"state": "done"}),
        json!({"role": "holder"}),
        json!({"connection_id": "x"}),
        json!({"thread_id": "x"}),
    ] {
        assert!(list(none).is_empty());
    }
    let thread = &pair.records("issuer")[2]["cred_ex_record"]["thread_id"].clone();
    assert_eq!(list(json!({"thread_id": thread})), all[2..3]);
}
