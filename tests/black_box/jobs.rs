//! What is done after the message or call that it follows from: nothing of it is lost or hidden.

use serde_json::{Value, json};

use crate::support::peer::{
    Identity, Manner, Peer, Site, at_rest, forward_invitation, invitation_to, ping, proposal, published,
    with_return_route,
};
use crate::support::{AUTOMATIC, Agent, credential, eventually, free_port};

/// Whatever fails once waits for long.
const PATIENT: &[&str] =
    &["--auto-accept-invites", "--outbound-first-pause", "1h", "--outbound-longest-pause", "1h"];

/// The only job of a name, once it has failed.
async fn failed(agent: &Agent, name: &str) -> Value {
    eventually("a job that has failed", async || {
        let found = agent.get(&format!("/chancery/jobs?name={name}")).await;
        let found = found["results"].as_array().unwrap();
        assert!(found.len() < 2, "{found:?}");
        found.first().filter(|job| job["last_error"].is_string() && job["under_way"] == false).cloned()
    })
    .await
}

async fn job(agent: &Agent, id: &Value) -> Value {
    agent.get(&format!("/chancery/jobs/{}", id.as_str().unwrap())).await
}

async fn retry(agent: &Agent, id: &Value) -> u16 {
    agent.try_post(&format!("/chancery/jobs/{}/retry", id.as_str().unwrap()), json!({})).await.0
}

async fn done(agent: &Agent, id: &Value) -> Value {
    eventually("the job done", async || Some(job(agent, id).await).filter(|job| job["state"] == "done")).await
}

#[tokio::test]
async fn an_introduction_during_which_the_agent_is_killed_goes_on_after_the_next_start_and_is_taken_once() {
    let site = Site::start().await;
    let mut agent = Agent::start_in(site.surroundings(), "agent", free_port(), free_port(), PATIENT).await;
    let peer = Peer::start();
    let key = peer.key();
    let link = peer.connect(&agent).await;
    site.publish(published(&site.did, &[key.as_public()], &peer.endpoint));
    site.behave(Manner::Silent);
    let invitation = invitation_to(1, json!(site.did));
    peer.say(&link, &forward_invitation(&invitation)).await;
    let calling = eventually("the call", async || {
        let found = agent.get("/chancery/jobs?state=calling&name=introduction").await;
        found["results"].get(0).filter(|job| job["under_way"] == true).cloned()
    })
    .await;
    agent.kill();
    site.behave(Manner::Answers);
    agent.spawn().await;

    let pthid = &invitation["@id"];
    peer.letter("a request", |l| l.is("request") && l.message["~thread"]["pthid"] == *pthid).await;
    let done = done(&agent, &calling["job_id"]).await;
    assert_eq!((&done["answer"], &done["created"]), (&Value::Null, &calling["created"]));
    let asked = agent.get(&format!("/connections?invitation_msg_id={}", pthid.as_str().unwrap())).await;
    assert_eq!(asked["results"].as_array().unwrap().len(), 1, "{asked}");
    let path = format!("/chancery/jobs/{}/retry", calling["job_id"].as_str().unwrap());
    let refused = agent.try_post(&path, json!({})).await;
    assert_eq!(refused, (400, json!("400: The job is done: there is nothing to try again.")));
    at_rest(&agent).await;
}

#[tokio::test]
async fn a_site_that_is_away_is_looked_up_by_one_job_however_many_messages_ask_and_however_often_it_starts() {
    let site = Site::start().await;
    let mut agent = Agent::start_in(site.surroundings(), "agent", free_port(), free_port(), PATIENT).await;
    let peer = Peer::start();
    let key = peer.key();
    site.publish(published(&site.did, &[key.as_public()], &peer.endpoint));
    let link = peer.connect_as(&agent, &Identity::bare(&site.did, &key)).await;
    at_rest(&agent).await;
    site.behave(Manner::HangsUp);
    let mut ids = Vec::new();
    for tries in 1..=2 {
        // A process that has just started has looked up nothing.
        agent.kill();
        agent.spawn().await;
        let answer = peer.send(&link.to, Some(link.key()), &with_return_route(ping())).await;
        assert!(answer.letter.is_some_and(|letter| letter.is("ping_response")));
        let id = failed(&agent, "did_look_up").await["job_id"].clone();
        // What waits is tried once after a start; its tries before count.
        let noted = async || (job(&agent, &id).await["attempts"] == tries).then_some(());
        eventually("the try noted", noted).await;
        ids.push(id);
    }
    assert_eq!(ids[0], ids[1]);
    site.behave(Manner::Answers);
    assert_eq!(retry(&agent, &ids[0]).await, 200);
    done(&agent, &ids[0]).await;
    at_rest(&agent).await;
}

#[tokio::test]
async fn what_goes_on_without_a_record_is_listed_too_and_never_says_what_it_is_about() {
    let agent = Agent::start("agent", AUTOMATIC).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let issuer = agent.did("ed25519").await;
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let context = format!("http://{}/context", silent.local_addr().unwrap());
    let mut colored = credential(&issuer);
    colored["@context"].as_array_mut().unwrap().push(json!(context));
    colored["credentialSubject"]["color"] = json!("red");
    peer.say(&link, &proposal(&colored)).await;
    let all = eventually("the job", async || {
        let found = agent.get("/chancery/jobs?name=issue-credential-2.0").await;
        Some(found).filter(|found| found["results"][0]["under_way"] == true)
    })
    .await;
    assert!(!all.to_string().contains("cred_ex_id"), "{all}");
    let listed = &all["results"][0];
    assert!(
        listed["job_id"].as_str().unwrap().parse::<u64>().is_ok() && listed["state"] == "waiting",
        "{all}"
    );
    let lane = format!("issue-credential-2.0|{}", link.connection_id);
    assert_eq!(job(&agent, &listed["job_id"]).await["lane"], lane);
}
