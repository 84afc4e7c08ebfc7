//! What ACA-Py refuses, we refuse with the same status and text: recorded requests, replayed.

use std::sync::Arc;

use serde_json::Value;

use super::ports::Process;
use super::{Ask, Auth, api, ask_all, with_key};

/// Recorded refusals of ACA-Py 1.7.0: file and line of the trace, request, status, body, headers.
const RECORDED: &str = include_str!("refusals.jsonl");

fn query(recorded: &Value) -> String {
    let Some(members) = recorded["query"].as_object() else { return String::new() };
    let mut query = form_urlencoded::Serializer::new(String::from("?"));
    for (name, value) in members {
        query.append_pair(name, value.as_str().unwrap());
    }
    query.finish().replacen("?&", "?", 1)
}

#[actix_web::test]
async fn recorded_refusals_come_out_again() {
    let recorded: Vec<Value> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(recorded.len() > 90);
    let process = Arc::new(Process::default());
    for (auth, of_keys) in [(Auth::Insecure, false), (with_key(), true)] {
        let chosen: Vec<_> = recorded.iter().filter(|r| (r["from"] == "40_api_key") == of_keys).collect();
        let uris: Vec<_> =
            chosen.iter().map(|r| format!("{}{}", r["path"].as_str().unwrap(), query(r))).collect();
        let asks = chosen.iter().zip(&uris).map(|(recorded, uri)| as_ask(recorded, uri)).collect();
        let mut api = api(&process, auth);
        // The page that the recorder stood for: without being named it would get nothing from an API without a key.
        api.hosts.push("x.example".to_owned());
        for (recorded, asked) in chosen.iter().zip(ask_all(api, asks).await) {
            let line = format!("{} line {}", recorded["from"], recorded["line"]);
            assert_eq!(asked.status, recorded["status"], "{line}: {}", asked.body);
            match &recorded["answer"] {
                // An answer to HEAD has no body on the wire; the server takes it off.
                Value::String(_) if recorded["method"] == "HEAD" => {}
                Value::String(text) => assert_eq!(&asked.body, text, "{line}"),
                json => assert_eq!(&asked.json(), json, "{line}"),
            }
            for (name, value) in recorded["answer_headers"].as_object().into_iter().flatten() {
                assert_eq!(asked.header(name), value.as_str(), "{line}: {name}");
            }
        }
    }
}

fn as_ask<'a>(recorded: &'a Value, uri: &'a str) -> Ask<'a> {
    let mut headers: Vec<(&str, &str)> = recorded["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let body = match (&recorded["raw"], &recorded["body"]) {
        (Value::String(raw), _) => raw.clone().into_bytes(),
        (_, Value::Null) => Vec::new(),
        (_, body) => {
            headers.push(("content-type", "application/json"));
            body.to_string().into_bytes()
        }
    };
    Ask { method: recorded["method"].as_str().unwrap(), path: uri, headers, body }
}
