//! A wallet of an earlier version opens and goes on: with rows in every queue, events, pins and kept answers.
//!
//! `tests/fixtures/side-tables-1` was made with the last version whose side tables are of version 1, by
//! `CHANCERY_BIN=<that binary> CHANCERY_FIXTURE=tests/fixtures/side-tables-1 cargo test --test black_box older::make -- --ignored`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chancery_did::{KeyType, SecretKey};
use flate2::Compression;
use serde_json::{Value, json};

use crate::support::peer::{
    Address, Identity, Letter, Peer, invitation, invite, ping, proposal, tell, thread_of, with_return_route,
};
use crate::support::{AUTOMATIC, Agent, Clock, Controller, Surroundings, credential, eventually, free_port};

/// Where the parties of the fixture are; nothing else listens at this address.
const PEER: &str = "127.0.0.77:18077";
const CONTEXTS: &str = "127.0.0.77:18078";
const CONTROLLER: &str = "127.0.0.77:18079";

const NAME: &str = "older";
const OFFER: &str = "/issue-credential-2.0/create-offer";

/// The peer's keys, always the same.
fn key(at: u8) -> SecretKey {
    SecretKey::from_seed(KeyType::Ed25519, &[at; 32]).unwrap()
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

/// One whose endpoint refuses whatever comes.
fn refusing() -> Identity {
    Identity::nym(&key(3), &format!("{}/nowhere", endpoint()))
}

/// One that has invited the agent, with another key, and sends before it has answered.
fn hasty() -> (SecretKey, Identity) {
    (key(4), Identity::peer4(&key(5), &endpoint()))
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

fn colored(issuer: &str, context: &str) -> Value {
    let mut credential = credential(issuer);
    let contexts = credential["@context"].as_array_mut().unwrap();
    contexts.push(json!(format!("http://{CONTEXTS}/{context}")));
    credential["credentialSubject"]["color"] = json!("red");
    credential
}

fn filter(credential: Value) -> Value {
    json!({"filter": {"ld_proof": {"credential": credential, "options": {"proofType": "Ed25519Signature2020"}}}})
}

fn options() -> Vec<String> {
    let mut options: Vec<String> = AUTOMATIC.iter().map(|word| (*word).to_owned()).collect();
    options.extend(["--webhook-url".to_owned(), format!("http://{CONTROLLER}")]);
    options
}

async fn start(surroundings: Surroundings) -> Agent {
    let options = options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Agent::start_in(surroundings, NAME, free_port(), free_port(), &options).await
}

fn wallet(agent: &Agent) -> PathBuf {
    agent.home.join("wallet").join(NAME).join("sqlite.db")
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

#[tokio::test]
#[ignore = "makes the fixture"]
async fn make() {
    let into = PathBuf::from(std::env::var_os("CHANCERY_FIXTURE").expect("CHANCERY_FIXTURE: the folder"));
    let (peer, contexts) = (Peer::start_at(PEER), Contexts::start());
    (1..=5).for_each(|at| peer.has(&key(at)));
    let mut agent = start(Surroundings::default()).await;
    let did = agent.did("ed25519").await;

    let link = peer.connect_as(&agent, &connected()).await;
    peer.is_served(&agent, &link).await;
    let open = invite(&agent, 0, json!({"multi_use": true})).await;
    peer.ask(&open, &refusing()).await;
    peer.ask(&open, &polling()).await;
    let (inviting, me) = hasty();
    let asked = peer.invite(&agent, invitation(1, inviting.as_public(), &peer.endpoint)).await;
    peer.send(&Address::of_handshake(&asked.request), Some(&me.key), &ping()).await;
    agent.post(OFFER, filter(colored(&did, "pinned"))).await;
    let (_, kept) = keyed(&agent).await;

    drop((peer, contexts.handle.stop(false).await));
    eventually("the peer is away", async || std::net::TcpStream::connect(PEER).is_err().then_some(())).await;
    // Takes connections and says nothing: the work is under way when the agent stops.
    let _silent = TcpListener::bind(CONTEXTS).unwrap();
    let elsewhere = Peer::start();
    let wish = proposal(&colored(&did, "late"));
    elsewhere.send(&link.to, Some(link.key()), &wish).await;
    let said = [tell(&agent, &link.connection_id).await, tell(&agent, &link.connection_id).await];
    for (queue, rows) in [("dead", 1), ("parked", 1), ("work", 1), ("outbound", 3)] {
        eventually(queue, async || (depth(&agent, queue).await == rows).then_some(())).await;
    }
    let events = agent.controller.events().len();
    let facts = json!({
        "made": seconds(), "did": did, "open": open, "events": events, "said": said, "kept": kept, "wish": thread_of(&wish),
        "invitation": asked.invitation, "request": asked.request.message, "connection_id": link.connection_id,
    });
    assert!(agent.stop().await.success());
    std::fs::create_dir_all(&into).unwrap();
    std::fs::write(into.join("facts.json"), serde_json::to_string_pretty(&facts).unwrap() + "\n").unwrap();
    let packed = std::fs::File::create(into.join("sqlite.db.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, Compression::best());
    packed.write_all(&std::fs::read(wallet(&agent)).unwrap()).unwrap();
    packed.finish().unwrap();
}

/// An agent on the fixture's wallet, at the time when that was made.
async fn reopened(facts: &Value, folder: &Path) -> Agent {
    let clock = Clock::of(&std::env::temp_dir().join(format!("chancery-older-{}", std::process::id())));
    let mut agent = start(clock.surroundings()).await;
    assert!(agent.stop().await.success());
    let mut bytes = Vec::new();
    let packed = std::fs::File::open(folder.join("sqlite.db.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let path = wallet(&agent);
    for more in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{more}", path.display()));
    }
    std::fs::write(path, bytes).unwrap();
    clock.shift(&format!("-{}", seconds() - facts["made"].as_u64().unwrap()));
    agent.spawn().await;
    agent
}

/// The address with the agent's endpoint of now.
fn moved(agent: &Agent, address: Address) -> Address {
    Address { endpoint: agent.endpoint.clone(), ..address }
}

#[tokio::test]
async fn a_wallet_with_side_tables_of_version_1_goes_on_with_all_that_waits() {
    if !Path::new(Clock::LIBRARY).exists() {
        assert!(std::env::var_os("CI").is_none(), "libfaketime is not installed (Debian: faketime)");
        return println!("not run: libfaketime is not installed (Debian: faketime)");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/side-tables-1");
    let facts: Value = serde_json::from_slice(&std::fs::read(folder.join("facts.json")).unwrap()).unwrap();
    let text = |name: &str| facts[name].as_str().unwrap().to_owned();
    let (peer, contexts) = (Peer::start_at(PEER), Contexts::start());
    (1..=5).for_each(|at| peer.has(&key(at)));
    let controller = Controller::start_at(CONTROLLER);
    let agent = reopened(&facts, &folder).await;

    // Outbound, in its order, and the webhooks in theirs.
    for said in facts["said"].as_array().unwrap() {
        peer.letter("what was said", |letter| letter.message["content"] == *said).await;
    }
    let before = facts["events"].as_u64().unwrap();
    eventually("all webhooks", async || (controller.events().len() as u64 >= before).then_some(())).await;
    let sequence: Vec<i64> = controller.events().iter().map(|event| event.sequence).collect();
    let mut once = sequence.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), sequence.len(), "{sequence:?}");
    // Work: the context can be had now.
    peer.answer_on("offer-credential", &text("wish")).await;
    // A message that was parked until its connection is ready.
    let (inviting, me) = hasty();
    let request =
        Letter { message: facts["request"].clone(), sender: None, recipient: None, packed_for: Vec::new() };
    let to = moved(&agent, Address::of_handshake(&request));
    let invited = facts["invitation"]["@id"].as_str().unwrap();
    let response = me.clone().signed_by(&[&inviting]).response(request.thread(), invited);
    peer.send(&to, Some(&me.key), &response).await;
    peer.letter("an answer to the parked ping", |letter| letter.is("ping_response")).await;
    // A held message.
    let open = moved(&agent, Address::of_invitation(&facts["open"]));
    let polled = peer.send(&open, Some(&key(2)), &with_return_route(ping())).await;
    assert!(polled.letter.is_some_and(|letter| letter.is("response")));
    // A dead letter, which dies again.
    let letters = agent.get("/chancery/dead-letters").await["results"].clone();
    assert_eq!((letters.as_array().unwrap().len(), &letters[0]["kind"]), (1, &json!("message")), "{letters}");
    agent.post(&format!("/chancery/dead-letters/{}/retry", letters[0]["seq"]), json!({})).await;
    // A pin, and an answer that was kept.
    agent.post(OFFER, filter(colored(&text("did"), "pinned"))).await;
    assert_eq!(*contexts.asked.lock().unwrap(), ["/late"]);
    assert_eq!(keyed(&agent).await, (true, facts["kept"].clone()));
    peer.told(&agent, &text("connection_id")).await;
    for queue in ["work", "parked", "outbound"] {
        eventually(queue, async || (depth(&agent, queue).await == 0).then_some(())).await;
    }
}
