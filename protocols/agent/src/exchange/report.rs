//! Problem reports (Aries RFC 0035) of exchange protocols.

use chancery_didcomm::message::{Message, MessageType, Thread};
use serde_json::{Value, json};

use super::drive::take;
use super::machine::{Machine, Trouble};
use super::thread::{Incoming, find};
use crate::engine::HandlerError;
use crate::unit::Unit;

/// A problem report.
pub fn report(kind: MessageType, id: &str, thread_id: &str, text: &str, code: &str) -> Message {
    Message::build(kind, id)
        .thread(&Thread::new(thread_id))
        .field("description", json!({"en": text, "code": code}))
        .finish()
}

/// Reads a problem report: `<code>: <en>`. The text of the error says what is wrong.
pub fn read_report(message: &Message) -> Result<String, String> {
    let description =
        message.get("description").and_then(Value::as_object).ok_or("description is missing")?;
    let code = description.get("code").and_then(Value::as_str).filter(|code| !code.is_empty());
    let code = code.ok_or("description.code is missing or empty")?;
    let text = match description.get("en") {
        None => code,
        Some(text) => text.as_str().ok_or("description.en is no text")?,
    };
    Ok(format!("{code}: {text}"))
}

/// Takes a problem report of the other side.
pub async fn report_received<M: Machine>(
    machine: &M,
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
) -> Result<(), HandlerError> {
    let error = read_report(incoming.message).map_err(HandlerError::Malformed)?;
    let Some(record) = find::<M::Record>(unit, incoming, None).await? else {
        return Err(HandlerError::dropped("unknown-thread", incoming.thread_id));
    };
    take(machine, unit, record, Trouble::Reported(error).into()).await
}
