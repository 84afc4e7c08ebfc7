//! What an exchange knows of a credential format.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Facts, Family, FormatError, Invalid, Step};

/// What was said in an exchange up to now, as one family's part of it.
pub trait Said: Sync {
    /// What is attached to the message of this step; `None`: there was none.
    fn content(&self, step: Step) -> Option<&Value>;
    /// The `credential_preview` that counts: the offer's, else the proposal's.
    fn preview(&self) -> Option<&Value> {
        None
    }
}

/// Contents by step.
impl<const N: usize> Said for [(Step, &Value); N] {
    fn content(&self, step: Step) -> Option<&Value> {
        self.iter().find(|(at, _)| *at == step).map(|(_, content)| *content)
    }
}

/// What a format goes on from.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// What it may use.
    pub facts: &'a Facts<'a>,
    /// The messages before. At [`ExchangeFormat::propose`] the filter of the admin API stands for the proposal.
    pub said: &'a dyn Said,
    /// What the format kept in earlier turns of this exchange ([`Made::keep`]), on this side of it.
    pub kept: Option<&'a Map<String, Value>>,
    /// The DID that the holder wants the credential for.
    pub holder_did: Option<&'a str>,
    /// Fills a buffer with randomness of cryptographic quality.
    pub entropy: &'a (dyn Fn(&mut [u8]) + Sync),
}

impl<'a> Turn<'a> {
    /// A turn for nobody's DID, of a format that kept nothing.
    pub fn new(facts: &'a Facts<'a>, said: &'a dyn Said, entropy: &'a (dyn Fn(&mut [u8]) + Sync)) -> Self {
        Self { facts, said, kept: None, holder_did: None, entropy }
    }

    /// What is attached to the message of this step.
    ///
    /// Errors: there was none.
    pub fn content(&self, step: Step) -> Result<&'a Value, FormatError> {
        let none = || FormatError::refused("the exchange has no message to go on from in this format");
        self.said.content(step).ok_or_else(none)
    }
}

/// What came of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Made<T = Value> {
    /// The attachment's content; of [`ExchangeFormat::store`] the credential.
    pub content: T,
    /// Members to keep in the exchange's detail record, in place of those of the same names.
    pub keep: Option<Map<String, Value>>,
    /// Rows to write into the wallet with the message.
    pub rows: Vec<Row>,
}

impl<T> Made<T> {
    /// Nothing but the content.
    pub fn new(content: T) -> Self {
        Self { content, keep: None, rows: Vec::new() }
    }
}

/// A row that a format writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Askar category.
    pub category: &'static str,
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: Value,
    /// Tags in ACA-Py's order.
    pub tags: Vec<(&'static str, String)>,
}

/// A credential ready to be stored. Its name is the controller's to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Askar category.
    pub category: &'static str,
    /// The credential.
    pub value: Value,
    /// Tags in ACA-Py's order.
    pub tags: Vec<(&'static str, String)>,
}

/// What a format is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// [`ExchangeFormat::propose`]
    Propose,
    /// [`ExchangeFormat::offer`]
    Offer,
    /// [`ExchangeFormat::request`]
    Request,
    /// [`ExchangeFormat::issue`]
    Issue,
    /// [`ExchangeFormat::store`]
    Store,
}

/// How long a task takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Less than about a millisecond.
    Light,
    /// More: it doesn't run while a message is handled.
    Heavy,
}

/// One credential format in an exchange, both roles. `Value`s are the contents of attachments.
pub trait ExchangeFormat: Send + Sync {
    /// Which family this is.
    fn family(&self) -> &'static Family;
    /// The rules of the wire for one attachment.
    fn validate(&self, step: Step, content: &Value) -> Result<(), Vec<Invalid>>;
    /// Whether an exchange may start with a request.
    fn starts_at_request(&self) -> bool {
        false
    }
    /// Whether turns keep anything for later ones. Only then what was kept is looked up.
    fn keeps(&self) -> bool {
        false
    }
    /// How long a task takes.
    fn weight(&self, _task: Task) -> Weight {
        Weight::Light
    }
    /// The proposal for a filter of the admin API.
    fn propose(&self, turn: &Turn<'_>) -> Result<Made, FormatError>;
    /// The offer for a proposal.
    fn offer(&self, turn: &Turn<'_>) -> Result<Made, FormatError>;
    /// The request for an offer (or for one's own proposal, where exchanges may start with a request).
    fn request(&self, turn: &Turn<'_>) -> Result<Made, FormatError>;
    /// The credential for a request.
    fn issue(&self, turn: &Turn<'_>) -> Result<Made, FormatError>;
    /// Verifies a credential and says what to store.
    fn store(&self, turn: &Turn<'_>) -> Result<Made<Stored>, FormatError>;
    /// What an issuer checks when a request arrives.
    fn check_request(&self, said: &dyn Said) -> Result<(), FormatError>;
    /// What a holder checks when a credential arrives. Signatures are checked by [`ExchangeFormat::store`].
    fn check_credential(&self, exchange: &str, said: &dyn Said) -> Result<(), FormatError>;
}

/// The formats that an agent has.
#[derive(Clone, Default)]
pub struct Formats(Arc<Vec<Box<dyn ExchangeFormat>>>);

impl Formats {
    /// These formats, one of a family.
    pub fn new(formats: Vec<Box<dyn ExchangeFormat>>) -> Self {
        Self(Arc::new(formats))
    }

    /// The format of a family; `None`: known, not built.
    pub fn get(&self, family: &Family) -> Option<&dyn ExchangeFormat> {
        self.iter().find(|format| format.family() == family)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &dyn ExchangeFormat> {
        self.0.iter().map(|format| &**format)
    }
}
