//! Which keys speak for a DID of the other side. A document lists keys; a key **counts** once its holder has used it
//! towards us, since whoever writes a document can list the keys of others in it.

use chancery_did::PublicKey;
use chancery_did::methods::sov;
use serde::{Deserialize, Serialize};

use super::Connection;
use super::connection::short_form;
use crate::ports::Timestamp;
use crate::ports::store::{Query, Row, Space};
use crate::unit::{AgentError, Unit};

/// Rows of one key that are looked at. Documents that its holder has not sent leave room for those that it has.
pub(super) const MOST_LISTINGS: usize = 256;
/// DIDs for which a key is noted that only stands in their documents.
pub(super) const MOST_UNUSED_LISTINGS: usize = 64;

/// The name under which rows and marks know a DID of the other side: short, and a nym without prefix.
pub(super) fn bare(did: &str) -> &str {
    sov::unqualified(short_form(did))
}

/// Every form in which rows of ACA-Py's and ours may hold a DID.
pub(super) fn forms(did: &str) -> Vec<String> {
    let mut forms = vec![did.to_owned()];
    for form in [short_form(did).to_owned(), bare(did).to_owned(), sov::qualified(bare(did))] {
        if !forms.contains(&form) && (!form.starts_with("did:sov:") || sov::is_nym(bare(did))) {
            forms.push(form);
        }
    }
    forms
}

/// Ed25519 and X25519 forms are one key: both have this name.
fn one_form(key: &PublicKey) -> String {
    key.to_x25519().map_or_else(|_| key.base58(), |form| form.base58())
}

/// Whether two keys are forms of one.
pub(super) fn same_key(one: &PublicKey, other: &PublicKey) -> bool {
    one == other || matches!((one.to_x25519(), other.to_x25519()), (Ok(a), Ok(b)) if a == b)
}

fn mark(did: &str, key: &PublicKey) -> String {
    format!("{} {}", bare(did), one_form(key))
}

/// Whether the key counts for the DID.
pub(crate) async fn counts(unit: &mut Unit<'_>, did: &str, key: &PublicKey) -> Result<bool, AgentError> {
    Ok(unit.recall(Space::Used, &mark(did, key)).await?.is_some())
}

/// Whether a key is known as that of the party which a connection that isn't ready yet is made with.
pub(crate) async fn is_awaited(
    unit: &mut Unit<'_>,
    connection: &Connection,
    key: &PublicKey,
) -> Result<bool, AgentError> {
    if connection.invitation_key.as_deref() == Some(key.as_base58()) {
        return Ok(true);
    }
    for did in [&connection.their_did, &connection.their_public_did].into_iter().flatten() {
        if counts(unit, did, key).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The holder of the key has used it towards us in the name of the DID.
pub(super) fn count(unit: &mut Unit<'_>, did: &str, key: &PublicKey) {
    unit.remember(Space::Used, &mark(did, key), Vec::new(), None);
    unit.unroute(key.as_base58());
}

/// [`count`] for many at once, as the operation.
pub(super) fn counting(did: &str, key: &PublicKey) -> crate::ports::store::Op {
    crate::ports::store::Op::Remember {
        space: Space::Used,
        id: mark(did, key),
        value: Vec::new(),
        expires: None,
    }
}

/// The rows that list a key, in whatever form it was listed.
pub(super) async fn listings(unit: &mut Unit<'_>, key: &PublicKey) -> Result<Vec<Row>, AgentError> {
    let listing = |form: &str| Query::tagged("did_key", "key", form).any(MOST_LISTINGS);
    let mut rows = unit.find_rows(&listing(key.as_base58()), false).await?;
    let other = one_form(key);
    if other != key.as_base58() {
        rows.extend(unit.find_rows(&listing(&other), false).await?);
    }
    Ok(rows)
}

/// The names of the key that a row lists, in [`one_form`]: a row doesn't tell which form its key has.
fn listed_names(row: &Row) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(&row.value) else { return Vec::new() };
    let edwards = PublicKey::from_base58(chancery_did::KeyType::Ed25519, text).ok();
    edwards.map(|key| one_form(&key)).into_iter().chain([text.to_owned()]).collect()
}

/// The DID that a row lists a key for.
pub(super) fn listed_did(row: &Row) -> Option<&str> {
    row.tags.iter().find(|tag| tag.name == "did").map(|tag| tag.value.as_str())
}

/// A DID that has replaced a key, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Replacement {
    pub did: String,
    /// Microseconds since 1970.
    pub at: i64,
}

/// Which DIDs have replaced the key within the window for what began before.
pub(super) async fn replacements(
    unit: &mut Unit<'_>,
    key: &PublicKey,
) -> Result<Vec<Replacement>, AgentError> {
    replacements_of(unit, &one_form(key)).await
}

async fn replacements_of(unit: &mut Unit<'_>, name: &str) -> Result<Vec<Replacement>, AgentError> {
    let Some(value) = unit.recall(Space::Replaced, name).await? else { return Ok(Vec::new()) };
    let all: Vec<Replacement> = serde_json::from_slice(&value).unwrap_or_default();
    let window = unit.settings().replaced_key_seconds.saturating_mul(1000);
    let now = unit.now();
    Ok(all.into_iter().filter(|r| Timestamp(r.at).plus_millis(window) > now).collect())
}

/// Whether the key counts for another DID than this.
pub(super) async fn counts_elsewhere(
    unit: &mut Unit<'_>,
    did: &str,
    key: &PublicKey,
) -> Result<bool, AgentError> {
    for row in listings(unit, key).await? {
        if let Some(other) = listed_did(&row).filter(|other| bare(other) != bare(did))
            && counts(unit, other, key).await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The DID lists the key no more: it authenticates nothing new.
pub(super) async fn replace(unit: &mut Unit<'_>, did: &str, row: Row) -> Result<(), AgentError> {
    let mut counted = Vec::new();
    for name in listed_names(&row) {
        if unit.recall(Space::Used, &format!("{} {name}", bare(did))).await?.is_some() {
            counted.push(name);
        }
    }
    drop_row(unit, did, row);
    let seconds = unit.settings().replaced_key_seconds;
    if seconds == 0 {
        return Ok(());
    }
    for name in counted {
        let mut all = replacements_of(unit, &name).await?;
        all.push(Replacement { did: bare(did).to_owned(), at: unit.now().0 });
        let value = serde_json::to_vec(&all)
            .map_err(|e| AgentError::internal("record-unwritable", format!("replaced keys: {e}")))?;
        unit.remember(Space::Replaced, &name, value, Some(seconds));
    }
    Ok(())
}

/// Removes a row that lists a key, and what the key counted for.
pub(super) fn drop_row(unit: &mut Unit<'_>, did: &str, row: Row) {
    for name in listed_names(&row) {
        unit.forget(Space::Used, &format!("{} {name}", bare(did)));
    }
    if let Ok(text) = std::str::from_utf8(&row.value) {
        unit.unroute(text);
    }
    unit.remove(row.key);
}
