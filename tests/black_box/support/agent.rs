//! One process of the binary.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{Controller, Postgres, Relay};

/// A raw key: opening costs milliseconds; the derivation has tests of its own.
pub const RAW_KEY: &str = "CwNJroKHTSSj3XvE7ZAnuKiTn2C4QkFvxEqfm5rzhNrb";

/// A port that nobody listens on and that no test has had before. Below the range from which the system takes ports for
/// outgoing connections: one of those could take it before the agent does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Test processes that run side by side begin far from each other.
        let at = std::process::id().wrapping_mul(211).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + u16::try_from(at % 12_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Where an agent runs, when that isn't as usual.
#[derive(Default)]
pub struct Surroundings {
    /// What peers are told instead of the agent's own port.
    pub endpoint: Option<String>,
    /// The command that the binary is started by.
    pub launcher: Vec<String>,
    /// Variables of the process.
    pub variables: Vec<(String, String)>,
    /// Where the wallet is a database, when all tests' wallets are not.
    pub postgres: Option<Arc<Postgres>>,
}

pub struct Agent {
    pub controller: Controller,
    pub admin: String,
    pub endpoint: String,
    pub home: PathBuf,
    pub http: reqwest::Client,
    pub surroundings: Surroundings,
    args: Vec<String>,
    child: Option<Child>,
}

/// The binary under test: `CHANCERY_BIN`, or the one that cargo has built.
pub fn binary() -> PathBuf {
    std::env::var_os("CHANCERY_BIN").map_or_else(|| env!("CARGO_BIN_EXE_chancery").into(), PathBuf::from)
}

impl Agent {
    pub async fn start(name: &str, options: &[&str]) -> Self {
        let (admin, didcomm) = (free_port(), free_port());
        Self::start_at(name, admin, didcomm, options).await
    }

    /// Reached through a relay.
    pub async fn start_behind(name: &str, options: &[&str]) -> (Self, Relay) {
        let (admin, didcomm) = (free_port(), free_port());
        let relay = Relay::start(&format!("http://127.0.0.1:{didcomm}"));
        let surroundings = Surroundings { endpoint: Some(relay.url.clone()), ..Surroundings::default() };
        (Self::start_in(surroundings, name, admin, didcomm, options).await, relay)
    }

    pub async fn start_at(name: &str, admin: u16, didcomm: u16, options: &[&str]) -> Self {
        Self::start_in(Surroundings::default(), name, admin, didcomm, options).await
    }

    pub async fn start_in(
        surroundings: Surroundings,
        name: &str,
        admin: u16,
        didcomm: u16,
        options: &[&str],
    ) -> Self {
        let home = std::env::temp_dir().join(format!("chancery-test-{}-{name}-{admin}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        let controller = Controller::start();
        let own = format!("http://127.0.0.1:{didcomm}");
        let endpoint = surroundings.endpoint.clone().unwrap_or(own);
        let fixed = format!(
            "start --label {name} -it http 127.0.0.1 {didcomm} -ot http -ot ws -e {endpoint} --admin 127.0.0.1 {admin} \
             --admin-insecure-mode --no-ledger --auto-provision --wallet-type askar --wallet-name {name} --wallet-key {RAW_KEY} \
             --wallet-key-derivation-method raw --webhook-url {}#hook-key --log-level info",
            controller.url
        );
        let mut args: Vec<String> = fixed.split_whitespace().map(str::to_owned).collect();
        if options.contains(&"-ot") {
            let at = args.iter().position(|word| word == "-ot").unwrap();
            args.drain(at..at + 4);
        }
        args.extend(options.iter().map(|o| (*o).to_owned()));
        if options.contains(&"--admin-api-key") {
            args.retain(|word| word != "--admin-insecure-mode");
        }
        if let Some(postgres) = surroundings.postgres.clone().or_else(Postgres::for_all) {
            // Each agent has its database, named like its folder.
            let at = args.iter().position(|word| word == "--wallet-name").unwrap();
            args[at + 1] = format!("{name}_{}_{admin}", std::process::id());
            args.extend(postgres.options());
        }
        let http = client();
        let mut agent = Self {
            controller,
            admin: format!("http://127.0.0.1:{admin}"),
            endpoint,
            home,
            http,
            surroundings,
            args,
            child: None,
        };
        agent.spawn().await;
        agent
    }

    fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The name of its wallet: of a folder, or of a database.
    pub fn wallet_name(&self) -> &str {
        let at = self.args.iter().position(|word| word == "--wallet-name").unwrap();
        &self.args[at + 1]
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Starts the process (again) on the same wallet.
    pub async fn spawn(&mut self) {
        self.launch();
        self.ready().await;
    }

    /// Starts the process and doesn't wait for it.
    pub fn launch(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut words: Vec<OsString> = self.surroundings.launcher.iter().map(OsString::from).collect();
        words.push(binary().into());
        let child = Command::new(&words[0])
            .args(&words[1..])
            .args(&self.args)
            .env("ACAPY_HOME", &self.home)
            .envs(self.surroundings.variables.iter().cloned())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        // The old process's connections are gone.
        self.http = client();
    }

    /// Waits until the process is ready.
    pub async fn ready(&mut self) {
        for _ in 0..600 {
            if let Ok(answer) = self.http.get(format!("{}/status/ready", self.admin)).send().await
                && answer.status().is_success()
            {
                return;
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("the agent ended with {status}:\n{}", self.log_text());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the agent is not ready:\n{}", self.log_text());
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        assert!(Command::new("kill").arg(self.pid().to_string()).status().unwrap().success());
        self.ended().await
    }

    /// Waits for the end of the process.
    pub async fn ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap()
    }

    pub async fn restart(&mut self) {
        assert!(self.stop().await.success(), "{}", self.log_text());
        self.spawn().await;
    }

    pub async fn try_get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(format!("{}{path}", self.admin)).send().await.unwrap()).await
    }

    pub async fn try_post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.http.post(format!("{}{path}", self.admin)).json(&body).send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Value {
        ok(path, self.try_get(path).await)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        ok(path, self.try_post(path, body).await)
    }

    /// A fresh did:key.
    pub async fn did(&self, key_type: &str) -> String {
        let made = self
            .post(
                "/wallet/did/create",
                serde_json::json!({"method": "key", "options": {"key_type": key_type}}),
            )
            .await;
        made["result"]["did"].as_str().unwrap().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(Path::new(&self.home));
        }
    }
}

fn client() -> reqwest::Client {
    chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap()
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn ok(path: &str, (status, body): (u16, Value)) -> Value {
    assert_eq!(status, 200, "{path}: {body}");
    body
}
