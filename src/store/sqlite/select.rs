//! Which rows a query means, and in which order: ids only.
//!
//! Every query starts from the narrowest index. CROSS JOIN is SQLite's way of fixing the order of a join: left to its
//! planner, a tag query reads a whole category (2 ms instead of 26 us at 10 000 records).

use chancery_agent::ports::store::{Facet, Facets, Query, Version};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::super::FacetSource;
use super::super::format::KeyEntry;
use super::super::prepared::{KIND_ITEM, KIND_KEY, facet_hash, facet_scope};
use super::super::profiles::Profile;
use super::super::rows::head;
use super::apply::bytes;
use super::readers::Read;

/// How far the rows of a tag are counted to find a query's rarest tag.
const COUNTED: i64 = 64;

/// Tags that have a name and value; each half has its own partial index. They come as they are read: a limit ends the reading.
macro_rules! tagged {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM items_tags
              WHERE plaintext = 0 AND name = ?1 AND SUBSTR(value, 1, 12) = SUBSTR(?2, 1, 12) AND value = ?2
              UNION ALL SELECT ",
            $columns,
            " FROM items_tags WHERE plaintext = 1 AND name = ?1 AND value = ?3"
        )
    };
}

/// A row may have a tag twice, and is found by the first of them.
const FIRST: &str = " AND NOT EXISTS (SELECT 1 FROM items_tags x WHERE x.item_id = t.item_id AND x.id < t.id
    AND x.name = ?1 AND x.value = CASE x.plaintext WHEN 0 THEN ?2 ELSE ?3 END)";

/// Which part of what is found is wanted, and in which order.
#[derive(Clone, Copy)]
struct Page {
    limit: Option<usize>,
    offset: usize,
    /// `None`: in any; only so can a limit end the reading of a tag's rows.
    descending: Option<bool>,
    /// How many rows of the first tag are looked at.
    among: Option<usize>,
}

impl Page {
    fn of(query: &Query) -> Self {
        let descending = (!query.unordered).then_some(query.descending);
        Self { limit: query.limit, offset: query.offset, descending, among: query.among }
    }
}

/// A row id, with the version that the index has for it.
pub(super) type Chosen = (i64, Option<Version>);

/// Name, encrypted and plain value of a tag that is asked for.
type Wanted = (std::sync::Arc<[u8]>, Vec<u8>, Vec<u8>);

/// All that a query wants without facets.
pub(super) fn by_tags(conn: &Connection, profile: &Profile, query: &Query) -> Read<Vec<Chosen>> {
    let ids = tagged_ids(conn, profile, query, Page::of(query))?;
    Ok(ids.into_iter().map(|id| (id, None)).collect())
}

/// The key entries with one of the caller's tags.
pub(super) fn keys_by_tag(conn: &Connection, profile: &Profile, tag: &str, value: &str) -> Read<Vec<i64>> {
    let name = KeyEntry::user_tag_name(&profile.key, tag);
    let wanted = [(name, profile.key.encrypt_tag_value(value), value.as_bytes().to_vec())];
    let category = profile.key.encrypt_category(KeyEntry::CATEGORY);
    ids(
        conn,
        (profile.id, KIND_KEY, &category),
        &wanted,
        Page { limit: None, offset: 0, descending: Some(false), among: None },
    )
}

fn tagged_ids(conn: &Connection, profile: &Profile, query: &Query, page: Page) -> Read<Vec<i64>> {
    let mut wanted: Vec<Wanted> = query
        .tags
        .iter()
        .map(|(name, value)| {
            let key = &profile.key;
            (key.encrypt_tag_name(name), key.encrypt_tag_value(value), value.as_bytes().to_vec())
        })
        .collect();
    if wanted.len() > 1 {
        rarest_first(conn, &mut wanted)?;
    }
    let category = profile.key.encrypt_category(&query.category);
    ids(conn, (profile.id, KIND_ITEM, &category), &wanted, page)
}

fn ids(
    conn: &Connection,
    (profile, kind, category): (i64, i64, &[u8]),
    wanted: &[Wanted],
    asked: Page,
) -> Read<Vec<i64>> {
    let mut values: Vec<Value> = Vec::with_capacity(6 + 3 * wanted.len());
    let mut sql = String::new();
    match wanted.split_first() {
        Some((first, _)) => {
            values.extend([first.0.to_vec(), first.1.clone(), first.2.clone()].map(Value::Blob));
            sql.push_str("SELECT i.id FROM (");
            sql.push_str(tagged!("id, item_id"));
            if asked.among.is_some() {
                sql.push_str(" LIMIT ?7");
            }
            sql.push_str(") t CROSS JOIN items i ON i.id = t.item_id WHERE");
        }
        None => {
            values.extend([Value::Null, Value::Null, Value::Null]);
            // The parameters are numbered: the first three belong to the tag.
            sql.push_str("SELECT i.id FROM items i INDEXED BY chancery_items_order WHERE");
        }
    }
    sql.push_str(" i.profile_id = ?4 AND i.kind = ?5 AND i.category = ?6");
    values.extend([Value::Integer(profile), Value::Integer(kind), Value::Blob(category.to_vec())]);
    if !wanted.is_empty() {
        sql.push_str(FIRST);
        values.extend(asked.among.map(number));
    }
    for (name, encrypted, plain) in wanted.iter().skip(1) {
        let first = values.len() + 1;
        sql.push_str(&format!(
            " AND EXISTS (SELECT 1 FROM items_tags x WHERE x.item_id = i.id AND x.name = ?{first}
              AND x.value = CASE x.plaintext WHEN 0 THEN ?{} ELSE ?{} END)",
            first + 1,
            first + 2
        ));
        values.extend([name.to_vec(), encrypted.clone(), plain.clone()].map(Value::Blob));
    }
    page(&mut sql, &mut values, "i.id", asked);
    let mut statement = conn.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn page(sql: &mut String, values: &mut Vec<Value>, order: &str, asked: Page) {
    if let Some(descending) = asked.descending {
        sql.push_str(&format!(" ORDER BY {order}{}", if descending { " DESC" } else { "" }));
    }
    if asked.limit.is_none() && asked.offset == 0 {
        return;
    }
    let first = values.len() + 1;
    sql.push_str(&format!(" LIMIT ?{first} OFFSET ?{}", first + 1));
    values.extend([asked.limit.map_or(Value::Integer(-1), number), number(asked.offset)]);
}

fn number(size: usize) -> Value {
    Value::Integer(i64::try_from(size).unwrap_or(i64::MAX))
}

/// Puts the tag with the fewest rows first, counting no further than [`COUNTED`].
fn rarest_first(conn: &Connection, wanted: &mut [Wanted]) -> Read<()> {
    let sql = concat!("SELECT COUNT(*) FROM (", tagged!("1"), " LIMIT ?4)");
    let mut rarest = (usize::MAX, i64::MAX);
    for (position, (name, encrypted, plain)) in wanted.iter().enumerate() {
        let count: i64 = conn
            .prepare_cached(sql)?
            .query_row(params![name, encrypted, plain, COUNTED], |row| row.get(0))?;
        if count < rarest.1 {
            rarest = (position, count);
        }
    }
    if rarest.0 < wanted.len() {
        wanted.swap(0, rarest.0);
    }
    Ok(())
}

/// By the index table.
pub(super) fn by_index(conn: &Connection, profile: &Profile, query: &Query) -> Read<Vec<Chosen>> {
    // One condition chooses the index; the others are looked at in the row. A thread has one record, a connection some.
    let narrow = [Facet::Thread, Facet::Connection, Facet::State, Facet::Role]
        .into_iter()
        .find(|facet| query.facets.iter().any(|(asked, _)| asked == facet));
    let Some(narrow) = narrow else { return Ok(Vec::new()) };
    let mut sql = format!("SELECT item, v FROM chancery_index INDEXED BY chancery_index_{}", column(narrow));
    let mut values = vec![Value::Integer(facet_scope(profile, &query.category))];
    sql.push_str(" WHERE scope = ?1");
    for (facet, wanted) in &query.facets {
        sql.push_str(&format!(" AND {} IN (", column(*facet)));
        for (position, value) in wanted.iter().enumerate() {
            values.push(Value::Integer(facet_hash(profile, *facet, value)));
            sql.push_str(&format!("{}?{}", if position == 0 { "" } else { ", " }, values.len()));
        }
        sql.push(')');
    }
    page(&mut sql, &mut values, "item", Page { descending: Some(query.descending), ..Page::of(query) });
    let mut statement = conn.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(values), |row| {
        Ok((row.get(0)?, Some(Version(head(bytes(row.get_ref(1)?))))))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
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
pub(super) fn by_reading(
    conn: &Connection,
    profile: &Profile,
    query: &Query,
    source: FacetSource,
) -> Read<Vec<Chosen>> {
    let mut chosen = Vec::new();
    let mut skip = query.offset;
    let mut statement = conn.prepare_cached("SELECT name, value FROM items WHERE id = ?1")?;
    for id in tagged_ids(conn, profile, query, Page { limit: None, offset: 0, ..Page::of(query) })? {
        if query.limit.is_some_and(|limit| chosen.len() >= limit) {
            break;
        }
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else { continue };
        let name = profile.key.decrypt_name(bytes(row.get_ref(0)?))?;
        let value = profile.key.decrypt_value(&query.category, &name, bytes(row.get_ref(1)?))?;
        let facets = source.of(&query.category, &value).unwrap_or_default();
        if !fits(&facets, &query.facets) {
            continue;
        }
        match skip {
            0 => chosen.push((id, None)),
            _ => skip -= 1,
        }
    }
    Ok(chosen)
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
