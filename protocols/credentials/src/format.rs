//! What a protocol knows of a credential format.

use std::collections::HashMap;

use chancery_did::{DidDocument, PublicKey, Resolution, SecretKey, resolve_local};
use chancery_jsonld::Processor;
use serde_json::Value;

use crate::{Family, Invalid, Step, ld_proof};

/// What must be brought before a format can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// DIDs to resolve; bring them with [`Gathered::document`].
    pub dids: Vec<String>,
    /// Our secret keys, by base58 public key; bring them, or their absence, with [`Gathered::key`].
    pub keys: Vec<String>,
    /// JSON-LD contexts to insert into the processor's documents.
    pub contexts: Vec<String>,
}

impl Needs {
    /// Nothing.
    pub fn is_empty(&self) -> bool {
        self.dids.is_empty() && self.keys.is_empty() && self.contexts.is_empty()
    }
}

/// What was brought so far.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    documents: HashMap<String, Result<DidDocument, String>>,
    keys: HashMap<String, Option<SecretKey>>,
}

impl Gathered {
    /// A DID's document, or why there is none.
    pub fn document(&mut self, did: impl Into<String>, document: Result<DidDocument, String>) {
        self.documents.insert(did.into(), document);
    }

    /// A secret key of ours by its base58 public key; `None`: not ours.
    pub fn key(&mut self, verkey: impl Into<String>, key: Option<SecretKey>) {
        self.keys.insert(verkey.into(), key);
    }
}

/// What a format may use.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// JSON-LD with the documents at hand.
    pub jsonld: &'a Processor,
    /// Now: microseconds since 1970, UTC.
    pub now: i64,
    /// What the caller brought.
    pub gathered: &'a Gathered,
}

impl Facts<'_> {
    /// The document of a DID: what the DID itself says, else what was brought.
    ///
    /// `Err`: needed first, or (as [`FormatError::Refused`]) not to be had.
    pub(crate) fn document(&self, did: &str) -> Result<DidDocument, FormatError> {
        match self.gathered.documents.get(did) {
            Some(Ok(document)) => return Ok(document.clone()),
            Some(Err(why)) => return Err(FormatError::refused(format!("DID {did}: {why}"))),
            None => {}
        }
        match resolve_local(did) {
            Ok(Resolution::Document(document)) => Ok(document),
            Ok(Resolution::Needs(_)) => {
                Err(FormatError::Needs(Needs { dids: vec![did.to_owned()], ..Needs::default() }))
            }
            Err(error) => Err(FormatError::refused(error.to_string())),
        }
    }

    /// The first of these keys that is ours. `Err`: keys needed first.
    pub(crate) fn first_of_ours(
        &self,
        keys: &[&PublicKey],
    ) -> Result<Option<(usize, SecretKey)>, FormatError> {
        let mut needed = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            match self.gathered.keys.get(key.as_base58()) {
                Some(Some(secret)) if needed.is_empty() => return Ok(Some((at, secret.clone()))),
                Some(_) => {}
                None => needed.push(key.base58()),
            }
        }
        if needed.is_empty() {
            return Ok(None);
        }
        Err(FormatError::Needs(Needs { keys: needed, ..Needs::default() }))
    }
}

/// Why a format did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Bring these and call again.
    #[error("more facts are needed: {0:?}")]
    Needs(Needs),
    /// Can't be done with this input; says what to change. ACA-Py's text where it has one.
    #[error("{message}")]
    Refused {
        /// For the controller, in ACA-Py's words where it has some.
        message: String,
        /// The offending member, dotted, from the attachment's content inwards.
        field: Option<String>,
    },
    /// Not built.
    #[error("{0}")]
    NotSupported(String),
}

impl FormatError {
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), field: None }
    }

    pub(crate) fn refused_at(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), field: Some(field.into()) }
    }

    /// ACA-Py's way of naming the cause after the failure: `<failure>. <cause>.`
    pub(crate) fn because_of(self, failure: &str) -> Self {
        match self {
            Self::Refused { message, field } => {
                let stop = if message.ends_with('.') { "" } else { "." };
                Self::Refused { message: format!("{failure}. {message}{stop}"), field }
            }
            other => other,
        }
    }
}

/// A credential ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Askar category.
    pub category: &'static str,
    /// The credential.
    pub value: Value,
    /// Tags in ACA-Py's order.
    pub tags: Vec<(&'static str, String)>,
}

/// One credential format, both roles. `Value`s are the contents of attachments.
pub trait CredentialFormat: Send + Sync {
    /// Which family this is.
    fn family(&self) -> Family;
    /// The rules of the wire for one attachment.
    fn validate(&self, step: Step, content: &Value) -> Result<(), Vec<Invalid>>;
    /// The proposal for a filter of the admin API.
    fn propose(&self, facts: &Facts<'_>, filter: &Value) -> Result<Value, FormatError>;
    /// The offer for a proposal.
    fn offer(&self, facts: &Facts<'_>, proposal: &Value) -> Result<Value, FormatError>;
    /// The request for an offer (or for one's own proposal, where exchanges may start with a request).
    fn request(
        &self,
        facts: &Facts<'_>,
        offer: &Value,
        holder_did: Option<&str>,
    ) -> Result<Value, FormatError>;
    /// Whether an exchange may start with a request.
    fn starts_at_request(&self) -> bool;
    /// What an issuer checks when a request arrives.
    fn check_request(&self, offer: Option<&Value>, request: &Value) -> Result<(), FormatError>;
    /// The credential for a request.
    fn issue(&self, facts: &Facts<'_>, request: &Value) -> Result<Value, FormatError>;
    /// What a holder checks when a credential arrives. Signatures are checked by [`CredentialFormat::store`].
    fn check_credential(
        &self,
        exchange: &str,
        request: &Value,
        credential: &Value,
    ) -> Result<(), FormatError>;
    /// Verifies a credential and says what to store.
    fn store(&self, facts: &Facts<'_>, credential: &Value) -> Result<Stored, FormatError>;
}

/// The implementation of a family; `None`: recognised, not built.
pub fn format(family: Family) -> Option<&'static dyn CredentialFormat> {
    match family {
        Family::LdProof => Some(&ld_proof::LdProof),
        Family::Anoncreds | Family::Indy | Family::VcDi => None,
    }
}
