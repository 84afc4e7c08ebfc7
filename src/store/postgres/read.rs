//! Reading rows, tag table first: one statement each, so that what it sees is one state of the wallet.

use std::fmt::Write as _;

use tokio_postgres::Row as Found;
use tokio_postgres::types::ToSql;

use chancery_agent::ports::Timestamp;
use chancery_agent::ports::store::{
    Event, EventNo, Facet, Facets, Item, KeyRow, Kinds, Query, Queue, Row, RowKey, Seq, Space, Tag, Tally,
    Version,
};

use super::super::FacetSource;
use super::super::format::{FormatError, KeyEntry};
use super::super::prepared::{
    KIND_ITEM, KIND_KEY, Slot, facet_hash, facet_scope, lane_hash, memory_id, memory_place, topic_hash,
};
use super::super::profiles::{Profile, Profiles};
use super::super::rows::head;
use super::super::sealed;
use super::super::tally::{self, Counted};
use super::server::Link;

pub(super) enum ReadError {
    Sql(tokio_postgres::Error),
    Damaged(String),
}

impl From<tokio_postgres::Error> for ReadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<FormatError> for ReadError {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error.to_string())
    }
}

pub(super) type Read<T> = Result<T, ReadError>;
type Values = Vec<Box<dyn ToSql + Sync + Send>>;

/// Columns of a row `i`, with its tags beside it.
const COLUMNS: &str = "i.name, i.value, i.expiry IS NULL, t.names, t.vals, t.plain, i.id";
const WITH_TAGS: &str = "LEFT JOIN LATERAL (SELECT array_agg(x.name ORDER BY x.id) AS names, array_agg(x.value ORDER BY x.id) AS vals,
    array_agg(x.plaintext ORDER BY x.id) AS plain FROM items_tags x WHERE x.item_id = i.id) t ON true";
/// Rows of other programs may expire and are invisible then.
const LIVES: &str = "(i.expiry IS NULL OR i.expiry > CURRENT_TIMESTAMP)";
/// Tags with a name and value ($1 name, $2 encrypted, $3 plain value): each half has its own partial index. They come as they are
/// read: a limit ends the reading.
const TAGGED: &str = "SELECT id, item_id FROM items_tags WHERE plaintext = 0 AND name = $1::bytea
    AND SUBSTR(value, 1, 12) = SUBSTR($2::bytea, 1, 12) AND value = $2::bytea
    UNION ALL SELECT id, item_id FROM items_tags WHERE plaintext = 1 AND name = $1::bytea AND value = $3::bytea";
/// A row may have a tag twice, and is found by the first of them. OFFSET keeps it from becoming a join with all tags there are.
const FIRST: &str = " AND NOT EXISTS (SELECT 1 FROM items_tags x WHERE x.item_id = f.item_id AND x.id < f.id
    AND x.name = $1::bytea AND x.value = CASE x.plaintext WHEN 0 THEN $2::bytea ELSE $3::bytea END OFFSET 0)";
const COUNT_TAGGED: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM items_tags WHERE plaintext = 0 AND name = $1::bytea
    AND SUBSTR(value, 1, 12) = SUBSTR($2::bytea, 1, 12) AND value = $2::bytea
    UNION ALL SELECT 1 FROM items_tags WHERE plaintext = 1 AND name = $1::bytea AND value = $3::bytea LIMIT 64) c";
/// Records read at once where all of a category must be looked at.
const WINDOW: i64 = 500;

async fn query(link: &Link, sql: &str, values: &Values) -> Result<Vec<Found>, tokio_postgres::Error> {
    let statement = link.statement(sql).await?;
    let values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    link.client.query(&statement, &values).await
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn ToSql + Sync + Send>),*] };
}

async fn by_name(link: &Link, slot: Slot) -> Result<Option<Found>, tokio_postgres::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM items i {WITH_TAGS}
         WHERE i.profile_id = $1 AND i.kind = $2::bigint::smallint AND i.category = $3 AND i.name = $4 AND {LIVES}"
    );
    let values = values![slot.profile, slot.kind, slot.category.to_vec(), slot.name];
    Ok(query(link, &sql, &values).await?.into_iter().next())
}

/// The record with this key, and whether it stays until it is changed.
pub(super) async fn get(
    link: &Link,
    profile: &Profile,
    slot: Slot,
    key: &RowKey,
) -> Read<Option<(Row, bool)>> {
    match by_name(link, slot).await? {
        Some(found) => Ok(Some(record(profile, &found, Some(key), &key.category)?)),
        None => Ok(None),
    }
}

/// The key entry with this name, and whether it stays until it is changed.
pub(super) async fn key(
    link: &Link,
    profile: &Profile,
    slot: Slot,
    name: &str,
) -> Read<Option<(KeyRow, bool)>> {
    let key = RowKey::new(KeyEntry::CATEGORY, name);
    match by_name(link, slot).await? {
        Some(found) => {
            let (row, lasting) = record(profile, &found, Some(&key), KeyEntry::CATEGORY)?;
            Ok(Some((key_row(row)?, lasting)))
        }
        None => Ok(None),
    }
}

fn record(profile: &Profile, found: &Found, key: Option<&RowKey>, category: &str) -> Read<(Row, bool)> {
    let key = match key {
        Some(key) => key.clone(),
        None => RowKey {
            category: category.to_owned().into(),
            name: profile.key.decrypt_name(found.get::<_, &[u8]>(0))?,
        },
    };
    let damaged = |error| ReadError::Damaged(format!("{} {}: {error}", key.category, key.name));
    let stored: &[u8] = found.get(1);
    let value = profile.key.decrypt_value(&key.category, &key.name, stored).map_err(damaged)?;
    let names: Vec<&[u8]> = found.get::<_, Option<_>>(3).unwrap_or_default();
    let values: Vec<&[u8]> = found.get::<_, Option<_>>(4).unwrap_or_default();
    let plain: Vec<i16> = found.get::<_, Option<_>>(5).unwrap_or_default();
    let mut tags: Vec<Tag> = Vec::with_capacity(names.len());
    for ((name, value), plain) in names.into_iter().zip(values).zip(plain) {
        tags.push(profile.key.decrypt_tag(name, value, plain != 0).map_err(damaged)?);
    }
    let version = Version(head(stored));
    Ok((Row { key, value, tags, version }, found.get(2)))
}

fn key_row(row: Row) -> Read<KeyRow> {
    let value = zeroize::Zeroizing::new(row.value);
    let name = row.key.name;
    KeyEntry::from_cbor(&value)
        .and_then(|entry| entry.into_row(name.clone(), row.tags))
        .map_err(|error| ReadError::Damaged(format!("the key entry {name}: {error}")))
}

/// Name, encrypted and plain value of a tag that is asked for.
type Wanted = (Vec<u8>, Vec<u8>, Vec<u8>);

/// The index says something else than the records.
pub(super) struct WrongIndex;

/// The records that match. `indexed` says whether the index table is complete.
pub(super) async fn find(
    link: &Link,
    profile: &Profile,
    asked: &Query,
    facets: FacetSource,
    indexed: bool,
) -> Read<Result<Vec<Row>, WrongIndex>> {
    if asked.facets.is_empty() {
        let found = tagged(link, profile, asked, Page::of(asked)).await?;
        let rows = found.iter().map(|row| Ok(record(profile, row, None, &asked.category)?.0));
        return rows.collect::<Read<Vec<_>>>().map(Ok);
    }
    if asked.tags.is_empty() && indexed && facets.covers(&asked.category) {
        return by_index(link, profile, asked).await;
    }
    by_reading(link, profile, asked, facets).await.map(Ok)
}

/// How many records there are of which kind, out of the index alone.
pub(super) async fn tally(link: &Link, profile: &Profile, kinds: &Kinds) -> Read<Vec<Tally>> {
    let sql = format!(
        "SELECT {} FROM chancery_index WHERE scope = $1 GROUP BY state",
        tally::columns(kinds, 2, '$')
    );
    let mut values = values![facet_scope(profile, kinds.category)];
    values.extend(tally::roles(profile, kinds).into_iter().flat_map(|role| values![role]));
    let counted = query(link, &sql, &values).await?.into_iter().map(|row| Counted {
        state: row.get(0),
        all: row.get(1),
        by_role: (0..kinds.roles.len()).map(|at| row.get(2 + at)).collect(),
    });
    Ok(tally::in_words(profile, kinds, counted.collect()))
}

/// Which part of what is found is wanted, and in which order.
#[derive(Clone, Copy)]
struct Page {
    limit: Option<usize>,
    offset: usize,
    /// The id that it must lie behind, in the query's direction.
    behind: Option<i64>,
    /// `None`: in any order, so that a limit ends the reading of a tag's rows.
    descending: Option<bool>,
    /// How many rows of the first tag are looked at.
    among: Option<usize>,
}

impl Page {
    const ALL: Self = Self { limit: None, offset: 0, behind: None, descending: Some(false), among: None };

    fn of(asked: &Query) -> Self {
        let descending = (!asked.unordered).then_some(asked.descending);
        Self { limit: asked.limit, offset: asked.offset, behind: None, descending, among: asked.among }
    }
}

/// The rows by their tags.
async fn tagged(link: &Link, profile: &Profile, asked: &Query, page: Page) -> Read<Vec<Found>> {
    let key = &profile.key;
    let mut wanted: Vec<Wanted> = asked
        .tags
        .iter()
        .map(|(name, value)| {
            (key.encrypt_tag_name(name).to_vec(), key.encrypt_tag_value(value), value.as_bytes().to_vec())
        })
        .collect();
    if wanted.len() > 1 {
        let statement = link.statement(COUNT_TAGGED).await?;
        let mut rarest = (0, i64::MAX);
        for (position, (name, encrypted, plain)) in wanted.iter().enumerate() {
            let count = link.client.query_one(&statement, &[name, encrypted, plain]).await?.get(0);
            if count < rarest.1 {
                rarest = (position, count);
            }
        }
        wanted.swap(0, rarest.0);
    }
    let category = key.encrypt_category(&asked.category);
    Ok(rows(link, (profile.id, KIND_ITEM, &category), wanted, page).await?)
}

async fn rows(
    link: &Link,
    (profile, kind, category): (i64, i64, &[u8]),
    wanted: Vec<Wanted>,
    Page { limit, offset, behind, descending, among }: Page,
) -> Result<Vec<Found>, tokio_postgres::Error> {
    let number = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    let mut sql = String::from("SELECT i.id, i.name, i.value, i.expiry FROM ");
    let mut values: Values = Vec::new();
    let few = !wanted.is_empty();
    let mut wanted = wanted.into_iter();
    if let Some((name, encrypted, plain)) = wanted.next() {
        values.extend::<Values>(values![name, encrypted, plain]);
        let _ = write!(sql, "({TAGGED}");
        if let Some(most) = among {
            values.push(Box::new(number(most)));
            let _ = write!(sql, " LIMIT ${}", values.len());
        }
        sql.push_str(") f JOIN items i ON i.id = f.item_id");
    } else {
        sql.push_str("items i");
    }
    let at = values.len();
    values.extend::<Values>(values![profile, kind, category.to_vec()]);
    let _ = write!(
        sql,
        " WHERE i.profile_id + 0 = ${} AND i.kind = ${}::bigint::smallint AND i.category = ${} AND {LIVES}",
        at + 1,
        at + 2,
        at + 3
    );
    if few {
        sql.push_str(FIRST);
    }
    for (name, encrypted, plain) in wanted {
        let at = values.len();
        values.extend::<Values>(values![name, encrypted, plain]);
        let _ = write!(
            sql,
            " AND EXISTS (SELECT 1 FROM items_tags x WHERE x.item_id = i.id AND x.name = ${}
              AND x.value = CASE x.plaintext WHEN 0 THEN ${}::bytea ELSE ${}::bytea END OFFSET 0)",
            at + 1,
            at + 2,
            at + 3
        );
    }
    let direction = if descending == Some(true) { "DESC" } else { "ASC" };
    if let Some(behind) = behind {
        values.push(Box::new(behind));
        let _ =
            write!(sql, " AND i.id {} ${}", if descending == Some(true) { "<" } else { ">" }, values.len());
    }
    if descending.is_some() {
        // With a tag, the index of ids would be the wrong way in.
        let _ = write!(sql, " ORDER BY i.id{} {direction}", if few { " + 0" } else { "" });
    }
    if limit.is_some() || offset > 0 {
        values.extend::<Values>(values![limit.map_or(i64::MAX, number), number(offset)]);
        let _ = write!(sql, " LIMIT ${} OFFSET ${}", values.len() - 1, values.len());
    }
    let sql = format!("SELECT {COLUMNS} FROM ({sql}) i {WITH_TAGS} ORDER BY i.id {direction}");
    query(link, &sql, &values).await
}

/// The key entries with one of the caller's tags.
pub(super) async fn find_keys(link: &Link, profile: &Profile, tag: &str, value: &str) -> Read<Vec<KeyRow>> {
    let name = KeyEntry::user_tag_name(&profile.key, tag);
    let wanted = vec![(name.to_vec(), profile.key.encrypt_tag_value(value), value.as_bytes().to_vec())];
    let category = profile.key.encrypt_category(KeyEntry::CATEGORY);
    let found = rows(link, (profile.id, KIND_KEY, &category), wanted, Page::ALL).await?;
    found.iter().map(|row| key_row(record(profile, row, None, KeyEntry::CATEGORY)?.0)).collect()
}

async fn by_index(link: &Link, profile: &Profile, asked: &Query) -> Read<Result<Vec<Row>, WrongIndex>> {
    // One condition chooses the index; the others are looked at in the row. A thread has one record, a connection some.
    let narrow = [Facet::Thread, Facet::Connection, Facet::State, Facet::Role]
        .into_iter()
        .find(|facet| asked.facets.iter().any(|(named, _)| named == facet));
    let Some(narrow) = narrow else { return Ok(Ok(Vec::new())) };
    let mut sql = String::from("SELECT item, v FROM chancery_index WHERE scope = $1");
    let mut values: Values = values![facet_scope(profile, &asked.category)];
    for (facet, wanted) in &asked.facets {
        let mut hashes: Vec<i64> = wanted.iter().map(|value| facet_hash(profile, *facet, value)).collect();
        // A sum is in no index.
        let column =
            if *facet == narrow { column(*facet).to_owned() } else { format!("{} + 0", column(*facet)) };
        match (hashes.len(), hashes.pop()) {
            (1, Some(hash)) => {
                values.push(Box::new(hash));
                let _ = write!(sql, " AND {column} = ${}", values.len());
            }
            (_, last) => {
                hashes.extend(last);
                values.push(Box::new(hashes));
                let _ = write!(sql, " AND {column} = ANY(${}::bigint[])", values.len());
            }
        }
    }
    let few = matches!(narrow, Facet::Thread | Facet::Connection);
    let direction = if asked.descending { "DESC" } else { "ASC" };
    let number = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    values.extend::<Values>(values![asked.limit.map_or(i64::MAX, number), number(asked.offset)]);
    let _ = write!(
        sql,
        " ORDER BY item{} {direction} LIMIT ${} OFFSET ${}",
        if few { " + 0" } else { "" },
        values.len() - 1,
        values.len()
    );
    let sql = format!(
        "SELECT {COLUMNS}, f.v FROM ({sql}) f JOIN items i ON i.id = f.item {WITH_TAGS}
         WHERE {LIVES} ORDER BY f.item {direction}"
    );
    let mut found = Vec::new();
    for row in query(link, &sql, &values).await? {
        let (record, _) = record(profile, &row, None, &asked.category)?;
        if record.version != Version(head(row.get(7))) {
            return Ok(Err(WrongIndex));
        }
        found.push(record);
    }
    Ok(Ok(found))
}

fn column(facet: Facet) -> &'static str {
    match facet {
        Facet::State => "state",
        Facet::Role => "role",
        Facet::Connection => "connection",
        Facet::Thread => "thread",
    }
}

/// By decrypting every record that the tags leave: where the index does not help or is not complete.
async fn by_reading(link: &Link, profile: &Profile, asked: &Query, source: FacetSource) -> Read<Vec<Row>> {
    let mut chosen = Vec::new();
    let mut skip = asked.offset;
    let mut page = Page { limit: usize::try_from(WINDOW).ok(), offset: 0, ..Page::of(asked) };
    loop {
        let found = tagged(link, profile, asked, page).await?;
        page.behind = found.last().map(|last| last.get(6));
        for row in &found {
            if asked.limit.is_some_and(|limit| chosen.len() >= limit) {
                return Ok(chosen);
            }
            let (record, _) = record(profile, row, None, &asked.category)?;
            let facets = source.of(&asked.category, &record.value).unwrap_or_default();
            if !fits(&facets, &asked.facets) {
                continue;
            }
            match skip {
                0 => chosen.push(record),
                _ => skip -= 1,
            }
        }
        if found.is_empty() {
            return Ok(chosen);
        }
    }
}

fn fits(facets: &Facets, wanted: &[(Facet, Vec<String>)]) -> bool {
    wanted.iter().all(|(facet, values)| {
        let is = match facet {
            Facet::State => &facets.state,
            Facet::Role => &facets.role,
            Facet::Connection => &facets.connection,
            Facet::Thread => &facets.thread,
        };
        is.as_ref().is_some_and(|is| values.contains(is))
    })
}

/// Queue rows after a number.
pub(super) async fn items(
    link: &Link,
    profiles: &Profiles,
    queue: Queue,
    after: Seq,
    limit: usize,
) -> Read<Vec<Item>> {
    let sql = "SELECT seq, profile, queue, due, created, attempts, value FROM chancery_queue
         WHERE queue = $1 AND seq > $2 ORDER BY queue, seq LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = query(link, sql, &values![queue.as_str(), after, limit]).await?;
    let mut items = Vec::with_capacity(found.len());
    for row in &found {
        items.extend(item_of(profiles, row)?);
    }
    Ok(items)
}

/// Rows of a lane after a number. A hash tells lanes apart but for chance, the sealed lane for certain.
pub(super) async fn lane(
    link: &Link,
    profile: &Profile,
    queue: Queue,
    lane: &str,
    (after, limit): (Seq, usize),
) -> Read<Vec<Item>> {
    let sql = "SELECT seq, profile, queue, due, created, attempts, value FROM chancery_queue
         WHERE profile = $1 AND queue = $2 AND lane_hash = $3 AND seq > $4
         ORDER BY profile, queue, lane_hash, seq LIMIT $5";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let asked = values![profile.id, queue.as_str(), lane_hash(profile, lane), after, limit];
    let mut items = Vec::new();
    for row in &query(link, sql, &asked).await? {
        items.push(sealed::item_of(profile, sealed_item(row))?);
    }
    items.retain(|item| item.lane == lane);
    Ok(items)
}

/// One queue row.
pub(super) async fn item(link: &Link, profiles: &Profiles, seq: Seq) -> Read<Option<Item>> {
    let sql = "SELECT seq, profile, queue, due, created, attempts, value FROM chancery_queue WHERE seq = $1";
    match query(link, sql, &values![seq]).await?.first() {
        Some(row) => item_of(profiles, row),
        None => Ok(None),
    }
}

fn item_of(profiles: &Profiles, row: &Found) -> Read<Option<Item>> {
    Ok(sealed::item(profiles, sealed_item(row))?)
}

fn sealed_item(row: &Found) -> sealed::SealedItem<'_> {
    sealed::SealedItem {
        seq: row.get(0),
        profile: row.get(1),
        queue: row.get(2),
        due: row.get(3),
        created: row.get(4),
        attempts: u32::try_from(row.get::<_, i64>(5)).unwrap_or(u32::MAX),
        value: row.get(6),
    }
}

/// How many rows a queue has.
pub(super) async fn depth(link: &Link, queue: Queue) -> Read<u64> {
    let sql = "SELECT COUNT(*) FROM chancery_queue WHERE queue = $1";
    let count =
        query(link, sql, &values![queue.as_str()]).await?.first().map_or(0, |row| row.get::<_, i64>(0));
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Events after a number.
pub(super) async fn events(
    link: &Link,
    profiles: &Profiles,
    profile: Option<&Profile>,
    after: EventNo,
    topic: Option<&str>,
    pending: bool,
    limit: usize,
) -> Read<Vec<Event>> {
    let mut values: Values = values![after, i64::try_from(limit).unwrap_or(i64::MAX)];
    let mut conditions = String::new();
    if let Some(profile) = profile {
        values.push(Box::new(profile.id));
        let _ = write!(conditions, " AND e.profile = ${}", values.len());
    }
    if let Some(topic) = topic {
        // Each profile has its own hash of a topic.
        match profile {
            Some(profile) => {
                values.push(Box::new(topic_hash(profile, topic)));
                let _ = write!(conditions, " AND e.topic = ${}", values.len());
            }
            None => {
                let hashes: Vec<i64> = profiles.iter().map(|profile| topic_hash(profile, topic)).collect();
                values.push(Box::new(hashes));
                let _ = write!(conditions, " AND e.topic = ANY(${}::bigint[])", values.len());
            }
        }
    }
    let from = if pending {
        "(SELECT DISTINCT number FROM chancery_undelivered WHERE number > $1) u JOIN chancery_events e ON e.number = u.number"
    } else {
        "chancery_events e"
    };
    let order =
        if profile.is_some() && topic.is_some() { "e.profile, e.topic, e.number" } else { "e.number" };
    let sql = format!(
        "SELECT e.number, e.profile, e.created, e.value,
         ARRAY(SELECT target FROM chancery_undelivered w WHERE w.number = e.number)
         FROM {from} WHERE e.number > $1{conditions} ORDER BY {order} LIMIT $2"
    );
    let mut events = Vec::new();
    for row in query(link, &sql, &values).await? {
        if let Some(profile) = profiles.with_id(row.get(1)) {
            let waiting: Vec<i64> = row.get(4);
            events.push(sealed::event(profile, row.get(0), row.get(2), row.get(3), &waiting)?);
        }
    }
    Ok(events)
}

/// What is remembered under an id.
pub(super) async fn recall(
    link: &Link,
    profile: &Profile,
    space: Space,
    id: &str,
    now: Timestamp,
) -> Read<Option<Vec<u8>>> {
    let hash = memory_id(profile, space, id);
    let sql = "SELECT value FROM chancery_memory WHERE profile = $1 AND space = $2 AND id = $3
         AND (expires IS NULL OR expires > $4)";
    let found = query(link, sql, &values![profile.id, space.as_str(), hash.to_vec(), now.0]).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let [_, value] = profile.key.sealing().open(&memory_place(space, &hash), row.get(0))?;
    Ok(Some(value))
}

/// How much is remembered in a space; no value is read.
pub(super) async fn weigh(link: &Link, profile: &Profile, space: Space, most: usize) -> Read<(usize, u64)> {
    let sql = "SELECT COUNT(*), COALESCE(SUM(bytes), 0)::BIGINT FROM
         (SELECT LENGTH(value) AS bytes FROM chancery_memory WHERE profile = $1 AND space = $2 LIMIT $3) AS counted";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = query(link, sql, &values![profile.id, space.as_str(), most]).await?;
    let Some(row) = found.first() else { return Ok((0, 0)) };
    let (count, bytes): (i64, i64) = (row.get(0), row.get(1));
    Ok((usize::try_from(count).unwrap_or(usize::MAX), bytes.unsigned_abs()))
}

/// What is remembered in a space and not expired, by the names of the rows.
pub(super) async fn remembered(
    link: &Link,
    profile: &Profile,
    space: Space,
    (offset, limit): (usize, usize),
    now: Timestamp,
) -> Read<Vec<(String, Vec<u8>)>> {
    let sql = "SELECT id, value FROM chancery_memory WHERE profile = $1 AND space = $2
         AND (expires IS NULL OR expires > $3) ORDER BY id LIMIT $4 OFFSET $5";
    let number = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    let asked = values![profile.id, space.as_str(), now.0, number(limit), number(offset)];
    let mut all = Vec::new();
    for row in query(link, sql, &asked).await? {
        let hash: &[u8] = row.get(0);
        let Ok(hash) = <[u8; 16]>::try_from(hash) else { continue };
        let [id, value] = profile.key.sealing().open(&memory_place(space, &hash), row.get(1))?;
        all.push((String::from_utf8_lossy(&id).into_owned(), value));
    }
    Ok(all)
}

/// A real round trip.
pub(super) async fn ping(link: &Link) -> Read<()> {
    query(link, "SELECT COUNT(*) FROM config", &Vec::new()).await?;
    Ok(())
}
