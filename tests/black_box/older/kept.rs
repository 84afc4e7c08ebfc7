//! Where a fixture's wallet is kept, and how it comes there and back.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use rusqlite::Connection;

use crate::support::{Agent, Postgres};

pub enum Store {
    Sqlite,
    Postgres(Arc<Postgres>),
}

fn file(agent: &Agent) -> PathBuf {
    agent.home.join("wallet").join(agent.wallet_name()).join("sqlite.db")
}

impl Store {
    /// Where all tests' wallets are.
    pub fn of_all() -> Self {
        Postgres::for_all().map_or(Self::Sqlite, Self::Postgres)
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    pub fn postgres(&self) -> Option<Arc<Postgres>> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(postgres) => Some(postgres.clone()),
        }
    }

    /// A figure that is asked of the wallet of an agent that doesn't run.
    pub async fn figure(&self, agent: &Agent, sql: &str) -> i64 {
        match self {
            Self::Sqlite => {
                let wallet = Connection::open(file(agent)).unwrap();
                wallet.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres(postgres) => {
                let client = postgres.connect(agent.wallet_name()).await;
                client.query_one(sql, &[]).await.unwrap().get(0)
            }
        }
    }

    /// Keeps the wallet of an agent that doesn't run.
    pub fn keep(&self, agent: &Agent, folder: &Path) {
        let bytes = match self {
            Self::Sqlite => {
                let wallet = Connection::open(file(agent)).unwrap();
                wallet.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
                drop(wallet);
                std::fs::read(file(agent)).unwrap()
            }
            Self::Postgres(postgres) => postgres.dump(agent.wallet_name()).into_bytes(),
        };
        let packed = std::fs::File::create(folder.join(self.name()).with_extension("gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, Compression::best());
        packed.write_all(&bytes).unwrap();
        packed.finish().unwrap();
    }

    /// Puts what is kept in the place of the wallet of an agent that doesn't run.
    pub async fn put(&self, agent: &Agent, folder: &Path) {
        let mut bytes = Vec::new();
        let packed = std::fs::File::open(folder.join(self.name()).with_extension("gz")).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        match self {
            Self::Sqlite => {
                let path = file(agent);
                for more in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{more}", path.display()));
                }
                std::fs::write(path, bytes).unwrap();
            }
            Self::Postgres(postgres) => {
                let (server, name) = (postgres.connect("postgres").await, agent.wallet_name());
                server.execute(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"), &[]).await.unwrap();
                server.execute(&format!("CREATE DATABASE \"{name}\""), &[]).await.unwrap();
                let sql = String::from_utf8(bytes).unwrap();
                postgres.connect(name).await.batch_execute(&sql).await.unwrap();
            }
        }
    }
}
