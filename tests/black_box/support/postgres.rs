//! A PostgreSQL cluster of its own, by `tests/postgres`: gone with the process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use super::free_port;

pub struct Postgres {
    pub port: u16,
    process: Mutex<Process>,
}

struct Process {
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    child: Child,
}

impl Postgres {
    /// `None` without PostgreSQL on the machine.
    pub fn start() -> Option<Arc<Self>> {
        let port = free_port();
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut process = Process { orders, answers, child };
        match process.line().as_str() {
            "ready" => Some(Arc::new(Self { port, process: Mutex::new(process) })),
            "missing" => None,
            other => panic!("tests/postgres: {other:?}"),
        }
    }

    /// With `CHANCERY_TEST_STORE=postgres`, where every agent of the tests has its wallet.
    pub fn for_all() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Option<Arc<Postgres>>> = OnceLock::new();
        let asked = std::env::var("CHANCERY_TEST_STORE").is_ok_and(|store| store == "postgres");
        let start = || asked.then(|| Self::start().expect("install the package postgresql"));
        SHARED.get_or_init(start).clone()
    }

    /// `stop`, `kill` or `start`; returns when it is done.
    pub async fn order(self: &Arc<Self>, order: &'static str) {
        let postgres = Arc::clone(self);
        let obeyed = tokio::task::spawn_blocking(move || {
            let mut process = postgres.process.lock().unwrap();
            writeln!(process.orders.as_mut().unwrap(), "{order}").unwrap();
            process.line()
        });
        assert_eq!(obeyed.await.unwrap(), "ok");
    }

    /// The options of an agent whose wallet is here.
    pub fn options(&self) -> Vec<String> {
        let config = format!(r#"{{"url":"127.0.0.1:{}","max_connections":4}}"#, self.port);
        let credentials = r#"{"account":"postgres","password":"postgres"}"#;
        [
            "--wallet-storage-type",
            "postgres_storage",
            "--wallet-storage-config",
            &config,
            "--wallet-storage-creds",
            credentials,
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

impl Process {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.orders = None;
        let _ = self.child.wait();
    }
}
