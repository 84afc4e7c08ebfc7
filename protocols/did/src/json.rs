//! JSON as Python's `json.dumps` writes it (other agents sign, hash and compare these very bytes), and a parser that
//! refuses what two readers could understand differently.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Why [`from_slice_strict`] refused a text.
#[derive(Debug, thiserror::Error)]
#[error("not acceptable JSON: {0}")]
pub struct StrictJsonError(pub serde_json::Error);

impl StrictJsonError {
    /// Whether the text is JSON, but says something twice, or a number that is out of range.
    pub fn is_ambiguous(&self) -> bool {
        self.0.is_data()
    }
}

/// Parse one JSON value; an object that names a member twice is refused, as are more than 128 levels.
pub fn from_slice_strict(bytes: &[u8]) -> Result<Value, StrictJsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut deserializer).map_err(StrictJsonError)?;
    deserializer.end().map_err(StrictJsonError)?;
    Ok(value)
}

/// Characters of a name that an error repeats: it was chosen by a stranger.
const MOST_OF_A_NAME: usize = 64;

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(Strict)? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match map.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(members.next_value_seed(Strict)?);
                }
                Entry::Occupied(entry) => {
                    let name: String = entry.key().chars().take(MOST_OF_A_NAME).collect();
                    return Err(A::Error::custom(format!("the member {name:?} is named twice")));
                }
            }
        }
        Ok(Value::Object(map))
    }
}

/// As `json.dumps(value)`: separators `", "` and `": "`, everything outside ASCII as `\uXXXX`.
///
/// ```
/// # use chancery_did::json::to_python_json;
/// assert_eq!(to_python_json(&serde_json::json!({"a": [1, "é"]})), r#"{"a": [1, "\u00e9"]}"#);
/// ```
pub fn to_python_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, ", ", ": ", &mut out);
    out
}

/// As [`to_python_json`], of the members of an object.
pub fn object_to_python_json(members: &Map<String, Value>) -> String {
    let mut out = String::new();
    write_object(members, ", ", ": ", &mut out);
    out
}

/// As `json.dumps(value, separators=(",", ":"))`: compact, everything outside ASCII as `\uXXXX`.
pub fn to_python_json_compact(value: &Value) -> String {
    let mut out = String::new();
    write(value, ",", ":", &mut out);
    out
}

fn write(value: &Value, comma: &str, colon: &str, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(comma);
                }
                write(item, comma, colon, out);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, comma, colon, out),
    }
}

fn write_object(members: &Map<String, Value>, comma: &str, colon: &str, out: &mut String) {
    out.push('{');
    for (i, (name, member)) in members.iter().enumerate() {
        if i > 0 {
            out.push_str(comma);
        }
        write_string(name, out);
        out.push_str(colon);
        write(member, comma, colon, out);
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    // Python leaves DEL as it is.
    let is_special = |byte: u8| !matches!(byte, b' '..=b'\x7f') || matches!(byte, b'"' | b'\\');
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(other) => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            None => break,
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Python's `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16.
fn write_number(number: &serde_json::Number, out: &mut String) {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        out.push_str(&number.to_string());
        return;
    };
    // `{:e}` gives the shortest digits as d.ddde-7.
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        out.push_str(&scientific);
        return;
    };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            out.push_str(&format!("{digits}e{sign}{:02}", exponent.abs()));
        }
        _ => {
            let plain = format!("{float}");
            out.push_str(&plain);
            if !plain.contains('.') {
                out.push_str(".0");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_are_escaped_as_python_does() {
        let text = to_python_json(
            &json!({"k": ["a\"\\\n\u{1}\u{7f}/", "h\u{e9}llo \u{4e16} \u{1f600}", null, true]}),
        );
        assert_eq!(
            text,
            "{\"k\": [\"a\\\"\\\\\\n\\u0001\u{7f}/\", \"h\\u00e9llo \\u4e16 \\ud83d\\ude00\", null, true]}"
        );
        assert_eq!(to_python_json_compact(&json!({"a": [1, {}], "b": []})), r#"{"a":[1,{}],"b":[]}"#);
    }

    #[test]
    fn a_member_named_twice_is_refused() {
        let text = br#" {"a": [1, -2, 1.5, "x", null, true, {"b": {}}]} "#;
        assert_eq!(from_slice_strict(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
        let twice = from_slice_strict(br#"{"a": 1, "b": {"c": 1, "c": 2}}"#).unwrap_err();
        assert!(
            twice.is_ambiguous() && twice.to_string().contains("the member \"c\" is named twice"),
            "{twice}"
        );
        assert!(!from_slice_strict(b"{").unwrap_err().is_ambiguous());
        let long = format!(r#"{{"{0}": 1, "{0}": 2}}"#, "n".repeat(5000));
        assert!(from_slice_strict(long.as_bytes()).unwrap_err().to_string().len() < 200);
        assert!(from_slice_strict(br#"{"a": 1, "\u0061": 2}"#).is_err());
        assert!(from_slice_strict(b"{} x").is_err());
        assert!(from_slice_strict("[".repeat(200).as_bytes()).is_err());
    }

    #[test]
    fn floats_are_written_as_python_does() {
        for (float, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (2.5e-7, "2.5e-07"),
            (123456.789, "123456.789"),
        ] {
            assert_eq!(to_python_json(&json!(float)), text);
        }
        assert_eq!(to_python_json(&json!(u64::MAX)), "18446744073709551615");
    }
}
