use crate::{Did, DidDocument, DidError, Method, methods, parse};

/// What resolving without I/O came to.
#[derive(Debug, Clone)]
pub enum Resolution {
    /// The DID holds its whole document.
    Document(DidDocument),
    /// The document, or the DID it hides in, must be brought from elsewhere.
    Needs(Needed),
}

/// What is missing to resolve a DID, and by which function it is turned into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// The long form of this `did:peer:4`, seen earlier; then [`methods::peer::four::resolve_short`].
    LongForm {
        /// The short form.
        short: String,
    },
    /// The `did:peer:2` with this hash, seen earlier; then [`methods::peer::three::resolve`].
    PeerTwo {
        /// The `did:peer:3`.
        did3: String,
    },
    /// A document received earlier and stored under this DID (`did:peer:1`), or under the bare nym
    /// (`did:sov`); then [`methods::peer::one::document`] or [`methods::sov::document`].
    StoredDocument {
        /// The DID; for `did:sov` the nym without prefix.
        did: String,
    },
    /// What the method's resolver finds elsewhere; for `did:web` at [`methods::web::url`], then
    /// [`methods::web::document`].
    Resolver {
        /// Name of the method.
        method: String,
    },
}

/// Resolve `did` as far as it goes without network and store.
///
/// Errors mean that the DID can never resolve: it is malformed, or its hash is wrong.
pub fn resolve_local(did: &str) -> Result<Resolution, DidError> {
    let did = parse(did)?;
    let Did { method, id, .. } = &did;
    let document = match method {
        Method::Key => methods::key::resolve(did.as_str())?,
        Method::Jwk => methods::jwk::resolve(did.as_str())?,
        Method::Peer2 => methods::peer::two::resolve(did.as_str())?,
        Method::Peer4 if methods::peer::four::is_long(did.as_str()) => {
            methods::peer::four::resolve(did.as_str())?
        }
        Method::Peer4 => {
            methods::peer::four::check_short(did.as_str())?;
            return Ok(Resolution::Needs(Needed::LongForm { short: did.to_string() }));
        }
        Method::Peer3 => {
            methods::peer::three::check(did.as_str())?;
            return Ok(Resolution::Needs(Needed::PeerTwo { did3: did.to_string() }));
        }
        Method::Peer1 => {
            methods::peer::one::check(did.as_str())?;
            return Ok(Resolution::Needs(Needed::StoredDocument { did: did.to_string() }));
        }
        Method::Web => {
            methods::web::url(did.as_str())?;
            return Ok(Resolution::Needs(Needed::Resolver { method: methods::web::METHOD.name.to_owned() }));
        }
        Method::Sov => return Ok(Resolution::Needs(Needed::StoredDocument { did: id.clone() })),
        Method::Other(name) => return Ok(Resolution::Needs(Needed::Resolver { method: name.clone() })),
    };
    Ok(Resolution::Document(document))
}
