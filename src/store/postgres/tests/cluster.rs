//! A PostgreSQL cluster of its own for the tests of a process, by `tests/postgres`: gone with the process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::{Account, Server};

pub struct Cluster {
    pub port: u16,
    process: Mutex<Process>,
}

struct Process {
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    child: Child,
}

impl Cluster {
    /// `None` without PostgreSQL on the machine.
    pub fn start() -> Option<Arc<Self>> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
            "missing" => {
                assert!(
                    std::env::var("CI").as_deref() != Ok("true"),
                    "PostgreSQL is missing: install postgresql"
                );
                writeln!(std::io::stderr(), "not run: PostgreSQL (install the package postgresql)").unwrap();
                None
            }
            other => panic!("tests/postgres: {other:?}"),
        }
    }

    /// One for all tests that do nothing to it.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: OnceLock<Option<Arc<Cluster>>> = OnceLock::new();
        SHARED.get_or_init(Self::start).clone()
    }

    pub fn order(&self, order: &str) {
        let mut process = self.process.lock().unwrap();
        writeln!(process.orders.as_mut().unwrap(), "{order}").unwrap();
        assert_eq!(process.line(), "ok");
    }

    /// A database of this name, which need not be there.
    pub fn database(&self, name: &str) -> Server {
        Server {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            database: name.to_owned(),
            account: Account { name: "postgres".to_owned(), password: Zeroizing::new("postgres".to_owned()) },
            admin: None,
            max_connections: 3,
            connect_timeout: Duration::from_secs(5),
            tls: false,
        }
    }

    /// A database that no test has had before.
    pub fn fresh(&self) -> Server {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        self.database(&format!("wallet_{}", NEXT.fetch_add(1, Ordering::Relaxed)))
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
