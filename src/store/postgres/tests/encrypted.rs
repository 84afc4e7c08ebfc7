//! TLS, with a server that has a certificate for `localhost`, but not for its address.

use std::path::{Path, PathBuf};

use askar_storage::backend::Backend as _;
use chancery_agent::ports::store::Store as _;

use super::super::{PostgresStore, Server, SslMode, Tls};
use super::{Cluster, Keep, askar, open, options, servers};

fn with(server: &Server, host: &str, mode: SslMode, root: Option<&Path>) -> Server {
    let tls = Tls::new(mode, root.map(Path::to_owned)).unwrap();
    Server { host: host.to_owned(), tls, ..server.clone() }
}

async fn is_encrypted(server: &Server) -> bool {
    let link = server.connect().await.unwrap();
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    link.client.query_one(sql, &[]).await.unwrap().get(0)
}

fn encrypted_cluster() -> Option<(std::sync::Arc<Cluster>, PathBuf)> {
    let cluster = servers::start(&[("TLS", "yes")])?;
    let root = PathBuf::from(cluster.ask("authority"));
    Some((cluster, root))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_checks_what_it_says() {
    let Some((cluster, root)) = encrypted_cluster() else { return };
    let other = root.with_file_name("other.pem");
    let server = cluster.fresh();
    let (name, address) = ("localhost", "127.0.0.1");
    open(&server).await.close().await;
    for (host, mode, root, encrypted) in [
        (address, SslMode::Disable, None, false),
        (address, SslMode::Prefer, None, true),
        (address, SslMode::Require, None, true),
        (address, SslMode::Require, Some(&root), true),
        (address, SslMode::VerifyCa, Some(&root), true),
        (name, SslMode::VerifyFull, Some(&root), true),
    ] {
        let server = with(&server, host, mode, root.map(PathBuf::as_path));
        assert_eq!(is_encrypted(&server).await, encrypted, "{mode:?} {host} {root:?}");
    }
    for (host, mode, root, part) in [
        (address, SslMode::VerifyFull, Some(&root), "set sslmode to verify-ca"),
        (name, SslMode::VerifyFull, Some(&other), "as sslrootcert"),
        (name, SslMode::Require, Some(&other), "as sslrootcert"),
        // The system trusts others.
        (name, SslMode::VerifyCa, None, "as sslrootcert"),
    ] {
        let server = with(&server, host, mode, root.map(PathBuf::as_path));
        let error =
            PostgresStore::open(server.clone(), options(&server), Keep::default()).await.err().unwrap();
        assert!(error.to_string().contains(part), "{mode:?} {host} {root:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wallets_are_made_over_the_same_connections() {
    let Some((cluster, root)) = encrypted_cluster() else { return };
    for (mode, host) in [(SslMode::VerifyFull, "localhost"), (SslMode::VerifyCa, "127.0.0.1")] {
        let server = with(&cluster.fresh(), host, mode, Some(&root));
        open(&server).await.close().await;
        assert!(is_encrypted(&server).await);
        askar(&server).await.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_told_from_one_that_insists() {
    let Some(cluster) = servers::shared() else { return };
    let server = cluster.fresh();
    open(&server).await.close().await;
    assert!(!is_encrypted(&with(&server, "127.0.0.1", SslMode::Prefer, None)).await);
    let error = with(&server, "127.0.0.1", SslMode::Require, None).connect().await.err().unwrap();
    let told = with(&server, "127.0.0.1", SslMode::Require, None).unavailable(&error).to_string();
    assert!(told.contains("ssl = on") && told.contains("sslmode to disable"), "{told}");
}

#[test]
fn a_root_certificate_must_be_one() {
    let missing = Tls::new(SslMode::VerifyFull, Some("/nowhere/ca.pem".into())).unwrap_err();
    assert!(missing.contains("sslrootcert") && missing.contains("/nowhere/ca.pem"), "{missing}");
    let empty = Tls::new(SslMode::VerifyFull, Some("/dev/null".into())).unwrap_err();
    assert!(empty.contains("there is none in it"), "{empty}");
    assert!(SslMode::parse("on").unwrap_err().contains("verify-full"));
    // Without a file, the authorities of the system.
    assert!(Tls::new(SslMode::VerifyFull, None).is_ok());
}
