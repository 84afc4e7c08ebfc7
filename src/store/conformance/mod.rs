//! What every store must do, as tests that each implementation runs: `conformance!(open)`, where `open` is an async function that
//! gives a fresh [`Setup`], or none where something is missing on the machine.

pub(super) mod commits;
pub(super) mod concurrency;
pub(super) mod plans;
pub(super) mod queries;
pub(super) mod side_rows;
pub(super) mod upgrade;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chancery_agent::ports::store::{
    Commit, CommitError, Committed, Facets, Guard, NewRow, Op, RowKey, Store, Tag, Version,
};
use chancery_agent::ports::{Clock, Entropy, Tenant, Timestamp};
use rand_core::RngCore as _;

use super::FacetSource;

/// Closes the store and opens it again.
pub(super) type Reopen = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send>> + Send + Sync>;

/// Runs statements in the database, as somebody else who can write there.
pub(super) type Sql = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A fresh store.
pub(super) struct Setup {
    pub store: Arc<dyn Store>,
    pub clock: Arc<HandClock>,
    pub tenant: Tenant,
    /// Another tenant of the same store, where the test can make one.
    pub other: Option<Tenant>,
    /// Where the store outlives being closed.
    pub reopen: Option<Reopen>,
    /// Where others can reach the database.
    pub sql: Option<Sql>,
    /// What must live as long as the store.
    pub _held: Option<Arc<dyn Send + Sync>>,
}

/// A clock that is moved by hand.
pub(super) struct HandClock(AtomicI64);

impl HandClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000_000)))
    }

    pub fn forward(&self, millis: i64) {
        self.0.fetch_add(millis * 1_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// The system's randomness.
pub(super) struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        rand_core::OsRng.fill_bytes(buffer);
    }
}

/// Facets of the category `cred_ex_v20`, as ACA-Py names the members.
pub(super) const FACETS: FacetSource = FacetSource {
    categories: &["cred_ex_v20"],
    of: |_, value| {
        let record: serde_json::Value = serde_json::from_slice(value).ok()?;
        let text = |name: &str| record.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Some(Facets {
            state: text("state"),
            role: text("role"),
            connection: text("connection_id"),
            thread: text("thread_id"),
        })
    },
};

pub(super) fn row(category: &'static str, name: &str, value: &str, tags: &[(&'static str, &str)]) -> NewRow {
    NewRow {
        key: RowKey::new(category, name),
        value: value.as_bytes().to_vec(),
        tags: tags.iter().map(|(name, value)| Tag::new(name, *value)).collect(),
    }
}

pub(super) fn exchange(name: &str, state: &str, role: &str, connection: &str) -> NewRow {
    let value = format!(
        r#"{{"state": "{state}", "role": "{role}", "connection_id": "{connection}", "thread_id": "thread-{name}"}}"#
    );
    row("cred_ex_v20", name, &value, &[("thread_id", &format!("thread-{name}"))])
}

impl Setup {
    pub async fn try_commit(&self, guards: Vec<Guard>, ops: Vec<Op>) -> Result<Committed, CommitError> {
        self.store.commit(&self.tenant, Commit { guards, ops }).await
    }

    pub async fn commit(&self, ops: Vec<Op>) -> Committed {
        self.try_commit(Vec::new(), ops).await.unwrap()
    }

    pub async fn value(&self, category: &'static str, name: &str) -> Option<String> {
        let row = self.store.get(&self.tenant, &RowKey::new(category, name)).await.unwrap()?;
        Some(String::from_utf8(row.value).unwrap())
    }

    pub async fn version(&self, category: &'static str, name: &str) -> Version {
        self.store.get(&self.tenant, &RowKey::new(category, name)).await.unwrap().unwrap().version
    }

    /// The conflicting row.
    pub async fn conflict(&self, guards: Vec<Guard>, ops: Vec<Op>) -> RowKey {
        match self.try_commit(guards, ops).await {
            Err(CommitError::Conflict(key)) => key,
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
}

/// Sorted, for comparing.
pub(super) fn sorted(mut tags: Vec<Tag>) -> Vec<(String, String, bool)> {
    tags.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
    tags.into_iter().map(|tag| (tag.name.into_owned(), tag.value, tag.plaintext)).collect()
}

/// Askar's tags as ours, sorted.
pub(super) fn as_ours(tags: &[askar_storage::entry::EntryTag]) -> Vec<(String, String, bool)> {
    let ours = tags.iter().map(|tag| match tag {
        askar_storage::entry::EntryTag::Encrypted(name, value) => {
            Tag { name: name.clone().into(), value: value.clone(), plaintext: false }
        }
        askar_storage::entry::EntryTag::Plaintext(name, value) => {
            Tag { name: name.clone().into(), value: value.clone(), plaintext: true }
        }
    });
    sorted(ours.collect())
}

macro_rules! each {
    ($open:path, $($module:ident: $($test:ident)*;)*) => {$(
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let setup: Option<$crate::store::conformance::Setup> = $open().await.into();
                    let Some(setup) = setup else { return };
                    $crate::store::conformance::$module::$test(&setup).await;
                    setup.store.close().await;
                }
            )*
        }
    )*};
}
pub(super) use each;

/// The whole suite for one implementation.
macro_rules! conformance {
    ($open:path) => {
        $crate::store::conformance::each! { $open,
            commits:
                rows_come_back_as_written
                inserting_what_exists_conflicts
                replacing_what_is_gone_conflicts
                put_inserts_or_replaces
                removing_what_is_gone_is_nothing
                a_conflict_in_the_middle_leaves_nothing
                version_guards
                absent_guards
                unknown_guards
                guards_name_the_row_and_write_nothing
                changes_of_one_commit_build_on_each_other
                tags_follow_the_row
                versions_change_with_every_write
                key_entries
                key_entries_in_one_commit
                tenants_do_not_see_each_other
                unknown_tenants_are_refused
                what_was_committed_survives
                large_values_and_odd_text
                a_closed_store_says_so;
            queries:
                by_category_in_order_of_insertion
                pages_in_both_directions
                by_tags
                by_plaintext_tags
                a_row_that_has_a_tag_twice_is_one_of_any_two
                by_two_tags_that_many_have_among_so_many
                by_facets
                by_facets_after_changes
                counted_by_state_and_role
                facets_and_tags_together
                facets_survive_reopening;
            side_rows:
                queue_rows_in_order
                queue_rows_are_requeued_and_removed
                lanes_and_attempts_come_back
                a_lane_is_read_in_order_and_nothing_beside_it
                sequence_numbers_are_never_reused
                rows_that_trade_their_numbers_are_damaged
                events_are_pending_until_all_targets_have_them
                an_event_can_wait_for_its_target_again
                queued_guards
                events_by_cursor_topic_and_tenant
                memory_is_remembered_and_forgotten
                memory_expires
                lazy_changes_ride_with_the_next_commit
                lazy_changes_go_alone_too
                lazy_changes_are_flushed_when_closing;
            upgrade:
                rows_of_version_2_are_found_by_their_lane_and_those_that_cannot_be_read_stay;
            concurrency:
                exactly_one_of_64_wins
                a_conflict_takes_no_other_commit_down
                commits_from_everywhere_are_all_there
                reads_never_go_back;
        }
    };
}
pub(super) use conformance;
