//! One declaration per input: it validates (with marshmallow's rules, as ACA-Py does) and describes (as JSON Schema).
//!
//! Declarations are constants; checking allocates only for what is wrong. Checking also converts what marshmallow
//! converts (`"5"` to 5, `"yes"` to true), so that the command structs can be strict.

mod describe;
mod field;
mod paging;
pub(crate) mod rule;
pub(crate) mod tree;

pub(crate) use describe::{Components, parameter};
pub(crate) use field::*;
pub(crate) use paging::PAGING;

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::texts::invalid;
use rule::Rule;
use tree::{Key, Tree};

/// An object: its members and what holds for it as a whole.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Name in the API description.
    pub(crate) name: &'static str,
    /// Members, in groups that several schemas share.
    pub(crate) parts: &'static [&'static [Field]],
    /// Checked when all members are right.
    pub(crate) whole: Option<Whole>,
}

/// The fault of an object as a whole, if any.
pub(crate) type Whole = fn(&Map<String, Value>) -> Option<Cow<'static, str>>;

/// A named value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// Must be there.
    pub(crate) required: bool,
    /// May be `null`.
    pub(crate) nullable: bool,
    /// What it is for.
    pub(crate) about: &'static str,
    /// For the API description: JSON, or a text.
    pub(crate) example: Option<&'static str>,
    /// For the API description: the value that counts when it is absent (JSON).
    pub(crate) default: Option<&'static str>,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A text that follows a rule.
    Matching(&'static Rule),
    /// A text accepted by a function; with the values to show.
    Known(fn(&str) -> bool, &'static [&'static str]),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A boolean, in any of marshmallow's spellings.
    Boolean,
    /// A boolean of the paging parameters: `true`, `1`, `yes`, `false`, `0`, `no`.
    PagingBoolean,
    /// An integer in a range.
    Integer(Option<(i64, Option<i64>)>),
    /// A list.
    List(&'static Kind),
    /// An object.
    Object(&'static Schema),
    /// A list of objects.
    Objects(&'static Schema),
    /// An object with free members.
    Map,
    /// An object with free members that are texts.
    TextMap,
    /// Anything.
    Json,
    /// Anything that a function takes.
    Judged(fn(&Value) -> Option<Tree>),
    /// Checked by a function; the schema only describes it.
    Custom(fn(&Value) -> Option<Tree>, &'static Schema),
}

/// Checks the members of an object that these groups declare, in their order. Optional free texts that are empty are taken out.
pub(crate) fn check_members(parts: &[&[Field]], object: &mut Map<String, Value>) -> Result<(), Tree> {
    let mut faults = Vec::new();
    for field in parts.iter().copied().flatten() {
        let fault = match object.get_mut(field.name) {
            None if field.required => Tree::text(invalid::MISSING),
            None => continue,
            Some(Value::Null) if field.nullable => continue,
            // ACA-Py asks of an optional text whether it is "truthy": an empty one says nothing.
            Some(Value::String(text))
                if text.is_empty() && !field.required && matches!(field.kind, Kind::Text) =>
            {
                object.shift_remove(field.name);
                continue;
            }
            Some(value) => match field.kind.check(value) {
                Ok(()) => continue,
                Err(fault) => fault,
            },
        };
        faults.push((Key::Member(field.name.into()), fault));
    }
    if faults.is_empty() { Ok(()) } else { Err(Tree::Below(faults)) }
}

impl Schema {
    /// Checks a value, which must be an object.
    pub(crate) fn check(&self, value: &mut Value) -> Result<(), Tree> {
        let Value::Object(object) = value else { return Err(Tree::whole(invalid::NOT_AN_OBJECT)) };
        check_members(self.parts, object)?;
        match self.whole.and_then(|whole| whole(object)) {
            None => Ok(()),
            Some(text) => Err(Tree::whole(text)),
        }
    }

    /// Whether an empty object is refused.
    pub(crate) fn requires_something(&self) -> bool {
        self.check(&mut Value::Object(Map::new())).is_err()
    }

    /// Whether it declares this member.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parts.iter().copied().flatten().any(|field| field.name == name)
    }
}

impl Kind {
    /// Checks a value, converting it where marshmallow would.
    pub(crate) fn check(&self, value: &mut Value) -> Result<(), Tree> {
        if value.is_null() && !matches!(self, Self::Json) {
            return Err(Tree::text(invalid::NULL));
        }
        match self {
            Self::Text => as_text(value).map(|_| ()),
            Self::Matching(rule) => rule.check(as_text(value)?).map_err(Tree::text),
            Self::Known(is_known, _) => {
                if is_known(as_text(value)?) {
                    Ok(())
                } else {
                    Err(Tree::text(invalid::VALUE))
                }
            }
            Self::OneOf(choices) => {
                let chosen = as_text(value)?;
                let known = choices.contains(&chosen);
                if known { Ok(()) } else { Err(Tree::text(invalid::not_one_of(choices))) }
            }
            Self::Boolean => to_boolean(value, &TRUE, &FALSE),
            Self::PagingBoolean => to_boolean(value, &TRUE_PAGING, &FALSE_PAGING),
            Self::Integer(range) => to_integer(value, *range),
            Self::List(kind) => match value {
                Value::Array(items) => elements(items, |item| kind.check(item)),
                _ => Err(Tree::text(invalid::NOT_A_LIST)),
            },
            Self::Object(schema) => schema.check(value),
            Self::Objects(schema) => match value {
                Value::Array(items) => elements(items, |item| schema.check(item)),
                _ => Err(Tree::text(invalid::NOT_OBJECTS)),
            },
            Self::Map => {
                if value.is_object() {
                    Ok(())
                } else {
                    Err(Tree::text(invalid::NOT_A_MAP))
                }
            }
            Self::TextMap => check_text_map(value),
            Self::Json => Ok(()),
            Self::Judged(check) | Self::Custom(check, _) => check(value).map_or(Ok(()), Err),
        }
    }
}

const TRUE: [&str; 15] =
    ["t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES", "1", "1.0"];
const FALSE: [&str; 15] =
    ["f", "F", "false", "False", "FALSE", "off", "Off", "OFF", "n", "N", "no", "No", "NO", "0", "0.0"];
const TRUE_PAGING: [&str; 3] = ["true", "1", "yes"];
const FALSE_PAGING: [&str; 3] = ["false", "0", "no"];

fn as_text(value: &Value) -> Result<&str, Tree> {
    value.as_str().ok_or_else(|| Tree::text(invalid::NOT_A_TEXT))
}

fn to_boolean(value: &mut Value, true_words: &[&str], false_words: &[&str]) -> Result<(), Tree> {
    let meant = match &*value {
        Value::Bool(_) => return Ok(()),
        Value::String(word) if true_words.contains(&word.as_str()) => true,
        Value::String(word) if false_words.contains(&word.as_str()) => false,
        Value::Number(n) if n.as_f64() == Some(1.0) => true,
        Value::Number(n) if n.as_f64() == Some(0.0) => false,
        _ => return Err(Tree::text(invalid::NOT_A_BOOLEAN)),
    };
    *value = Value::Bool(meant);
    Ok(())
}

fn to_integer(value: &mut Value, range: Option<(i64, Option<i64>)>) -> Result<(), Tree> {
    let meant = match &*value {
        Value::Number(n) => n.as_i64(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    };
    let Some(meant) = meant else { return Err(Tree::text(invalid::NOT_AN_INTEGER)) };
    if let Some((min, max)) = range
        && (meant < min || max.is_some_and(|max| meant > max))
    {
        return Err(Tree::text(invalid::out_of_range(min, max)));
    }
    *value = Value::Number(Number::from(meant));
    Ok(())
}

fn elements(items: &mut [Value], check: impl Fn(&mut Value) -> Result<(), Tree>) -> Result<(), Tree> {
    let faults: Vec<_> = items
        .iter_mut()
        .enumerate()
        .filter_map(|(at, item)| check(item).err().map(|fault| (Key::Index(at), fault)))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Tree::Below(faults)) }
}

fn check_text_map(value: &Value) -> Result<(), Tree> {
    let Value::Object(members) = value else { return Err(Tree::text(invalid::NOT_A_MAP)) };
    let faults: Vec<_> = members
        .iter()
        .filter(|(_, member)| !member.is_string())
        .map(|(name, _)| (Key::Member(name.clone().into()), Tree::text(invalid::NOT_A_TEXT).under("value")))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Tree::Below(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    static INNER: Schema = Schema {
        name: "Inner",
        parts: &[&[text("a").required(), integer("n", Some((0, None)))]],
        whole: None,
    };
    static OUTER: Schema = Schema {
        name: "Outer",
        parts: &[
            &[text("first").nullable(), object("inner", &INNER), objects("inners", &INNER)],
            &[list("texts", &Kind::Text), boolean("flag"), map("map"), text_map("tags")],
        ],
        whole: Some(|o| o.contains_key("forbidden").then(|| "No.".into())),
    };

    fn faults(mut value: Value) -> String {
        OUTER.check(&mut value).map_or_else(|t| t.repr(), |()| "ok".to_owned())
    }

    #[test]
    fn trees_are_marshmallows() {
        let cases = [
            (json!({}), "ok"),
            (json!([]), "{'_schema': ['Invalid input type.']}"),
            (json!({"first": null, "unknown": 1}), "ok"),
            (json!({"first": 1}), "{'first': ['Not a valid string.']}"),
            (json!({"inner": null}), "{'inner': ['Field may not be null.']}"),
            (json!({"inner": "x"}), "{'inner': {'_schema': ['Invalid input type.']}}"),
            (json!({"inner": {}}), "{'inner': {'a': ['Missing data for required field.']}}"),
            (json!({"inners": {}}), "{'inners': ['Invalid type.']}"),
            (
                json!({"inners": [{"a": "x"}, {"n": -1}]}),
                "{'inners': {1: {'a': ['Missing data for required field.'], 'n': ['Must be greater than or equal to 0.']}}}",
            ),
            (
                json!({"texts": ["a", 1, null]}),
                "{'texts': {1: ['Not a valid string.'], 2: ['Field may not be null.']}}",
            ),
            (json!({"texts": "a"}), "{'texts': ['Not a valid list.']}"),
            (json!({"flag": "perhaps"}), "{'flag': ['Not a valid boolean.']}"),
            (json!({"map": []}), "{'map': ['Not a valid mapping type.']}"),
            (json!({"tags": {"a": 1}}), "{'tags': {'a': {'value': ['Not a valid string.']}}}"),
            (json!({"forbidden": 1}), "{'_schema': ['No.']}"),
            (
                json!({"forbidden": 1, "flag": [], "first": 2}),
                "{'first': ['Not a valid string.'], 'flag': ['Not a valid boolean.']}",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(faults(value.clone()), expected, "{value}");
        }
    }

    #[test]
    fn values_are_converted() {
        let mut value = json!({"flag": "yes", "inner": {"a": "x", "n": " 5 "}});
        assert_eq!(OUTER.check(&mut value), Ok(()));
        assert_eq!(value, json!({"flag": true, "inner": {"a": "x", "n": 5}}));
        for (word, meant) in [(json!(1), true), (json!(0), false), (json!("off"), false), (json!(true), true)]
        {
            let mut value = json!({"flag": word});
            assert_eq!(OUTER.check(&mut value), Ok(()));
            assert_eq!(value, json!({"flag": meant}));
        }
    }

    #[test]
    fn an_empty_text_for_an_optional_member_means_absent() {
        let mut value = json!({"first": "", "inner": {"a": ""}, "texts": [""], "map": {"x": ""}});
        assert_eq!(OUTER.check(&mut value), Ok(()));
        assert_eq!(
            value,
            json!({"inner": {"a": ""}, "texts": [""], "map": {"x": ""}}),
            "only the optional one"
        );
    }

    #[test]
    fn paging_booleans_are_lower_case() {
        for (word, good) in [("true", true), ("yes", true), ("no", true), ("True", false), ("on", false)] {
            assert_eq!(Kind::PagingBoolean.check(&mut json!(word)).is_ok(), good, "{word}");
        }
    }
}
