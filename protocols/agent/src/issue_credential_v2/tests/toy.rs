//! Another format beside JSON-LD: it needs rows, keeps secrets between its turns, takes long, and writes rows of its own.

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::{
    ANONCREDS, ExchangeFormat, Family, FormatError, Formats, Invalid, Made, Row, Said, Step, Stored, Task,
    Turn, Weight,
};
use serde_json::{Map, Value, json};

use super::world::Pair;
use crate::ports::store::{NewRow, RowKey};
use crate::testing::now;
use crate::unit::Settings;

const SCHEMA: &str = "toy_schema";

struct Toy;

fn members(value: Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}

fn same(said: &dyn Said, one: Step, other: Step, member: &str) -> Result<(), FormatError> {
    let of = |step| said.content(step).and_then(|content| content.get(member));
    if of(one).is_some() && of(one) == of(other) {
        return Ok(());
    }
    Err(FormatError::refused_at(member, format!("the {member} is another one")))
}

fn nonce(turn: &Turn<'_>) -> Value {
    let mut nonce = [0; 8];
    (turn.entropy)(&mut nonce);
    u64::from_be_bytes(nonce).into()
}

impl ExchangeFormat for Toy {
    fn family(&self) -> &'static Family {
        &ANONCREDS
    }

    fn validate(&self, _step: Step, content: &Value) -> Result<(), Vec<Invalid>> {
        if content.is_object() { Ok(()) } else { Err(vec![Invalid::here("no object")]) }
    }

    fn keeps(&self) -> bool {
        true
    }

    fn weight(&self, task: Task) -> Weight {
        if task == Task::Issue { Weight::Heavy } else { Weight::Light }
    }

    fn propose(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        Ok(Made::new(json!({"schema_id": turn.content(Step::Propose)?["schema_id"]})))
    }

    fn offer(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let name = turn.content(Step::Propose)?["schema_id"].as_str().unwrap_or_default();
        let Some(schema) = turn.facts.row(SCHEMA, name)? else {
            return Err(FormatError::refused_at("schema_id", format!("no schema {name}")));
        };
        let nonce = nonce(turn);
        let keep = members(json!({"nonce": nonce, "rev_reg_id": "registry"}));
        Ok(Made { keep, ..Made::new(json!({"schema_id": name, "names": schema["names"], "nonce": nonce})) })
    }

    fn request(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let offer = turn.content(Step::Offer)?;
        let secret = nonce(turn);
        let keep = members(json!({"cred_request_metadata": {"secret": secret}}));
        let holder = turn.holder_did;
        Ok(Made { keep, ..Made::new(json!({"nonce": offer["nonce"], "blinded": secret, "holder": holder})) })
    }

    fn issue(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        let (offer, request) = (turn.content(Step::Offer)?, turn.content(Step::Request)?);
        let kept = turn.kept.and_then(|kept| kept.get("nonce"));
        if kept.is_none() || kept != request.get("nonce") {
            return Err(FormatError::refused("the nonce was not kept"));
        }
        let preview = turn.said.preview().ok_or_else(|| FormatError::refused("no preview"))?;
        let row = Row {
            category: "toy_issued",
            name: "1".to_owned(),
            value: json!({"to": request["holder"]}),
            tags: vec![("schema", offer["schema_id"].to_string())],
        };
        let content = json!({"values": preview["attributes"], "signed": request["blinded"]});
        Ok(Made { content, keep: members(json!({"cred_rev_id": "1"})), rows: vec![row] })
    }

    fn store(&self, turn: &Turn<'_>) -> Result<Made<Stored>, FormatError> {
        let credential = turn.content(Step::Issue)?;
        let secret = turn.kept.and_then(|kept| kept.get("cred_request_metadata")?.get("secret"));
        if secret.is_none() || secret != credential.get("signed") {
            return Err(FormatError::refused("signed for somebody else"));
        }
        Ok(Made::new(Stored { category: "credential", value: credential.clone(), tags: Vec::new() }))
    }

    fn check_request(&self, said: &dyn Said) -> Result<(), FormatError> {
        same(said, Step::Offer, Step::Request, "nonce")
    }

    fn check_credential(&self, _exchange: &str, said: &dyn Said) -> Result<(), FormatError> {
        match said.content(Step::Offer) {
            Some(offer) if offer["names"].as_array().is_some_and(|names| !names.is_empty()) => Ok(()),
            _ => Err(FormatError::refused("the credential was not offered")),
        }
    }
}

/// Two agents that have both formats and answer by themselves, but for what `change` says. The issuer has a schema.
fn pair(change: impl Fn(&mut Settings)) -> Pair {
    let pair = Pair::made(|_, settings, lists| {
        settings.preserve_exchange_records = true;
        settings.auto_respond_credential_offer = true;
        settings.auto_respond_credential_request = true;
        settings.auto_store_credential = true;
        change(settings);
        lists.formats = Formats::new(vec![Box::new(Toy), Box::new(LdProof)]);
    });
    let issuer = pair.issuer();
    let mut unit = issuer.agent.unit(&issuer.tenant);
    let value = br#"{"names": ["drink"]}"#.to_vec();
    unit.insert_row(NewRow { key: RowKey::new(SCHEMA, "drinks"), value, tags: Vec::new() });
    now(unit.commit()).unwrap();
    pair
}

/// An offer in both formats.
fn both(pair: &Pair) -> Value {
    let mut filter = json!({"anoncreds": {"schema_id": "drinks"}});
    filter["ld_proof"] = pair.filter(|_| {})["ld_proof"].take();
    json!({"filter": filter, "credential_preview": {"attributes": [{"name": "drink", "value": "martini"}]}})
}

fn dumped(pair: &Pair, party: &str, category: &str) -> Vec<Value> {
    pair.world.party(party).store.dump(category).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn a_format_beside_json_ld_goes_through_an_exchange_with_it() {
    let pair = pair(|_| {});
    pair.send_offer(both(&pair));
    pair.world.settle();

    let [issuer, holder] = ["issuer", "holder"].map(|party| pair.records(party).remove(0));
    assert_eq!(
        (&issuer["cred_ex_record"]["state"], &holder["cred_ex_record"]["state"]),
        (&json!("done"), &json!("done"))
    );
    for step in ["cred_offer", "cred_request", "cred_issue"] {
        let contents = &holder["cred_ex_record"]["by_format"][step];
        assert!(contents["anoncreds"].is_object() && contents["ld_proof"].is_object(), "{step}: {contents}");
    }
    let format = &holder["cred_ex_record"]["cred_request"]["formats"][0];
    assert_eq!(*format, json!({"attach_id": "anoncreds", "format": "anoncreds/credential-request@v1.0"}));

    // What it said of the exchange, in several turns, is one record on each side.
    let [detail] = &dumped(&pair, "issuer", "anoncreds_cred_ex_v20")[..] else { panic!("one") };
    assert_eq!((&detail["rev_reg_id"], &detail["cred_rev_id"]), (&json!("registry"), &json!("1")));
    assert_eq!(dumped(&pair, "issuer", "toy_issued").len(), 1);
    let [detail] = &dumped(&pair, "holder", "anoncreds_cred_ex_v20")[..] else { panic!("one") };
    assert!(detail["cred_request_metadata"]["secret"].is_u64() && detail["cred_id_stored"].is_string());
    let [credential] = &dumped(&pair, "holder", "credential")[..] else { panic!("one") };
    assert_eq!(credential["values"][0]["value"], "martini");
    assert_eq!(dumped(&pair, "holder", "vc_cred").len(), 1);
    assert!(dumped(&pair, "issuer", "ld_proof_cred_ex_v20").is_empty());
}

#[test]
fn what_a_format_keeps_is_shown_only_where_its_family_says_so() {
    let pair = pair(|_| {});
    pair.send_offer(both(&pair));
    pair.world.settle();

    let shown = &pair.records("issuer")[0]["anoncreds"];
    let names: Vec<&String> = shown.as_object().unwrap().keys().collect();
    let expected =
        ["created_at", "updated_at", "cred_ex_anoncreds_id", "cred_ex_id", "rev_reg_id", "cred_rev_id"];
    assert_eq!(names, expected);
    let shown = &pair.records("holder")[0];
    assert!(shown["ld_proof"]["cred_id_stored"].is_string() && shown["indy"].is_null());
    assert!(shown["anoncreds"]["cred_id_stored"].is_string());
    assert!(shown["anoncreds"].get("cred_request_metadata").is_none());
    let told = pair.holder().events_of("issue_credential_v2_0_anoncreds");
    assert_eq!(told.len(), 2, "requested, stored");
    assert!(told.iter().all(|event| event.get("cred_request_metadata").is_none()));
}

#[test]
fn what_takes_long_is_not_done_while_a_message_is_handled() {
    let pair = pair(|_| {});
    pair.send_offer(both(&pair));
    let state = || pair.record("issuer")["state"].as_str().unwrap().to_owned();
    while state() != "request-received" {
        assert!(pair.world.step(), "{}", state());
    }
    assert!(pair.issuer().take_messages().is_empty());
    let before = pair.issuer().heavy();
    assert_eq!(pair.issuer().work(), 1);
    assert_eq!((&*state(), pair.issuer().heavy()), ("credential-issued", before + 1));
}

#[test]
fn a_row_that_a_format_needs_and_is_missing_refuses_the_call() {
    let pair = pair(|_| {});
    let mut offer = both(&pair);
    offer["filter"]["anoncreds"]["schema_id"] = "meals".into();
    let error = pair.try_send_offer(offer).unwrap_err();
    assert_eq!((error.code, &*error.message), ("credential-refused", "no schema meals"));
    assert!(pair.records("issuer").is_empty() && dumped(&pair, "issuer", "anoncreds_cred_ex_v20").is_empty());
}

#[test]
fn a_proposal_in_another_format_is_answered_from_what_was_said() {
    let pair = pair(|settings| settings.auto_respond_credential_proposal = true);
    let holder = pair.holder();
    let mut body = both(&pair);
    body["connection_id"] = (*pair.holder_connection).into();
    let command = serde_json::from_value(body).unwrap();
    pair.world
        .run(crate::issue_credential_v2::send_proposal(&holder.agent, &holder.tenant, command))
        .unwrap();
    pair.world.settle();
    assert_eq!(pair.record("holder")["state"], "done");
    assert_eq!(dumped(&pair, "holder", "credential").len(), 1);
}

#[test]
fn the_details_of_every_format_go_with_their_exchange() {
    let pair = pair(|settings| settings.preserve_exchange_records = false);
    pair.send_offer(both(&pair));
    pair.world.settle();
    for party in ["issuer", "holder"] {
        assert!(pair.records(party).is_empty());
        for category in ["anoncreds_cred_ex_v20", "ld_proof_cred_ex_v20"] {
            assert!(dumped(&pair, party, category).is_empty(), "{party}: {category}");
        }
    }
    assert_eq!(dumped(&pair, "holder", "credential").len(), 1, "the credential stays");
}
