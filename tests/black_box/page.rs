//! What the API's page proposes.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::{Agent, Browser};

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

/// Writes into the fields of the form that is shown, and calls.
const CALL: &str = r##"
    const [fields, body] = arguments;
    for (const [name, value] of Object.entries(fields)) document.getElementsByName(name)[0].value = value;
    if (body !== null) document.querySelector("textarea").value = body;
    document.querySelectorAll("#main .hint").forEach((hint) => hint.remove());
    document.querySelector("form button").click();
"##;

async fn called(browser: &Browser, operation: &str, fields: Value, body: Value) {
    let shown = "const here = `#${arguments[0]}`;
        if (location.hash !== here) location.hash = here;
        return document.querySelector('#list a.here')?.hash === here && document.querySelector('form') !== null";
    browser.awaits("the form of an operation", shown, json!([operation])).await;
    browser.run(CALL, json!([fields, body])).await;
}

#[tokio::test]
async fn the_page_asks_for_what_is_needed_and_shows_the_hints_of_refusals() {
    let agent = Agent::start("page", &[]).await;
    let Some(browser) = Browser::start().await else { return };
    browser.open(&format!("{}/api/doc", agent.admin)).await;
    let hint = "return document.querySelector('#main .hint')?.textContent";

    called(&browser, "get_connections_conn_id", json!({}), Value::Null).await;
    let empty = "return document.querySelector('#main input:invalid')?.name";
    assert_eq!(browser.awaits("the field that is empty", empty, json!([])).await, "conn_id");
    called(&browser, "get_connections_conn_id", json!({"conn_id": " "}), Value::Null).await;
    assert_eq!(browser.awaits("what is needed", hint, json!([])).await, "Needed: conn_id");
    called(&browser, "post_issue_credential_2_0_send_offer", json!({}), json!("{}")).await;
    let asked = browser.awaits("what the body needs", hint, json!([])).await;
    assert_eq!(asked, "The body needs: filter, connection_id");
    called(&browser, "post_issue_credential_2_0_send_offer", json!({}), json!("{")).await;
    let asked = browser.awaits("what is wrong with the body", hint, json!([])).await;
    assert!(asked.as_str().unwrap().starts_with("The body is no JSON"), "{asked}");

    let whole = json!({"invitation": {"@type": "?"}, "invitation_url": "?"});
    called(&browser, "post_out_of_band_receive_invitation", json!({}), json!(whole.to_string())).await;
    let shown = "return document.querySelector('#main .refusal .hint')?.textContent";
    let shown = browser.awaits("the hint of a refusal", shown, json!([])).await;
    assert!(shown.as_str().unwrap().contains("`invitation`"), "{shown}");
}

#[tokio::test]
async fn the_pages_four_steps_are_called_one_after_the_other_as_they_are_filled_in() {
    let issuer = Agent::start("issuer", &[]).await;
    let holder = Agent::start("holder", &[]).await;
    let Some(browser) = Browser::start().await else { return };
    browser.open(&format!("{}/api/doc", issuer.admin)).await;
    let links = "const found = [...document.querySelectorAll('#steps a')].map((link) => link.hash.slice(1));
        return found.length ? found : null";
    let steps = browser.awaits("the steps", links, json!([])).await;
    assert_eq!(steps.as_array().unwrap().len(), 4);
    for step in steps.as_array().unwrap() {
        called(&browser, step.as_str().unwrap(), json!({}), Value::Null).await;
        let answer = "const status = document.querySelector('#main .status')?.textContent;
            return status ? [status, document.querySelector('#main pre')?.textContent] : null";
        let answer = browser.awaits("an answer", answer, json!([])).await;
        assert_eq!(answer[0], "200", "{step}: {answer}");
        let answer: Value = serde_json::from_str(answer[1].as_str().unwrap()).unwrap();
        if answer["invitation"].is_object() {
            let take = "/out-of-band/receive-invitation?auto_accept=true";
            holder.post(take, answer["invitation"].clone()).await;
            issuer.controller.state("connections", "active").await;
        }
    }
    holder.controller.state("issue_credential_v2_0", "offer-received").await;
}
