//! Whatever ACA-Py's operations take, ours take: its API description's parameters, for the operations that we have.

use serde_json::Value;

use crate::description;

const PARAMETERS: &str = include_str!("parameters.jsonl");

fn members(document: &Value, operation: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let Some(reference) = schema["$ref"].as_str() else { return Vec::new() };
    let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn no_parameter_is_missing() {
    let document = description("1");
    let mut missing = Vec::new();
    for line in PARAMETERS.lines() {
        let theirs: Value = serde_json::from_str(line).unwrap();
        let (path, method) = (theirs["path"].as_str().unwrap(), theirs["method"].as_str().unwrap());
        let ours = &document["paths"][path][method];
        assert!(ours.is_object(), "{method} {path}");
        let parameters = ours["parameters"].as_array().into_iter().flatten();
        let query: Vec<_> =
            parameters.filter(|p| p["in"] == "query").map(|p| p["name"].as_str().unwrap()).collect();
        let body = members(&document, ours);
        for name in theirs["query"].as_array().into_iter().flatten().map(|n| n.as_str().unwrap()) {
            if !query.contains(&name) {
                missing.push(format!("{method} {path} ?{name}"));
            }
        }
        for name in theirs["body"].as_array().into_iter().flatten().map(|n| n.as_str().unwrap()) {
            if !body.iter().any(|b| b == name) {
                missing.push(format!("{method} {path} {name}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
