//! Equality of JSON as two parties that wrote it with different programs see it.

use serde_json::{Number, Value};

/// Whether two values are the same: numbers by value (`1` = `1.0`), members in any order.
pub fn json_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => numbers_equal(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| json_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| json_equal(a, b)))
        }
        _ => a == b,
    }
}

fn numbers_equal(a: &Number, b: &Number) -> bool {
    if a.is_f64() == b.is_f64() {
        return a == b || (a.is_f64() && a.as_f64() == b.as_f64());
    }
    let (integer, float) = if a.is_f64() { (b, a) } else { (a, b) };
    let Some(float) = float.as_f64() else { return false };
    // Above 2^53 a float stands for many integers; only an exact one is equal.
    let exact = |integer: i128| integer as f64 == float && float.fract() == 0.0 && float as i128 == integer;
    integer.as_i64().map(i128::from).or(integer.as_u64().map(i128::from)).is_some_and(exact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_by_value_members_in_any_order() {
        let a: Value = serde_json::from_str(r#"{"a": 1, "b": [1.0, {"c": -0.0, "d": "1"}]}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"b": [1, {"d": "1", "c": 0}], "a": 1.0}"#).unwrap();
        assert!(json_equal(&a, &b));
        for (a, b) in [
            (json!(1), json!("1")),
            (json!(1), json!(true)),
            (json!([1, 2]), json!([2, 1])),
            (json!({"a": 1}), json!({"a": 1, "b": null})),
            (json!(1.5), json!(1)),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992.0)),
            (json!(u64::MAX), json!(1.844_674_407_370_955_2e19)),
            (json!(null), json!(false)),
        ] {
            assert!(!json_equal(&a, &b), "{a} {b}");
            assert!(!json_equal(&b, &a), "{b} {a}");
        }
        assert!(json_equal(&json!(1_u64 << 60), &json!((1_u64 << 60) as f64)));
    }
}
