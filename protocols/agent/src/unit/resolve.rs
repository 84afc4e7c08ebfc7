//! DID resolution: what the DID itself says, then what the wallet has stored, then what the method's resolver finds.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_did::methods::{self, peer};
use chancery_did::{DidDocument, DidError, Needed, Resolution, resolve_local};

use super::{AgentError, Kind, Unit};
use crate::ports::store::RowKey;

/// Resolves the DIDs of one method that neither say everything themselves nor are in the wallet.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The method's name between the first two colons of a DID.
    fn method(&self) -> &str;
    /// Resolves a DID without path, query and fragment.
    ///
    /// Errors: as [`Unit::resolve`].
    async fn resolve(&self, unit: &mut Unit<'_>, did: &str) -> Result<Resolved, AgentError>;
}

/// The resolvers that an agent has.
#[derive(Clone, Default)]
pub struct Resolvers(Arc<Vec<Box<dyn Resolver>>>);

impl Resolvers {
    /// These resolvers, one of a method.
    pub fn new(resolvers: Vec<Box<dyn Resolver>>) -> Self {
        Self(Arc::new(resolvers))
    }

    fn of(&self, method: &str) -> Option<&dyn Resolver> {
        self.0.iter().find(|resolver| resolver.method() == method).map(|resolver| &**resolver)
    }
}

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
            Resolution::Needs(Needed::Resolver { method }) => {
                let text = || format!("No resolver supporting DID \"{bare}\" loaded.");
                let resolver = self.context().resolvers().of(&method);
                resolver.ok_or_else(|| AgentError::not_supported(text()))?.resolve(self, bare).await
            }
            Resolution::Needs(Needed::LongForm { short }) => {
                let long = self.stored_text(&RowKey::new("long_peer_did_4_doc", short)).await?;
                let long = long.ok_or_else(|| not_found(bare))?;
                stored(bare, peer::four::resolve_short(bare, &long))
            }
            Resolution::Needs(Needed::PeerTwo { did3 }) => {
                let two = self.stored_text(&RowKey::new("peer3_to_peer2", did3)).await?;
                let two = two.ok_or_else(|| not_found(bare))?;
                stored(bare, peer::three::resolve(bare, &two))
            }
            Resolution::Needs(Needed::StoredDocument { .. }) => {
                let text = format!("No resolver supporting DID \"{bare}\" loaded.");
                Err(AgentError::not_supported(text).hint(
                    "did:sov needs a ledger, which this agent has not, and did:peer:1 the document that it came with, \
                     which counts for its own connection only",
                ))
            }
        }
    }

    async fn stored_text(&mut self, key: &RowKey) -> Result<Option<String>, AgentError> {
        Ok(self.row(key).await?.and_then(|row| String::from_utf8(row.value).ok()))
    }

    /// Whether a DID is resolved elsewhere: not by what it says itself or what is in the wallet.
    pub fn is_remote(&self, did: &str) -> bool {
        match resolve_local(did) {
            Ok(Resolution::Needs(Needed::Resolver { method })) => {
                self.context().resolvers().of(&method).is_some()
            }
            _ => false,
        }
    }
}

fn stored(did: &str, document: Result<DidDocument, DidError>) -> Result<Resolved, AgentError> {
    let document = document.map_err(|e| AgentError::internal("stored-did-unreadable", e.to_string()))?;
    Ok(Resolved { document, resolver: resolver_of(did) })
}

fn resolver_of(did: &str) -> &'static str {
    methods::of(did).map_or("DIDResolver", |method| method.resolver)
}

fn not_found(did: &str) -> AgentError {
    AgentError::not_found(format!("DID not found: {did}"))
}
