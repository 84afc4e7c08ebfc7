//! Lexical forms of JSON values (Object to RDF Conversion, steps 8 to 12). Numbers are told apart by value, never by
//! how the parser happened to store them.

use serde_json::{Number, Value};

use super::{XSD, jcs};

/// Lexical form, and the datatype to use where none is given.
pub(super) fn number(number: &Number, datatype: Option<&str>) -> (String, String) {
    let wants_double = datatype.and_then(|datatype| datatype.strip_prefix(XSD)) == Some("double");
    if !wants_double {
        if let Some(integer) = number.as_i64() {
            return (integer.to_string(), format!("{XSD}integer"));
        }
        if let Some(integer) = number.as_u64() {
            return (integer.to_string(), format!("{XSD}integer"));
        }
    }
    let value = number.as_f64().unwrap_or(f64::INFINITY);
    if wants_double || value.fract() != 0.0 || value.abs() >= 1e21 || !value.is_finite() {
        (double(value), format!("{XSD}double"))
    } else if value == 0.0 {
        // Also for -0.0.
        ("0".to_owned(), format!("{XSD}integer"))
    } else {
        (format!("{value:.0}"), format!("{XSD}integer"))
    }
}

/// Canonical form of an xsd:double, rounded to 15 digits after the point.
pub(super) fn double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let text = format!("{value:.15E}");
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let mut mantissa = mantissa.trim_end_matches('0').to_owned();
    if mantissa.ends_with('.') {
        mantissa.push('0');
    }
    format!("{mantissa}E{exponent}")
}

/// A *string* typed xsd:double is brought into canonical form, too: the specification asks this of numbers only, but
/// both reference implementations do it, and signatures hang on it. Anything that is no decimal number stays as it is.
pub(super) fn double_string(text: &str) -> Option<String> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return None;
        }
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then(|| double(value))
}

/// JSON literal: RFC 8785 (JCS).
pub(super) fn json(value: &Value) -> String {
    jcs::to_string(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> (String, String) {
        let value: Value = serde_json::from_str(text).unwrap();
        let Value::Number(n) = value else { panic!("{text}") };
        let (lexical, datatype) = number(&n, None);
        (lexical, datatype.replace(XSD, ""))
    }

    /// Section 8.6 of JSON-LD-API, and the traps that differ between implementations.
    #[test]
    fn numbers_have_the_lexical_form_of_their_value() {
        for (text, lexical, datatype) in [
            ("0", "0", "integer"),
            ("-0", "0", "integer"),
            ("-0.0", "0", "integer"),
            ("1", "1", "integer"),
            ("1.0", "1", "integer"),
            ("1e0", "1", "integer"),
            ("1E2", "100", "integer"),
            ("-5", "-5", "integer"),
            ("2.5", "2.5E0", "double"),
            ("5.3", "5.3E0", "double"),
            ("0.1", "1.0E-1", "double"),
            ("1e-7", "1.0E-7", "double"),
            ("-1.5e300", "-1.5E300", "double"),
            ("9007199254740993", "9007199254740993", "integer"),
            ("18446744073709551615", "18446744073709551615", "integer"),
            ("100000000000000000000", "100000000000000000000", "integer"),
            ("1e21", "1.0E21", "double"),
            ("1000000000000000000000", "1.0E21", "double"),
            ("333333333.33333329", "3.333333333333333E8", "double"),
            ("5e-324", "4.940656458412465E-324", "double"),
        ] {
            assert_eq!(plain(text), (lexical.to_owned(), datatype.to_owned()), "{text}");
        }
        let two = Number::from(2);
        assert_eq!(number(&two, Some("http://www.w3.org/2001/XMLSchema#double")).0, "2.0E0");
    }

    #[test]
    fn strings_typed_double_become_canonical() {
        for (text, expected) in [
            ("1.0", Some("1.0E0")),
            ("1", Some("1.0E0")),
            ("-12.50e1", Some("-1.25E2")),
            (".5", Some("5.0E-1")),
            ("abc", None),
            ("", None),
            ("INF", None),
            ("1e", None),
            ("0x10", None),
            (" 1", None),
            ("1e999", None),
        ] {
            assert_eq!(double_string(text).as_deref(), expected, "{text}");
        }
    }
}
