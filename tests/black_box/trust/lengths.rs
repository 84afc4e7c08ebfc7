//! What a peer writes for keeping has a length.

use serde_json::{Value, json};

use super::{connection, count, exchange, heard};
use crate::support::peer::{
    Address, Identity, Letter, Peer, at_rest, basic_message, credential_offer, handshake_report, invitation,
    invite, new_id,
};
use crate::support::{Agent, credential};

const LONG: usize = 50_000;

fn length(text: &Value) -> usize {
    text.as_str().unwrap().chars().count()
}

#[tokio::test]
async fn labels_reports_and_comments_are_cut_and_the_text_of_a_message_is_not() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let long = "ä".repeat(LONG);

    // A label, and a report, of whoever asks.
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let offered = invite(&agent, 1, json!({})).await;
    let mut request = me.request(offered["@id"].as_str());
    request["label"] = json!(long);
    request["goal"] = json!(long);
    peer.send(&Address::of_invitation(&offered), Some(&me.key), &request).await;
    let thid = request["@id"].as_str().unwrap();
    let to = Address::of_handshake(&peer.answer_on("response", thid).await);
    at_rest(&agent).await;
    let found = agent.get("/connections?state=response").await;
    let record = &found["results"][0];
    assert_eq!(length(&record["their_label"]), 256);
    let mut report = handshake_report(thid, "response_not_accepted");
    report["description"]["en"] = json!(long);
    peer.send(&to, Some(&me.key), &report).await;
    at_rest(&agent).await;
    let record = connection(&agent, record["connection_id"].as_str().unwrap()).await;
    assert_eq!(length(&record["error_msg"]), "response_not_accepted: ".len() + 2048);

    // An invitation's label.
    let key = peer.key();
    let mut inviting = invitation(1, key.as_public(), &peer.endpoint);
    inviting["label"] = json!(long);
    let asked = peer.invite(&agent, inviting).await;
    assert_eq!(length(&connection(&agent, &asked.connection_id).await["their_label"]), 256);

    // A comment; the content beside it is whole.
    let link = peer.connect(&agent).await;
    let mut offer = credential_offer(&credential(&link.key().as_public().did_key()));
    offer["comment"] = json!(long);
    peer.say(&link, &offer).await;
    at_rest(&agent).await;
    let kept = exchange(&agent, offer["@id"].as_str().unwrap()).await.unwrap();
    assert_eq!(length(&kept["cred_offer"]["comment"]), 2048);
    assert_eq!(kept["cred_offer"]["offers~attach"], offer["offers~attach"]);
    peer.say(&link, &basic_message(&long)).await;
    let whole = |e: &crate::support::Event| e.topic == "basicmessages" && e.body["content"] == long.as_str();
    agent.controller.event("the whole text", whole).await;
}

#[tokio::test]
async fn a_message_whose_identifiers_are_too_long_is_malformed() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let (fits, long) = ("i".repeat(255), "i".repeat(256));
    for (n, (at, name)) in [("@id", ""), ("~thread", "thid"), ("~thread", "pthid")].into_iter().enumerate() {
        let text = new_id();
        let mut message = basic_message(&text);
        message[at] = if name.is_empty() { json!(long) } else { json!({name: long}) };
        peer.say(&link, &message).await;
        assert!(super::author(&agent, &text).await.is_none(), "{at}.{name}");
        let reports: Vec<Letter> = peer.letters().into_iter().filter(|l| l.is("problem-report")).collect();
        assert_eq!(reports.len(), n + 1, "{at}.{name}");
        assert_eq!(reports[n].message["description"]["code"], "message-parse-failure", "{at}.{name}");
        message["@id"] = json!(new_id());
        message[at] = if name.is_empty() { json!(fits) } else { json!({name: fits}) };
        peer.say(&link, &message).await;
        assert_eq!(super::author(&agent, &text).await.as_ref(), Some(&link.connection_id), "{at}.{name}");
    }
    // A request begins nothing.
    let before = count(&agent, "request").await + count(&agent, "response").await;
    let me = Identity::peer4(&peer.key(), &peer.endpoint);
    let offered = invite(&agent, 1, json!({})).await;
    let mut request = me.request(offered["@id"].as_str());
    request["@id"] = json!(long);
    request["~thread"]["thid"] = json!(long);
    peer.send(&Address::of_invitation(&offered), Some(&me.key), &request).await;
    at_rest(&agent).await;
    assert_eq!(count(&agent, "request").await + count(&agent, "response").await, before);
    // The invitation still waits for an honest one.
    let honest = peer.join(&agent, &offered, &me).await;
    assert!(heard(&agent, &peer, &honest.to, honest.key()).await.is_some());
}
