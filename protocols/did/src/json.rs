//! JSON as Python's `json.dumps` writes it: other agents sign, hash and compare these very bytes.

use serde_json::Value;

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
        Value::Object(members) => {
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
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            ' '..='\u{7e}' => continue,
            // Python leaves DEL as it is.
            '\u{7f}' => continue,
            _ => "",
        };
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        if escape.is_empty() {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
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
