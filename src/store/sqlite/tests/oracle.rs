//! askar-storage reads what we write, and we read what it writes.

use askar_storage::backend::{Backend as _, BackendSession as _};
use askar_storage::entry::{EntryKind, EntryOperation, EntryTag, TagFilter};
use chancery_agent::ports::store::{Commit, KeyRow, Op, Query, RowKey, Store as _, Tag};
use chancery_did::SecretKey;
use chancery_did::key::KeyType;

use super::super::super::conformance::{as_ours, exchange, row, sorted};
use super::super::SqliteStore;
use super::{Folder, Tenant, askar, file};

fn tenant() -> Tenant {
    Tenant::new("first")
}

async fn commit(store: &SqliteStore, ops: Vec<Op>) {
    store.commit(&tenant(), Commit { guards: vec![], ops }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn askar_reads_every_row_we_write() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let mut plain = exchange("x1", "done", "issuer", "c");
    plain.tags.push(Tag { plaintext: true, ..Tag::new("~thread", "t") });
    let changed = row("connection", "c1", "after", &[("state", "active"), ("my_did", "did:x")]);
    commit(
        &store,
        vec![
            Op::Insert(plain.clone()),
            Op::Insert(row(
                "connection",
                "c1",
                "before",
                &[("state", "request"), ("my_did", "did:x"), ("gone", "1")],
            )),
            Op::Insert(row("connection", "c2", "ünï\u{1F512}", &[])),
            Op::Insert(row("connection", "removed", "x", &[("state", "active")])),
            Op::Insert(row("connection", "", "", &[("", "")])),
        ],
    )
    .await;
    commit(&store, vec![Op::Replace(changed.clone()), Op::Remove(RowKey::new("connection", "removed"))])
        .await;
    store.close().await;

    let askar = askar(&folder.wallet()).await;
    let mut session = askar.session(None, false).unwrap();
    let found = session.fetch(EntryKind::Item, "cred_ex_v20", "x1", false).await.unwrap().unwrap();
    assert_eq!((found.value.as_ref(), as_ours(&found.tags)), (plain.value.as_slice(), sorted(plain.tags)));
    let all = session
        .fetch_all(Some(EntryKind::Item), Some("connection"), None, None, None, false, false)
        .await
        .unwrap();
    let mut names: Vec<_> = all.iter().map(|entry| (entry.name.as_str(), entry.value.as_ref())).collect();
    names.sort();
    assert_eq!(names, [("", &b""[..]), ("c1", b"after"), ("c2", "ünï\u{1F512}".as_bytes())]);
    let filter = Some(TagFilter::all_of(vec![
        TagFilter::is_eq("state", "active"),
        TagFilter::is_eq("my_did", "did:x"),
    ]));
    let tagged = session
        .fetch_all(Some(EntryKind::Item), Some("connection"), filter, None, None, false, false)
        .await
        .unwrap();
    assert_eq!(tagged.len(), 1);
    assert_eq!(as_ours(&tagged[0].tags), sorted(changed.tags));
    drop(session);
    askar.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn we_read_every_row_askar_writes_and_go_on_with_it() {
    let folder = Folder::new();
    SqliteStore::open(file(&folder.wallet())).await.unwrap().close().await;
    let askar_store = askar(&folder.wallet()).await;
    let mut session = askar_store.session(None, true).unwrap();
    let tags = [
        EntryTag::Encrypted("thread_id".into(), "t1".into()),
        EntryTag::Plaintext("cred_ex_id".into(), "x1".into()),
    ];
    for (name, value) in [("x1", r#"{"state": "done"}"#), ("x2", r#"{"state": "offer-sent"}"#)] {
        session
            .update(
                EntryKind::Item,
                EntryOperation::Insert,
                "cred_ex_v20",
                name,
                Some(value.as_bytes()),
                Some(&tags),
                None,
            )
            .await
            .unwrap();
    }
    // Expired a day ago: invisible, and not in the way of a new row.
    session
        .update(
            EntryKind::Item,
            EntryOperation::Insert,
            "cred_ex_v20",
            "old",
            Some(b"1"),
            Some(&tags),
            Some(-86_400_000),
        )
        .await
        .unwrap();
    session.close(true).await.unwrap();
    drop(session);
    askar_store.close().await.unwrap();

    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let found = store.get(&tenant(), &RowKey::new("cred_ex_v20", "x1")).await.unwrap().unwrap();
    assert_eq!((found.value.as_slice(), sorted(found.tags)), (&br#"{"state": "done"}"#[..], as_ours(&tags)));
    for (tag, value) in [("thread_id", "t1"), ("cred_ex_id", "x1")] {
        assert_eq!(store.find(&tenant(), &Query::tagged("cred_ex_v20", tag, value)).await.unwrap().len(), 2);
    }
    assert!(store.get(&tenant(), &RowKey::new("cred_ex_v20", "old")).await.unwrap().is_none());
    commit(
        &store,
        vec![
            Op::Insert(row("cred_ex_v20", "old", "2", &[])),
            Op::Replace(row("cred_ex_v20", "x1", r#"{"state": "abandoned"}"#, &[("thread_id", "t1")])),
        ],
    )
    .await;
    store.close().await;

    let askar_store = askar(&folder.wallet()).await;
    let mut session = askar_store.session(None, false).unwrap();
    let found = session.fetch(EntryKind::Item, "cred_ex_v20", "x1", false).await.unwrap().unwrap();
    assert_eq!(found.value.as_ref(), br#"{"state": "abandoned"}"#);
    assert_eq!(as_ours(&found.tags), [("thread_id".to_owned(), "t1".to_owned(), false)]);
    let renewed = session.fetch(EntryKind::Item, "cred_ex_v20", "old", false).await.unwrap().unwrap();
    assert!(renewed.tags.is_empty());
    drop(session);
    askar_store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn key_entries_go_both_ways() {
    let folder = Folder::new();
    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let secret = SecretKey::from_seed(KeyType::Ed25519, &[7; 32]).unwrap();
    let name = secret.public().base58();
    let tags = vec![Tag::new("kid", "did:x#1"), Tag::new("multikey", secret.public().multikey())];
    let key = KeyRow { name: name.clone(), secret: secret.clone(), metadata: Some("{}".into()), tags };
    commit(&store, vec![Op::InsertKey(key)]).await;
    store.close().await;

    let askar_store = askar(&folder.wallet()).await;
    let mut session = askar_store.session(None, true).unwrap();
    let entry = session.fetch(EntryKind::Kms, "cryptokey", &name, false).await.unwrap().unwrap();
    let jwk = secret.to_jwk_secret();
    // meta before data, the JWK as bytes: as aries-askar's `KeyParams` are written.
    let mut expected = vec![0xa2, 0x64];
    expected.extend_from_slice(b"meta\x62{}\x64data\x58");
    expected.push(u8::try_from(jwk.len()).unwrap());
    expected.extend_from_slice(&jwk);
    assert_eq!(entry.value.as_ref(), expected);
    let found = as_ours(&entry.tags);
    let plain = |name: &str, value: &str| (name.to_owned(), value.to_owned(), false);
    assert_eq!(
        found,
        [
            plain("alg", "ed25519"),
            plain("thumb", &secret.public().jwk_thumbprint()),
            plain("user:kid", "did:x#1"),
            plain("user:multikey", &secret.public().multikey()),
        ]
    );

    // Askar replaces the entry: our reader and the update of its tags go on from there.
    let mut tags = entry.tags.clone();
    tags.push(EntryTag::Encrypted("user:kid".into(), "did:x#2".into()));
    let value = entry.value.to_vec();
    session
        .update(EntryKind::Kms, EntryOperation::Replace, "cryptokey", &name, Some(&value), Some(&tags), None)
        .await
        .unwrap();
    session.close(true).await.unwrap();
    drop(session);
    askar_store.close().await.unwrap();

    let store = SqliteStore::open(file(&folder.wallet())).await.unwrap();
    let found = &store.find_keys(&tenant(), "kid", "did:x#2").await.unwrap()[0];
    assert_eq!(*found.secret.to_jwk_secret(), *jwk);
    assert_eq!((found.metadata.as_deref(), found.tags.len()), (Some("{}"), 3));
    let update = Op::UpdateKey { name: name.clone(), metadata: None, tags: vec![Tag::new("kid", "did:x#3")] };
    commit(&store, vec![update]).await;
    store.close().await;

    let askar_store = askar(&folder.wallet()).await;
    let mut session = askar_store.session(None, false).unwrap();
    let entry = session.fetch(EntryKind::Kms, "cryptokey", &name, false).await.unwrap().unwrap();
    let names: Vec<_> = as_ours(&entry.tags).into_iter().map(|tag| tag.0).collect();
    assert_eq!(names, ["alg", "thumb", "user:kid"]);
    assert_eq!(entry.value.as_ref()[..7], [0xa1, 0x64, b'd', b'a', b't', b'a', 0x58]);
    drop(session);
    askar_store.close().await.unwrap();
}
