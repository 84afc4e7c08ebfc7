//! Reading the queue, the events and what is remembered.

use chancery_agent::ports::Timestamp;
use chancery_agent::ports::store::{Event, EventNo, Item, Queue, Seq, Space};
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::super::prepared::{lane_hash, memory_place, topic_hash};
use super::super::profiles::{Profile, Profiles};
use super::super::sealed;
use super::apply::bytes;
use super::readers::Read;

/// Queue rows after a number.
pub(super) fn items(
    conn: &Connection,
    profiles: &Profiles,
    queue: Queue,
    after: Seq,
    limit: usize,
) -> Read<Vec<Item>> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, profile, queue, due, created, attempts, value
         FROM chancery_queue INDEXED BY chancery_queue_order
         WHERE queue = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = statement.query(params![queue.as_str(), after, number(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(item_of(profiles, row)?);
    }
    Ok(found)
}

/// Rows of a lane after a number. A hash tells lanes apart but for chance, the sealed lane for certain.
pub(super) fn lane(
    conn: &Connection,
    profile: &Profile,
    queue: Queue,
    lane: &str,
    (after, limit): (Seq, usize),
) -> Read<Vec<Item>> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, profile, queue, due, created, attempts, value
         FROM chancery_queue INDEXED BY chancery_queue_lane
         WHERE profile = ?1 AND queue = ?2 AND lane_hash = ?3 AND seq > ?4 ORDER BY seq LIMIT ?5",
    )?;
    let asked = params![profile.id, queue.as_str(), lane_hash(profile, lane), after, number(limit)];
    let mut rows = statement.query(asked)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(sealed::item_of(profile, sealed_item(row)?)?);
    }
    found.retain(|item| item.lane == lane);
    Ok(found)
}

/// How many rows a queue has; read from its index alone.
pub(super) fn depth(conn: &Connection, queue: Queue) -> Read<u64> {
    let mut statement = conn.prepare_cached("SELECT COUNT(*) FROM chancery_queue WHERE queue = ?1")?;
    Ok(statement.query_row([queue.as_str()], |row| row.get(0))?)
}

/// One queue row.
pub(super) fn item(conn: &Connection, profiles: &Profiles, seq: Seq) -> Read<Option<Item>> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, profile, queue, due, created, attempts, value FROM chancery_queue WHERE seq = ?1",
    )?;
    let mut rows = statement.query([seq])?;
    match rows.next()? {
        Some(row) => item_of(profiles, row),
        None => Ok(None),
    }
}

/// `None`: of a profile that another program has added since.
fn item_of(profiles: &Profiles, row: &Row<'_>) -> Read<Option<Item>> {
    Ok(sealed::item(profiles, sealed_item(row)?)?)
}

fn sealed_item<'a>(row: &'a Row<'_>) -> Read<sealed::SealedItem<'a>> {
    Ok(sealed::SealedItem {
        seq: row.get(0)?,
        profile: row.get(1)?,
        queue: row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
        due: row.get(3)?,
        created: row.get(4)?,
        attempts: row.get(5)?,
        value: bytes(row.get_ref(6)?),
    })
}

/// Events after a number.
pub(super) fn events(
    conn: &Connection,
    profiles: &Profiles,
    profile: Option<&Profile>,
    after: EventNo,
    topic: Option<&str>,
    pending: bool,
    limit: usize,
) -> Read<Vec<Event>> {
    let mut values = vec![after, number(limit)];
    let mut given = |value: i64| {
        values.push(value);
        format!("?{}", values.len())
    };
    let mut conditions = String::new();
    if let Some(profile) = profile {
        conditions.push_str(&format!(" AND e.profile = {}", given(profile.id)));
    }
    if let Some(topic) = topic {
        // Each profile has its own hash of a topic.
        let hashes: Vec<String> = match profile {
            Some(profile) => vec![given(topic_hash(profile, topic))],
            None => profiles.iter().map(|profile| given(topic_hash(profile, topic))).collect(),
        };
        conditions.push_str(&format!(" AND e.topic IN ({})", hashes.join(", ")));
    }
    // Order and index are named, because without statistics SQLite would read over a week of delivered events.
    let (from, after, order) = match (pending, profile.is_some() && topic.is_some()) {
        (true, _) => (
            "chancery_undelivered u CROSS JOIN chancery_events e ON e.number = u.number",
            "u.number",
            "GROUP BY u.number ORDER BY u.number",
        ),
        (false, true) => {
            ("chancery_events e INDEXED BY chancery_events_topic", "e.number", "ORDER BY e.number")
        }
        (false, false) => ("chancery_events e NOT INDEXED", "e.number", "ORDER BY e.number"),
    };
    let mut statement = conn.prepare_cached(&format!(
        "SELECT e.number, e.profile, e.created, e.value FROM {from}
         WHERE {after} > ?1{conditions} {order} LIMIT ?2"
    ))?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(profile) = profiles.with_id(row.get(1)?) {
            found.push(event_of(conn, profile, row)?);
        }
    }
    Ok(found)
}

fn event_of(conn: &Connection, profile: &Profile, row: &Row<'_>) -> Read<Event> {
    let number = row.get(0)?;
    let mut targets = conn.prepare_cached("SELECT target FROM chancery_undelivered WHERE number = ?1")?;
    let waiting = targets.query_map([number], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    Ok(sealed::event(profile, number, row.get(2)?, bytes(row.get_ref(3)?), &waiting)?)
}

/// What is remembered under an id.
pub(super) fn recall(
    conn: &Connection,
    profile: &Profile,
    space: Space,
    hash: &[u8; 16],
    now: Timestamp,
) -> Read<Option<Vec<u8>>> {
    let sealed: Option<Vec<u8>> = conn
        .prepare_cached(
            "SELECT value FROM chancery_memory WHERE profile = ?1 AND space = ?2 AND id = ?3
             AND (expires IS NULL OR expires > ?4)",
        )?
        .query_row(params![profile.id, space.as_str(), hash, now.0], |row| row.get(0))
        .optional()?;
    let Some(sealed) = sealed else { return Ok(None) };
    let [_, value] = profile.key.sealing().open(&memory_place(space, hash), &sealed)?;
    Ok(Some(value))
}

/// How much is remembered in a space; no value is read.
pub(super) fn weigh(conn: &Connection, profile: &Profile, space: Space, most: usize) -> Read<(usize, u64)> {
    let mut statement = conn.prepare_cached(
        "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM
         (SELECT LENGTH(value) AS bytes FROM chancery_memory WHERE profile = ?1 AND space = ?2 LIMIT ?3)",
    )?;
    let (count, bytes): (i64, i64) = statement
        .query_row(params![profile.id, space.as_str(), number(most)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((usize::try_from(count).unwrap_or(usize::MAX), bytes.unsigned_abs()))
}

/// What is remembered in a space and not expired, by the names of the rows.
pub(super) fn remembered(
    conn: &Connection,
    profile: &Profile,
    space: Space,
    (offset, limit): (usize, usize),
    now: Timestamp,
) -> Read<Vec<(String, Vec<u8>)>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, value FROM chancery_memory WHERE profile = ?1 AND space = ?2
         AND (expires IS NULL OR expires > ?3) ORDER BY id LIMIT ?4 OFFSET ?5",
    )?;
    let asked = params![profile.id, space.as_str(), now.0, number(limit), number(offset)];
    let found =
        statement.query_map(asked, |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    found
        .map(|row| {
            let (hash, sealed) = row?;
            let [id, value] = profile.key.sealing().open(&memory_place(space, &hash), &sealed)?;
            Ok((String::from_utf8_lossy(&id).into_owned(), value))
        })
        .collect()
}

fn number(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
