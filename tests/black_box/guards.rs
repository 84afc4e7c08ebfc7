//! Where the agent connects to, whatever others tell it.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

use crate::support::peer::{self, Peer};
use crate::support::{Agent, credential};

/// A server that nobody should come to, or that sends whoever comes elsewhere.
struct Trap {
    port: u16,
    visits: Arc<AtomicUsize>,
    handle: actix_web::dev::ServerHandle,
}

impl Trap {
    fn start(redirect: Option<String>) -> Self {
        Self::answering(302, redirect)
    }

    /// With a status of its own for whoever is sent elsewhere.
    fn answering(status: u16, redirect: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let (counter, to) = (web::Data::from(visits.clone()), web::Data::new(redirect));
        let status = actix_web::http::StatusCode::from_u16(status).unwrap();
        let answer = move |visits: web::Data<AtomicUsize>, to: web::Data<Option<String>>| async move {
            visits.fetch_add(1, Ordering::SeqCst);
            match &**to {
                Some(url) => HttpResponse::build(status).insert_header(("location", url.as_str())).finish(),
                None => HttpResponse::Ok().json(json!({"@context": {"color": "https://example.com/color"}})),
            }
        };
        let server = HttpServer::new(move || {
            App::new().app_data(counter.clone()).app_data(to.clone()).default_service(web::to(answer))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { port, visits, handle }
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn invitation(endpoint: &str) -> Value {
    json!({
        "@type": "https://didcomm.org/out-of-band/1.1/invitation",
        "@id": endpoint,
        "label": "somebody",
        "handshake_protocols": ["https://didcomm.org/didexchange/1.1"],
        "services": [{"id": "#inline", "type": "did-communication",
            "recipientKeys": ["did:key:z6Mkso1ouEL5Jg7qjBcwAKQubhNy3VDS3ZDmcaJAbehcMvA3"], "serviceEndpoint": endpoint}],
    })
}

async fn offer_in_context(agent: &Agent, url: &str) -> (u16, String) {
    let did = agent.did("ed25519").await;
    let mut credential = credential(&did);
    credential["@context"] =
        json!(["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1", url]);
    let filter =
        json!({"ld_proof": {"credential": credential, "options": {"proofType": "Ed25519Signature2020"}}});
    let (status, body) =
        agent.try_post("/issue-credential-2.0/create-offer", json!({"filter": filter})).await;
    (status, body.to_string())
}

#[tokio::test]
async fn a_public_agent_does_not_knock_inside() {
    let trap = Trap::start(None);
    let agent = Agent::start("public", &["--outbound-reach", "public", "--max-outbound-retry", "1"]).await;
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost"] {
        for scheme in ["http", "ws"] {
            let endpoint = format!("{scheme}://{host}:{}/", trap.port);
            agent.post("/out-of-band/receive-invitation?auto_accept=true", invitation(&endpoint)).await;
            let given_up = |e: &crate::support::Event| {
                e.topic == "chancery_dead_letter" && e.body["endpoint"] == endpoint
            };
            let letter = agent.controller.event(&endpoint, given_up).await.body;
            assert!(letter["reason"].as_str().unwrap().contains("reach"), "{letter}");
        }
        let url = format!("https://{host}:{}/context", trap.port);
        let (status, text) = offer_in_context(&agent, &url).await;
        assert!((400..=500).contains(&status) && text.contains("reach"), "{status} {text}");
    }
    assert_eq!(trap.visits(), 0);
}

#[tokio::test]
async fn an_agent_on_loopback_reaches_loopback_but_never_link_local() {
    let trap = Trap::start(None);
    let agent = Agent::start("inner", &[]).await;
    let endpoint = "http://169.254.169.254/latest/meta-data";
    agent.post("/out-of-band/receive-invitation?auto_accept=true", invitation(endpoint)).await;
    let given_up =
        |e: &crate::support::Event| e.topic == "chancery_dead_letter" && e.body["endpoint"] == endpoint;
    agent.controller.event("a dead letter", given_up).await;
    let (status, text) = offer_in_context(&agent, "http://169.254.169.254/latest/meta-data").await;
    assert!((400..=500).contains(&status) && text.contains("reach"), "{status} {text}");
    // What is on the machine itself may be fetched, and what it points to elsewhere; not what is never within reach.
    let (status, text) = offer_in_context(&agent, &format!("http://127.0.0.1:{}/context", trap.port)).await;
    assert_eq!((status, trap.visits()), (200, 1), "{text}");
    let elsewhere = Trap::start(Some(format!("http://localhost:{}/context", trap.port)));
    let (status, text) =
        offer_in_context(&agent, &format!("http://127.0.0.1:{}/moved", elsewhere.port)).await;
    assert_eq!((status, elsewhere.visits(), trap.visits()), (200, 1, 2), "{text}");
    for target in
        ["http://169.254.169.254/latest/meta-data", "http://me:secret@localhost/", "ftp://localhost/"]
    {
        let inward = Trap::start(Some(target.to_owned()));
        let (status, text) =
            offer_in_context(&agent, &format!("http://127.0.0.1:{}/moved", inward.port)).await;
        assert!((400..=500).contains(&status) && !text.contains("secret"), "{target}: {status} {text}");
        assert_eq!(inward.visits(), 1);
    }
}

/// Whatever stands before the `@` would be sent as a password of ours.
#[tokio::test]
async fn no_peer_tells_an_agent_who_it_is_to_others() {
    let trap = Trap::start(None);
    let agent = Agent::start("named", &[]).await;
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    for (scheme, who) in [("http", "me:secret@"), ("http", "me@"), ("ws", "me:secret@")] {
        let endpoint = format!("{scheme}://{who}127.0.0.1:{}/", trap.port);
        agent.post("/out-of-band/receive-invitation?auto_accept=true", invitation(&endpoint)).await;
        let given_up = |e: &crate::support::Event| {
            e.topic == "chancery_dead_letter"
                && e.body["reason"].as_str().unwrap().contains("user name")
                && e.body["endpoint"].as_str().unwrap().starts_with(scheme)
        };
        let letter = agent.controller.event(&endpoint, given_up).await.body;
        assert!(!letter["reason"].as_str().unwrap().contains("secret"), "{letter}");
    }
    let (status, text) =
        offer_in_context(&agent, &format!("http://me:secret@127.0.0.1:{}/", trap.port)).await;
    assert!((400..500).contains(&status) && text.contains("user name"), "{status} {text}");
    assert_eq!(trap.visits(), 0);
    peer.is_served(&agent, &link).await;
}

/// 307 and 308 keep what is posted, and say so; the others would have it fetched.
#[tokio::test]
async fn an_endpoint_that_says_307_or_308_is_posted_to_once_more_where_it_points() {
    let agent = Agent::start("following", &[]).await;
    let peer = Peer::start();
    for (status, follows) in [(307, true), (308, true), (301, false), (302, false), (303, false)] {
        let moved = Trap::answering(status, Some(peer.endpoint.clone()));
        let endpoint = format!("http://127.0.0.1:{}/", moved.port);
        let key = peer.key();
        let inviting = peer::invitation(1, key.as_public(), &endpoint);
        let receive = "/out-of-band/receive-invitation?auto_accept=true";
        let record = agent.post(receive, inviting.clone()).await;
        if follows {
            let ours = |l: &peer::Letter| l.is("request") && l.message["~thread"]["pthid"] == inviting["@id"];
            let letter = peer.letter(&format!("the request after {status}"), ours).await;
            assert_eq!(letter.recipient.as_ref(), Some(key.as_public()));
        } else {
            let given_up = |e: &crate::support::Event| {
                e.topic == "chancery_dead_letter" && e.body["endpoint"] == endpoint
            };
            let letter = agent.controller.event(&endpoint, given_up).await.body;
            assert!(letter["reason"].to_string().contains(&status.to_string()), "{letter} {record}");
        }
        assert_eq!(moved.visits(), 1, "{status}");
    }
    // Where it points may be out of reach, or point on.
    let on = Trap::answering(308, Some(peer.endpoint.clone()));
    for target in ["http://169.254.169.254/".to_owned(), format!("http://127.0.0.1:{}/", on.port)] {
        let moved = Trap::answering(307, Some(target));
        let endpoint = format!("http://127.0.0.1:{}/", moved.port);
        let inviting = peer::invitation(1, peer.key().as_public(), &endpoint);
        agent.post("/out-of-band/receive-invitation?auto_accept=true", inviting).await;
        let given_up =
            |e: &crate::support::Event| e.topic == "chancery_dead_letter" && e.body["endpoint"] == endpoint;
        agent.controller.event(&endpoint, given_up).await;
        assert_eq!(moved.visits(), 1);
    }
    assert_eq!(on.visits(), 1);
    assert_eq!(peer.letters().len(), 2);
}
