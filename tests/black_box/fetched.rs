//! What strangers make an agent fetch: bounded, never in the way of others, and gone when it came to nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chancery_agent::ports::Store as _;
use chancery_agent::ports::store::{Commit, Op, Space};
use chancery_didcomm::message::Attachment;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::peer::{Identity, Peer, credential_issue, credential_offer, invite, proposal};
use crate::support::{AUTOMATIC, Agent, MANUAL, connect, credential, eventually, opened};

/// A server of contexts, by path.
struct Contexts {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
    handle: actix_web::dev::ServerHandle,
}

struct Serving {
    visits: Arc<AtomicUsize>,
    /// Answers come when so many requests are there.
    together: Option<Barrier>,
    answer: Box<dyn Fn(&str) -> HttpResponse + Send + Sync>,
}

impl Contexts {
    fn start(answer: impl Fn(&str) -> HttpResponse + Send + Sync + 'static) -> Self {
        Self::serve(None, answer)
    }

    fn serve(together: Option<usize>, answer: impl Fn(&str) -> HttpResponse + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let visits = Arc::new(AtomicUsize::new(0));
        let together = together.map(Barrier::new);
        let serving = web::Data::new(Serving { visits: visits.clone(), together, answer: Box::new(answer) });
        let handler = |serving: web::Data<Serving>, request: HttpRequest| async move {
            serving.visits.fetch_add(1, Ordering::SeqCst);
            if let Some(together) = &serving.together {
                together.wait().await;
            }
            (serving.answer)(request.path())
        };
        let server =
            HttpServer::new(move || App::new().app_data(serving.clone()).default_service(web::to(handler)));
        let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, visits, handle }
    }

    /// Every path is a context with the term `color`.
    fn of_color() -> Self {
        Self::start(|_| color())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

impl Drop for Contexts {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn color() -> HttpResponse {
    HttpResponse::Ok().json(json!({"@context": {"color": "https://example.com/color"}}))
}

/// Takes connections, and never says a word.
struct Silent {
    port: u16,
    taken: Arc<Mutex<Vec<std::net::TcpStream>>>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let keep = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                keep.lock().unwrap().push(stream);
            }
        });
        Self { port, taken }
    }

    fn did(&self, name: &str) -> String {
        format!("did:web:127.0.0.1%3A{}:{name}", self.port)
    }

    fn connections(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

/// The filter for a credential of this issuer's in these contexts.
fn filter(issuer: &str, contexts: &[String], term: Option<&str>) -> Value {
    let mut credential = credential(issuer);
    credential["@context"].as_array_mut().unwrap().extend(contexts.iter().map(|url| json!(url)));
    if let Some(term) = term {
        credential["credentialSubject"][term] = "red".into();
    }
    json!({"ld_proof": {"credential": credential, "options": {"proofType": "Ed25519Signature2020"}}})
}

async fn propose(holder: &Agent, connection: &str, filter: Value) {
    let body = json!({"connection_id": connection, "filter": filter});
    holder.post("/issue-credential-2.0/send-proposal", body).await;
}

/// Every answer is automatic on the issuer's side; a greedy holder and an honest one, connected.
struct Three {
    issuer: Agent,
    greedy: Agent,
    greedy_connection: String,
    honest: Agent,
    honest_connection: String,
    did: String,
}

impl Three {
    async fn start() -> Self {
        let issuer = Agent::start("issuer", AUTOMATIC).await;
        let greedy = Agent::start("greedy", MANUAL).await;
        let honest = Agent::start("honest", AUTOMATIC).await;
        let (_, greedy_connection) = connect(&issuer, &greedy).await;
        let (_, honest_connection) = connect(&issuer, &honest).await;
        let did = issuer.did("ed25519").await;
        Self { issuer, greedy, greedy_connection, honest, honest_connection, did }
    }

    async fn attack(&self, filter: Value) {
        propose(&self.greedy, &self.greedy_connection, filter).await;
    }

    /// The honest holder gets a credential, in a context that has to be fetched.
    async fn serve_the_honest_one(&self, url: String) {
        propose(&self.honest, &self.honest_connection, filter(&self.did, &[url], Some("color"))).await;
        let done =
            |e: &crate::support::Event| e.topic == "issue_credential_v2_0" && e.body["state"] == "done";
        self.honest.controller.event("the honest holder has its credential", done).await;
    }

    /// What the issuer says of exchanges that did not go on.
    async fn errors(&self, count: usize) -> Vec<String> {
        eventually("the issuer has refused", async || {
            let list = self.issuer.get("/issue-credential-2.0/records?state=abandoned").await;
            let records = list["results"].as_array().unwrap().iter();
            let errors: Vec<String> =
                records.filter_map(|r| Some(r["cred_ex_record"]["error_msg"].as_str()?.to_owned())).collect();
            (errors.len() >= count).then_some(errors)
        })
        .await
    }
}

#[tokio::test]
async fn a_proposal_with_two_hundred_contexts_makes_nobody_fetch_anything() {
    let (many, one) = (Contexts::of_color(), Contexts::of_color());
    let mut three = Three::start().await;
    let urls: Vec<String> = (0..200).map(|at| many.url(&at.to_string())).collect();
    three.attack(filter(&three.did, &urls, None)).await;
    let errors = three.errors(1).await;
    assert!(errors[0].contains("more than 16 JSON-LD contexts"), "{errors:?}");
    assert_eq!(many.visits(), 0);
    three.serve_the_honest_one(one.url("honest")).await;
    three.issuer.restart().await;
    assert_eq!(three.issuer.get("/status/ready").await["ready"], true);
}

#[tokio::test]
async fn contexts_that_lead_to_contexts_end_at_sixteen() {
    let tree = Contexts::start(|path| {
        let at: usize = path.trim_start_matches('/').parse().unwrap();
        let children = [format!("{}", 2 * at + 1), format!("{}", 2 * at + 2)];
        HttpResponse::Ok().json(json!({ "@context": children }))
    });
    let one = Contexts::of_color();
    let three = Three::start().await;
    three.attack(filter(&three.did, &[tree.url("0")], None)).await;
    let errors = three.errors(1).await;
    assert!(errors[0].contains("more than 16 JSON-LD contexts"), "{errors:?}");
    assert!(tree.visits() <= 16, "{}", tree.visits());
    // Nothing of it was kept: the same again has to be fetched again.
    three.attack(filter(&three.did, &[tree.url("0")], None)).await;
    three.errors(2).await;
    assert!((17..=32).contains(&tree.visits()), "{}", tree.visits());
    three.serve_the_honest_one(one.url("honest")).await;
}

#[tokio::test]
async fn a_did_web_that_never_answers_holds_up_its_own_connection_only() {
    let silent = Silent::start();
    let one = Contexts::of_color();
    let three = Three::start().await;
    for at in 0..40 {
        three.attack(filter(&silent.did(&at.to_string()), &[], None)).await;
    }
    eventually("the issuer asks the server", async || (silent.connections() >= 2).then_some(())).await;
    three.serve_the_honest_one(one.url("honest")).await;
    // The connection has two places: what else it wants waits until these are given up.
    assert!(silent.connections() < 16, "{}", silent.connections());
}

/// Each request is answered at once: it waits for the server in a queue, not in the sender's turn.
#[tokio::test]
async fn requests_whose_did_web_never_answers_hold_up_nobody() {
    let silent = Silent::start();
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let invitation = invite(&agent, 1, json!({"multi_use": true})).await;
    let all = async {
        for at in 0..300 {
            let key = peer.key();
            peer.ask(&invitation, &Identity::bare(&silent.did(&at.to_string()), &key)).await;
        }
    };
    // A sender that waited for the server would wait a quarter of a minute, each time.
    tokio::time::timeout(Duration::from_secs(120), all).await.expect("nobody waits for the server");
    eventually("the agent asks the server", async || (silent.connections() >= 2).then_some(())).await;
    let link = peer.connect(&agent).await;
    peer.is_served(&agent, &link).await;
}

#[tokio::test]
async fn contexts_are_fetched_side_by_side() {
    // Each answer waits for the request for the last context.
    let contexts = Contexts::serve(Some(8), |_| color());
    let agent = Agent::start("parallel", MANUAL).await;
    let did = agent.did("ed25519").await;
    let urls: Vec<String> = (0..8).map(|at| contexts.url(&at.to_string())).collect();
    let filter = filter(&did, &urls, Some("color"));
    agent.post("/issue-credential-2.0/create-offer", json!({ "filter": filter })).await;
    assert_eq!(contexts.visits(), 8);
}

#[tokio::test]
async fn a_context_is_pinned_by_the_step_and_read_again_after_a_restart() {
    let contexts = Contexts::of_color();
    let mut agent = Agent::start("pins", MANUAL).await;
    let did = agent.did("ed25519").await;
    let refused = json!({"filter": filter(&did, &[contexts.url("a")], Some("undefined"))});
    assert_eq!(agent.try_post("/issue-credential-2.0/create-offer", refused.clone()).await.0, 400);
    assert_eq!(agent.try_post("/issue-credential-2.0/create-offer", refused).await.0, 400);
    assert_eq!(contexts.visits(), 2, "nothing came of it, nothing was kept");
    let taken = json!({"filter": filter(&did, &[contexts.url("a")], Some("color"))});
    agent.post("/issue-credential-2.0/create-offer", taken.clone()).await;
    agent.restart().await;
    agent.post("/issue-credential-2.0/create-offer", taken).await;
    assert_eq!(contexts.visits(), 3);
}

#[tokio::test]
async fn redirects_of_a_context_are_followed_to_other_hosts_five_times_at_most() {
    let contexts = Contexts::of_color();
    let target = contexts.url("end").replace("127.0.0.1", "localhost");
    let hops = Contexts::start(move |path| {
        let left: usize = path.trim_start_matches('/').parse().unwrap();
        let next = if left == 1 { target.clone() } else { format!("/{}", left - 1) };
        HttpResponse::Found().insert_header(("location", next)).finish()
    });
    let agent = Agent::start("hops", MANUAL).await;
    let did = agent.did("ed25519").await;
    let offer = |hop: &str| json!({"filter": filter(&did, &[hops.url(hop)], Some("color"))});
    agent.post("/issue-credential-2.0/create-offer", offer("5")).await;
    assert_eq!((hops.visits(), contexts.visits()), (5, 1));
    let (status, text) = agent.try_post("/issue-credential-2.0/create-offer", offer("6")).await;
    assert!(status == 400 && text.to_string().contains("redirects"), "{status} {text}");
    assert_eq!(contexts.visits(), 1);
}

#[tokio::test]
async fn a_did_web_out_of_reach_is_a_warning_in_every_operation() {
    // Bound and gone: nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let did = |name: &str| format!("did:web:127.0.0.1%3A{port}:{name}");
    let escaped = |name: &str| did(name).replace('%', "%25");
    let agent = Agent::start("alone", MANUAL).await;
    let (status, text) = agent.try_get(&format!("/resolver/resolve/{}", escaped("resolve"))).await;
    assert_eq!(status, 500, "{text}");
    let offer = json!({"filter": filter(&did("offer"), &[], None)});
    let (status, text) = agent.try_post("/issue-credential-2.0/create-offer", offer).await;
    assert_eq!(status, 400, "{text}");
    let mut signed = credential(&did("verify"));
    signed["proof"] = json!({"type": "Ed25519Signature2018", "proofPurpose": "assertionMethod", "created": "2026-01-02T03:04:05Z",
        "verificationMethod": format!("{}#key-1", did("verify")), "jws": "x..y"});
    let answer =
        agent.post("/vc/credentials/verify", json!({"verifiableCredential": signed, "options": {}})).await;
    assert_eq!(answer["verified"], false, "{answer}");
    let invitation = json!({
        "@type": "https://didcomm.org/out-of-band/1.1/invitation", "@id": "i", "label": "somebody",
        "handshake_protocols": ["https://didcomm.org/didexchange/1.1"], "services": [did("invitation")],
    });
    let (status, text) = agent.try_post("/out-of-band/receive-invitation?auto_accept=true", invitation).await;
    assert!(status >= 400, "{status} {text}");
    let path = format!("/didexchange/create-request?their_public_did={}", escaped("ask"));
    let (status, text) = agent.try_post(&path, json!({})).await;
    assert!(status >= 400, "{status} {text}");
    let log = agent.log_text();
    for name in ["resolve", "offer", "verify", "invitation", "ask"] {
        let warned = |line: &str| line.contains("WARN") && line.contains(&format!("3A{port}:{name}"));
        assert!(log.lines().any(warned), "{name}: {log}");
    }
    assert!(!log.contains("ERROR"), "{log}");
}

/// So it is when a peer's message leads there: a request, a proposal, a credential.
#[tokio::test]
async fn a_did_web_out_of_reach_that_a_peer_names_is_a_warning_too() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let did = |name: &str| format!("did:web:127.0.0.1%3A{port}:{name}");
    let options = [AUTOMATIC, &["--max-outbound-retry", "1"]].concat();
    let agent = Agent::start("agent", &options).await;
    let peer = Peer::start();
    let invitation = invite(&agent, 1, json!({"multi_use": true})).await;
    peer.ask(&invitation, &Identity::bare(&did("request"), &peer.key())).await;
    let link = peer.connect(&agent).await;
    peer.say(&link, &proposal(&credential(&did("proposal")))).await;
    let offer = credential_offer(&credential(&did("credential")));
    peer.say(&link, &offer).await;
    let thread = offer["@id"].as_str().unwrap();
    let asked = peer.answer_on("request-credential", thread).await.message;
    let asked = Attachment::from_json(&asked["requests~attach"][0]).unwrap().content().unwrap();
    let mut signed = asked["credential"].clone();
    signed["proof"] = json!({"type": "Ed25519Signature2020", "proofPurpose": "assertionMethod",
        "created": "2026-01-02T03:04:05Z", "verificationMethod": format!("{}#key-1", did("credential")), "proofValue": "z1"});
    peer.say(&link, &credential_issue(thread, &signed)).await;
    for name in ["proposal", "credential"] {
        let about = |e: &crate::support::Event| {
            e.topic == "issue_credential_v2_0"
                && e.body["error_msg"].as_str().is_some_and(|text| text.contains(&did(name)))
        };
        agent.controller.event(name, about).await;
    }
    let request = format!("the document of {} could not be fetched", did("request"));
    eventually("each is told", async || {
        let log = agent.log_text();
        let told = |what: &str| log.lines().filter(|l| l.contains("WARN") && l.contains(what)).count();
        (told(&request) >= 1 && told("an automatic answer failed") == 2).then_some(())
    })
    .await;
    peer.is_served(&agent, &link).await;
    let log = agent.log_text();
    assert!(!log.contains("ERROR"), "{log}");
}

/// Pins as an agent of earlier days made them: more than any memory, read all at the start.
async fn fill(home: &Path, name: &str, count: usize) {
    let store = opened(home, name).await;
    let tenant = store.tenants().await.unwrap().remove(0);
    // A megabyte of text, some thirty of memory.
    let value = json!({"@context": {}, "values": vec![json!([]); 300_000]}).to_string().into_bytes();
    for at in 0..count {
        let id = format!("https://example.org/{at}");
        let pin = Op::Remember { space: Space::Context, id, value: value.clone(), expires: None };
        store.commit(&tenant, Commit { guards: Vec::new(), ops: vec![pin] }).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn a_wallet_that_was_filled_with_pins_starts_and_works_without_reading_them() {
    if std::env::var_os("CHANCERY_TEST_STORE").is_some() {
        return println!("not run: this wallet is a file");
    }
    let mut agent = Agent::start("filled", MANUAL).await;
    agent.stop().await;
    fill(&agent.home, "filled", 80).await;
    agent.spawn().await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 300_000, "{peak} kB");
    // One of them is too large to be read, and that is said.
    let did = agent.did("ed25519").await;
    let offer = json!({"filter": filter(&did, &["https://example.org/7".to_owned()], None)});
    let (status, text) = agent.try_post("/issue-credential-2.0/create-offer", offer).await;
    assert!(status == 400 && text.to_string().contains("too many values"), "{status} {text}");
    // There is no room for more, and that is said, too; what needs no more goes on.
    let contexts = Contexts::of_color();
    let offer = json!({"filter": filter(&did, &[contexts.url("a")], Some("color"))});
    let (status, text) = agent.try_post("/issue-credential-2.0/create-offer", offer).await;
    assert!(
        status == 400 && text.to_string().contains("as many JSON-LD contexts as it may"),
        "{status} {text}"
    );
    agent.post("/issue-credential-2.0/create-offer", json!({"filter": filter(&did, &[], None)})).await;
}

#[tokio::test]
async fn a_full_pin_store_refuses_with_a_sentence() {
    let contexts = Contexts::of_color();
    let agent = Agent::start("full", &["--preserve-exchange-records", "--max-pinned-contexts", "1"]).await;
    let did = agent.did("ed25519").await;
    let offer = |path: &str| json!({"filter": filter(&did, &[contexts.url(path)], Some("color"))});
    agent.post("/issue-credential-2.0/create-offer", offer("a")).await;
    let (status, text) = agent.try_post("/issue-credential-2.0/create-offer", offer("b")).await;
    assert!(
        status == 400 && text.to_string().contains("as many JSON-LD contexts as it may"),
        "{status} {text}"
    );
    assert!(text.to_string().contains("/chancery/contexts"), "{text}");
    agent.post("/issue-credential-2.0/create-offer", offer("a")).await;

    // The operator sees what is kept and removes it: there is room again, for another.
    let kept = agent.get("/chancery/contexts").await;
    let [one] = kept["results"].as_array().unwrap().as_slice() else { panic!("{kept}") };
    assert_eq!(one["url"], contexts.url("a"));
    assert_eq!(one["sha256"].as_str().unwrap().len(), 64);
    let path = |at: &str| format!("/chancery/contexts?url={}", contexts.url(at).replace(':', "%3A"));
    for (at, status) in [("b", 404), ("a", 200)] {
        let answer = agent.http.delete(format!("{}{}", agent.admin, path(at))).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(agent.get("/chancery/contexts").await, json!({"results": []}));
    agent.post("/issue-credential-2.0/create-offer", offer("b")).await;
    let kept = agent.get("/chancery/contexts").await;
    assert_eq!(kept["results"][0]["url"], contexts.url("b"));
}
