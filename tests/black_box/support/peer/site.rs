//! A web site that publishes documents for did:webs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use chancery_did::PublicKey;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{Clock, Surroundings};

pub struct Site {
    pub did: String,
    home: PathBuf,
    published: Arc<Published>,
    task: tokio::task::JoinHandle<()>,
}

/// Where the document of a host's own DID is.
const ROOT: &str = "/.well-known/did.json";

#[derive(Default)]
struct Published {
    /// By path.
    documents: Mutex<HashMap<String, Value>>,
    /// Where whoever comes for the document is sent.
    moved_to: Mutex<Option<String>>,
}

impl Site {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// At an address that somebody was told before.
    pub async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let home = std::env::temp_dir().join(format!("chancery-test-{}-site-{port}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(certified(&home)));
        let published = Arc::new(Published::default());
        let serving = published.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, published) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    // A visitor that goes away early is no fault of the site's.
                    let _ = serve(&acceptor, stream, &published).await;
                });
            }
        });
        Self { did: format!("did:web:localhost%3A{port}"), home, published, task }
    }

    /// Where the DID that the document is about says that it is.
    pub fn publish(&self, document: Value) {
        let below = document["id"].as_str().unwrap().strip_prefix(&*self.did).unwrap().replace(':', "/");
        let folder = if below.is_empty() { "/.well-known" } else { &*below };
        self.published.documents.lock().unwrap().insert(format!("{folder}/did.json"), document);
    }

    /// From now on the document is at `url`: at any path of the site's, or elsewhere.
    pub fn moves_to(&self, url: &str) {
        *self.published.moved_to.lock().unwrap() = Some(url.to_owned());
    }

    /// Nobody listens any more.
    pub fn down(&self) {
        self.task.abort();
    }

    /// An agent that trusts the site's certificate.
    pub fn surroundings(&self) -> Surroundings {
        let authority = self.home.join("ca.pem").to_str().unwrap().to_owned();
        Surroundings { variables: vec![("SSL_CERT_FILE".to_owned(), authority)], ..Surroundings::default() }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Ten years old, where the clock can be shifted, and good for twenty: some agents live at other times.
fn openssl(home: &Path, args: &str) {
    let key = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7300 -subj /CN=site";
    let words = key.split(' ').chain(args.split(' '));
    let output = Command::new("openssl")
        .args(words)
        .current_dir(home)
        .envs([("LD_PRELOAD", Clock::LIBRARY), ("FAKETIME", "-3650d")])
        .output()
        .expect("install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn certified(home: &Path) -> ServerConfig {
    openssl(home, "-keyout ca.key -out ca.pem");
    openssl(
        home,
        "-keyout site.key -out site.pem -CA ca.pem -CAkey ca.key -addext subjectAltName=DNS:localhost -addext \
         basicConstraints=critical,CA:FALSE",
    );
    let _ = rustls::crypto::ring::default_provider().install_default();
    let chain = CertificateDer::pem_file_iter(home.join("site.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(home.join("site.key")).unwrap();
    ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
}

async fn serve(acceptor: &TlsAcceptor, stream: TcpStream, published: &Published) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let moved_to = published.moved_to.lock().unwrap().clone();
    let first = match moved_to.filter(|_| head.starts_with(b"GET /.well-known/did.json ")) {
        Some(url) => format!("HTTP/1.1 301 Moved Permanently\r\nlocation: {url}"),
        None => "HTTP/1.1 200 OK".to_owned(),
    };
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let body = {
        let documents = published.documents.lock().unwrap();
        documents.get(path).or(documents.get(ROOT)).unwrap_or(&Value::Null).to_string()
    };
    let answer = format!(
        "{first}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// A document as sites publish it.
pub fn published(did: &str, keys: &[&PublicKey], endpoint: &str) -> Value {
    let methods: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            json!({"id": format!("{did}#{at}"), "type": "Ed25519VerificationKey2018", "controller": did,
                "publicKeyBase58": key.base58()})
        })
        .collect();
    let ids: Vec<Value> = methods.iter().map(|m| m["id"].clone()).collect();
    json!({
        "@context": ["https://www.w3.org/ns/did/v1"], "id": did, "verificationMethod": methods,
        "authentication": ids, "assertionMethod": ids,
        "service": [{"id": format!("{did}#didcomm"), "type": "did-communication", "priority": 0,
            "recipientKeys": [ids[0]], "routingKeys": [], "serviceEndpoint": endpoint}],
    })
}
