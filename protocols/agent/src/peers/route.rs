//! Which connection a message came over, by the key that it was packed with and the key of ours that it was packed for.

use async_trait::async_trait;
use chancery_did::PublicKey;
use chancery_didcomm::message::Message;

use super::Connection;
use super::connection::short_form;
use super::keys::{self, bare};
use super::own;
use super::rotated::{self, Reached};
use crate::ports::Timestamp;
use crate::ports::store::{Query, Row};
use crate::unit::{AgentError, Record, Unit};

/// Connections with the same DIDs that are looked at.
const MOST_LOOKED_AT: usize = 64;
/// Connections of one DID among which those with another are looked for.
pub(super) const MOST_CANDIDATES: usize = 4096;

/// What is known of threads and messages by those who handle them.
#[async_trait]
pub trait Threads: Sync {
    /// When a thread began on a connection, whatever its protocol, as the records write times; `None`: it doesn't run there.
    async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError>;
    /// Whether messages of this protocol make connections: anybody may send them, with any key.
    fn makes_connections(&self, protocol: &str) -> bool;
}

/// Where a message came from.
pub(super) struct Route {
    /// The connection.
    pub connection: Option<Connection>,
    /// Every message from the same key to the same key comes over it.
    pub always: bool,
}

impl Route {
    const NONE: Self = Self { connection: None, always: false };

    fn once(connection: Option<Connection>) -> Self {
        Self { connection, always: false }
    }
}

/// The connection that a message belongs to.
///
/// Keys that count come first, and what one of them could have sent goes to nobody else. A key that is listed by one
/// connection only, and was packed for a key of ours that only its other side can have been told, begins to count with this
/// message. A key that was replaced counts for what began before.
pub(super) async fn route(
    unit: &mut Unit<'_>,
    sender: &PublicKey,
    recipient: &PublicKey,
    message: &Message,
    threads: &dyn Threads,
) -> Result<Route, AgentError> {
    let reached = rotated::reached(unit, recipient.as_base58()).await?;
    if reached.dids.is_empty() {
        return Ok(Route::NONE);
    }
    let mut dids: Vec<String> = Vec::new();
    for row in keys::listings(unit, sender).await? {
        let Some(did) = keys::listed_did(&row) else { continue };
        // A long form names the short one, not the other way round.
        match dids.iter_mut().find(|known| bare(known) == bare(did)) {
            Some(known) if known.len() < did.len() => *known = did.to_owned(),
            Some(_) => {}
            None => dids.push(did.to_owned()),
        }
    }
    let mut counting = Vec::new();
    for did in &dids {
        if keys::counts(unit, did, sender).await? {
            counting.push(did.clone());
        }
    }
    let counts = !counting.is_empty();
    let mut found = Vec::new();
    for did in if counts { &counting } else { &dids } {
        found.extend(with_dids(unit, did, &reached.rows).await?);
    }
    let mut route = match counts {
        true if found.is_empty() => Route::NONE,
        true => choose(unit, found, message, threads).await?,
        false => first_use(unit, found, sender, &reached, message, threads).await?,
    };
    if route.connection.is_none() {
        route = Route::once(of_replaced_key(unit, sender, &reached.rows, message, threads).await?);
    }
    if let Some(connection) = &route.connection {
        let (taken, noted) = rotated::arrived(unit, &reached, connection).await?;
        if !taken {
            return Ok(Route::NONE);
        }
        route.always &= !noted;
    }
    Ok(route)
}

/// The connections between a DID of the other side, in every form that a record may hold, and DIDs of ours. Of more than
/// [`MOST_LOOKED_AT`] between the same two DIDs any so many.
///
/// Where both have very many they are looked for among the first [`MOST_CANDIDATES`] of ours, then of theirs. Strangers can
/// add to ours, but for a connection with a DID of theirs they would have to prove its key: only a peer that has itself made
/// more than so many with one DID may miss one with a DID of ours that as many share.
async fn with_dids(
    unit: &mut Unit<'_>,
    their_did: &str,
    mine: &[String],
) -> Result<Vec<Connection>, AgentError> {
    let mut found: Vec<Connection> = Vec::new();
    for form in keys::forms(their_did) {
        let query = Query::tagged(Connection::CATEGORY, "their_did", &*form).any(MOST_LOOKED_AT);
        let mut rows = unit.find_rows(&query, false).await?;
        if rows.len() >= MOST_LOOKED_AT {
            rows.clear();
            for did in mine {
                let among_ours = with_both(unit, ("my_did", did), ("their_did", &form)).await?;
                if among_ours.len() < MOST_LOOKED_AT {
                    rows.extend(with_both(unit, ("their_did", &form), ("my_did", did)).await?);
                }
                rows.extend(among_ours);
            }
        }
        for row in rows {
            let connection = Connection::from_row(&row)?;
            let ours = connection
                .my_did
                .as_deref()
                .is_some_and(|did| mine.iter().any(|m| short_form(m) == short_form(did)));
            if ours && !found.iter().any(|c| c.connection_id == connection.connection_id) {
                found.push(connection);
            }
        }
    }
    Ok(found)
}

/// Rows with two DIDs, looked for among those with the first, unless few have the other.
async fn with_both(
    unit: &mut Unit<'_>,
    (first, one): (&'static str, &str),
    (second, other): (&'static str, &str),
) -> Result<Vec<Row>, AgentError> {
    let both = Query::tagged(Connection::CATEGORY, first, one).and(second, other);
    unit.find_rows(&both.any(MOST_LOOKED_AT).among(MOST_CANDIDATES), false).await
}

/// Of several connections the one whose thread it is, else the newest that can be used, else the newest.
async fn choose(
    unit: &mut Unit<'_>,
    mut found: Vec<Connection>,
    message: &Message,
    threads: &dyn Threads,
) -> Result<Route, AgentError> {
    if found.len() == 1 {
        return Ok(Route { connection: found.pop(), always: true });
    }
    if let Some(thread) = message.thread_id() {
        for connection in &found {
            if threads.began(unit, &connection.connection_id, thread).await?.is_some() {
                return Ok(Route::once(Some(connection.clone())));
            }
        }
    }
    let newest = |ready: bool| {
        let fits = found.iter().enumerate().filter(|(_, c)| !ready || c.is_ready());
        fits.max_by_key(|(at, c)| (c.created_at.clone(), *at)).map(|(_, c)| c.clone())
    };
    Ok(Route::once(newest(true).or_else(|| newest(false))))
}

/// A key that is listed by one connection alone begins to count when it is used where nobody but that connection's other side
/// can have been told to send: towards a key of ours that no invitation and no other connection has. Whoever wants to
/// connect may use any key, and begins with a message of the handshake: that proves nothing.
async fn first_use(
    unit: &mut Unit<'_>,
    mut listed: Vec<Connection>,
    sender: &PublicKey,
    reached: &Reached,
    message: &Message,
    threads: &dyn Threads,
) -> Result<Route, AgentError> {
    let protocol = message.message_type().protocol();
    if listed.len() != 1 || threads.makes_connections(protocol) {
        return Ok(Route::NONE);
    }
    let Some(connection) = listed.pop() else { return Ok(Route::NONE) };
    if !connection.is_ready() || !is_pairwise(unit, &connection, reached).await? {
        return Ok(Route::NONE);
    }
    let Some(their_did) = connection.their_did.clone() else { return Ok(Route::NONE) };
    keys::count(unit, &their_did, sender);
    Ok(Route::once(Some(connection)))
}

/// Whether nobody but the other side of the connection was told our key.
async fn is_pairwise(
    unit: &mut Unit<'_>,
    connection: &Connection,
    reached: &Reached,
) -> Result<bool, AgentError> {
    let invited = Query::tagged(Connection::CATEGORY, "invitation_key", &*reached.verkey).any(2);
    // The inviter's key in the record of whom we accepted is not ours.
    for row in unit.find_rows(&invited, false).await? {
        if Connection::from_row(&row)?.they_were_invited() {
            return Ok(false);
        }
    }
    for did in &reached.rows {
        if own::own_did(unit, did).await?.is_some_and(|own| own.is_shared()) {
            return Ok(false);
        }
        let others = Query::tagged(Connection::CATEGORY, "my_did", &**did).any(2);
        let rows = unit.find_rows(&others, false).await?;
        if rows.iter().any(|row| row.key.name != connection.connection_id) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A key that was replaced a short while ago still counts for a thread that began before, and for a message that was handled
/// before.
async fn of_replaced_key(
    unit: &mut Unit<'_>,
    sender: &PublicKey,
    mine: &[String],
    message: &Message,
    threads: &dyn Threads,
) -> Result<Option<Connection>, AgentError> {
    let Some(thread) = message.thread_id() else { return Ok(None) };
    for replaced in keys::replacements(unit, sender).await? {
        let before = Timestamp(replaced.at).to_text();
        for connection in with_dids(unit, &replaced.did, mine).await? {
            let began = threads.began(unit, &connection.connection_id, thread).await?;
            if began.is_some_and(|began| began < before) || unit.was_taken(sender, message).await? {
                return Ok(Some(connection));
            }
        }
    }
    Ok(None)
}
