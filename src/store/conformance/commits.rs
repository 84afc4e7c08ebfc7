use chancery_agent::ports::Tenant;
use chancery_agent::ports::store::{Commit, CommitError, Guard, KeyRow, Op, RowKey, Space, StoreError, Tag};
use chancery_did::SecretKey;
use chancery_did::key::KeyType;

use super::{Setup, exchange, row, sorted};

const A: &str = "connection";

pub(in crate::store) async fn rows_come_back_as_written(setup: &Setup) {
    let mut new =
        row(A, "one", r#"{"state": "active"}"#, &[("state", "active"), ("my_did", "did:x"), ("type", "a")]);
    new.tags.push(Tag::new("type", "b"));
    new.tags.push(Tag { plaintext: true, ..Tag::new("thread_id", "thread") });
    setup.commit(vec![Op::Insert(new.clone())]).await;

    let found = setup.store.get(&setup.tenant, &new.key).await.unwrap().unwrap();
    assert_eq!(found.key, new.key);
    assert_eq!(found.value, new.value);
    assert_eq!(sorted(found.tags), sorted(new.tags));
    assert!(setup.store.get(&setup.tenant, &RowKey::new(A, "two")).await.unwrap().is_none());
    assert!(setup.store.get(&setup.tenant, &RowKey::new("other", "one")).await.unwrap().is_none());
}

pub(in crate::store) async fn inserting_what_exists_conflicts(setup: &Setup) {
    setup.commit(vec![Op::Insert(row(A, "one", "1", &[]))]).await;
    assert_eq!(
        setup.conflict(vec![], vec![Op::Insert(row(A, "one", "2", &[]))]).await,
        RowKey::new(A, "one")
    );
    assert_eq!(setup.value(A, "one").await.as_deref(), Some("1"));
}

pub(in crate::store) async fn replacing_what_is_gone_conflicts(setup: &Setup) {
    assert_eq!(
        setup.conflict(vec![], vec![Op::Replace(row(A, "one", "2", &[]))]).await,
        RowKey::new(A, "one")
    );
    setup.commit(vec![Op::Insert(row(A, "one", "1", &[]))]).await;
    setup.commit(vec![Op::Replace(row(A, "one", "2", &[]))]).await;
    assert_eq!(setup.value(A, "one").await.as_deref(), Some("2"));
    setup.commit(vec![Op::Remove(RowKey::new(A, "one"))]).await;
    setup.conflict(vec![], vec![Op::Replace(row(A, "one", "3", &[]))]).await;
    assert_eq!(setup.value(A, "one").await, None);
}

pub(in crate::store) async fn put_inserts_or_replaces(setup: &Setup) {
    setup.commit(vec![Op::Put(row(A, "one", "1", &[("state", "a")]))]).await;
    setup.commit(vec![Op::Put(row(A, "one", "2", &[("state", "b")]))]).await;
    let found = setup.store.get(&setup.tenant, &RowKey::new(A, "one")).await.unwrap().unwrap();
    assert_eq!(found.value, b"2");
    assert_eq!(found.tags, vec![Tag::new("state", "b")]);
}

pub(in crate::store) async fn removing_what_is_gone_is_nothing(setup: &Setup) {
    setup.commit(vec![Op::Remove(RowKey::new(A, "one"))]).await;
    setup.commit(vec![Op::Insert(row(A, "one", "1", &[("state", "a")]))]).await;
    setup.commit(vec![Op::Remove(RowKey::new(A, "one"))]).await;
    setup.commit(vec![Op::Remove(RowKey::new(A, "one"))]).await;
    assert_eq!(setup.value(A, "one").await, None);
    // The tags must be gone, too: the next row may get the same row id.
    setup.commit(vec![Op::Insert(row(A, "two", "2", &[]))]).await;
    let found = setup.store.get(&setup.tenant, &RowKey::new(A, "two")).await.unwrap().unwrap();
    assert_eq!(found.tags, vec![]);
}

pub(in crate::store) async fn a_conflict_in_the_middle_leaves_nothing(setup: &Setup) {
    setup.commit(vec![Op::Insert(row(A, "there", "1", &[]))]).await;
    let ops = vec![
        Op::Insert(row(A, "new", "1", &[])),
        Op::Remove(RowKey::new(A, "there")),
        Op::Replace(row(A, "missing", "1", &[])),
    ];
    assert_eq!(setup.conflict(vec![], ops).await, RowKey::new(A, "missing"));
    assert_eq!(setup.value(A, "new").await, None);
    assert_eq!(setup.value(A, "there").await.as_deref(), Some("1"));
    // What the writer knows of rows must have been taken back as well.
    setup.commit(vec![Op::Insert(row(A, "new", "2", &[])), Op::Replace(row(A, "there", "2", &[]))]).await;
    assert_eq!(setup.value(A, "new").await.as_deref(), Some("2"));
}

pub(in crate::store) async fn version_guards(setup: &Setup) {
    let key = RowKey::new(A, "one");
    setup.commit(vec![Op::Insert(row(A, "one", "1", &[]))]).await;
    let first = setup.version(A, "one").await;
    let guard = || vec![Guard::Version(key.clone(), first)];
    setup.try_commit(guard(), vec![Op::Replace(row(A, "one", "2", &[]))]).await.unwrap();
    assert_eq!(setup.conflict(guard(), vec![Op::Replace(row(A, "one", "3", &[]))]).await, key);
    assert_eq!(setup.value(A, "one").await.as_deref(), Some("2"));
    setup.commit(vec![Op::Remove(key.clone())]).await;
    assert_eq!(setup.conflict(guard(), vec![]).await, key);
}

pub(in crate::store) async fn absent_guards(setup: &Setup) {
    let key = RowKey::new(A, "one");
    let guard = || vec![Guard::Absent(key.clone())];
    setup.try_commit(guard(), vec![Op::Insert(row(A, "one", "1", &[]))]).await.unwrap();
    assert_eq!(setup.conflict(guard(), vec![Op::Put(row(A, "one", "2", &[]))]).await, key);
    assert_eq!(setup.value(A, "one").await.as_deref(), Some("1"));
    setup.commit(vec![Op::Remove(key.clone())]).await;
    setup.try_commit(guard(), vec![Op::Insert(row(A, "one", "3", &[]))]).await.unwrap();
}

pub(in crate::store) async fn unknown_guards(setup: &Setup) {
    let guard = || vec![Guard::Unknown(Space::Seen, "key id".to_owned())];
    let remember = |value: &str, expires| Op::Remember {
        space: Space::Seen,
        id: "key id".to_owned(),
        value: value.as_bytes().to_vec(),
        expires,
    };
    let soon = chancery_agent::ports::Clock::now(&*setup.clock).plus_millis(1_000);
    setup.try_commit(guard(), vec![remember("1", Some(soon))]).await.unwrap();
    assert_eq!(setup.conflict(guard(), vec![remember("2", None)]).await, RowKey::new("seen", "key id"));
    // Another space and another id are other things.
    let others = vec![
        Guard::Unknown(Space::Tombstone, "key id".to_owned()),
        Guard::Unknown(Space::Seen, "key".to_owned()),
    ];
    setup.try_commit(others, vec![]).await.unwrap();
    setup.clock.forward(1_001);
    setup.try_commit(guard(), vec![remember("3", None)]).await.unwrap();
    setup.commit(vec![Op::Forget(Space::Seen, "key id".to_owned())]).await;
    setup.try_commit(guard(), vec![]).await.unwrap();
}

pub(in crate::store) async fn guards_name_the_row_and_write_nothing(setup: &Setup) {
    setup.commit(vec![Op::Insert(row(A, "one", "1", &[])), Op::Insert(row(A, "two", "1", &[]))]).await;
    let version = setup.version(A, "one").await;
    let guards = vec![
        Guard::Version(RowKey::new(A, "one"), version),
        Guard::Absent(RowKey::new(A, "two")),
        Guard::Absent(RowKey::new(A, "three")),
    ];
    let ops = vec![Op::Insert(row(A, "three", "1", &[])), Op::Replace(row(A, "one", "2", &[]))];
    assert_eq!(setup.conflict(guards, ops).await, RowKey::new(A, "two"));
    assert_eq!(setup.value(A, "three").await, None);
    assert_eq!(setup.version(A, "one").await, version);
}

pub(in crate::store) async fn changes_of_one_commit_build_on_each_other(setup: &Setup) {
    setup
        .commit(vec![
            Op::Insert(row(A, "one", "1", &[("state", "a")])),
            Op::Replace(row(A, "one", "2", &[("state", "b")])),
            Op::Remove(RowKey::new(A, "one")),
            Op::Insert(row(A, "one", "3", &[("state", "c")])),
            Op::Put(row(A, "one", "4", &[("state", "d")])),
        ])
        .await;
    let found = setup.store.get(&setup.tenant, &RowKey::new(A, "one")).await.unwrap().unwrap();
    assert_eq!((found.value, found.tags), (b"4".to_vec(), vec![Tag::new("state", "d")]));
    setup.conflict(vec![], vec![Op::Insert(row(A, "x", "1", &[])), Op::Insert(row(A, "x", "2", &[]))]).await;
    assert_eq!(setup.value(A, "x").await, None);
}

pub(in crate::store) async fn tags_follow_the_row(setup: &Setup) {
    let steps: [&[(&'static str, &str)]; 6] = [
        &[("state", "a"), ("my_did", "d")],
        &[("state", "b"), ("my_did", "d")],
        &[("state", "b"), ("my_did", "d")],
        &[("type", "x"), ("type", "y"), ("type", "x")],
        &[],
        &[("state", "b")],
    ];
    setup.commit(vec![Op::Insert(row(A, "one", "0", &[]))]).await;
    for tags in steps {
        let new = row(A, "one", "1", tags);
        setup.commit(vec![Op::Replace(new.clone())]).await;
        let found = setup.store.get(&setup.tenant, &new.key).await.unwrap().unwrap();
        assert_eq!(sorted(found.tags), sorted(new.tags));
    }
    let mut plain = row(A, "one", "1", &[("state", "b")]);
    plain.tags[0].plaintext = true;
    setup.commit(vec![Op::Replace(plain.clone())]).await;
    let found = setup.store.get(&setup.tenant, &plain.key).await.unwrap().unwrap();
    assert_eq!(found.tags, plain.tags);
}

pub(in crate::store) async fn versions_change_with_every_write(setup: &Setup) {
    let mut seen = std::collections::HashSet::new();
    setup.commit(vec![Op::Insert(row(A, "one", "same", &[]))]).await;
    seen.insert(setup.version(A, "one").await);
    for _ in 0..5 {
        setup.commit(vec![Op::Replace(row(A, "one", "same", &[]))]).await;
        assert!(seen.insert(setup.version(A, "one").await));
    }
}

fn key(seed: u8, kind: KeyType, metadata: Option<&str>, tags: &[(&'static str, &str)]) -> KeyRow {
    let secret = SecretKey::from_seed(kind, &[seed; 32]).unwrap();
    KeyRow {
        name: secret.public().base58(),
        secret,
        metadata: metadata.map(str::to_owned),
        tags: tags.iter().map(|(name, value)| Tag::new(name, *value)).collect(),
    }
}

fn same(found: &KeyRow, expected: &KeyRow) {
    assert_eq!(found.name, expected.name);
    assert_eq!(*found.secret.to_jwk_secret(), *expected.secret.to_jwk_secret());
    assert_eq!(found.metadata, expected.metadata);
    assert_eq!(sorted(found.tags.clone()), sorted(expected.tags.clone()));
}

pub(in crate::store) async fn key_entries(setup: &Setup) {
    let store = &setup.store;
    let keys: Vec<KeyRow> = KeyType::ALL
        .into_iter()
        .enumerate()
        .map(|(i, kind)| {
            key(i as u8 + 1, kind, Some("{}"), &[("multikey", "shared"), ("kid", kind.as_str())])
        })
        .collect();
    setup.commit(keys.iter().cloned().map(Op::InsertKey).collect()).await;
    for expected in &keys {
        same(&store.key(&setup.tenant, &expected.name).await.unwrap().unwrap(), expected);
        let by_kid = store.find_keys(&setup.tenant, "kid", expected.secret.kind().as_str()).await.unwrap();
        assert_eq!(by_kid.len(), 1);
        same(&by_kid[0], expected);
    }
    assert_eq!(store.find_keys(&setup.tenant, "multikey", "shared").await.unwrap().len(), 4);
    // Askar's own tags cannot be asked for as the caller's.
    assert_eq!(store.find_keys(&setup.tenant, "alg", "ed25519").await.unwrap().len(), 0);

    // A second insertion changes nothing.
    setup
        .commit(vec![Op::InsertKey(KeyRow { metadata: Some("x".into()), tags: vec![], ..keys[0].clone() })])
        .await;
    same(&store.key(&setup.tenant, &keys[0].name).await.unwrap().unwrap(), &keys[0]);

    let updated = KeyRow { metadata: None, tags: vec![Tag::new("kid", "did:x#1")], ..keys[0].clone() };
    let update = Op::UpdateKey { name: updated.name.clone(), metadata: None, tags: updated.tags.clone() };
    setup.commit(vec![update]).await;
    same(&store.key(&setup.tenant, &updated.name).await.unwrap().unwrap(), &updated);
    same(&store.find_keys(&setup.tenant, "kid", "did:x#1").await.unwrap()[0], &updated);

    setup.commit(vec![Op::RemoveKey(updated.name.clone()), Op::RemoveKey("gone".to_owned())]).await;
    assert!(store.key(&setup.tenant, &updated.name).await.unwrap().is_none());
    let update = Op::UpdateKey { name: updated.name.clone(), metadata: None, tags: vec![] };
    assert_eq!(setup.conflict(vec![], vec![update]).await.name, updated.name);
}

pub(in crate::store) async fn key_entries_in_one_commit(setup: &Setup) {
    let new = key(9, KeyType::Ed25519, None, &[("kid", "a")]);
    let update = Op::UpdateKey {
        name: new.name.clone(),
        metadata: Some("{}".into()),
        tags: vec![Tag::new("kid", "b")],
    };
    setup.commit(vec![Op::InsertKey(new.clone()), update]).await;
    let expected = KeyRow { metadata: Some("{}".into()), tags: vec![Tag::new("kid", "b")], ..new };
    same(&setup.store.key(&setup.tenant, &expected.name).await.unwrap().unwrap(), &expected);
}

pub(in crate::store) async fn tenants_do_not_see_each_other(setup: &Setup) {
    let Some(other) = &setup.other else { return };
    let store = &setup.store;
    assert_eq!(store.tenants().await.unwrap(), vec![setup.tenant.clone(), other.clone()]);
    let given = setup
        .commit(vec![
            Op::Insert(exchange("one", "done", "issuer", "c")),
            Op::InsertKey(key(3, KeyType::Ed25519, None, &[("kid", "k")])),
            Op::Remember { space: Space::Setting, id: "s".into(), value: b"v".to_vec(), expires: None },
            Op::Enqueue(super::side_rows::item("lane", "mine")),
            Op::Event(super::side_rows::event("topic", "one", &["a"])),
        ])
        .await;
    let (seq, number) = (given.items[0], given.events[0].0);

    let key = RowKey::new("cred_ex_v20", "one");
    assert!(store.get(other, &key).await.unwrap().is_none());
    assert!(
        store.key(other, &super::commits::key(3, KeyType::Ed25519, None, &[]).name).await.unwrap().is_none()
    );
    assert!(store.find_keys(other, "kid", "k").await.unwrap().is_empty());
    assert!(store.recall(other, Space::Setting, "s").await.unwrap().is_none());
    assert_eq!(store.weigh(other, Space::Setting, 9).await.unwrap(), (0, 0));
    assert!(store.events(Some(other), 0, None, false, 10).await.unwrap().is_empty());
    let all = chancery_agent::ports::store::Query::all("cred_ex_v20");
    assert!(store.find(other, &all).await.unwrap().is_empty());
    let tagged = chancery_agent::ports::store::Query::tagged("cred_ex_v20", "thread_id", "thread-one");
    assert!(store.find(other, &tagged).await.unwrap().is_empty());

    // Numbers of one tenant are nothing to the other.
    let ops = vec![
        Op::Dequeue(seq),
        Op::Delivered { number, target: "a".into() },
        Op::Remove(key.clone()),
        Op::Forget(Space::Setting, "s".into()),
        Op::Insert(exchange("one", "other", "holder", "d")),
    ];
    store.commit(other, Commit { guards: vec![Guard::Absent(key.clone())], ops }).await.unwrap();
    assert_eq!(store.item(seq).await.unwrap().unwrap().tenant, setup.tenant);
    let events = store.events(None, 0, None, true, 10).await.unwrap();
    assert_eq!(
        (events[0].tenant.clone(), events[0].targets.clone()),
        (setup.tenant.clone(), vec!["a".to_owned()])
    );
    assert!(store.recall(&setup.tenant, Space::Setting, "s").await.unwrap().is_some());
    let mine = store.find(&setup.tenant, &tagged).await.unwrap();
    assert!(mine.len() == 1 && mine[0].value != store.find(other, &tagged).await.unwrap()[0].value);
}

pub(in crate::store) async fn unknown_tenants_are_refused(setup: &Setup) {
    let nobody = Tenant::new("nobody");
    let is_refusal = |error: StoreError| matches!(error, StoreError::NoTenant(name) if name == "nobody");
    assert!(is_refusal(setup.store.get(&nobody, &RowKey::new(A, "x")).await.unwrap_err()));
    match setup.store.commit(&nobody, Commit::default()).await {
        Err(CommitError::Store(error)) => assert!(is_refusal(error)),
        other => panic!("{other:?}"),
    }
}

pub(in crate::store) async fn what_was_committed_survives(setup: &Setup) {
    let Some(reopen) = &setup.reopen else { return };
    let given = setup
        .commit(vec![
            Op::Insert(row(A, "one", "1", &[("state", "a")])),
            Op::Insert(row(A, "two", "2", &[])),
            Op::Enqueue(super::side_rows::item("lane", "value")),
            Op::Event(super::side_rows::event("topic", "one", &["a", "b"])),
            Op::Remember { space: Space::Seen, id: "i".into(), value: b"v".to_vec(), expires: None },
        ])
        .await;
    let version = setup.version(A, "one").await;
    let store = reopen().await;
    let found = store.get(&setup.tenant, &RowKey::new(A, "one")).await.unwrap().unwrap();
    assert_eq!(
        (found.value, found.version, found.tags),
        (b"1".to_vec(), version, vec![Tag::new("state", "a")])
    );
    assert_eq!(store.item(given.items[0]).await.unwrap().unwrap().value, b"value");
    assert_eq!(store.events(None, 0, None, true, 9).await.unwrap()[0].id, given.events[0].1);
    assert_eq!(store.recall(&setup.tenant, Space::Seen, "i").await.unwrap().unwrap(), b"v");
    // Versions read before still guard.
    let guards = vec![Guard::Version(RowKey::new(A, "one"), version)];
    let ops = vec![Op::Replace(row(A, "one", "3", &[("state", "b")]))];
    store.commit(&setup.tenant, Commit { guards, ops }).await.unwrap();
    store.close().await;
}

pub(in crate::store) async fn large_values_and_odd_text(setup: &Setup) {
    let large = "x".repeat(3 << 20);
    let name = "did:peer:4zQm / ü\u{1F512}\n'\"";
    setup
        .commit(vec![
            Op::Insert(row(A, name, &large, &[("state", ""), ("my_did", "line\nfeed")])),
            Op::Insert(row(A, "", "", &[])),
        ])
        .await;
    assert_eq!(setup.value(A, name).await, Some(large));
    assert_eq!(setup.value(A, "").await.as_deref(), Some(""));
    let tagged = chancery_agent::ports::store::Query::tagged(A, "my_did", "line\nfeed").and("state", "");
    assert_eq!(setup.store.find(&setup.tenant, &tagged).await.unwrap()[0].key.name, name);
}

pub(in crate::store) async fn a_closed_store_says_so(setup: &Setup) {
    setup.store.ping().await.unwrap();
    setup.store.close().await;
    let closed = |error| matches!(error, StoreError::Unavailable(_));
    assert!(closed(setup.store.get(&setup.tenant, &RowKey::new(A, "x")).await.unwrap_err()));
    assert!(closed(setup.store.ping().await.unwrap_err()));
    match setup.try_commit(vec![], vec![Op::Remove(RowKey::new(A, "x"))]).await {
        Err(CommitError::Store(error)) => assert!(closed(error)),
        other => panic!("{other:?}"),
    }
}
