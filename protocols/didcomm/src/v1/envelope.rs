use std::collections::HashSet;

use chancery_did::json::from_slice_strict;
use chancery_did::key::KeyError;
use serde_json::{Map, Value};

use crate::encoding::decode_base64url;

/// Recipients that an envelope may have: each is a key that is looked up, by whoever sent it.
pub const MAX_RECIPIENTS: usize = 64;

/// A parsed envelope, not yet opened.
///
/// Accepted beside what this agent sends: padded base64url, several recipients, recipients outside `protected`, the flattened form
/// (`encrypted_key` and `header` without a list), header members in an `unprotected` header. `enc`, `typ` and `aad` are not looked at, as in ACA-Py.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// As transmitted: it is the associated data.
    pub(super) protected: String,
    pub(super) authcrypt: bool,
    pub(super) recipients: Vec<Recipient>,
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Recipient {
    pub(super) kid: String,
    pub(super) encrypted_key: Vec<u8>,
    /// Sealed sender key and nonce.
    pub(super) sender: Option<(Vec<u8>, Vec<u8>)>,
}

/// A part of an envelope that did not decrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The sealed `sender`.
    Sender,
    /// `encrypted_key`.
    Key,
    /// The content.
    Content,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sender => "sender",
            Self::Key => "encrypted_key",
            Self::Content => "ciphertext",
        })
    }
}

/// Why an envelope could not be parsed or opened. All of it is the sender's fault except
/// [`NotARecipient`](Self::NotARecipient).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a JSON object.
    #[error("the envelope is not a JSON object")]
    NotAnObject,
    /// A member is absent or of the wrong JSON type.
    #[error("`{0}` is missing or of the wrong type")]
    Member(&'static str),
    /// A member is not base64url, or has the wrong length.
    #[error("`{0}` is not base64url of the right length")]
    Encoding(&'static str),
    /// `protected` does not decode to a JSON object.
    #[error("`protected` does not decode to a JSON object")]
    Protected,
    /// `alg` is neither `Authcrypt` nor `Anoncrypt`.
    #[error("unsupported pack algorithm")]
    Algorithm,
    /// A header member stands in more than one header.
    #[error("a header member stands in more than one header")]
    DuplicateHeader,
    /// `recipients` stands both inside and outside `protected`, or beside `encrypted_key`.
    #[error("recipients are named in more than one place")]
    DuplicateRecipients,
    /// More than [`MAX_RECIPIENTS`] are named.
    #[error("the envelope has more than {MAX_RECIPIENTS} recipients")]
    TooManyRecipients,
    /// Nobody is named.
    #[error("the envelope has no recipients")]
    NoRecipients,
    /// A recipient has no `kid`.
    #[error("a recipient has no kid")]
    MissingKid,
    /// Two recipients have the same `kid`.
    #[error("two recipients have the same kid")]
    DuplicateKid,
    /// `sender` without `iv`.
    #[error("a recipient has a sender but no iv")]
    MissingIv,
    /// `iv` without `sender`.
    #[error("a recipient has an iv but no sender")]
    UnexpectedIv,
    /// The key at hand is none of the recipients.
    #[error("the envelope is not for this key")]
    NotARecipient,
    /// `alg` is `Authcrypt`, but no sender is named.
    #[error("an Authcrypt envelope without sender")]
    MissingSender,
    /// The sealed sender is no Ed25519 key.
    #[error("the sender is not an Ed25519 key")]
    SenderKey,
    /// A part did not decrypt: it was changed, or made for another key.
    #[error("`{0}` does not decrypt")]
    Undecryptable(Part),
    /// The key at hand can't open envelopes.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Envelope {
    /// Parse the bytes of an envelope. Nothing is decrypted.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Self::from_json(from_slice_strict(bytes).map_err(|_| EnvelopeError::NotAnObject)?)
    }

    /// As [`parse`](Self::parse), from JSON; a forward's `msg` for instance.
    pub fn from_json(json: Value) -> Result<Self, EnvelopeError> {
        let Value::Object(mut outer) = json else { return Err(EnvelopeError::NotAnObject) };
        let protected_text = match outer.shift_remove("protected") {
            Some(Value::String(text)) => text,
            _ => return Err(EnvelopeError::Member("protected")),
        };
        let (iv, ciphertext, tag) =
            (bytes(&outer, "iv")?, bytes(&outer, "ciphertext")?, bytes(&outer, "tag")?);
        let protected = decode_base64url(&protected_text)
            .and_then(|bytes| from_slice_strict(&bytes).ok())
            .and_then(|json| if let Value::Object(map) = json { Some(map) } else { None });
        let mut protected = protected.ok_or(EnvelopeError::Protected)?;
        let unprotected = match outer.shift_remove("unprotected") {
            None => Map::new(),
            Some(Value::Object(header)) => header,
            Some(_) => return Err(EnvelopeError::Member("unprotected")),
        };
        if shares_member(&protected, &unprotected) {
            return Err(EnvelopeError::DuplicateHeader);
        }
        let entries = recipient_entries(&mut protected, &mut outer)?;
        let authcrypt = match protected.get("alg").and_then(Value::as_str) {
            Some("Authcrypt") => true,
            Some("Anoncrypt") => false,
            _ => return Err(EnvelopeError::Algorithm),
        };
        if entries.len() > MAX_RECIPIENTS {
            return Err(EnvelopeError::TooManyRecipients);
        }
        let mut kids = HashSet::new();
        let mut recipients = Vec::with_capacity(entries.len());
        for entry in entries {
            let recipient = Recipient::from_entry(entry, &protected, &unprotected)?;
            if !kids.insert(recipient.kid.clone()) {
                return Err(EnvelopeError::DuplicateKid);
            }
            recipients.push(recipient);
        }
        Ok(Self { protected: protected_text, authcrypt, recipients, iv, ciphertext, tag })
    }

    /// The recipients' `kid`s in order: base58 Ed25519 keys. The first one whose secret is held opens the envelope.
    pub fn recipient_kids(&self) -> Vec<&str> {
        self.recipients.iter().map(|recipient| recipient.kid.as_str()).collect()
    }

    /// Whether `alg` says `Authcrypt`. What an opened envelope proves is said by [`Unpacked`](super::Unpacked) alone.
    pub fn claims_authcrypt(&self) -> bool {
        self.authcrypt
    }
}

fn bytes(outer: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    let text = outer.get(name).and_then(Value::as_str).ok_or(EnvelopeError::Member(name))?;
    decode_base64url(text).ok_or(EnvelopeError::Encoding(name))
}

fn shares_member(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.keys().any(|name| other.contains_key(name))
}

/// The recipients, wherever they stand; they are taken out of `protected`, whose other members are header members.
fn recipient_entries(
    protected: &mut Map<String, Value>,
    outer: &mut Map<String, Value>,
) -> Result<Vec<Map<String, Value>>, EnvelopeError> {
    if protected.contains_key("recipients") && outer.contains_key("recipients") {
        return Err(EnvelopeError::DuplicateRecipients);
    }
    let listed = protected.shift_remove("recipients").or_else(|| outer.shift_remove("recipients"));
    let flattened = flattened_entry(protected).or_else(|| flattened_entry(outer));
    let listed = match listed {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(EnvelopeError::Member("recipients")),
    };
    match (listed.is_empty(), flattened) {
        (false, Some(_)) => Err(EnvelopeError::DuplicateRecipients),
        (true, None) => Err(EnvelopeError::NoRecipients),
        (true, Some(entry)) => Ok(vec![entry]),
        (false, None) => listed
            .into_iter()
            .map(|entry| match entry {
                Value::Object(entry) => Ok(entry),
                _ => Err(EnvelopeError::Member("recipients")),
            })
            .collect(),
    }
}

fn flattened_entry(from: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    let key = from.shift_remove("encrypted_key")?;
    let mut entry = Map::new();
    entry.insert("encrypted_key".into(), key);
    if let Some(header) = from.shift_remove("header") {
        entry.insert("header".into(), header);
    }
    Some(entry)
}

impl Recipient {
    fn from_entry(
        entry: Map<String, Value>,
        protected: &Map<String, Value>,
        unprotected: &Map<String, Value>,
    ) -> Result<Self, EnvelopeError> {
        let none = Map::new();
        let header = match entry.get("header") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(header)) => header,
            Some(_) => return Err(EnvelopeError::Member("header")),
        };
        if shares_member(header, protected) || shares_member(header, unprotected) {
            return Err(EnvelopeError::DuplicateHeader);
        }
        let member = |name: &'static str| {
            let found = [header, protected, unprotected].into_iter().find_map(|headers| headers.get(name));
            match found {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
                Some(_) => Err(EnvelopeError::Member(name)),
            }
        };
        let decoded =
            |name: &'static str, text: &str| decode_base64url(text).ok_or(EnvelopeError::Encoding(name));
        let sender = match (member("sender")?, member("iv")?) {
            (Some(sender), Some(iv)) => Some((decoded("sender", sender)?, decoded("iv", iv)?)),
            (Some(_), None) => return Err(EnvelopeError::MissingIv),
            (None, Some(_)) => return Err(EnvelopeError::UnexpectedIv),
            (None, None) => None,
        };
        Ok(Self {
            kid: member("kid")?.ok_or(EnvelopeError::MissingKid)?.to_owned(),
            encrypted_key: bytes(&entry, "encrypted_key")?,
            sender,
        })
    }
}
