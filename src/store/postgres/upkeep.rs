//! What the writer does in between, in small bites: old rows go, and records without a row in the index get one (those of a
//! wallet that comes from ACA-Py, or that ACA-Py has changed meanwhile). Until that is through, lists are filtered by reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chancery_agent::ports::Clock;

use super::super::prepared::{KIND_ITEM, StoredFacets};
use super::super::profiles::{Profile, Profiles};
use super::super::rows::head;
use super::super::{FacetSource, Keep};
use super::server::Link;

/// Rows in one bite.
const BITE: i64 = 500;

pub(super) struct Upkeep {
    pub profiles: Arc<Profiles>,
    pub facets: FacetSource,
    pub clock: Arc<dyn Clock>,
    pub keep: Keep,
    /// True when every record has its row.
    pub indexed: Arc<AtomicBool>,
    /// What is to be looked at: profile, category, and the row id up to which it is done.
    left: Vec<(Arc<Profile>, &'static str, i64)>,
    discard: bool,
    /// Events up to here were looked at in this round.
    after: i64,
}

impl Upkeep {
    pub fn new(
        profiles: Arc<Profiles>,
        facets: FacetSource,
        clock: Arc<dyn Clock>,
        keep: Keep,
        indexed: Arc<AtomicBool>,
    ) -> Self {
        let mut upkeep =
            Self { profiles, facets, clock, keep, indexed, left: Vec::new(), discard: false, after: 0 };
        upkeep.plan();
        upkeep
    }

    fn plan(&mut self) {
        let categories = self.facets.categories;
        self.left = self
            .profiles
            .iter()
            .flat_map(|profile| categories.iter().map(|category| (Arc::clone(profile), *category, 0)))
            .collect();
        self.indexed.store(self.left.is_empty(), Ordering::Release);
    }

    /// From nothing: somebody has found a wrong row.
    pub fn reindex(&mut self) {
        self.discard = true;
        self.plan();
    }

    pub fn indexing(&self) -> bool {
        !self.left.is_empty()
    }

    /// Indexes the next records.
    pub async fn index(&mut self, link: &Link) -> Result<(), tokio_postgres::Error> {
        if self.discard {
            link.client.batch_execute("DELETE FROM chancery_index").await?;
            self.discard = false;
        }
        let Some((profile, category, after)) = self.left.last().cloned() else { return Ok(()) };
        let statement = link
            .statement(
                "SELECT w.id, i.name, i.value FROM (SELECT id FROM items WHERE profile_id + 0 = $1 AND kind = $2::bigint::smallint
                 AND category = $3 AND id > $4 ORDER BY profile_id + 0, kind, category, id LIMIT $5) w
                 LEFT JOIN chancery_index x ON x.item = w.id
                 LEFT JOIN items i ON i.id = w.id AND x.item IS NULL ORDER BY w.id",
            )
            .await?;
        let stored = profile.key.encrypt_category(category);
        let found =
            link.client.query(&statement, &[&profile.id, &KIND_ITEM, &&stored[..], &after, &BITE]).await?;
        let insert = link
            .statement(
                "INSERT INTO chancery_index (item, scope, v, state, role, connection, thread)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            )
            .await?;
        let mut last = None;
        let mut writes = Vec::new();
        for row in &found {
            let id: i64 = row.get(0);
            last = Some(id);
            let (Some(name), Some(value)) = (row.get::<_, Option<&[u8]>>(1), row.get::<_, Option<&[u8]>>(2))
            else {
                continue;
            };
            // A record that cannot be read has no facets; whoever reads it gets the error.
            let facets = profile
                .key
                .decrypt_name(name)
                .and_then(|name| profile.key.decrypt_value(category, &name, value))
                .ok()
                .and_then(|value| self.facets.of(category, &value))
                .unwrap_or_default();
            writes.push((id, head(value), StoredFacets::of(&profile, category, &facets)));
        }
        link.client.batch_execute("BEGIN").await?;
        for (id, version, facets) in &writes {
            let StoredFacets { scope, state, role, connection, thread } = facets;
            link.client
                .execute(&insert, &[id, scope, &&version[..], state, role, connection, thread])
                .await?;
        }
        link.client.batch_execute("COMMIT").await?;
        match (last, self.left.last_mut()) {
            (Some(last), Some(place)) => place.2 = last,
            _ => drop(self.left.pop()),
        }
        if self.left.is_empty() {
            self.indexed.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Removes some of what is old; whether there may be more.
    pub async fn tidy(&mut self, link: &Link) -> Result<bool, tokio_postgres::Error> {
        let now = self.clock.now();
        let memory = link
            .statement(
                "DELETE FROM chancery_memory WHERE ctid = ANY (ARRAY(SELECT ctid FROM chancery_memory WHERE expires <= $1 LIMIT $2))",
            )
            .await?;
        let mut removed = link.client.execute(&memory, &[&now.0, &BITE]).await?;
        let old = now.plus_millis(-self.keep.dead_letters).0;
        let dead = link
            .statement(
                "DELETE FROM chancery_queue WHERE seq = ANY (ARRAY(SELECT seq FROM chancery_queue WHERE queue = 'dead' AND due <= $1 LIMIT $2))",
            )
            .await?;
        removed += link.client.execute(&dead, &[&old, &BITE]).await?;
        let parked = link
            .statement(
                "DELETE FROM chancery_queue WHERE seq = ANY (ARRAY(SELECT seq FROM chancery_queue WHERE queue = 'parked' AND due <= $1 LIMIT $2))",
            )
            .await?;
        removed += link.client.execute(&parked, &[&now.0, &BITE]).await?;
        let looked = self.events(link, now.plus_millis(-self.keep.delivered_events).0).await?;
        Ok(removed > 0 || looked)
    }

    /// Numbers follow the time, so the first young one ends the round. Whether a full bite was old.
    async fn events(&mut self, link: &Link, old: i64) -> Result<bool, tokio_postgres::Error> {
        let select = link
            .statement(
                "SELECT number, created FROM chancery_events WHERE number > $1 ORDER BY number LIMIT $2",
            )
            .await?;
        let found = link.client.query(&select, &[&self.after, &BITE]).await?;
        let last =
            found.iter().take_while(|row| row.get::<_, i64>(1) <= old).last().map(|row| row.get::<_, i64>(0));
        let Some(last) = last else {
            self.after = 0;
            return Ok(false);
        };
        let delete = link
            .statement(
                "DELETE FROM chancery_events e WHERE number > $1 AND number <= $2
                 AND NOT EXISTS (SELECT 1 FROM chancery_undelivered u WHERE u.number = e.number)",
            )
            .await?;
        link.client.execute(&delete, &[&self.after, &last]).await?;
        let full = found.len() as i64 == BITE && found.last().is_some_and(|row| row.get::<_, i64>(0) == last);
        self.after = if full { last } else { 0 };
        Ok(full)
    }
}
