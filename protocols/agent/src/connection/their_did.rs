//! What the wallet remembers of the other side's DIDs, so that messages find their connection and DIDs that don't
//! carry their own document resolve.

use chancery_did::methods::{peer, sov};
use chancery_did::{DidDocument, Method};
use serde_json::Value;

use super::rows::name_of;
use crate::engine::{AgentError, Unit};
use crate::ports::store::{NewRow, Query, RowKey, Tag};

/// Remembers which DID a key belongs to (row `did_key`).
pub async fn record_key(unit: &mut Unit<'_>, did: &str, verkey: &str) -> Result<(), AgentError> {
    let query = Query::tagged("did_key", "key", verkey).and("did", did);
    if unit.find_rows(&query, false).await?.is_empty() {
        unit.put_row(NewRow {
            key: RowKey::new("did_key", name_of(&["did_key", did, verkey])),
            value: verkey.as_bytes().to_vec(),
            tags: vec![Tag::new("did", did), Tag::new("key", verkey)],
        });
    }
    Ok(())
}

/// Remembers what a DID stands for that says so only once: the long form of a did:peer:4, the did:peer:2 of a did:peer:3.
pub fn record_expansion(unit: &mut Unit<'_>, did: &str) {
    let row = |category, name: &str| NewRow {
        key: RowKey::new(category, name),
        value: did.as_bytes().to_vec(),
        tags: Vec::new(),
    };
    match chancery_did::parse(did).map(|d| d.method) {
        Ok(Method::Peer4) => {
            if let Ok(short) = peer::four::short_form(did) {
                unit.put_row(row("long_peer_did_4_doc", short));
            }
        }
        Ok(Method::Peer2) => {
            if let Ok(three) = peer::three::from_two(did) {
                unit.put_row(row("peer3_to_peer2", &three));
            }
        }
        _ => {}
    }
}

/// Resolves a DID of the other side and remembers the keys of its DIDComm services.
///
/// Errors: the DID does not resolve, or has no service for DIDComm.
pub async fn record_did(unit: &mut Unit<'_>, did: &str) -> Result<(), AgentError> {
    let services = super::services(unit, did).await?;
    record_expansion(unit, did);
    for key in services.iter().flat_map(|s| &s.recipient_keys) {
        record_key(unit, did, key.as_base58()).await?;
    }
    Ok(())
}

/// Remembers the document that an unqualified DID came with, as it came, and its keys.
///
/// `document` is the received one in its corrected form.
pub async fn record_document(
    unit: &mut Unit<'_>,
    did: &str,
    received: &Value,
    document: &DidDocument,
) -> Result<(), AgentError> {
    let nym = sov::unqualified(did);
    let present = unit.find_rows(&Query::tagged("did_doc", "did", nym), true).await?;
    let name = present.into_iter().next_back().map_or_else(|| name_of(&["did_doc", nym]), |r| r.key.name);
    unit.insert_row(NewRow {
        key: RowKey::new("did_doc", name),
        value: received.to_string().into_bytes(),
        tags: vec![Tag::new("did", nym)],
    });
    for method in document.verification_methods() {
        if let (Ok(key), true) = (&method.key, method.controller == document.id()) {
            record_key(unit, nym, key.as_base58()).await?;
        }
    }
    Ok(())
}
