//! Messages, records and webhooks of ACA-Py 1.7.0, read and written again without a difference.

use chancery_didcomm::message::{Message, Thread};
use serde_json::{Map, Value};

use crate::exchange::read_report;
use crate::issue_credential_v2::messages::{Body, Kind, Words, ack, build, preview, report};
use crate::issue_credential_v2::record::Exchange;
use crate::issue_credential_v2::tests::world::formats;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/issue-credential-v2.json")).unwrap()
}

/// The stored value of a record that the API shows: its members without id and computed ones.
fn stored(shown: &Value) -> Exchange {
    let mut value = shown.clone();
    let members = value.as_object_mut().unwrap();
    let id = members.remove("cred_ex_id").unwrap();
    for computed in ["by_format", "cred_preview"] {
        members.remove(computed);
    }
    let mut record: Exchange = serde_json::from_value(value).unwrap();
    record.cred_ex_id = id.as_str().unwrap().to_owned();
    assert!(record.other.is_empty());
    record
}

fn same_text(ours: &Value, theirs: &Value, what: &str) {
    assert_eq!(ours.to_string(), theirs.to_string(), "{what}");
}

#[test]
fn records_are_shown_as_acapy_shows_them() {
    for vector in vectors()["records"].as_array().unwrap() {
        let shown = &vector["detail"]["cred_ex_record"];
        same_text(&stored(shown).view(), shown, vector["source"].as_str().unwrap());
    }
}

#[test]
fn webhooks_are_acapys() {
    for body in vectors()["webhooks"].as_array().unwrap() {
        let record = stored(body);
        same_text(&record.payload(false), body, "reduced");
    }
    for body in vectors()["debug_webhooks"].as_array().unwrap() {
        same_text(&stored(body).payload(true), body, "whole");
    }
}

#[test]
fn records_are_stored_as_acapy_stores_them() {
    let shown = &vectors()["records"][0]["detail"]["cred_ex_record"];
    let value = serde_json::to_value(stored(shown)).unwrap();
    let names: Vec<&String> = value.as_object().unwrap().keys().collect();
    let expected = "thread_id created_at updated_at connection_id verification_method parent_thread_id initiator role \
                    state auto_offer auto_issue auto_remove auto_remove_on_failure error_msg trace cred_proposal \
                    cred_offer cred_request cred_issue";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    let again: Exchange = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(again).unwrap(), value);
}

#[test]
fn a_stored_record_with_unknown_members_keeps_them() {
    let text = r#"{"thread_id": "t", "state": "offer-sent", "role": "issuer", "initiator": "self", "later": {"x": 1}}"#;
    let record: Exchange = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap()["later"]["x"], 1);
}

/// Read the message, build it anew from what was read, compare the text.
#[test]
fn messages_are_written_as_acapy_writes_them() {
    let vectors = vectors();
    let messages = vectors["messages"].as_array().unwrap();
    assert!(messages.len() >= 8);
    for value in messages {
        let message = Message::from_json(value.clone()).unwrap();
        let id = message.id().unwrap();
        let name = message.message_type().name().to_owned();
        let thread = message.get("~thread").map(|_| message.thread().unwrap());
        let mut built = match name.as_str() {
            "ack" => ack(id, message.thread_id().unwrap()),
            "problem-report" => {
                let (code, text) = (&value["description"]["code"], &value["description"]["en"]);
                let (code, text) = (code.as_str().unwrap(), text.as_str().unwrap());
                assert_eq!(read_report(&message).unwrap(), format!("{code}: {text}"));
                report(id, message.thread_id().unwrap(), text, code)
            }
            _ => rebuilt(&message, id, thread.as_ref()),
        };
        if let Some(thread) = &thread {
            built.set_thread(thread);
        }
        if let Some(service) = message.service().unwrap() {
            built.set_service(&service);
        }
        assert_eq!(built.to_json(), message.to_json(), "{name}");
    }
}

fn rebuilt(message: &Message, id: &str, thread: Option<&Thread>) -> Message {
    let kind = Kind::ALL.into_iter().find(|k| k.name() == message.message_type().name()).unwrap();
    let body = Body::read(&formats(), kind, message.as_json()).unwrap();
    let contents: Vec<_> =
        body.known().into_iter().map(|(family, content)| (family, content.clone())).collect();
    let words = Words {
        comment: body.comment.clone(),
        replacement_id: body.replacement_id.clone(),
        preview: body.credential_preview.as_ref().map(|p| preview(p).unwrap()),
    };
    build(kind, id, thread, words, &contents)
}

#[test]
fn malformed_messages_are_refused() {
    let vectors = vectors();
    let offer =
        vectors["messages"].as_array().unwrap().iter().find(|m| m.get("offers~attach").is_some()).unwrap();
    let read = |change: &dyn Fn(&mut Value)| {
        let mut changed = offer.clone();
        change(&mut changed);
        Body::read(&formats(), Kind::Offer, changed.as_object().unwrap_or(&Map::new())).map(|_| ())
    };
    assert_eq!(read(&|_| {}), Ok(()));
    assert_eq!(read(&|m| m["comment"] = Value::Null), Ok(()));
    assert_eq!(read(&|m| m["formats"][0]["format"] = "unknown/1".into()), Ok(()));
    let broken: [&dyn Fn(&mut Value); 10] = [
        &|m| m["replacement_id"] = Value::Null,
        &|m| m["comment"] = 1.into(),
        &|m| m["formats"] = Value::Null,
        &|m| drop(m.as_object_mut().unwrap().remove("formats")),
        &|m| m["formats"] = serde_json::json!([]),
        &|m| m["formats"][0]["attach_id"] = "other".into(),
        &|m| m["offers~attach"] = serde_json::json!([]),
        &|m| m["offers~attach"][0]["data"] = serde_json::json!({"base64": "e30="}),
        &|m| m["offers~attach"][0]["data"] = serde_json::json!({"links": ["https://example.org"]}),
        &|m| m["credential_preview"] = serde_json::json!({"attributes": [{"name": "n", "value": 1}]}),
    ];
    for (at, change) in broken.iter().enumerate() {
        assert!(read(change).is_err(), "{at}");
    }
}

#[test]
fn a_preview_gets_its_type_and_lower_case_mime_types() {
    let input = serde_json::json!({"attributes": [
        {"name": "photo", "mime-type": "Image/PNG", "value": "AA=="},
        {"name": "name", "mime-type": null, "value": "Alice"},
    ]});
    let output = r#"{"@type":"https://didcomm.org/issue-credential/2.0/credential-preview","attributes":[{"name":"photo","mime-type":"image/png","value":"AA=="},{"name":"name","value":"Alice"}]}"#;
    assert_eq!(preview(&input).unwrap().to_string(), output);
}
