//! A PostgreSQL cluster of its own, by `tests/postgres`: gone with the process. The store's own tests include this file too.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

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
    /// `None` without PostgreSQL on the machine. `settings`: what `tests/postgres` takes from its environment.
    pub fn start(port: u16, settings: &[(&str, &str)]) -> Option<Self> {
        let mut child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres"))
            .arg(port.to_string())
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut process = Process { orders, answers, child };
        match process.line().as_str() {
            "ready" => Some(Self { port, process: Mutex::new(process) }),
            "missing" => None,
            other => panic!("tests/postgres: {other:?}"),
        }
    }

    /// Gives an order of `tests/postgres`; returns its answer when it is done.
    pub fn ask(&self, order: &str) -> String {
        let mut process = self.process.lock().unwrap();
        writeln!(process.orders.as_mut().unwrap(), "{order}").unwrap();
        process.line()
    }

    /// `stop`, `kill` or `start`; returns when it is done.
    pub fn order(&self, order: &str) {
        assert_eq!(self.ask(order), "ok", "{order}");
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
