//! Which rows PostgreSQL holds, for the filter of what certainly isn't there.

use super::super::absent::{self, Entry};
use super::super::rows::head;
use super::batch::Batch;
use super::server::Link;

/// Rows counted in one bite.
const BITE: i64 = 2_000;

/// What is counted next: the rows of a table behind an id.
#[derive(Clone)]
pub(super) enum Place {
    Items(i64),
    Tags(i64),
    Memory(i64, String, Vec<u8>),
}

impl Default for Place {
    fn default() -> Self {
        Self::Items(0)
    }
}

pub(super) type Absent = absent::Absent<Place>;

/// Notes what a batch may add.
pub(super) fn learn(absent: &Absent, batch: &Batch<'_>) {
    let mut hashes = Vec::new();
    for (id, held) in &batch.rows {
        if let Some(written) = held.as_ref().and_then(|held| held.written.as_ref()) {
            hashes.push(Entry::Row(*id).hash());
            hashes.extend(written.tags.iter().map(|tag| Entry::tag(tag).hash()));
        }
    }
    let kept = batch.memory.iter().filter(|(_, content)| content.is_some());
    hashes.extend(kept.map(|(id, _)| Entry::remembered(id).hash()));
    absent.learn(&hashes);
}

/// Counts the next rows.
pub(super) async fn count(absent: &Absent, link: &Link) -> Result<(), tokio_postgres::Error> {
    if let Some(place) = absent.place() {
        let (hashes, then) = bite(link, place).await?;
        absent.counted(&hashes, then);
    }
    Ok(())
}

/// Hashes of the next rows, and what comes behind them.
async fn bite(link: &Link, place: Place) -> Result<(Vec<u64>, Option<Place>), tokio_postgres::Error> {
    let (hashes, then) = match place {
        Place::Items(after) => {
            let sql =
                "SELECT id, profile_id, kind::bigint, SUBSTR(category, 1, 12), SUBSTR(name, 1, 12) FROM items
                 WHERE id > $1 ORDER BY id LIMIT $2";
            let found = link.client.query(&link.statement(sql).await?, &[&after, &BITE]).await?;
            let rows = found
                .iter()
                .map(|row| Entry::Row((row.get(1), row.get(2), head(row.get(3)), head(row.get(4)))).hash());
            let then = found.last().map_or(Place::Tags(0), |row| Place::Items(row.get(0)));
            (rows.collect(), Some(then))
        }
        Place::Tags(after) => {
            let sql = "SELECT id, SUBSTR(name, 1, 12), CASE plaintext WHEN 0 THEN SUBSTR(value, 1, 12) ELSE value END, plaintext <> 0
                 FROM items_tags WHERE id > $1 ORDER BY id LIMIT $2";
            let found = link.client.query(&link.statement(sql).await?, &[&after, &BITE]).await?;
            let tags = found
                .iter()
                .map(|row| Entry::Tag { name: row.get(1), value: row.get(2), plaintext: row.get(3) }.hash());
            let then = found
                .last()
                .map_or_else(|| Place::Memory(0, String::new(), Vec::new()), |row| Place::Tags(row.get(0)));
            (tags.collect(), Some(then))
        }
        Place::Memory(profile, space, id) => {
            let sql =
                "SELECT profile, space, id FROM chancery_memory WHERE (profile, space, id) > ($1, $2, $3)
                 ORDER BY profile, space, id LIMIT $4";
            let found =
                link.client.query(&link.statement(sql).await?, &[&profile, &space, &id, &BITE]).await?;
            let ids = found
                .iter()
                .map(|row| Entry::Memory { profile: row.get(0), space: row.get(1), id: row.get(2) }.hash());
            (ids.collect(), found.last().map(|row| Place::Memory(row.get(0), row.get(1), row.get(2))))
        }
    };
    Ok((hashes, then))
}
