//! What is known of the other side's DIDs: their documents, their keys, and the DIDs that they stand for. [`learn`] is the only
//! way in for what a peer says, [`declare`] for what the controller says; whoever reads these rows may believe them for
//! the connection that they came with, and for no proof.
//!
//! | DID | whose document counts |
//! |---|---|
//! | did:key, did:jwk, did:peer:2, did:peer:3, did:peer:4, did:web | the DID's own; an attached one is not read |
//! | a nym, bare or as did:sov | the attached one, when the nym is new here and that of the key that sent the message; when a key of the known document signed it; when it equals the known one and a key of it sent the message |
//! | did:peer:1 | the attached one whose hash the DID is; one that is not, only when the DID is new here |

use chancery_did::methods::{peer, sov};
use chancery_did::{DidDocument, Method, PublicKey, methods};
use chancery_didcomm::message::Attachment;
use serde_json::Value;

use super::Connection;
use super::connection::short_form;
use super::keys::{self, bare, forms, same_key};
use super::own;
use super::published::is_published;
use super::rows::name_of;
use crate::ports::store::{CommitError, NewRow, Query, Row, RowKey, Space, Tag};
use crate::quoted::Quoted;
use crate::unit::{AgentError, Record, Unit};

/// What a handshake message says of its sender's DID.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'m> {
    /// The DID.
    pub did: &'m str,
    /// `did_doc~attach`.
    pub document: Option<&'m Attachment>,
    /// `did_rotate~attach`.
    pub rotation: Option<&'m Attachment>,
    /// The key that the message was packed with; `None`: the controller brought the message.
    pub sender: Option<&'m PublicKey>,
    /// The invitation's key (base58), which must have signed; `None`: a request, whose document its own key signs.
    pub invited_by: Option<&'m str>,
}

/// Why a claim is not believed.
#[derive(Debug)]
pub enum Distrust {
    /// In a sentence for the other side and the log.
    Refused(String),
    /// It could not be checked: a transient fault of ours.
    Failed(AgentError),
}

impl From<AgentError> for Distrust {
    fn from(error: AgentError) -> Self {
        if error.ends() { Self::Refused(error.into_reason()) } else { Self::Failed(error) }
    }
}

fn refused<T>(text: impl Into<String>) -> Result<T, Distrust> {
    Err(Distrust::Refused(text.into()))
}

/// A document that is believed for its DID.
struct Believed {
    document: DidDocument,
    /// As it came, where the DID does not say it itself.
    received: Option<Value>,
    /// Keys of the document that was known before.
    known: Vec<PublicKey>,
}

/// Checks what a peer says of its DID and remembers it: the document, the keys that it lists, and that the key which sent the
/// message counts. Keys that the DID no longer lists count no more.
pub async fn learn(unit: &mut Unit<'_>, claim: &Claim<'_>) -> Result<(), Distrust> {
    let did = claim.did;
    let method = chancery_did::parse(did).map_err(|e| Distrust::Refused(e.to_string()))?.method;
    let signers = signers(claim)?;
    let believed = match method {
        Method::Sov => attached_nym(unit, claim, &signers).await?,
        Method::Peer1 => attached_peer_one(unit, claim, &signers).await?,
        _ => Believed { document: unit.resolve(did).await?.document, received: None, known: Vec::new() },
    };
    let listed = keys_of(&believed.document, did)?;
    if let Some(sender) = claim.sender
        && !listed.iter().chain(&believed.known).any(|key| same_key(key, sender))
    {
        return refused(format!("the message was not sent by a key of {did}"));
    }
    not_ours(unit, did, &listed).await?;
    write(unit, did, believed.received.as_ref(), &listed, claim.sender).await?;
    if let Some(sender) = claim.sender.filter(|sender| listed.iter().any(|key| same_key(key, sender))) {
        keys::count(unit, did, sender);
    }
    Ok(())
}

/// Remembers a DID of the other side as the controller says it, with its key.
///
/// Errors: 400 a DID or key of our own wallet.
pub async fn declare(
    unit: &mut Unit<'_>,
    did: &str,
    received: &Value,
    document: &DidDocument,
    key: &PublicKey,
) -> Result<(), AgentError> {
    let own = |distrust| match distrust {
        Distrust::Refused(text) => AgentError::bad_request("own-did", text),
        Distrust::Failed(error) => error,
    };
    let listed = keys_of(document, did).map_err(own)?;
    not_ours(unit, did, &listed).await.map_err(own)?;
    write(unit, did, Some(received), &listed, Some(key)).await?;
    keys::count(unit, did, key);
    Ok(())
}

/// A DID of the other side that publishes its document was looked up again: keys that it no longer lists count no more. Written
/// whatever becomes of the unit that had it looked up.
pub(super) async fn published(unit: &Unit<'_>, did: &str, document: &DidDocument) -> Result<(), AgentError> {
    if !is_published(did) {
        return Ok(());
    }
    let mut apart = unit.context().unit(unit.tenant());
    let known = apart.find_rows(&Query::tagged("did_key", "did", did), false).await?;
    let (false, Ok(listed)) = (known.is_empty(), keys_of(document, did)) else { return Ok(()) };
    let same = |row: &Row| listed.iter().any(|key| key.as_base58().as_bytes() == row.value);
    if (known.len() == listed.len() && known.iter().all(same))
        || not_ours(&mut apart, did, &listed).await.is_err()
    {
        return Ok(());
    }
    write(&mut apart, did, None, &listed, None).await?;
    match apart.commit().await {
        Ok(()) => Ok(()),
        // Somebody else has looked it up at the same time.
        Err(CommitError::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Who signed, all signatures checked. A response must be signed by the invitation's key, over its document or its DID.
fn signers(claim: &Claim<'_>) -> Result<Vec<PublicKey>, Distrust> {
    let verify = |attachment: &Attachment, what: &str| {
        attachment
            .verify()
            .map_err(|e| Distrust::Refused(format!("{what} signature failed verification: {e}")))
    };
    let Some(inviter) = claim.invited_by else {
        return match claim.document {
            Some(document) if !says_itself(claim.did) => verify(document, "DID Doc"),
            _ => Ok(Vec::new()),
        };
    };
    let by_inviter = |signers: &[PublicKey]| signers.iter().any(|key| key.as_base58() == inviter);
    if let Some(document) = claim.document {
        let signers = verify(document, "DID Doc")?;
        if !by_inviter(&signers) {
            return refused(format!("the DID document is not signed by the invitation's key {inviter}"));
        }
        let content = document.content().map_err(|e| Distrust::Refused(e.to_string()))?;
        let id = content["id"].as_str().unwrap_or_default();
        if bare(id) == bare(claim.did) || !says_itself(claim.did) {
            return Ok(signers);
        }
        return refused(format!("the signed DID document is that of {id}, the response names {}", claim.did));
    }
    let Some(rotation) = claim.rotation else {
        return refused("neither did_doc~attach nor did_rotate~attach: the DID is signed by nobody");
    };
    let signers = verify(rotation, "did_rotate~attach")?;
    if !by_inviter(&signers) {
        return refused(format!("did_rotate~attach is not signed by the invitation's key {inviter}"));
    }
    let did = rotation.content_text().map_err(|e| Distrust::Refused(format!("did_rotate~attach: {e}")))?;
    if did != claim.did {
        return refused(format!("did_rotate~attach signs {did}, the response names {}", claim.did));
    }
    Ok(signers)
}

/// Whether the DID determines or publishes its document.
fn says_itself(did: &str) -> bool {
    methods::of(did).is_none_or(|method| method.stored.is_none())
}

fn attachment<'m>(claim: &Claim<'m>) -> Result<&'m Attachment, Distrust> {
    match claim.document {
        Some(attachment) => Ok(attachment),
        None => refused(format!("the DID {} needs its document attached", claim.did)),
    }
}

/// The document that was learnt before.
pub(crate) async fn known_document(unit: &mut Unit<'_>, did: &str) -> Result<Option<Value>, AgentError> {
    let rows = unit.find_rows(&Query::tagged("did_doc", "did", bare(did)), false).await?;
    let Some(row) = rows.last() else { return Ok(None) };
    serde_json::from_slice(&row.value)
        .map(Some)
        .map_err(|e| AgentError::internal("did-doc-unreadable", format!("did_doc of {did}: {e}")))
}

/// A nym says nothing of its document: see the table above.
async fn attached_nym(
    unit: &mut Unit<'_>,
    claim: &Claim<'_>,
    signers: &[PublicKey],
) -> Result<Believed, Distrust> {
    let did = claim.did;
    let wrong = |e: &dyn std::fmt::Display| {
        Distrust::Refused(format!("Connection DID {did} does not match DID Doc: {e}"))
    };
    let received = attachment(claim)?
        .content()
        .map_err(|e| Distrust::Refused(format!("DID Doc could not be read: {e}")))?;
    let document = sov::document(did, received.clone()).map_err(|e| wrong(&e))?;
    let listed = keys_of(&document, did)?;
    let known = match known_document(unit, did).await? {
        Some(known) => Some(sov::document(did, known).map_err(|e| wrong(&e))?),
        None => None,
    };
    let known_keys = known.as_ref().map(|known| keys_of(known, did)).transpose()?.unwrap_or_default();
    let within = |keys: &[PublicKey], key: &PublicKey| keys.iter().any(|listed| same_key(listed, key));
    // A request that the controller brought has no sender: who signed it stands for it.
    let senders: &[PublicKey] = claim.sender.map_or(signers, std::slice::from_ref);
    if claim.invited_by.is_none()
        && !signers.iter().any(|key| within(&listed, key) || within(&known_keys, key))
    {
        return refused(format!("the document of {did} is not signed by a key of its own"));
    }
    let accepted = match &known {
        None => senders.iter().any(|key| within(&listed, key) && sov::nym_from_verkey(key) == bare(did)),
        Some(known) => {
            signers.iter().any(|key| within(&known_keys, key))
                || (known.as_json() == document.as_json() && senders.iter().any(|key| within(&listed, key)))
        }
    };
    if !accepted {
        return refused(match known {
            None => format!(
                "DID {did} is not that of the key that sent the message, and no ledger is asked for it"
            ),
            Some(_) => format!(
                "DID {did} is already known with another document, and none of its keys signed this one"
            ),
        });
    }
    Ok(Believed { document, received: Some(received), known: known_keys })
}

/// The hash is the document's, so nobody can attach another one. Documents whose hash cannot be computed from what was sent
/// are taken for as long as nobody else has used the DID.
async fn attached_peer_one(
    unit: &mut Unit<'_>,
    claim: &Claim<'_>,
    signers: &[PublicKey],
) -> Result<Believed, Distrust> {
    let did = claim.did;
    let unreadable = |e: &dyn std::fmt::Display| Distrust::Refused(format!("DID Doc could not be read: {e}"));
    let attachment = attachment(claim)?;
    let bytes = attachment.bytes().map_err(|e| unreadable(&e))?;
    let received = attachment.content().map_err(|e| unreadable(&e))?;
    let document = peer::one::document(did, received.clone()).map_err(|e| unreadable(&e))?;
    let listed = keys_of(&document, did)?;
    let own = |key: &PublicKey| listed.iter().any(|listed| same_key(listed, key));
    if claim.invited_by.is_none() && !signers.iter().any(own) {
        return refused(format!("the document of {did} is not signed by a key of its own"));
    }
    if peer::one::fits(did, &bytes) {
        return Ok(Believed { document, received: Some(received), known: Vec::new() });
    }
    let known = known_document(unit, did).await?.is_some();
    if known || !claim.sender.is_some_and(own) {
        return refused(format!("the document is not the one whose hash {did} is"));
    }
    tracing::warn!(
        did = %Quoted(did),
        "the hash of this DID is not that of its document: believed for this connection only"
    );
    Ok(Believed { document, received: Some(received), known: Vec::new() })
}

/// The keys that a document lists for its DID: of its own methods, and those that its services name.
fn keys_of(document: &DidDocument, did: &str) -> Result<Vec<PublicKey>, Distrust> {
    let services = document
        .didcomm_services()
        .map_err(|e| Distrust::Refused(format!("the services of {did} cannot be used: {e}")))?;
    let own = |controller: &str| bare(controller) == bare(did) || controller == document.id();
    let methods = document.verification_methods().iter().filter(|method| own(&method.controller));
    let mut keys: Vec<PublicKey> = Vec::new();
    for key in
        methods.filter_map(|m| m.key.clone().ok()).chain(services.into_iter().flat_map(|s| s.recipient_keys))
    {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// A DID or key of our own wallet is never taken for a peer's.
async fn not_ours(unit: &mut Unit<'_>, did: &str, listed: &[PublicKey]) -> Result<(), Distrust> {
    for form in forms(did) {
        if own::own_did(unit, &form).await?.is_some() {
            return refused(format!("DID {did} is one of our own"));
        }
    }
    for key in listed {
        for form in std::iter::once(key.clone()).chain(key.ed25519_forms()) {
            if unit.secret(form.as_base58()).await?.is_some() {
                return refused(format!("the key {key} is one of our own"));
            }
        }
    }
    Ok(())
}

/// Writes what is believed of a DID: the only place that does. `holder`: the key whose holder says it.
pub(super) async fn write(
    unit: &mut Unit<'_>,
    did: &str,
    received: Option<&Value>,
    listed: &[PublicKey],
    holder: Option<&PublicKey>,
) -> Result<(), AgentError> {
    // A nym has one name in these rows; any other DID the one that it came with, as ACA-Py has it.
    let name = if sov::is_nym(bare(did)) { bare(did) } else { did };
    if let Some(received) = received {
        let present = unit.find_rows(&Query::tagged("did_doc", "did", name), true).await?;
        let row = present.into_iter().next_back().map_or_else(|| name_of(&["did_doc", name]), |r| r.key.name);
        unit.insert_row(NewRow {
            key: RowKey::new("did_doc", row),
            value: received.to_string().into_bytes(),
            tags: vec![Tag::new("did", name)],
        });
    }
    record_expansion(unit, did);
    for row in unit.find_rows(&Query::tagged("did_key", "did", name), false).await? {
        if !listed.iter().any(|key| key.as_base58().as_bytes() == row.value) {
            keys::replace(unit, did, row).await?;
        }
    }
    for key in listed {
        record_key(unit, name, key, holder.is_some_and(|holder| same_key(holder, key))).await?;
    }
    Ok(())
}

/// Remembers which DID a key belongs to (row `did_key`). `held`: its holder says so. Others can list the key for so many DIDs
/// only: each is looked at when the holder sends something.
async fn record_key(unit: &mut Unit<'_>, did: &str, key: &PublicKey, held: bool) -> Result<(), AgentError> {
    let verkey = key.as_base58();
    let query = Query::tagged("did_key", "key", verkey);
    if unit.find_rows(&query.clone().and("did", did), false).await?.is_empty() {
        let listed = unit.find_rows(&query.any(keys::MOST_UNUSED_LISTINGS), false).await?;
        if !held && listed.len() >= keys::MOST_UNUSED_LISTINGS {
            tracing::info!(did = %Quoted(did), key = verkey, "the key is listed for too many DIDs: not noted for one more");
            return Ok(());
        }
        unit.put_row(NewRow {
            key: RowKey::new("did_key", name_of(&["did_key", did, verkey])),
            value: verkey.as_bytes().to_vec(),
            tags: vec![Tag::new("did", did), Tag::new("key", verkey)],
        });
    }
    Ok(())
}

/// The row that says what a short DID stands for, by its category and name: a did:peer:4 its long form, a did:peer:3 its
/// did:peer:2.
fn expansion(did: &str) -> Option<RowKey> {
    match chancery_did::parse(did).ok()?.method {
        Method::Peer4 => Some(RowKey::new("long_peer_did_4_doc", short_form(did))),
        Method::Peer2 => Some(RowKey::new("peer3_to_peer2", peer::three::from_two(did).ok()?)),
        Method::Peer3 => Some(RowKey::new("peer3_to_peer2", did)),
        _ => None,
    }
}

/// Remembers what a DID stands for that says so only once. The short DID is a hash of the long one, so the row can hold nothing
/// else, whoever brought it.
pub fn record_expansion(unit: &mut Unit<'_>, did: &str) {
    let long = match chancery_did::parse(did).map(|did| did.method) {
        Ok(Method::Peer4) => peer::four::decode(did).is_ok(),
        Ok(Method::Peer2) => true,
        _ => false,
    };
    if let Some(key) = expansion(did).filter(|_| long) {
        unit.put_row(NewRow { key, value: did.as_bytes().to_vec(), tags: Vec::new() });
    }
}

/// Forgets a DID of the other side, unless a connection other than the one that is being removed names it.
pub(super) async fn forget(unit: &mut Unit<'_>, removed: &Connection, did: &str) -> Result<(), AgentError> {
    let expansion = expansion(did);
    let mut names = forms(did);
    if let Some(key) = &expansion
        && let Some(row) = unit.row(key).await?
        && let Ok(long) = String::from_utf8(row.value)
        && !names.contains(&long)
    {
        names.push(long);
    }
    for name in &names {
        if own::own_did(unit, name).await?.is_some() {
            return Ok(());
        }
        for tag in ["their_did", "their_public_did"] {
            let query = Query::tagged(Connection::CATEGORY, tag, name).any(2);
            let named = unit.find_rows(&query, false).await?;
            if named.iter().any(|row| row.key.name != removed.connection_id) {
                return Ok(());
            }
        }
    }
    for name in &names {
        forget_rows(unit, name).await?;
        if is_published(name) {
            unit.forget(Space::Published, name);
        }
    }
    if let Some(key) = expansion {
        unit.remove(key);
    }
    Ok(())
}

async fn forget_rows(unit: &mut Unit<'_>, did: &str) -> Result<(), AgentError> {
    for row in unit.find_rows(&Query::tagged("did_doc", "did", did), false).await? {
        unit.remove(row.key);
    }
    for row in unit.find_rows(&Query::tagged("did_key", "did", did), false).await? {
        keys::drop_row(unit, did, row);
    }
    Ok(())
}
