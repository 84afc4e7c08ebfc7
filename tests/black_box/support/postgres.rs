//! A PostgreSQL server for agents' wallets.

use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::cluster::Cluster;
use super::free_port;

pub struct Postgres {
    cluster: Cluster,
}

impl Postgres {
    /// `None` without PostgreSQL on the machine.
    pub fn start() -> Option<Arc<Self>> {
        Some(Arc::new(Self { cluster: Cluster::start(free_port(), &[])? }))
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
        tokio::task::spawn_blocking(move || postgres.cluster.order(order)).await.unwrap();
    }

    /// A connection to one of its databases.
    pub async fn connect(&self, database: &str) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.cluster.port)
            .user("postgres")
            .password("postgres")
            .dbname(database);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// What makes a database anew, without what only some versions of the server know.
    pub fn dump(&self, database: &str) -> String {
        let port = self.cluster.port.to_string();
        let output = Command::new("pg_dump")
            .args(["--inserts", "--no-owner", "--no-privileges", "-h", "127.0.0.1", "-U", "postgres", "-p"])
            .args([&port, database])
            .env("PGPASSWORD", "postgres")
            .output()
            .expect("install the package postgresql-client");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let kept = text.lines().filter(|line| {
            !line.is_empty() && !["--", "\\", "SET "].iter().any(|start| line.starts_with(start))
        });
        kept.map(|line| format!("{line}\n")).collect()
    }

    /// The options of an agent whose wallet is here.
    pub fn options(&self) -> Vec<String> {
        let config = format!(r#"{{"url":"127.0.0.1:{}","max_connections":4}}"#, self.cluster.port);
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
