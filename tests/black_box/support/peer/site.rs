//! A web site that publishes a document for a did:web.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::Surroundings;

#[derive(Default)]
pub enum Manner {
    #[default]
    Answers,
    HangsUp,
    /// Takes connections, and says nothing.
    Silent,
}

pub struct Site {
    pub did: String,
    home: PathBuf,
    document: Arc<Mutex<Value>>,
    manner: Arc<Mutex<Manner>>,
    task: tokio::task::JoinHandle<()>,
}

impl Site {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let home = std::env::temp_dir().join(format!("chancery-test-{}-site-{port}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(certified(&home)));
        let document = Arc::new(Mutex::new(Value::Null));
        let (published, manner) = (document.clone(), Arc::<Mutex<Manner>>::default());
        let now = manner.clone();
        let task = tokio::spawn(async move {
            let mut waiting = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                match *now.lock().unwrap() {
                    Manner::Answers => {}
                    Manner::HangsUp => continue,
                    Manner::Silent => {
                        waiting.push(stream);
                        continue;
                    }
                }
                let (acceptor, published) = (acceptor.clone(), published.clone());
                tokio::spawn(async move {
                    // A visitor that goes away early is no fault of the site's.
                    let _ = serve(&acceptor, stream, &published).await;
                });
            }
        });
        Self { did: format!("did:web:localhost%3A{port}"), home, document, manner, task }
    }

    pub fn publish(&self, document: Value) {
        *self.document.lock().unwrap() = document;
    }

    /// How whoever calls is treated from now on.
    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
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

fn openssl(home: &Path, args: &str) {
    let key = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=site";
    let words = key.split(' ').chain(args.split(' '));
    let output = Command::new("openssl").args(words).current_dir(home).output().expect("install openssl");
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

async fn serve(acceptor: &TlsAcceptor, stream: TcpStream, published: &Mutex<Value>) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let body = published.lock().unwrap().to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
