//! Reading what a batch needs to know, and what it comes to in SQL: a piece for each kind of change, whatever the number of
//! commits.

use tokio_postgres::types::ToSql;

use super::super::absent::Entry;
use super::super::format::EncryptedTag;
use super::super::prepared::Slot;
use super::super::rows::{KnownRow, KnownRows, digest, head, row_id};
use super::batch::{Batch, Facts, Fate, Needs, Numbers};
use super::counting::Absent;
use super::server::Link;
use super::transaction::{Piece, piece};

/// Numbers taken at once; a number is never used twice, and those that are left at the end never.
const BLOCK: i64 = 256;

const ROWS: &str = "SELECT w.n::bigint, i.id, SUBSTR(i.value, 1, 12), COALESCE(i.expiry <= CURRENT_TIMESTAMP, false)
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) WITH ORDINALITY w(profile, kind, category, name, n)
    JOIN items i ON i.profile_id = w.profile AND i.kind = w.kind::smallint AND i.category = w.category AND i.name = w.name";
const KEYS: &str = "SELECT w.n::bigint, i.value, t.name, t.value, t.plaintext
    FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) WITH ORDINALITY w(profile, kind, category, name, n)
    JOIN items i ON i.profile_id = w.profile AND i.kind = w.kind::smallint AND i.category = w.category AND i.name = w.name
    LEFT JOIN items_tags t ON t.item_id = i.id ORDER BY w.n, t.id";
const MEMORY: &str = "SELECT m.profile, m.space, m.id, m.expires
    FROM unnest($1::bigint[], $2::text[], $3::bytea[]) w(profile, space, id)
    JOIN chancery_memory m ON m.profile = w.profile AND m.space = w.space AND m.id = w.id";
const QUEUED: &str = "SELECT seq, profile, queue FROM chancery_queue WHERE seq = ANY($1)";

type Slots<'a> = (Vec<i64>, Vec<i64>, Vec<&'a [u8]>, Vec<&'a [u8]>);

fn columns<'a>(slots: &[&'a Slot]) -> Slots<'a> {
    let mut columns = Slots::default();
    for slot in slots {
        columns.0.push(slot.profile);
        columns.1.push(slot.kind);
        columns.2.push(&slot.category);
        columns.3.push(&slot.name);
    }
    columns
}

/// Reads what is needed and not known yet; takes numbers when there are too few.
pub(super) async fn gather(
    link: &Link,
    needs: &Needs<'_>,
    known: &mut KnownRows,
    absent: &Absent,
    numbers: &mut Numbers,
) -> Result<Facts, tokio_postgres::Error> {
    let mut facts = Facts::default();
    let mut unknown = Vec::new();
    for (id, slot) in &needs.rows {
        match known.get(slot) {
            Some(row) => drop(facts.rows.insert(*id, Some(row))),
            None if absent.lacks(&Entry::Row(*id)) => {}
            None => unknown.push(*slot),
        }
    }
    let keys: Vec<&Slot> = needs.keys.values().copied().collect();
    let rows = async {
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let (profiles, kinds, categories, names) = columns(&unknown);
        let statement = link.statement(ROWS).await?;
        link.client.query(&statement, &[&profiles, &kinds, &categories, &names]).await
    };
    let entries = async {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (profiles, kinds, categories, names) = columns(&keys);
        let statement = link.statement(KEYS).await?;
        link.client.query(&statement, &[&profiles, &kinds, &categories, &names]).await
    };
    let remembered: Vec<_> = needs.memory.iter().filter(|id| !absent.lacks(&Entry::remembered(id))).collect();
    let memory = async {
        if remembered.is_empty() {
            return Ok(Vec::new());
        }
        let profiles: Vec<i64> = remembered.iter().map(|id| id.0).collect();
        let spaces: Vec<&str> = remembered.iter().map(|id| id.1).collect();
        let ids: Vec<&[u8]> = remembered.iter().map(|id| &id.2[..]).collect();
        let statement = link.statement(MEMORY).await?;
        link.client.query(&statement, &[&profiles, &spaces, &ids]).await
    };
    let queued = async {
        if needs.queued.is_empty() {
            return Ok(Vec::new());
        }
        let seqs: Vec<i64> = needs.queued.iter().copied().collect();
        let statement = link.statement(QUEUED).await?;
        link.client.query(&statement, &[&seqs]).await
    };
    let items = take(link, "items", "id", needs.items, numbers.items.len());
    let queue = take(link, "chancery_queue", "seq", needs.queue, numbers.queue.len());
    let events = take(link, "chancery_events", "number", needs.events, numbers.events.len());
    let (rows, entries, memory, queued, items, queue, events) =
        futures_util::try_join!(rows, entries, memory, queued, items, queue, events)?;
    numbers.items.extend(items);
    numbers.queue.extend(queue);
    numbers.events.extend(events);
    for row in rows {
        let slot = unknown[index(&row)];
        let (id, expired) = (row.get(1), row.get(3));
        if expired {
            facts.expired.push(id);
        } else {
            let found = KnownRow { id, version: head(row.get(2)), tags: None };
            known.put(slot, found);
            facts.rows.insert(row_id(slot), Some(found));
        }
    }
    for row in entries {
        let entry = facts.keys.entry(row_id(keys[index(&row)])).or_insert_with(|| (row.get(1), Vec::new()));
        if let Some(name) = row.get::<_, Option<&[u8]>>(2) {
            let plaintext = row.get::<_, i16>(4) != 0;
            entry.1.push(EncryptedTag { name: name.into(), value: row.get(3), plaintext });
        }
    }
    for row in memory {
        let (profile, space, id): (i64, &str, &[u8]) = (row.get(0), row.get(1), row.get(2));
        let asked = needs.memory.iter().find(|asked| asked.0 == profile && asked.1 == space && asked.2 == id);
        if let Some(asked) = asked {
            facts.memory.insert(*asked, row.get(3));
        }
    }
    facts.queued = queued.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    Ok(facts)
}

/// The position that WITH ORDINALITY gave, from 0.
fn index(row: &tokio_postgres::Row) -> usize {
    usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or_default()
}

/// Nobody else takes numbers of our tables, and those of `items` grow all the same.
async fn take(
    link: &Link,
    table: &str,
    column: &str,
    wanted: usize,
    left: usize,
) -> Result<Vec<i64>, tokio_postgres::Error> {
    if left >= wanted {
        return Ok(Vec::new());
    }
    let count = i64::try_from(wanted - left).unwrap_or(BLOCK).max(BLOCK);
    let sql = format!(
        "SELECT nextval(pg_get_serial_sequence('{table}', '{column}')) FROM generate_series(1, $1::bigint)"
    );
    let statement = link.statement(&sql).await?;
    Ok(link.client.query(&statement, &[&count]).await?.iter().map(|row| row.get(0)).collect())
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn ToSql + Sync + Send + '_>),*] };
}

/// What must be written for a batch. The first pieces, so many, must be done before the others: a row with the name of one that
/// goes can only come when that is gone.
pub(super) fn pieces<'b>(batch: &'b Batch<'_>, known: &mut KnownRows) -> (Vec<Piece<'b>>, usize) {
    let (mut pieces, first) = rows(batch, known);
    queue(batch, &mut pieces);
    events(batch, &mut pieces);
    memory(batch, &mut pieces);
    (pieces, first)
}

#[derive(Default)]
struct Inserted<'a> {
    ids: Vec<i64>,
    slots: Vec<&'a Slot>,
    values: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Tags<'a> {
    items: Vec<i64>,
    names: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    plaintext: Vec<i16>,
}

impl<'a> Tags<'a> {
    fn add(&mut self, item: i64, tags: &'a [EncryptedTag]) {
        for tag in tags {
            self.items.push(item);
            self.names.push(&tag.name);
            self.values.push(&tag.value);
            self.plaintext.push(i16::from(tag.plaintext));
        }
    }
}

#[derive(Default)]
struct Index {
    items: Vec<i64>,
    scopes: Vec<i64>,
    versions: Vec<Vec<u8>>,
    states: Vec<Option<i64>>,
    roles: Vec<Option<i64>>,
    connections: Vec<Option<i64>>,
    threads: Vec<Option<i64>>,
}

fn rows<'b>(batch: &'b Batch<'_>, known: &mut KnownRows) -> (Vec<Piece<'b>>, usize) {
    let mut removed = batch.facts.expired.clone();
    // Expired rows go because others with their names come.
    let mut replaced = !removed.is_empty();
    let mut retagged = Vec::new();
    let (mut updated, mut new_values, mut old_versions) =
        (Vec::new(), Vec::<&[u8]>::new(), Vec::<Vec<u8>>::new());
    let (mut inserted, mut tags, mut index) = (Inserted::default(), Tags::default(), Index::default());
    let mut ordered: Vec<_> = batch.rows.iter().collect();
    ordered.sort_by_key(|(_, held)| held.as_ref().map(|held| held.id));
    for (id, held) in ordered {
        let before = batch.facts.rows.get(id).copied().flatten();
        let stays = before.filter(|before| held.as_ref().is_some_and(|held| held.id == before.id));
        if let (Some(before), None) = (before, stays) {
            removed.push(before.id);
            replaced |= held.is_some();
        }
        let Some((held, written)) = held.as_ref().and_then(|held| Some((held, held.written.as_ref()?)))
        else {
            continue;
        };
        match stays {
            Some(before) => {
                // What is known of its tags is known of the row as it was before this batch.
                let same = known.get(written.slot).and_then(|row| row.tags) == Some(digest(&written.tags));
                if !same {
                    retagged.push(held.id);
                    tags.add(held.id, &written.tags);
                }
                updated.push(held.id);
                new_values.push(&written.value);
                old_versions.push(before.version.to_vec());
            }
            None => {
                inserted.ids.push(held.id);
                inserted.slots.push(written.slot);
                inserted.values.push(&written.value);
                tags.add(held.id, &written.tags);
            }
        }
        if let Some(facets) = &written.facets {
            index.items.push(held.id);
            index.scopes.push(facets.scope);
            index.versions.push(head(&written.value).to_vec());
            index.states.push(facets.state);
            index.roles.push(facets.role);
            index.connections.push(facets.connection);
            index.threads.push(facets.thread);
        }
    }
    let mut pieces = Vec::new();
    if !removed.is_empty() {
        let exactly = Some(removed.len());
        // Their tags go by Askar's own foreign key.
        pieces.push(Piece {
            exactly,
            ..piece("DELETE FROM items WHERE id = ANY($1)", values![removed.clone()])
        });
    }
    let first = if replaced { pieces.len() } else { 0 };
    if !removed.is_empty() {
        pieces.push(piece("DELETE FROM chancery_index WHERE item = ANY($1)", values![removed]));
    }
    if !retagged.is_empty() {
        pieces.push(piece("DELETE FROM items_tags WHERE item_id = ANY($1)", values![retagged]));
    }
    if !updated.is_empty() {
        let exactly = Some(updated.len());
        let sql = "UPDATE items i SET value = w.value, expiry = NULL
            FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) w(id, value, old)
            WHERE i.id = w.id AND SUBSTR(i.value, 1, 12) = w.old";
        pieces.push(Piece { exactly, ..piece(sql, values![updated, new_values, old_versions]) });
    }
    if !inserted.ids.is_empty() {
        let (profiles, kinds, categories, names) = columns(&inserted.slots);
        pieces.push(piece(
            "INSERT INTO items (id, profile_id, kind, category, name, value)
             SELECT id, profile, kind::smallint, category, name, value
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[])
             w(id, profile, kind, category, name, value)",
            values![inserted.ids, profiles, kinds, categories, names, inserted.values],
        ));
    }
    if !tags.items.is_empty() {
        pieces.push(piece(
            "INSERT INTO items_tags (item_id, name, value, plaintext)
             SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::smallint[])",
            values![tags.items, tags.names, tags.values, tags.plaintext],
        ));
    }
    if !index.items.is_empty() {
        pieces.push(piece(
            "INSERT INTO chancery_index (item, scope, v, state, role, connection, thread)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
             ON CONFLICT (item) DO UPDATE SET scope = excluded.scope, v = excluded.v, state = excluded.state,
             role = excluded.role, connection = excluded.connection, thread = excluded.thread",
            values![
                index.items,
                index.scopes,
                index.versions,
                index.states,
                index.roles,
                index.connections,
                index.threads
            ],
        ));
    }
    (pieces, first)
}

fn queue<'b>(batch: &'b Batch<'_>, pieces: &mut Vec<Piece<'b>>) {
    let rows = &batch.enqueued;
    if !rows.is_empty() {
        pieces.push(piece(
            "INSERT INTO chancery_queue (seq, profile, queue, due, created, attempts, value, lane_hash)
             SELECT seq, profile, queue, due, created, 0, value, lane
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[])
             w(seq, profile, queue, due, created, value, lane)",
            values![
                rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
                rows.iter().map(|row| row.profile).collect::<Vec<_>>(),
                rows.iter().map(|row| row.queue).collect::<Vec<_>>(),
                rows.iter().map(|row| row.due).collect::<Vec<_>>(),
                rows.iter().map(|row| row.created).collect::<Vec<_>>(),
                rows.iter().map(|row| row.value.as_slice()).collect::<Vec<_>>(),
                rows.iter().map(|row| row.lane).collect::<Vec<_>>(),
            ],
        ));
    }
    let (mut gone, mut gone_profiles) = (Vec::new(), Vec::new());
    let mut moved = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((seq, profile), fate) in &batch.fates {
        match fate {
            Fate::Gone => {
                gone.push(*seq);
                gone_profiles.push(*profile);
            }
            Fate::Moved { queue, due, attempts } => {
                moved.0.push(*seq);
                moved.1.push(*profile);
                moved.2.push(*queue);
                moved.3.push(*due);
                moved.4.push(*attempts);
            }
        }
    }
    if !moved.0.is_empty() {
        pieces.push(piece(
            "UPDATE chancery_queue q SET queue = w.queue, due = w.due, attempts = w.attempts
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
             w(seq, profile, queue, due, attempts) WHERE q.seq = w.seq AND q.profile = w.profile",
            values![moved.0, moved.1, moved.2, moved.3, moved.4],
        ));
    }
    if !gone.is_empty() {
        pieces.push(piece(
            "DELETE FROM chancery_queue q USING unnest($1::bigint[], $2::bigint[]) w(seq, profile)
             WHERE q.seq = w.seq AND q.profile = w.profile",
            values![gone, gone_profiles],
        ));
    }
}

fn events<'b>(batch: &'b Batch<'_>, pieces: &mut Vec<Piece<'b>>) {
    let rows = &batch.events;
    if !rows.is_empty() {
        pieces.push(piece(
            "INSERT INTO chancery_events (number, profile, topic, created, value)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])",
            values![
                rows.iter().map(|row| row.number).collect::<Vec<_>>(),
                rows.iter().map(|row| row.profile).collect::<Vec<_>>(),
                rows.iter().map(|row| row.topic).collect::<Vec<_>>(),
                rows.iter().map(|row| row.created).collect::<Vec<_>>(),
                rows.iter().map(|row| row.value.as_slice()).collect::<Vec<_>>(),
            ],
        ));
    }
    let (mut new, mut done) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    let mut again = (Vec::new(), Vec::new(), Vec::new());
    let first = rows.iter().map(|row| row.number).min();
    for ((number, target), (waiting, profile)) in &batch.undelivered {
        if *waiting && first.is_some_and(|first| *number >= first) {
            new.0.push(*number);
            new.1.push(*target);
        } else if *waiting {
            again.0.push(*number);
            again.1.push(*target);
            again.2.push(*profile);
        } else {
            done.0.push(*number);
            done.1.push(*target);
        }
    }
    if !new.0.is_empty() {
        pieces.push(piece(
            "INSERT INTO chancery_undelivered (number, target) SELECT * FROM unnest($1::bigint[], $2::bigint[])",
            values![new.0, new.1],
        ));
    }
    if !again.0.is_empty() {
        pieces.push(piece(
            "INSERT INTO chancery_undelivered (number, target)
             SELECT w.number, w.target FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) w(number, target, profile)
             JOIN chancery_events e ON e.number = w.number AND e.profile = w.profile ON CONFLICT DO NOTHING",
            values![again.0, again.1, again.2],
        ));
    }
    if !done.0.is_empty() {
        pieces.push(piece(
            "DELETE FROM chancery_undelivered u USING unnest($1::bigint[], $2::bigint[]) w(number, target)
             WHERE u.number = w.number AND u.target = w.target",
            values![done.0, done.1],
        ));
    }
}

fn memory<'b>(batch: &'b Batch<'_>, pieces: &mut Vec<Piece<'b>>) {
    let mut kept = (Vec::new(), Vec::new(), Vec::<&[u8]>::new(), Vec::new(), Vec::<&[u8]>::new());
    let mut gone = (Vec::new(), Vec::new(), Vec::<&[u8]>::new());
    for ((profile, space, id), content) in &batch.memory {
        match content {
            Some((value, expires)) => {
                kept.0.push(*profile);
                kept.1.push(*space);
                kept.2.push(id);
                kept.3.push(*expires);
                kept.4.push(value);
            }
            None => {
                gone.0.push(*profile);
                gone.1.push(*space);
                gone.2.push(id);
            }
        }
    }
    if !kept.0.is_empty() {
        pieces.push(piece(
            "INSERT INTO chancery_memory (profile, space, id, expires, value)
             SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[])
             ON CONFLICT (profile, space, id) DO UPDATE SET expires = excluded.expires, value = excluded.value",
            values![kept.0, kept.1, kept.2, kept.3, kept.4],
        ));
    }
    if !gone.0.is_empty() {
        pieces.push(piece(
            "DELETE FROM chancery_memory m USING unnest($1::bigint[], $2::text[], $3::bytea[]) w(profile, space, id)
             WHERE m.profile = w.profile AND m.space = w.space AND m.id = w.id",
            values![gone.0, gone.1, gone.2],
        ));
    }
}

/// After the commit: what the rows are now.
pub(super) fn learn(batch: &Batch<'_>, needs: &Needs<'_>, known: &mut KnownRows) {
    for (id, held) in &batch.rows {
        match held {
            Some(held) => {
                if let Some(written) = &held.written {
                    let tags = Some(digest(&written.tags));
                    known.put(written.slot, KnownRow { id: held.id, version: head(&written.value), tags });
                }
            }
            None => {
                if let Some(slot) = needs.rows.get(id) {
                    known.forget(slot);
                }
            }
        }
    }
}
