//! DID resolution: what the DID itself says, then what the wallet has stored, then the network.

use chancery_did::methods::{peer, web};
use chancery_did::{DidDocument, DidError, Needed, Resolution, resolve_local};

use super::{AgentError, Kind, Unit};
use crate::ports::fetch::{FetchError, Purpose};
use crate::ports::store::RowKey;

/// A resolved DID.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The document.
    pub document: DidDocument,
    /// Class name of the resolver as ACA-Py reports it, e.g. `KeyDIDResolver`.
    pub resolver: &'static str,
}

impl Unit<'_> {
    /// Resolves a DID (or the DID of a DID URL) for whoever asks, and for proofs. What a peer attached for a DID is not looked
    /// at: anybody can attach anything. (A long form that a peer brought counts: the short one is its hash.)
    ///
    /// Errors: 422 not a DID; 501 no resolver for the method; 404 not found; 500 when a server can't be reached;
    /// 503 while other steps of the same connection fetch.
    pub async fn resolve(&mut self, did: &str) -> Result<Resolved, AgentError> {
        let bare = did.split(['#', '?']).next().unwrap_or(did);
        let resolution = resolve_local(bare)
            .map_err(|e| AgentError::unprocessable("did", e.to_string()).with_kind(Kind::Unprocessable))?;
        match resolution {
            Resolution::Document(document) => Ok(Resolved { document, resolver: resolver_of(bare) }),
            Resolution::Needs(Needed::Https { url }) => self.resolve_web(bare, &url).await,
            Resolution::Needs(Needed::LongForm { short }) => {
                let long = self.stored_text(&RowKey::new("long_peer_did_4_doc", short)).await?;
                let long = long.ok_or_else(|| not_found(bare))?;
                stored(peer::four::resolve_short(bare, &long), "PeerDID4Resolver")
            }
            Resolution::Needs(Needed::PeerTwo { did3 }) => {
                let two = self.stored_text(&RowKey::new("peer3_to_peer2", did3)).await?;
                let two = two.ok_or_else(|| not_found(bare))?;
                stored(peer::three::resolve(bare, &two), "PeerDID3Resolver")
            }
            Resolution::Needs(Needed::StoredDocument { .. }) => {
                let text = format!("No resolver supporting DID \"{bare}\" loaded.");
                Err(AgentError::not_supported(text).hint(
                    "did:sov needs a ledger, which this agent has not, and did:peer:1 the document that it came with, \
                     which counts for its own connection only",
                ))
            }
            Resolution::Needs(Needed::Unsupported { .. }) => {
                Err(AgentError::not_supported(format!("No resolver supporting DID \"{bare}\" loaded.")))
            }
        }
    }

    async fn stored_text(&mut self, key: &RowKey) -> Result<Option<String>, AgentError> {
        Ok(self.row(key).await?.and_then(|row| String::from_utf8(row.value).ok()))
    }

    async fn resolve_web(&mut self, did: &str, url: &str) -> Result<Resolved, AgentError> {
        let unreachable = |text: String| {
            AgentError::third_party(
                Kind::Internal,
                "did-unreachable",
                format!("the document of {did} could not be fetched from {url}: {text}"),
            )
        };
        let body = self.fetch(url, Purpose::DidDocument).await.map_err(|e| match e {
            FetchError::NotFound(_) => not_found(did),
            FetchError::Busy(text) => AgentError::unavailable(text),
            FetchError::Refused(text) => unreachable(text),
            FetchError::Failed(text) => unreachable(text).passing(),
        })?;
        let bad = |e: String| {
            AgentError::third_party(
                Kind::Internal,
                "did-document-invalid",
                format!("the document at {url}: {e}"),
            )
        };
        let value = chancery_did::json::from_slice_strict(&body).map_err(|e| bad(e.to_string()))?;
        let document = web::document(did, value).map_err(|e| bad(e.to_string()))?;
        Ok(Resolved { document, resolver: "WebDIDResolver" })
    }
}

fn stored(document: Result<DidDocument, DidError>, resolver: &'static str) -> Result<Resolved, AgentError> {
    let document = document.map_err(|e| AgentError::internal("stored-did-unreadable", e.to_string()))?;
    Ok(Resolved { document, resolver })
}

fn resolver_of(did: &str) -> &'static str {
    match did.split(':').nth(1) {
        Some("key") => "KeyDIDResolver",
        Some("jwk") => "JwkDIDResolver",
        Some("web") => "WebDIDResolver",
        Some("peer") => match did.as_bytes().get(9) {
            Some(b'2') => "PeerDID2Resolver",
            Some(b'3') => "PeerDID3Resolver",
            _ => "PeerDID4Resolver",
        },
        _ => "DIDResolver",
    }
}

fn not_found(did: &str) -> AgentError {
    AgentError::not_found(format!("DID not found: {did}"))
}
