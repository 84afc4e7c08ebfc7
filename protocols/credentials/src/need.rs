//! What a format lacks, what was brought, and why it did not do what it was asked for.

use std::collections::HashMap;

use chancery_did::{DidDocument, PublicKey, Resolution, SecretKey, resolve_local};
use chancery_jsonld::Processor;
use serde_json::Value;

/// What must be brought before a format can go on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A DID to resolve; bring it with [`Gathered::document`].
    Did(String),
    /// Our secret key, by base58 public key; bring it, or its absence, with [`Gathered::key`].
    Key(String),
    /// A JSON-LD context to insert into the processor's documents.
    Context(String),
    /// A row of the wallet; bring it, or its absence, with [`Gathered::row`].
    Row {
        /// Askar category.
        category: &'static str,
        /// Its name.
        name: String,
    },
}

/// What was brought so far.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    documents: HashMap<String, Result<DidDocument, String>>,
    keys: HashMap<String, Option<SecretKey>>,
    rows: HashMap<(&'static str, String), Option<Value>>,
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

    /// What a row of the wallet says; `None`: there is no such row.
    pub fn row(&mut self, category: &'static str, name: impl Into<String>, value: Option<Value>) {
        self.rows.insert((category, name.into()), value);
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

impl<'a> Facts<'a> {
    /// The document of a DID: what the DID itself says, else what was brought.
    ///
    /// Errors: needed first, or (as [`FormatError::Refused`]) not to be had.
    pub fn document(&self, did: &str) -> Result<DidDocument, FormatError> {
        match self.gathered.documents.get(did) {
            Some(Ok(document)) => return Ok(document.clone()),
            Some(Err(why)) => return Err(FormatError::refused(format!("DID {did}: {why}"))),
            None => {}
        }
        match resolve_local(did) {
            Ok(Resolution::Document(document)) => Ok(document),
            Ok(Resolution::Needs(_)) => Err(FormatError::Needs(vec![Need::Did(did.to_owned())])),
            Err(error) => Err(FormatError::refused(error.to_string())),
        }
    }

    /// A row of the wallet; `None`: there is no such row.
    ///
    /// Errors: needed first.
    pub fn row(&self, category: &'static str, name: &str) -> Result<Option<&'a Value>, FormatError> {
        match self.gathered.rows.get(&(category, name.to_owned())) {
            Some(value) => Ok(value.as_ref()),
            None => Err(FormatError::Needs(vec![Need::Row { category, name: name.to_owned() }])),
        }
    }

    /// The first of these keys that is ours.
    ///
    /// Errors: keys needed first.
    pub fn first_of_ours(&self, keys: &[&PublicKey]) -> Result<Option<(usize, SecretKey)>, FormatError> {
        let mut needed = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            match self.gathered.keys.get(key.as_base58()) {
                Some(Some(secret)) if needed.is_empty() => return Ok(Some((at, secret.clone()))),
                Some(_) => {}
                None => needed.push(Need::Key(key.base58())),
            }
        }
        if needed.is_empty() { Ok(None) } else { Err(FormatError::Needs(needed)) }
    }
}

/// Why a format did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Bring these and call again.
    #[error("more facts are needed: {0:?}")]
    Needs(Vec<Need>),
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
    /// Can't be done with this input.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), field: None }
    }

    /// Can't be done because of this member.
    pub fn refused_at(field: impl Into<String>, message: impl Into<String>) -> Self {
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
