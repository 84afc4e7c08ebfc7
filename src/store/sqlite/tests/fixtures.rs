//! Wallets that ACA-Py 1.7.0 has made (`kdf:argon2i:mod`; see `tests/fixtures/wallets`).

use std::io::Read as _;
use std::sync::Arc;

use chancery_agent::ports::store::{Commit, Facet, Op, Query, Store as _};
use zeroize::Zeroizing;

use super::super::super::conformance::FACETS;
use super::super::super::{CreateMode, KeyMethod, OpenOptions};
use super::super::SqliteStore;
use super::{Folder, file};

const ISSUER: &[u8] = include_bytes!("../../../../tests/fixtures/wallets/issuer.sqlite.db.gz");
const HOLDER: &[u8] = include_bytes!("../../../../tests/fixtures/wallets/holder.sqlite.db.gz");

fn unpack(packed: &[u8]) -> Arc<Folder> {
    let folder = Folder::new();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    std::fs::write(folder.wallet(), bytes).unwrap();
    folder
}

fn options(folder: &Folder, key: &str) -> OpenOptions {
    OpenOptions {
        key: Zeroizing::new(key.to_owned()),
        method: KeyMethod::Argon2iMod,
        create: CreateMode::Never,
        profile: None,
        facets: FACETS,
        ..file(&folder.wallet())
    }
}

async fn count(store: &SqliteStore, category: &'static str) -> usize {
    let tenants = store.tenants().await.unwrap();
    let rows = store.find(&tenants[0], &Query::all(category)).await.unwrap();
    for row in &rows {
        assert!(std::str::from_utf8(&row.value).is_ok());
    }
    rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn acapys_issuer_opens_and_reads() {
    let folder = unpack(ISSUER);
    let store = SqliteStore::open(options(&folder, "issuer-key")).await.unwrap();
    let tenant = store.tenants().await.unwrap().remove(0);
    assert_eq!(tenant.as_str().len(), 36, "ACA-Py names its profile with a uuid");
    assert_eq!((count(&store, "connection").await, count(&store, "cred_ex_v20").await), (1, 4));

    let connection =
        store.find(&tenant, &Query::tagged("connection", "state", "active")).await.unwrap().remove(0);
    let value: serde_json::Value = serde_json::from_slice(&connection.value).unwrap();
    let tag = |name: &str| connection.tags.iter().find(|tag| tag.name == name).map(|tag| tag.value.as_str());
    assert_eq!(tag("my_did"), value["my_did"].as_str());
    assert_eq!(tag("invitation_key"), value["invitation_key"].as_str());

    let mut keys = 0;
    for did in store.find(&tenant, &Query::all("did")).await.unwrap() {
        let value: serde_json::Value = serde_json::from_slice(&did.value).unwrap();
        let verkey = value["verkey"].as_str().unwrap();
        let key = store.key(&tenant, verkey).await.unwrap().expect("every DID has its key");
        assert_eq!(key.secret.public().base58(), verkey);
        assert_eq!(key.secret.kind().as_str(), value["verkey_type"].as_str().unwrap());
        for tag in &key.tags {
            let found = store.find_keys(&tenant, &tag.name, &tag.value).await.unwrap();
            assert!(found.iter().any(|found| found.name == verkey));
        }
        keys += 1;
    }
    assert!(keys > 2);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acapys_holder_is_indexed_and_written_to() {
    let folder = unpack(HOLDER);
    let store = SqliteStore::open(options(&folder, "holder-key")).await.unwrap();
    let tenant = store.tenants().await.unwrap().remove(0);
    assert_eq!((count(&store, "cred_ex_v20").await, count(&store, "vc_cred").await > 0), (5, true));
    let done = Query { facets: vec![(Facet::State, vec!["done".to_owned()])], ..Query::all("cred_ex_v20") };
    let rows = store.find(&tenant, &done).await.unwrap();
    assert_eq!(rows.len(), 5);
    let value: serde_json::Value = serde_json::from_slice(&rows[0].value).unwrap();
    let thread = value["thread_id"].as_str().unwrap();
    assert_eq!(
        store.find(&tenant, &Query::tagged("cred_ex_v20", "thread_id", thread)).await.unwrap().len(),
        1
    );
    let removed = Commit { guards: vec![], ops: vec![Op::Remove(rows[0].key.clone())] };
    store.commit(&tenant, removed).await.unwrap();
    store.close().await;

    let store = SqliteStore::open(options(&folder, "holder-key")).await.unwrap();
    assert_eq!(store.find(&tenant, &done).await.unwrap().len(), 4);
    store.close().await;
}
