//! Whoever never answers, and whoever opens connections without using them, takes its own places only; and a peer is reached at
//! whichever of its services works.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chancery_did::SecretKey;
use chancery_did::methods::peer::four;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::support::peer::{Identity, Peer, invitation, invitation_to};
use crate::support::{Agent, Surroundings, free_port};

/// An endpoint at every address of loopback that takes connections and never says anything.
struct Silent {
    port: u16,
    taken: Arc<AtomicUsize>,
    news: Arc<Notify>,
}

impl Silent {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, news) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counter, told) = (taken.clone(), news.clone());
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.push(stream);
                counter.fetch_add(1, Ordering::SeqCst);
                told.notify_one();
            }
        });
        Self { port, taken, news }
    }

    async fn has_taken(&self, connections: usize) {
        while self.taken.load(Ordering::SeqCst) < connections {
            self.news.notified().await;
        }
    }
}

/// An agent that may open so many files.
async fn with_files(name: &str, files: usize, options: &[&str]) -> Agent {
    let limit = format!("ulimit -n {files} && exec \"$@\"");
    let launcher = ["sh", "-c", &limit, "sh"].map(str::to_owned).to_vec();
    let surroundings = Surroundings { launcher, ..Surroundings::default() };
    Agent::start_in(surroundings, name, free_port(), free_port(), options).await
}

#[tokio::test]
async fn hundreds_of_endpoints_that_never_answer_leave_files_to_the_wallet_and_places_to_whoever_answers() {
    let agent = with_files("agent", 256, &[]).await;
    assert!(agent.log_text().contains("the process may open 256 files only"), "{}", agent.log_text());
    let peer = Peer::start();
    let link = peer.connect(&agent).await;
    let silent = Silent::start().await;
    let key = peer.key();
    for n in 0..300_u16 {
        let [high, low] = (n + 512).to_be_bytes();
        let endpoint = format!("http://127.0.{high}.{low}:{}/", silent.port);
        agent
            .post(
                "/out-of-band/receive-invitation?auto_accept=true",
                invitation(1, key.as_public(), &endpoint),
            )
            .await;
    }
    silent.has_taken(10).await;
    // Of those outside, too: connections that say nothing.
    let admin: SocketAddr = agent.admin.trim_start_matches("http://").parse().unwrap();
    let didcomm: SocketAddr = agent.endpoint.trim_start_matches("http://").parse().unwrap();
    let mut idle = Vec::new();
    for at in [admin, didcomm] {
        for _ in 0..150 {
            idle.push(from(Ipv4Addr::new(127, 0, 0, 9), at).await);
        }
    }
    for _ in 0..3 {
        peer.is_served(&agent, &link).await;
        agent.did("ed25519").await;
    }
    let files = std::fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count();
    assert!(files < 230, "{files} files are open");
    assert!(!agent.log_text().contains("Too many open files"), "{}", agent.log_text());
}

/// A connection from an address of this machine.
async fn from(address: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Whether the other side closes a connection on which nothing was said.
async fn is_closed(mut stream: TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 1]).await, Ok(1..))
}

#[tokio::test]
async fn connections_of_one_address_are_bounded_and_their_places_given_back() {
    let agent = Agent::start("agent", &["--max-connections-per-address", "5"]).await;
    let didcomm: SocketAddr = agent.endpoint.trim_start_matches("http://").parse().unwrap();
    let greedy = Ipv4Addr::new(127, 0, 0, 9);
    let mut open = Vec::new();
    for _ in 0..5 {
        let stream = from(greedy, didcomm).await;
        assert!(speaks(&stream).await, "within the bound");
        open.push(stream);
    }
    assert!(is_closed(from(greedy, didcomm).await).await, "one too many");
    let other = from(Ipv4Addr::new(127, 0, 0, 10), didcomm).await;
    assert!(speaks(&other).await, "another address");
    drop(open);
    // What is closed is seen soon, but not at once.
    while !speaks(&from(greedy, didcomm).await).await {}
}

/// Whether a request is answered.
async fn speaks(stream: &TcpStream) -> bool {
    let request = b"HEAD / HTTP/1.1\r\nhost: agent\r\n\r\n";
    let mut answer = [0; 512];
    loop {
        if stream.writable().await.is_err() {
            return false;
        }
        match stream.try_write(request) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
            Ok(_) => break,
        }
    }
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        match stream.try_read(&mut answer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            read => return read.is_ok_and(|read| answer[..read].starts_with(b"HTTP/1.1 200")),
        }
    }
}

/// A did:peer:4 with a service for each endpoint, in this order.
fn with_services(key: &SecretKey, endpoints: &[&str]) -> Identity {
    let services = endpoints.iter().enumerate().map(|(priority, endpoint)| {
        json!({"id": format!("#didcomm-{priority}"), "type": "did-communication", "priority": priority,
            "recipientKeys": ["#key-0"], "routingKeys": [], "serviceEndpoint": endpoint})
    });
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "verificationMethod": [{"id": "#key-0", "type": "Multikey", "publicKeyMultibase": key.as_public().multikey()}],
        "authentication": ["#key-0"], "keyAgreement": ["#key-0"],
        "service": services.collect::<Vec<Value>>(),
    });
    Identity::bare(&four::build(&document).unwrap(), key)
}

#[tokio::test]
async fn a_service_that_no_configured_transport_leads_to_is_passed_over_and_schemes_have_any_case() {
    let agent = Agent::start("agent", &["-ot", "http"]).await;
    let peer = Peer::start();
    let upper = peer.endpoint.replace("http://", "HTTP://");
    let link = peer.connect_as(&agent, &with_services(&peer.key(), &["ws://127.0.0.1:9/", &upper])).await;
    peer.told(&agent, &link.connection_id).await;
}

#[tokio::test]
async fn when_the_first_service_is_down_the_next_is_reached() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let me = with_services(&peer.key(), &[&format!("http://{down}/"), &peer.endpoint]);
    let link = peer.connect_as(&agent, &me).await;
    peer.told(&agent, &link.connection_id).await;
}

#[tokio::test]
async fn when_the_first_service_of_an_inviters_did_is_down_the_request_goes_to_the_next() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let me = with_services(&peer.key(), &[&format!("http://{down}/"), &peer.endpoint]);
    let asked = peer.invite(&agent, invitation_to(1, json!(me.did))).await;
    peer.answer(&asked, &me).await;
    let link = peer.confirmed(&agent, &asked, &me).await;
    peer.is_served(&agent, &link).await;
}
