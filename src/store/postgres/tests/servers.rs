//! Databases of a private cluster.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::{Account, Server, Tls};
use super::cluster::Cluster;

/// A cluster with these settings; `None` without PostgreSQL on the machine.
pub fn start(settings: &[(&str, &str)]) -> Option<Arc<Cluster>> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Cluster::start(port, settings);
    if started.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "PostgreSQL is missing: install postgresql");
        writeln!(std::io::stderr(), "not run: PostgreSQL (install the package postgresql)").unwrap();
    }
    started.map(Arc::new)
}

/// One for all tests that do nothing to it.
pub fn shared() -> Option<Arc<Cluster>> {
    static SHARED: OnceLock<Option<Arc<Cluster>>> = OnceLock::new();
    SHARED.get_or_init(|| start(&[])).clone()
}

impl Cluster {
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
            tls: Tls::off(),
            open: Arc::default(),
        }
    }

    /// A database that no test has had before.
    pub fn fresh(&self) -> Server {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        self.database(&format!("wallet_{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}
