//! One folder per DID method.

pub mod jwk;
pub mod key;
pub mod peer;
pub mod sov;
pub mod web;

use serde_json::{Map, Value};

use crate::base58::is_base58;
use crate::document::RELATIONSHIPS;
use crate::{DidDocument, DidError, KeyType, Method};

/// What is to be known of a DID method by who does not know the method.
#[derive(Clone, Copy, Debug)]
pub struct Properties {
    /// How the wallet and the admin API call it: the name between the colons of a DID, of the algorithms of `did:peer` what
    /// their DIDs begin with.
    pub name: &'static str,
    /// ACA-Py's class name of what resolves it.
    pub resolver: &'static str,
    /// The DID determines its document and keys.
    pub immutable: bool,
    /// Its document is one that came with the DID and was stored: makes it of what was stored.
    pub stored: Option<FromStored>,
    /// DIDs of it can be made.
    pub creatable: Option<Creatable>,
    /// The key of a DID can be replaced by another.
    pub rotatable: bool,
    /// The method of the DID that a connection's other side understands for sure, having come with one of this method.
    pub understands: Option<&'static str>,
}

/// A DID and what was stored for it: its document.
pub type FromStored = fn(&str, Value) -> Result<DidDocument, DidError>;

/// How DIDs of a method are made.
#[derive(Clone, Copy, Debug)]
pub struct Creatable {
    /// Which keys it takes.
    pub key_types: &'static [KeyType],
    /// Whether the DID itself may be chosen.
    pub chosen: Chosen,
}

/// Whether a new DID may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// It follows from the key.
    Never,
    /// It may be.
    Maybe,
    /// It must be.
    Always,
}

impl Properties {
    /// Whether its documents are on a server, and may be others tomorrow.
    pub fn is_published(&self) -> bool {
        !self.immutable && self.stored.is_none()
    }
}

/// The methods that are known.
pub const KNOWN: &[&Properties] = &[
    &key::METHOD,
    &jwk::METHOD,
    &web::METHOD,
    &sov::METHOD,
    &peer::one::METHOD,
    &peer::two::METHOD,
    &peer::three::METHOD,
    &peer::four::METHOD,
];

/// The method that the wallet and the admin API call so.
pub fn named(name: &str) -> Option<&'static Properties> {
    KNOWN.iter().copied().find(|method| method.name == name)
}

/// The method of a DID; `None`: it is none, or of a method that is not known.
pub fn of(did: &str) -> Option<&'static Properties> {
    match crate::parse(did).ok()?.method {
        Method::Key => Some(&key::METHOD),
        Method::Jwk => Some(&jwk::METHOD),
        Method::Web => Some(&web::METHOD),
        Method::Sov => Some(&sov::METHOD),
        Method::Peer1 => Some(&peer::one::METHOD),
        Method::Peer2 => Some(&peer::two::METHOD),
        Method::Peer3 => Some(&peer::three::METHOD),
        Method::Peer4 => Some(&peer::four::METHOD),
        Method::Other(name) => named(&name),
    }
}

/// Let `visit` change every verification method of a document, also those embedded in relationships.
fn visit_methods(document: &mut Map<String, Value>, visit: impl Fn(&mut Map<String, Value>)) {
    for list in std::iter::once("verificationMethod").chain(RELATIONSHIPS) {
        let entries = document.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for method in entries.filter_map(Value::as_object_mut) {
            visit(method);
        }
    }
}

/// `zQm` and 44 base58 characters: a SHA-256 multihash in multibase.
fn is_sha256_multihash(text: &str) -> bool {
    text.len() == 47 && text.starts_with("zQm") && is_base58(text)
}

/// SHA-256 of `data` as multibase base58btc multihash, `zQm…`.
fn sha256_multihash(data: &[u8]) -> String {
    use sha2::Digest as _;
    let mut hash = vec![0x12, 0x20];
    hash.extend_from_slice(&sha2::Sha256::digest(data));
    format!("z{}", crate::base58::encode(&hash))
}
