//! How long a peer's words may be: they stay in records, tags, events and queues. What is the content of a message (the text of
//! a basic message, a credential, a preview, a document) is as long as the message may be.

use serde_json::{Map, Value};

/// Bytes of an identifier.
pub const MOST_ID: usize = 255;
/// Characters of a name or code.
const MOST_NAME: usize = 256;
/// Characters of a sentence for people.
const MOST_TEXT: usize = 2048;

/// The characters that are kept of a member, in every protocol; `None`: all.
fn most_of(member: &str) -> Option<usize> {
    match member {
        "label" | "goal_code" | "goal-code" | "~l10n" => Some(MOST_NAME),
        "goal" | "comment" | "message" | "description" | "explain" | "explain-ltxt" | "imageUrl" => {
            Some(MOST_TEXT)
        }
        _ => None,
    }
}

fn cut(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}

/// Cuts what a peer says for people in a message or an invitation: the rest of a longer text has no effect.
pub fn shorten(members: &mut Map<String, Value>) {
    for (name, value) in members.iter_mut() {
        let Some(most) = most_of(name) else { continue };
        match value {
            Value::String(text) => cut(text, most),
            // Texts by language, and what goes with them.
            Value::Object(texts) => {
                let texts = texts.values_mut().filter_map(|value| match value {
                    Value::String(text) => Some(text),
                    _ => None,
                });
                texts.for_each(|text| cut(text, most));
            }
            _ => {}
        }
    }
}

/// The identifiers by which records are found.
///
/// Errors: the name of one that is too long.
pub fn check_ids(members: &Map<String, Value>) -> Result<(), String> {
    let short = |name: &str, id: Option<&Value>| match id.and_then(Value::as_str) {
        Some(id) if id.len() > MOST_ID => Err(format!("{name} is longer than {MOST_ID} bytes")),
        _ => Ok(()),
    };
    for (name, value) in members {
        match name.as_str() {
            "@id" | "replacement_id" => short(name, Some(value))?,
            "~thread" => {
                short("thid", value.get("thid"))?;
                // A request without invitation names a DID of ours, or a service of it: nothing is kept under that.
                let invitation = |id: &&Value| !id.as_str().is_some_and(|id| id.starts_with("did:"));
                short("pthid", value.get("pthid").filter(invitation))?;
            }
            "formats" => {
                for format in value.as_array().into_iter().flatten() {
                    short("attach_id", format.get("attach_id"))?;
                    short("format", format.get("format"))?;
                }
            }
            _ if name.ends_with("~attach") => {
                let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                list.iter().try_for_each(|attachment| short(name, attachment.get("@id")))?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn words_for_people_are_cut_between_characters_and_content_is_not() {
        let long = "ä".repeat(3000);
        let mut message = members(json!({
            "label": long, "goal": long, "content": long, "description": {"en": long, "de": long, "code": 5},
        }));
        shorten(&mut message);
        let (name, text) = ("ä".repeat(MOST_NAME), "ä".repeat(MOST_TEXT));
        let expected = json!({"label": name, "goal": text, "content": long, "description": {"en": text, "de": text, "code": 5}});
        assert_eq!(Value::Object(message), expected);
        let short =
            members(json!({"label": "a", "comment": "b", "description": {"en": "c"}, "message": null}));
        let mut same = short.clone();
        shorten(&mut same);
        assert_eq!(same, short);
    }

    #[test]
    fn identifiers_are_of_a_bounded_length_wherever_they_stand() {
        let (fits, long) = ("i".repeat(MOST_ID), "i".repeat(MOST_ID + 1));
        for at in [
            |id: &str| json!({"@id": id}),
            |id: &str| json!({"replacement_id": id}),
            |id: &str| json!({"~thread": {"thid": id}}),
            |id: &str| json!({"~thread": {"pthid": id}}),
            |id: &str| json!({"formats": [{}, {"attach_id": id}]}),
            |id: &str| json!({"formats": [{"format": id}]}),
            |id: &str| json!({"offers~attach": [{"@id": "1"}, {"@id": id}]}),
            |id: &str| json!({"did_doc~attach": {"@id": id}}),
        ] {
            assert!(check_ids(&members(at(&fits))).is_ok());
            assert!(check_ids(&members(at(&long))).is_err(), "{}", at("…"));
        }
        let of_did = json!({"~thread": {"pthid": format!("did:peer:4{long}")}});
        assert!(check_ids(&members(of_did)).is_ok());
    }
}
