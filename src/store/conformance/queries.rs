use chancery_agent::ports::store::{Facet, Kinds, Op, Query, RowKey, Tag, Tally};

use super::{Setup, exchange, row};

const A: &str = "oob_record";
const X: &str = "cred_ex_v20";

async fn names(setup: &Setup, query: &Query) -> Vec<String> {
    let found = setup.store.find(&setup.tenant, query).await.unwrap();
    found.into_iter().map(|row| row.key.name).collect()
}

fn by(facets: &[(Facet, &[&str])]) -> Query {
    let facets = facets
        .iter()
        .map(|(facet, values)| (*facet, values.iter().map(|value| (*value).to_owned()).collect()))
        .collect();
    Query { facets, ..Query::all(X) }
}

pub(in crate::store) async fn by_category_in_order_of_insertion(setup: &Setup) {
    for name in ["c", "a", "b"] {
        setup
            .commit(vec![Op::Insert(row(A, name, "1", &[])), Op::Insert(row("other", name, "1", &[]))])
            .await;
    }
    // An update does not move a row.
    setup.commit(vec![Op::Replace(row(A, "c", "2", &[]))]).await;
    assert_eq!(names(setup, &Query::all(A)).await, ["c", "a", "b"]);
    assert_eq!(names(setup, &Query { descending: true, ..Query::all(A) }).await, ["b", "a", "c"]);
    assert!(names(setup, &Query::all("none")).await.is_empty());
    let found = setup.store.find(&setup.tenant, &Query::all(A)).await.unwrap();
    assert_eq!((found[0].key.clone(), found[0].value.clone()), (RowKey::new(A, "c"), b"2".to_vec()));
    assert_eq!(found[0].version, setup.version(A, "c").await);
}

pub(in crate::store) async fn pages_in_both_directions(setup: &Setup) {
    let all: Vec<String> = (0..250).map(|i| format!("n{i:03}")).collect();
    setup.commit(all.iter().map(|name| Op::Insert(row(A, name, "1", &[("role", "sender")]))).collect()).await;
    for base in [Query::all(A), Query::tagged(A, "role", "sender")] {
        let page = |offset, limit, descending| Query { offset, limit, descending, ..base.clone() };
        assert_eq!(names(setup, &page(0, None, false)).await, all);
        assert_eq!(names(setup, &page(0, Some(10), false)).await, all[..10]);
        assert_eq!(names(setup, &page(100, Some(100), false)).await, all[100..200]);
        assert_eq!(names(setup, &page(240, Some(100), false)).await, all[240..]);
        assert_eq!(names(setup, &page(240, None, false)).await, all[240..]);
        assert!(names(setup, &page(250, Some(1), false)).await.is_empty());
        assert!(names(setup, &page(0, Some(0), false)).await.is_empty());
        let mut reversed = all.clone();
        reversed.reverse();
        assert_eq!(names(setup, &page(5, Some(3), true)).await, reversed[5..8]);
    }
}

pub(in crate::store) async fn by_tags(setup: &Setup) {
    let many: Vec<Op> = (0..100)
        .map(|i| {
            let did = format!("did:{i}");
            Op::Insert(row("connection", &format!("c{i}"), "1", &[("state", "active"), ("my_did", &did)]))
        })
        .collect();
    setup.commit(many).await;
    let double = [("type", "x"), ("type", "x"), ("type", "y")];
    setup.commit(vec![Op::Insert(row("connection", "double", "1", &double))]).await;
    // The same tag in another category.
    setup.commit(vec![Op::Insert(row(A, "other", "1", &[("my_did", "did:7")]))]).await;

    let query = |name, value: &str| Query::tagged("connection", name, value);
    assert_eq!(names(setup, &query("my_did", "did:7")).await, ["c7"]);
    assert_eq!(names(setup, &query("state", "active").and("my_did", "did:7")).await, ["c7"]);
    assert_eq!(names(setup, &query("my_did", "did:7").and("state", "active")).await, ["c7"]);
    assert!(names(setup, &query("my_did", "did:7").and("state", "error")).await.is_empty());
    assert!(names(setup, &query("my_did", "did:7").and("my_did", "did:8")).await.is_empty());
    assert_eq!(names(setup, &query("state", "active")).await.len(), 100);
    assert_eq!(names(setup, &query("type", "x").and("type", "y")).await, ["double"]);
    assert!(names(setup, &query("my_did", "did:")).await.is_empty());

    setup.commit(vec![Op::Replace(row("connection", "c7", "2", &[("state", "active")]))]).await;
    assert!(names(setup, &query("my_did", "did:7")).await.is_empty());
}

pub(in crate::store) async fn by_plaintext_tags(setup: &Setup) {
    let plain = |name: &str, value: &str| {
        let mut new = row(A, name, "1", &[("role", "sender")]);
        new.tags.push(Tag { plaintext: true, ..Tag::new("thread_id", value) });
        Op::Insert(new)
    };
    setup.commit(vec![plain("p1", "t1"), plain("p2", "t2")]).await;
    setup.commit(vec![Op::Insert(row(A, "e1", "1", &[("thread_id", "t1"), ("role", "sender")]))]).await;
    assert_eq!(names(setup, &Query::tagged(A, "thread_id", "t1")).await, ["p1", "e1"]);
    assert_eq!(names(setup, &Query::tagged(A, "thread_id", "t2").and("role", "sender")).await, ["p2"]);
    assert_eq!(names(setup, &Query::tagged(A, "role", "sender").and("thread_id", "t1")).await, ["p1", "e1"]);
}

pub(in crate::store) async fn a_row_that_has_a_tag_twice_is_one_of_any_two(setup: &Setup) {
    let twice = |name: &str| {
        let mut new = row(A, name, "1", &[("role", "sender"), ("role", "sender")]);
        new.tags.push(Tag { plaintext: true, ..Tag::new("role", "sender") });
        Op::Insert(new)
    };
    setup.commit(vec![twice("a"), twice("b"), twice("c")]).await;
    let any = names(setup, &Query::tagged(A, "role", "sender").any(2)).await;
    assert!(any.len() == 2 && any[0] != any[1], "{any:?}");
    assert_eq!(names(setup, &Query::tagged(A, "role", "sender")).await, ["a", "b", "c"]);
}

pub(in crate::store) async fn by_two_tags_that_many_have_among_so_many(setup: &Setup) {
    let tagged = |name: String, tags: &[(&'static str, &str)]| Op::Insert(row(A, &name, "1", tags));
    let (a, b) = (("role", "sender"), ("state", "done"));
    setup.commit((0..100).map(|n| tagged(format!("both{n}"), &[a, b])).collect()).await;
    setup.commit((0..100).map(|n| tagged(format!("a{n}"), &[a])).collect()).await;
    let few = |tag, among| Query::tagged(A, tag, "few").and("role", "sender").any(50).among(among);
    setup.commit((0..3).map(|n| tagged(format!("few{n}"), &[a, ("type", "few")])).collect()).await;
    let both = |most, among| Query::tagged(A, a.0, a.1).and(b.0, b.1).any(most).among(among);
    assert_eq!(names(setup, &both(50, 500)).await.len(), 50);
    assert_eq!(names(setup, &both(500, 500)).await.len(), 100);
    // All have the other tag, so that what is found says how many were looked at.
    let all = |among| Query::tagged(A, b.0, b.1).and(a.0, a.1).any(500).among(among);
    assert_eq!(names(setup, &all(70)).await.len(), 70);
    assert!(names(setup, &all(0)).await.is_empty());
    // Whichever tag is named first, the rare one leads.
    assert_eq!(names(setup, &few("type", 10)).await.len(), 3);
    let last = Query::tagged(A, a.0, a.1).and("type", "few").any(50).among(10);
    assert_eq!(names(setup, &last).await.len(), 3);
}

async fn exchanges(setup: &Setup) {
    let ops = (0..60)
        .map(|i| {
            let state = ["offer-sent", "done"][i % 2];
            let role = ["issuer", "holder", "issuer"][i % 3];
            Op::Insert(exchange(&format!("e{i}"), state, role, &format!("conn-{}", i % 5)))
        })
        .collect();
    setup.commit(ops).await;
    // Not JSON at all: has no facets, and must not be in the way.
    setup.commit(vec![Op::Insert(row(X, "odd", "not json", &[]))]).await;
}

pub(in crate::store) async fn by_facets(setup: &Setup) {
    exchanges(setup).await;
    let count = async |query: Query| names(setup, &query).await.len();
    assert_eq!(count(by(&[(Facet::State, &["done"])])).await, 30);
    assert_eq!(count(by(&[(Facet::Role, &["holder"])])).await, 20);
    assert_eq!(count(by(&[(Facet::State, &["done", "offer-sent"])])).await, 60);
    assert_eq!(count(by(&[(Facet::State, &["nothing"])])).await, 0);
    assert_eq!(count(by(&[(Facet::State, &[])])).await, 0);
    assert_eq!(count(by(&[(Facet::Connection, &["conn-0"]), (Facet::State, &["done"])])).await, 6);
    assert_eq!(names(setup, &by(&[(Facet::Thread, &["thread-e33"])])).await, ["e33"]);
    // The value of one facet is nothing to another.
    assert_eq!(count(by(&[(Facet::Role, &["done"])])).await, 0);

    let page = Query { offset: 2, limit: Some(3), ..by(&[(Facet::Connection, &["conn-1"])]) };
    assert_eq!(names(setup, &page).await, ["e11", "e16", "e21"]);
    assert_eq!(names(setup, &Query { descending: true, ..page }).await, ["e46", "e41", "e36"]);
    let two = Query { limit: Some(4), ..by(&[(Facet::Connection, &["conn-1", "conn-2"])]) };
    assert_eq!(names(setup, &two).await, ["e1", "e2", "e6", "e7"]);
}

pub(in crate::store) async fn by_facets_after_changes(setup: &Setup) {
    exchanges(setup).await;
    setup.commit(vec![Op::Replace(exchange("e1", "abandoned", "holder", "conn-1"))]).await;
    setup.commit(vec![Op::Put(exchange("e2", "abandoned", "issuer", "conn-9"))]).await;
    setup.commit(vec![Op::Remove(RowKey::new(X, "e4"))]).await;
    assert_eq!(names(setup, &by(&[(Facet::State, &["abandoned"])])).await, ["e1", "e2"]);
    assert_eq!(names(setup, &by(&[(Facet::Connection, &["conn-9"])])).await, ["e2"]);
    assert_eq!(names(setup, &by(&[(Facet::State, &["done"])])).await.len(), 29);
    assert!(names(setup, &by(&[(Facet::Thread, &["thread-e4"])])).await.is_empty());
    // A refused commit leaves the index alone.
    let ops = vec![Op::Remove(RowKey::new(X, "e1")), Op::Replace(exchange("none", "done", "issuer", "x"))];
    setup.conflict(vec![], ops).await;
    assert_eq!(names(setup, &by(&[(Facet::State, &["abandoned"])])).await, ["e1", "e2"]);
}

pub(in crate::store) async fn facets_and_tags_together(setup: &Setup) {
    exchanges(setup).await;
    let mut query = by(&[(Facet::State, &["done"])]);
    query.tags.push(("thread_id".into(), "thread-e3".to_owned()));
    assert_eq!(names(setup, &query).await, ["e3"]);
    query.facets[0].1 = vec!["offer-sent".to_owned()];
    assert!(names(setup, &query).await.is_empty());
    // A category without facets: nothing fits.
    setup.commit(vec![Op::Insert(row(A, "a", r#"{"state": "done"}"#, &[]))]).await;
    let other = Query { category: A.into(), ..by(&[(Facet::State, &["done"])]) };
    assert!(names(setup, &other).await.is_empty());
}

pub(in crate::store) async fn facets_survive_reopening(setup: &Setup) {
    let Some(reopen) = &setup.reopen else { return };
    exchanges(setup).await;
    let store = reopen().await;
    let found = store.find(&setup.tenant, &by(&[(Facet::State, &["done"])])).await.unwrap();
    assert_eq!(found.len(), 30);
    store.close().await;
}

pub(in crate::store) async fn counted_by_state_and_role(setup: &Setup) {
    exchanges(setup).await;
    setup.commit(vec![Op::Replace(exchange("e1", "lost", "holder", "conn-1"))]).await;
    setup.commit(vec![Op::Replace(exchange("e2", "done", "onlooker", "conn-1"))]).await;
    setup.commit(vec![Op::Remove(RowKey::new(X, "e4"))]).await;
    let kinds =
        Kinds { category: X, states: vec!["done", "offer-sent", "never"], roles: vec!["issuer", "holder"] };
    let tally = async |kinds: &Kinds| setup.store.tally(&setup.tenant, kinds).await.unwrap();
    let expected = [
        // One in another state, one that is no exchange at all.
        (None, None, 1),
        (None, Some("holder"), 1),
        (Some("done"), None, 1),
        (Some("done"), Some("holder"), 9),
        (Some("done"), Some("issuer"), 20),
        (Some("offer-sent"), Some("holder"), 9),
        (Some("offer-sent"), Some("issuer"), 19),
    ];
    let expected = expected.map(|(state, role, count)| Tally { state, role, count });
    assert_eq!(tally(&kinds).await.unwrap(), expected);
    let none = Kinds { category: A, ..kinds };
    assert_eq!(tally(&none).await, None, "records of this category have no columns");
}
