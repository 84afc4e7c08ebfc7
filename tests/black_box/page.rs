//! What the API's page proposes.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::Agent;

/// Remembers ids as the page does: of each answer, wherever they stand.
fn remember(value: &Value, latest: &mut HashMap<String, String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        match member {
            Value::String(text) if ["connection_id", "invi_msg_id", "did"].contains(&&**name) => {
                latest.insert(name.clone(), text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| remember(item, latest)),
            other => remember(other, latest),
        }
    }
}

fn filled(template: &Value, latest: &HashMap<String, String>) -> Value {
    let text = latest.iter().fold(template.to_string(), |text, (name, value)| {
        text.replace(&format!("\"${name}\""), &json!(value).to_string())
    });
    assert!(!text.contains("\"$"), "not known by then: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn the_pages_four_steps_work_on_an_agent_without_automatic_options() {
    let issuer = Agent::start("issuer", &[]).await;
    let holder = Agent::start("holder", &[]).await;
    let steps = issuer.get("/api/doc/steps.json").await;
    let steps = steps.as_array().unwrap();
    assert_eq!(steps.len(), 4);
    let mut latest = HashMap::new();
    for step in steps {
        let mut path = step["path"].as_str().unwrap().to_owned();
        for (name, value) in filled(&step["query"], &latest).as_object().into_iter().flatten() {
            path.push_str(&format!("?{name}={}", value.as_str().unwrap()));
        }
        let answer = match step["method"].as_str().unwrap() {
            "post" => issuer.post(&path, filled(&step["body"], &latest)).await,
            _ => issuer.get(&path).await,
        };
        remember(&answer, &mut latest);
        if answer["invitation"].is_object() {
            let take = "/out-of-band/receive-invitation?auto_accept=true";
            holder.post(take, answer["invitation"].clone()).await;
            issuer.controller.state("connections", "active").await;
        }
    }
    let offered = holder.controller.state("issue_credential_v2_0", "offer-received").await;
    let path = format!("/issue-credential-2.0/records/{}", offered["cred_ex_id"].as_str().unwrap());
    let record = &holder.get(&path).await["cred_ex_record"];
    let issuer = &record["by_format"]["cred_offer"]["ld_proof"]["credential"]["issuer"];
    assert_eq!(issuer, &json!(latest["did"]), "{record}");
}
