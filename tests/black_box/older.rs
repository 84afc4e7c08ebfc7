//! A wallet of an earlier version opens and goes on: with rows in every queue, events, pins and kept answers.
//!
//! `tests/fixtures/side-tables-N` were made by `tests/fixtures/make-side-tables` with a version whose side tables are of version N.

mod kept;
mod make;

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chancery_did::{KeyType, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::kept::Store;
use crate::support::peer::{Address, Identity, Letter, Peer, Site, ping, published, with_return_route};
use crate::support::{
    AUTOMATIC, Agent, Clock, Controller, Postgres, Surroundings, credential, eventually, free_port,
};

/// Where the parties of the fixtures are; nothing else listens at these addresses.
const PEER: &str = "127.0.0.77:18077";
const CONTEXTS: &str = "127.0.0.77:18078";
const CONTROLLER: &str = "127.0.0.77:18079";
/// A site is known by the name `localhost`.
const SITE: &str = "127.0.0.1:18076";

const NAME: &str = "older";
const OFFER: &str = "/issue-credential-2.0/create-offer";

/// What one must know of a fixture to go on with it.
#[derive(Serialize, Deserialize)]
struct Facts {
    /// When, in seconds.
    made: u64,
    did: String,
    connection_id: String,
    /// An invitation that a party without an endpoint has taken.
    open: Value,
    /// Texts that wait.
    said: Vec<String>,
    /// The thread of a proposal that waits for a context.
    wish: String,
    /// An invitation by a DID that waits for its site.
    introduced: String,
    /// The thread of a handshake's request whose DID waits for its site, where that is queued.
    request: Option<String>,
    /// The thread of a ping from whose DID is to be looked up again, where that is queued.
    pinged: Option<String>,
    handshakes: Vec<Handshake>,
    /// A text that became a dead letter.
    dead_said: String,
    /// Threads of proposals; the work of one of them became a dead letter.
    dead_wishes: Vec<String>,
    /// How many events the controller has not got.
    events: i64,
    /// The answer to a call with a key.
    kept: Value,
}

/// One that the peer has invited the agent to, with messages that came before the peer's answer to the request.
#[derive(Serialize, Deserialize)]
struct Handshake {
    at: u8,
    invitation: Value,
    request: Value,
    pings: Vec<String>,
    answered: bool,
}

impl Handshake {
    async fn answer(&mut self, peer: &Peer, agent: &Agent) {
        let (inviting, me) = hasty(self.at);
        let request =
            Letter { message: self.request.clone(), sender: None, recipient: None, packed_for: Vec::new() };
        let invited = self.invitation["@id"].as_str().unwrap();
        let response = me.clone().signed_by(&[&inviting]).response(request.thread(), invited);
        peer.send(&moved(agent, Address::of_handshake(&request)), Some(&me.key), &response).await;
        self.answered = true;
    }
}

/// The peer's keys, always the same.
fn key(at: u8) -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[at; 32]).unwrap()
}

/// The peer where the fixtures know it.
fn party() -> Peer {
    let peer = Peer::start_at(PEER);
    (1..=60).for_each(|at| peer.has(&key(at)));
    peer
}

fn endpoint() -> String {
    format!("http://{PEER}")
}

/// The one that is connected.
fn connected() -> Identity {
    Identity::nym(&key(1), &endpoint())
}

/// One without an endpoint: it polls.
fn polling() -> Identity {
    Identity::nym(&key(2), "didcomm:transport/queue")
}

/// Those that have invited the agent, with another key, and send before they have answered.
fn hasty(at: u8) -> (SecretKey, Identity) {
    (key(20 + at), Identity::peer4(&key(40 + at), &endpoint()))
}

/// Three that a site publishes, with what it says of them.
fn web(site: &Site) -> [(Identity, Value); 3] {
    [(3, ""), (4, ":two"), (5, ":three")].map(|(at, path)| {
        let (did, key) = (format!("{}{path}", site.did), key(at));
        let document = published(&did, &[key.as_public()], &endpoint());
        (Identity::bare(&did, &key), document)
    })
}

/// Serves contexts with the term `color`, and says who asked for what.
struct Contexts {
    asked: Arc<Mutex<Vec<String>>>,
    handle: actix_web::dev::ServerHandle,
}

impl Contexts {
    fn start() -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = web::Data::from(asked.clone());
        let handler = |paths: web::Data<Mutex<Vec<String>>>, request: HttpRequest| async move {
            paths.lock().unwrap().push(request.path().to_owned());
            HttpResponse::Ok().json(json!({"@context": {"color": "https://example.com/color"}}))
        };
        let server =
            HttpServer::new(move || App::new().app_data(paths.clone()).default_service(web::to(handler)));
        let listener = TcpListener::bind(CONTEXTS).unwrap();
        let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { asked, handle }
    }
}

fn context(name: &str) -> String {
    format!("http://{CONTEXTS}/{name}")
}

fn colored(issuer: &str, name: &str) -> Value {
    let mut credential = credential(issuer);
    credential["@context"].as_array_mut().unwrap().push(json!(context(name)));
    credential["credentialSubject"]["color"] = json!("red");
    credential
}

fn filter(credential: Value) -> Value {
    json!({"filter": {"ld_proof": {"credential": credential, "options": {"proofType": "Ed25519Signature2020"}}}})
}

/// A clock of its own, and trust in the site.
fn surroundings(site: &Site, store: &Store) -> (Clock, Surroundings) {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = format!("chancery-test-{}-older-{count}", std::process::id());
    let clock = Clock::of(&std::env::temp_dir().join(folder));
    let mut variables = site.surroundings().variables;
    variables.extend(clock.surroundings().variables);
    (clock, Surroundings { variables, postgres: store.postgres(), ..Surroundings::default() })
}

async fn start(surroundings: Surroundings, more: &[&str]) -> Agent {
    let controller = format!("http://{CONTROLLER}");
    let options = [AUTOMATIC, &["--webhook-url", &controller], more].concat();
    Agent::start_in(surroundings, NAME, free_port(), free_port(), &options).await
}

/// The same call, each time with the same key.
async fn keyed(agent: &Agent) -> (bool, Value) {
    let url = format!("{}/out-of-band/create-invitation", agent.admin);
    let body = json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"], "alias": "kept"});
    let answer = agent.http.post(url).json(&body).header("idempotency-key", "k").send().await.unwrap();
    (answer.headers().contains_key("idempotency-replayed"), answer.json().await.unwrap())
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// How many rows a queue has.
async fn depth(agent: &Agent, queue: &str) -> u64 {
    let (_, text) = agent.try_get("/metrics").await;
    let name = format!("chancery_queue_rows{{queue=\"{queue}\"}} ");
    let figure = text.as_str().unwrap().lines().find_map(|line| line.strip_prefix(&name)).unwrap();
    figure.parse().unwrap()
}

/// An agent on the fixture's wallet, at the time when that was made.
async fn reopened(site: &Site, store: &Store, facts: &Facts, folder: &Path) -> Agent {
    let (clock, surroundings) = surroundings(site, store);
    let mut agent = start(surroundings, &["--outbound-resend-pause", "off"]).await;
    assert!(agent.stop().await.success());
    store.put(&agent, folder).await;
    clock.shift(&format!("-{}", seconds() - facts.made));
    agent.spawn().await;
    agent
}

/// The address with the agent's endpoint of now.
fn moved(agent: &Agent, address: Address) -> Address {
    Address { endpoint: agent.endpoint.clone(), ..address }
}

/// Each dead letter is delivered, or done, after all.
async fn redriven(agent: &Agent, peer: &Peer, controller: &Controller, facts: &Facts) {
    let letters = agent.get("/chancery/dead-letters").await["results"].as_array().unwrap().clone();
    for kind in ["message", "work", "webhook"] {
        assert!(letters.iter().any(|letter| letter["kind"] == kind), "{kind}: {letters:?}");
    }
    let offered =
        |l: &Letter| l.is("offer-credential") && facts.dead_wishes.iter().any(|wish| l.thread() == wish);
    let early = |l: &Letter| l.message["content"] == facts.dead_said || offered(l);
    assert!(!peer.letters().iter().any(early), "dead letters stay where they are");
    for letter in &letters {
        agent.post(&format!("/chancery/dead-letters/{}/retry", letter["seq"]), json!({})).await;
    }
    peer.letter("what was said to nobody", |l| l.message["content"] == facts.dead_said).await;
    peer.letter("an offer that was given up", offered).await;
    for event in letters.iter().filter(|letter| letter["kind"] == "webhook").map(|l| &l["event_id"]) {
        controller.event("an event that was given up", |e| *event == e.id).await;
    }
    assert_eq!(agent.get("/chancery/dead-letters").await["results"], json!([]));
}

/// The queued work of each protocol is done.
async fn done(agent: &Agent, peer: &Peer, facts: &Facts) {
    peer.answer_on("offer-credential", &facts.wish).await;
    let introduced = format!("/connections?invitation_msg_id={}", facts.introduced);
    eventually("a connection to whom it was introduced to", async || {
        (agent.get(&introduced).await["results"] != json!([])).then_some(())
    })
    .await;
    if let Some(thread) = &facts.request {
        peer.answer_on("response", thread).await;
    }
    if let Some(thread) = &facts.pinged {
        peer.answer_on("ping_response", thread).await;
    }
}

/// Parties of fixtures are at fixed addresses.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn goes_on(store: Store, version: u32) {
    if !Path::new(Clock::LIBRARY).exists() {
        assert!(std::env::var_os("CI").is_none(), "libfaketime is not installed (Debian: faketime)");
        return println!("not run: libfaketime is not installed (Debian: faketime)");
    }
    let _alone = ONE_AT_A_TIME.lock().await;
    // What the test before has left may listen a little longer.
    for address in [PEER, CONTEXTS, CONTROLLER, SITE] {
        eventually(address, async || TcpListener::bind(address).ok().map(drop)).await;
    }
    let folder = format!("{}/tests/fixtures/side-tables-{version}", env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(&folder);
    let facts = std::fs::read(folder.join(store.name()).with_extension("json")).unwrap();
    let mut facts: Facts = serde_json::from_slice(&facts).unwrap();
    let (peer, contexts, site) = (party(), Contexts::start(), Site::start_at(SITE).await);
    web(&site).into_iter().for_each(|(_, document)| site.publish(document));
    let controller = Controller::start_at(CONTROLLER);
    let agent = reopened(&site, &store, &facts, folder).await;

    for said in &facts.said {
        peer.letter("what was said", |letter| letter.message["content"] == *said).await;
    }
    done(&agent, &peer, &facts).await;
    // What was parked until its connection is ready.
    let parked = facts.handshakes.iter().filter(|handshake| !handshake.answered).count() as u64;
    assert!(parked > 0 && depth(&agent, "parked").await >= parked);
    for handshake in &mut facts.handshakes {
        if !handshake.answered {
            handshake.answer(&peer, &agent).await;
        }
        for ping in &handshake.pings {
            peer.answer_on("ping_response", ping).await;
        }
    }
    // A held message.
    let open = moved(&agent, Address::of_invitation(&facts.open));
    let polled = peer.send(&open, Some(&key(2)), &with_return_route(ping())).await;
    assert!(polled.letter.is_some_and(|letter| letter.is("response")));
    redriven(&agent, &peer, &controller, &facts).await;
    // A pin, and an answer that was kept.
    let pins = agent.get("/chancery/contexts").await["results"].clone();
    assert!(pins.as_array().unwrap().iter().any(|pin| pin["url"] == context("pinned")), "{pins}");
    agent.post(OFFER, filter(colored(&facts.did, "pinned"))).await;
    let mut asked = contexts.asked.lock().unwrap().clone();
    asked.sort_unstable();
    assert_eq!(asked, ["/dead", "/late"]);
    assert_eq!(keyed(&agent).await, (true, facts.kept.clone()));
    peer.told(&agent, &facts.connection_id).await;
    for queue in ["work", "parked", "outbound"] {
        eventually(queue, async || (depth(&agent, queue).await == 0).then_some(())).await;
    }
    assert_eq!(agent.get("/chancery/dead-letters").await["results"], json!([]));
    // All that the controller had not got, each once.
    let before = usize::try_from(facts.events).unwrap();
    eventually("all webhooks", async || (controller.events().len() >= before).then_some(())).await;
    let sequence: Vec<i64> = controller.events().iter().map(|event| event.sequence).collect();
    let mut once = sequence.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), sequence.len(), "{sequence:?}");
}

async fn goes_on_in_sqlite(version: u32) {
    if Postgres::for_all().is_some() {
        return println!("not run: all wallets are in PostgreSQL");
    }
    goes_on(Store::Sqlite, version).await;
}

async fn goes_on_in_postgres(version: u32) {
    let Some(postgres) = Postgres::for_all().or_else(Postgres::start) else {
        assert!(std::env::var_os("CI").is_none(), "install the package postgresql");
        return println!("not run: PostgreSQL is not installed");
    };
    goes_on(Store::Postgres(postgres), version).await;
}

#[tokio::test]
async fn a_wallet_with_side_tables_of_version_1_goes_on_with_all_that_waits() {
    goes_on_in_sqlite(1).await;
}

#[tokio::test]
async fn a_wallet_with_side_tables_of_version_2_goes_on_with_all_that_waits() {
    goes_on_in_sqlite(2).await;
}

#[tokio::test]
async fn a_postgresql_wallet_with_side_tables_of_version_1_goes_on_with_all_that_waits() {
    goes_on_in_postgres(1).await;
}

#[tokio::test]
async fn a_postgresql_wallet_with_side_tables_of_version_2_goes_on_with_all_that_waits() {
    goes_on_in_postgres(2).await;
}
