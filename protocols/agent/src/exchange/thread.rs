//! Which exchange a message belongs to, and what is remembered of threads: what was replaced, how they ended.

use chancery_didcomm::message::Message;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::machine::Kept;
use crate::engine::{HandlerError, Received};
use crate::ports::Timestamp;
use crate::ports::store::{Query, Space};
use crate::unit::{AgentError, Outbound, Unit};

/// How an exchange has ended whose record was removed: well.
pub const DONE: &str = "done";
/// By the controller, before it was over.
pub const DELETED: &str = "deleted";

/// Records of one thread that are looked at.
const MOST_LOOKED_AT: usize = 64;

/// Who speaks, and about what.
#[derive(Clone, Copy)]
pub struct Incoming<'r> {
    /// The connection that it came over; `None`: without one.
    pub connection_id: Option<&'r str>,
    /// Whether out-of-band let the message in: it answers an invitation's attachment.
    pub let_in: bool,
    /// Its thread.
    pub thread_id: &'r str,
    /// What is said.
    pub message: &'r Message,
}

impl<'r> Incoming<'r> {
    /// A message that was received.
    ///
    /// Errors: its connection isn't ready; it came over none and belongs to no invitation; it has no thread.
    pub fn of(received: &'r Received) -> Result<Self, HandlerError> {
        match &received.connection {
            Some(connection) if !connection.is_ready() => {
                return Err(HandlerError::dropped("connection-not-ready", &*connection.connection_id));
            }
            None if received.oob_id.is_none() => {
                return Err(HandlerError::dropped(
                    "no-connection",
                    "neither a connection nor a connectionless exchange belongs to the message",
                ));
            }
            _ => {}
        }
        let message = &*received.message;
        let thread_id = message.thread_id();
        let thread_id = thread_id
            .ok_or_else(|| HandlerError::Malformed("the message has neither @id nor a thread".into()))?;
        let let_in = received.oob_id.is_some();
        Ok(Self { connection_id: received.connection_id(), let_in, thread_id, message })
    }
}

/// The id of a record that begins with its thread.
pub async fn id_of<K: Kept>(
    unit: &mut Unit<'_>,
    role: &str,
    connection_id: Option<&str>,
    thread_id: &str,
) -> Result<String, AgentError> {
    unit.derived_id(K::NAMES.work, role, connection_id, thread_id).await
}

/// The records of a thread whose id doesn't follow from it. More than a few there are only of a thread that peers share, and
/// those have ids that do.
fn of_thread<K: Kept>(thread_id: &str) -> Query {
    Query::tagged(K::CATEGORY, "thread_id", thread_id).any(MOST_LOOKED_AT)
}

/// The record of the message's thread with us in this role (`None`: any), on the same connection or like the message without
/// one. Nearly all have the id that follows from these; records of ACA-Py's and those whose thread began after them are found by
/// their tag.
pub async fn find<K: Kept>(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    role: Option<&str>,
) -> Result<Option<K>, AgentError> {
    let Incoming { connection_id, thread_id, .. } = *incoming;
    let fits = |record: &K| is_of(record, connection_id, thread_id);
    for known in K::NAMES.roles.iter().filter(|known| role.is_none_or(|role| role == **known)) {
        let id = id_of::<K>(unit, known, connection_id, thread_id).await?;
        if let Some(record) = unit.load::<K>(&id).await?.filter(fits) {
            return Ok(Some(record));
        }
    }
    let records: Vec<K> = unit.find(&of_thread::<K>(thread_id)).await?;
    let has_role = |record: &K| role.is_none_or(|role| record.standing().role == role);
    Ok(records.into_iter().find(|record| has_role(record) && fits(record)))
}

/// What there is of a thread.
pub enum Found<K> {
    /// Its record.
    Record(K),
    /// It has ended so, and the record was removed.
    Ended(String),
    /// It may begin.
    Nothing,
}

/// [`find`], or how the exchange has ended.
pub async fn look_up<K: Kept>(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    role: &str,
) -> Result<Found<K>, AgentError> {
    if let Some(record) = find(unit, incoming, Some(role)).await? {
        return Ok(Found::Record(record));
    }
    let ended = tombstone::<K>(unit, role, incoming.connection_id, incoming.thread_id).await?;
    Ok(ended.map_or(Found::Nothing, Found::Ended))
}

fn is_of<K: Kept>(record: &K, connection_id: Option<&str>, thread_id: &str) -> bool {
    let of = record.standing();
    of.thread_id == thread_id && of.connection_id == connection_id
}

/// When a thread began on a connection.
pub async fn began<K: Kept>(
    unit: &mut Unit<'_>,
    connection_id: &str,
    thread_id: &str,
) -> Result<Option<String>, AgentError> {
    let began = |record: K| {
        let is = is_of(&record, Some(connection_id), thread_id);
        is.then(|| record.standing().created_at.to_owned())
    };
    for role in K::NAMES.roles {
        let id = id_of::<K>(unit, role, Some(connection_id), thread_id).await?;
        if let Some(at) = unit.peek::<K>(&id).await?.and_then(began) {
            return Ok(Some(at));
        }
    }
    for row in unit.find_rows(&of_thread::<K>(thread_id), false).await? {
        if let Some(at) = began(K::from_row(&row)?) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Whether the other side's answer to a message that we sent in this role, queued at `since`, has been taken: the record proves
/// it, or the exchange ended well and is gone.
pub async fn answered<K: Kept>(
    unit: &mut Unit<'_>,
    sent: &Outbound,
    message: &Message,
    since: Timestamp,
    role: &str,
    proves: impl Fn(&K) -> bool + Send,
) -> Result<bool, AgentError> {
    let connection_id = sent.connection_id.as_deref();
    let incoming = Incoming { connection_id, let_in: false, thread_id: &sent.thread_id, message };
    Ok(match look_up::<K>(unit, &incoming, role).await? {
        // What was queued after the record last moved answers a repeat of the other side's.
        Found::Record(record) => record.standing().updated_at > &*since.to_text() && proves(&record),
        Found::Ended(outcome) => outcome == DONE,
        Found::Nothing => false,
    })
}

fn tombstone_id<K: Kept>(role: &str, connection_id: Option<&str>, thread_id: &str) -> String {
    format!("{} {role} {} {thread_id}", K::NAMES.protocol, connection_id.unwrap_or("-"))
}

/// Remembers how an exchange has ended whose record goes.
pub(super) fn remember_end<K: Kept>(unit: &mut Unit<'_>, record: &K, outcome: &str) {
    let of = record.standing();
    let id = tombstone_id::<K>(of.role, of.connection_id, of.thread_id);
    let seconds = unit.settings().tombstone_seconds;
    unit.remember(Space::Tombstone, &id, outcome.as_bytes().to_vec(), Some(seconds));
}

/// How an exchange has ended whose record was removed.
pub async fn tombstone<K: Kept>(
    unit: &mut Unit<'_>,
    role: &str,
    connection_id: Option<&str>,
    thread_id: &str,
) -> Result<Option<String>, AgentError> {
    let id = tombstone_id::<K>(role, connection_id, thread_id);
    let value = unit.recall(Space::Tombstone, &id).await?;
    Ok(value.and_then(|value| String::from_utf8(value).ok()))
}

/// The mark of a message that was replaced in an exchange.
fn replaced_id<K: Kept>(record: &K, message: &Map<String, Value>) -> String {
    let text = chancery_didcomm::to_python_json(&Value::Object(message.clone()));
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {} {digest}", K::NAMES.protocol, record.id())
}

/// A message of the other side is about to be replaced: a late copy of it is none.
pub fn remember_replaced<K: Kept>(unit: &mut Unit<'_>, record: &K, message: &Map<String, Value>) {
    let seconds = unit.settings().tombstone_seconds;
    unit.remember(Space::Seen, &replaced_id(record, message), Vec::new(), Some(seconds));
}

/// Messages that may replace earlier ones: a late copy of an earlier one must not be taken for a new one, so what is replaced is
/// remembered. Not by its `@id` alone, since Credo gives every proposal of a thread the thread's id. `replaces`: the stored one
/// goes.
///
/// Errors: dropped, it is a late copy.
pub async fn supersedes<K: Kept>(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    record: &K,
    stored: Option<&Map<String, Value>>,
    replaces: bool,
) -> Result<(), HandlerError> {
    let Some(stored) = stored.filter(|stored| *stored != incoming.message.as_json()) else { return Ok(()) };
    if unit.recall(Space::Seen, &replaced_id(record, incoming.message.as_json())).await?.is_some() {
        return Err(HandlerError::dropped("repeated-message", incoming.thread_id));
    }
    if replaces {
        remember_replaced(unit, record, stored);
    }
    Ok(())
}
