//! A party that packs what no agent would: any sender, any recipients, any message; and reads what comes back.

mod address;
mod handshake;
mod identity;
mod messages;
mod site;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use chancery_did::{KeyType, PublicKey, SecretKey};
use chancery_didcomm::{
    Envelope, Inbound, SharedSecrets, Unpacked, classify, pack_anoncrypt, pack_authcrypt, wrap_forward,
};
use rand_core::OsRng;
use serde_json::Value;
use tokio::sync::Notify;

pub use address::Address;
pub use handshake::{Link, invite, tell};
pub use identity::{Identity, sign, signed_json, signed_text};
pub use messages::*;
pub use site::{Site, published};

use super::Agent;

/// What came to the peer.
#[derive(Clone)]
pub struct Letter {
    /// Null where no key of the peer's opens the envelope.
    pub message: Value,
    /// Who is proven to have sent it.
    pub sender: Option<PublicKey>,
    /// The key that opened it.
    pub recipient: Option<PublicKey>,
    /// The keys that the envelope was packed for.
    pub packed_for: Vec<String>,
}

impl Letter {
    /// `protocol/1.0/name` of the message's type.
    pub fn kind(&self) -> &str {
        kind_of(&self.message)
    }

    pub fn is(&self, name: &str) -> bool {
        self.kind().ends_with(&format!("/{name}"))
    }

    /// The thread that the message belongs to.
    pub fn thread(&self) -> &str {
        thread_of(&self.message)
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} for {:?}", self.kind(), self.thread(), self.packed_for)
    }
}

/// What an agent answered to a message.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// What came back on the same connection.
    pub letter: Option<Letter>,
}

#[derive(Default)]
struct State {
    keys: Mutex<Vec<SecretKey>>,
    letters: Mutex<Vec<Letter>>,
    news: Notify,
}

impl State {
    fn open(&self, body: &[u8]) -> Letter {
        let envelope = match classify(body).unwrap() {
            Inbound::Envelope(envelope) => envelope,
            Inbound::Plaintext(message) => {
                return Letter { message, sender: None, recipient: None, packed_for: Vec::new() };
            }
            Inbound::Unreadable(error) => panic!("an agent sent what is no envelope: {error}"),
        };
        let packed_for: Vec<String> = envelope.recipient_kids().into_iter().map(str::to_owned).collect();
        let keys = self.keys.lock().unwrap();
        let mut letter = Letter { message: Value::Null, sender: None, recipient: None, packed_for };
        if let Some(opened) = keys.iter().find_map(|key| opened_by(&envelope, key)) {
            letter.message = serde_json::from_slice(opened.plaintext()).unwrap();
            match opened {
                Unpacked::Authenticated { sender, recipient, .. } => {
                    (letter.sender, letter.recipient) = (Some(sender), Some(recipient));
                }
                Unpacked::Anonymous { recipient, .. } => letter.recipient = Some(recipient),
            }
        }
        letter
    }
}

fn opened_by(envelope: &Envelope, key: &SecretKey) -> Option<Unpacked> {
    envelope.open(key, &SharedSecrets::new(0)).ok()
}

pub struct Peer {
    pub endpoint: String,
    http: reqwest::Client,
    state: Arc<State>,
    handle: actix_web::dev::ServerHandle,
}

impl Peer {
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    /// At an address that somebody was told before.
    pub fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let data = web::Data::from(state.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(16 << 20))
                .route("/", web::post().to(receive))
        });
        let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        let http = chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { endpoint, http, state, handle }
    }

    /// A new key, which opens what is packed for it.
    pub fn key(&self) -> SecretKey {
        let key = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
        self.has(&key);
        key
    }

    /// Opens what is packed for this key, too.
    pub fn has(&self, key: &SecretKey) {
        self.state.keys.lock().unwrap().push(key.clone());
    }

    /// The letters so far.
    pub fn letters(&self) -> Vec<Letter> {
        self.state.letters.lock().unwrap().clone()
    }

    /// Whether a message of this name (`offer-credential`) has come.
    pub fn heard(&self, name: &str) -> bool {
        self.letters().iter().any(|letter| letter.is(name))
    }

    /// The first letter that fits, past or future.
    pub async fn letter(&self, what: &str, fits: impl Fn(&Letter) -> bool) -> Letter {
        let found = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let news = self.state.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if let Some(letter) = self.letters().into_iter().find(|letter| fits(letter)) {
                    return letter;
                }
                news.await;
            }
        });
        match found.await {
            Ok(letter) => letter,
            Err(_) => panic!("no letter: {what}. Received: {:#?}", self.letters()),
        }
    }

    /// The first message of this name on a thread.
    pub async fn answer_on(&self, name: &str, thread: &str) -> Letter {
        self.letter(&format!("{name} on {thread}"), |l| l.is(name) && l.thread() == thread).await
    }

    /// What came in another way than to the endpoint.
    pub fn read(&self, body: &[u8]) -> Letter {
        self.state.open(body)
    }

    /// Posts bytes as they are.
    pub async fn post(&self, endpoint: &str, body: Vec<u8>) -> Answer {
        let request = self.http.post(endpoint).header("content-type", "application/ssi-agent-wire");
        let response = request.body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        let is_message = status == 200 && body.starts_with(b"{");
        Answer { status, letter: is_message.then(|| self.state.open(&body)) }
    }

    /// Packs a message for the address and posts it; without `from`, nobody is known to have sent it.
    pub async fn send(&self, to: &Address, from: Option<&SecretKey>, message: &Value) -> Answer {
        let answer = self.post(&to.endpoint, pack(message, from, &to.keys, &to.routing)).await;
        assert_eq!(answer.status, 200, "{message}");
        answer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn receive(state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    let letter = state.open(&body);
    state.letters.lock().unwrap().push(letter);
    state.news.notify_waiters();
    HttpResponse::Ok().finish()
}

/// An envelope for all of `to`, within one for each mediator.
pub fn pack(message: &Value, from: Option<&SecretKey>, to: &[PublicKey], routing: &[PublicKey]) -> Vec<u8> {
    let plaintext = message.to_string();
    let envelope = match from {
        Some(key) => pack_authcrypt(plaintext.as_bytes(), to, key, &mut OsRng, &SharedSecrets::new(0)),
        None => pack_anoncrypt(plaintext.as_bytes(), to, &mut OsRng),
    };
    wrap_forward(envelope.unwrap(), to[0].as_base58(), routing, new_id, &mut OsRng).unwrap()
}

/// Waits until the agent has nothing more to send, to do, or to tell its controller.
pub async fn at_rest(agent: &Agent) {
    const REST: [&str; 3] = [
        r#"chancery_queue_rows{queue="outbound"} 0"#,
        r#"chancery_queue_rows{queue="work"} 0"#,
        r#"chancery_queue_oldest_seconds{queue="webhooks"} 0"#,
    ];
    // The figures are not of one moment: work that ends between two of them leaves messages. It can't do so twice.
    let mut times = 0;
    super::eventually("an agent at rest", async || {
        let (_, text) = agent.try_get("/metrics").await;
        let text = text.as_str().unwrap_or_default();
        let rests = REST.iter().all(|line| text.lines().any(|l| l == *line));
        times = if rests { times + 1 } else { 0 };
        (times == 2).then_some(())
    })
    .await;
}
