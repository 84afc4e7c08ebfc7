//! Gives index rows to records that have none: those of a wallet that comes from ACA-Py, or that ACA-Py has changed meanwhile.
//! Runs on the writer's connection in small bites; until it is through, lists are filtered by reading the records.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, params};

use super::super::FacetSource;
use super::super::prepared::{KIND_ITEM, StoredFacets};
use super::super::profiles::{Profile, Profiles};
use super::super::rows::head;
use super::apply::{bytes, write_facets};
use super::writer::execute;

/// Records indexed in one transaction: a few milliseconds.
const BITE: i64 = 200;
/// Records looked at in one transaction.
const WINDOW: i64 = 5_000;

/// The next records of a category.
const NEXT: &str = "SELECT id FROM items INDEXED BY chancery_items_order
    WHERE profile_id = ?1 AND kind = ?2 AND category = ?3 AND id > ?4 ORDER BY id LIMIT ?5";

pub(super) struct Reindex {
    profiles: Arc<Profiles>,
    facets: FacetSource,
    /// True when every record has its row.
    complete: Arc<AtomicBool>,
    /// What is to be looked at: profile, category, and the row id up to which it is done.
    left: Vec<(Arc<Profile>, &'static str, i64)>,
    /// The rows that are there are wrong, too.
    discard: bool,
}

impl Reindex {
    pub fn new(profiles: Arc<Profiles>, facets: FacetSource, complete: Arc<AtomicBool>) -> Self {
        let mut reindex = Self { profiles, facets, complete, left: Vec::new(), discard: false };
        reindex.plan();
        reindex
    }

    /// From nothing: somebody has found a wrong row.
    pub fn restart(&mut self) {
        self.discard = true;
        self.plan();
    }

    pub fn pending(&self) -> bool {
        !self.left.is_empty()
    }

    /// Leaves the index incomplete for this run.
    pub fn give_up(&mut self) {
        self.left.clear();
    }

    fn plan(&mut self) {
        let categories = self.facets.categories;
        self.left = self
            .profiles
            .iter()
            .flat_map(|profile| categories.iter().map(|category| (Arc::clone(profile), *category, 0)))
            .collect();
        self.complete.store(self.left.is_empty(), Ordering::Release);
    }

    /// Does the next part, in a transaction of its own.
    pub fn bite(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        execute(conn, "BEGIN IMMEDIATE")?;
        if std::mem::take(&mut self.discard) {
            execute(conn, "DELETE FROM chancery_index")?;
        }
        if let Some((profile, category, after)) = self.left.pop()
            && let Some(last) = self.records(conn, &profile, category, after)?
        {
            self.left.push((profile, category, last));
        }
        execute(conn, "COMMIT")?;
        if self.left.is_empty() {
            self.complete.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The last record looked at; `None` at the end of the category.
    fn records(
        &self,
        conn: &Connection,
        profile: &Profile,
        category: &str,
        after: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let category_stored = profile.key.encrypt_category(category);
        let window = params![profile.id, KIND_ITEM, category_stored, after, WINDOW];
        let end: Option<i64> = conn
            .prepare_cached(&format!("SELECT MAX(id) FROM ({NEXT})"))?
            .query_row(window, |row| row.get(0))?;
        let Some(end) = end else { return Ok(None) };
        let mut select = conn.prepare_cached(&format!(
            "SELECT i.id, i.name, i.value FROM ({NEXT}) w CROSS JOIN items i ON i.id = w.id
             WHERE NOT EXISTS (SELECT 1 FROM chancery_index x WHERE x.item = w.id) ORDER BY w.id LIMIT {BITE}"
        ))?;
        let mut rows = select.query(window)?;
        let (mut last, mut count) = (after, 0);
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            count += 1;
            let (name, value) = (bytes(row.get_ref(1)?), bytes(row.get_ref(2)?));
            // A record that cannot be read has no facets; whoever reads it gets the error.
            let facets = profile
                .key
                .decrypt_name(name)
                .and_then(|name| profile.key.decrypt_value(category, &name, value))
                .ok()
                .and_then(|value| self.facets.of(category, &value))
                .unwrap_or_default();
            write_facets(conn, last, &head(value), &StoredFacets::of(profile, category, &facets))?;
        }
        Ok(Some(if count == BITE { last } else { end }))
    }
}
