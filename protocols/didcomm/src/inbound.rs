use chancery_did::json::{StrictJsonError, from_slice_strict};
use serde_json::Value;

use crate::v1::{Envelope, EnvelopeError};

/// What a transport received.
#[derive(Debug)]
pub enum Inbound {
    /// A message in the clear: the object has `@type`. Nobody is known to have sent it.
    Plaintext(Value),
    /// An envelope, not yet opened.
    Envelope(Envelope),
    /// An object that is neither. ACA-Py answers 200 and drops it.
    Unreadable(EnvelopeError),
}

/// Why a body is refused with HTTP 400. `Display` is ACA-Py's reason text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No bytes.
    #[error("Message body is empty")]
    Empty,
    /// Not JSON, deeper than 128 levels, or an object that names a member twice.
    #[error("Message JSON parsing failed")]
    NotJson,
    /// JSON, but no object.
    #[error("Message JSON result is not an object")]
    NotAnObject,
}

/// Tell a message in the clear from an envelope. The presence of `@type` decides, as in ACA-Py.
pub fn classify(bytes: &[u8]) -> Result<Inbound, BodyError> {
    let json = parse_object(bytes)?;
    if json.get("@type").is_some() {
        return Ok(Inbound::Plaintext(json));
    }
    Ok(match Envelope::from_json(json) {
        Ok(envelope) => Inbound::Envelope(envelope),
        Err(error) => Inbound::Unreadable(error),
    })
}

pub(crate) fn parse_object(bytes: &[u8]) -> Result<Value, BodyError> {
    if bytes.is_empty() {
        return Err(BodyError::Empty);
    }
    match from_slice_strict(bytes) {
        Ok(json @ Value::Object(_)) => Ok(json),
        Ok(_) => Err(BodyError::NotAnObject),
        Err(StrictJsonError(_)) => Err(BodyError::NotJson),
    }
}
