//! Basic message 1.0 (Aries RFC 0095): a text from one controller to the other. What comes goes to the controller; nothing
//! is kept.

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType, Thread, Version};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer;
use crate::engine::{About, Agent, HandlerError, Protocol, Received, Registration, Spoken};
use crate::peers::{Connection, send_in_exchange};
use crate::ports::Tenant;
use crate::unit::{AgentError, Record, Unit};

#[cfg(test)]
mod tests;
mod time;

const PROTOCOL: &str = "basicmessage";
/// Topic of the events.
const TOPIC: &str = "basicmessages";
/// What an automatic answer says, and by which one is known: nobody answers an answer.
const ANSWER: &str = "received your message";
/// A text that begins so asks for the rest to be sent back; ACA-Py does it where it doesn't answer everything.
const ECHO: &str = "Reply with: ";

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration { protocol: Some(Box::new(Handler)), ..Registration::default() }
}

/// A text of ours, sent now.
fn compose(unit: &Unit<'_>, thread: Option<&Thread>, l10n: Option<&Value>, content: &str) -> Message {
    let kind = MessageType::new(PROTOCOL, Version::new(1, 0), "message");
    let mut message = Message::build(kind, unit.new_id());
    if let Some(thread) = thread {
        message = message.thread(thread);
    }
    if let Some(l10n) = l10n {
        message = message.decorator("~l10n", l10n.clone());
    }
    message.field("sent_time", unit.now().to_text()).field("content", content).finish()
}

struct Text<'m> {
    content: &'m str,
    sent_time: Option<&'m str>,
    locale: Option<String>,
}

/// What the message says.
///
/// Errors: malformed when a member isn't as ACA-Py's schema has it.
fn read(message: &Message) -> Result<Text<'_>, HandlerError> {
    let malformed = |what: &str| HandlerError::Malformed(what.to_owned());
    let content = message.text("content").ok_or_else(|| malformed("content is no text"))?;
    let sent_time = match message.get("sent_time") {
        None => None,
        Some(Value::String(time)) if time::is_iso8601(time) => Some(time.as_str()),
        Some(_) => return Err(malformed("sent_time is no ISO 8601 time")),
    };
    let l10n = message.l10n().map_err(|e| malformed(&e.to_string()))?;
    Ok(Text { content, sent_time, locale: l10n.and_then(|l| l.locale) })
}

/// The answer that is given without asking the controller.
fn answer(unit: &Unit<'_>, content: &str) -> Option<String> {
    let settings = unit.settings();
    if settings.auto_respond_messages {
        let wanted = !content.is_empty() && !content.contains(ANSWER);
        return wanted.then(|| format!("{} {ANSWER}", settings.label));
    }
    let echoed = content.strip_prefix(ECHO).filter(|rest| settings.echo_messages && !rest.is_empty());
    echoed.map(str::to_owned)
}

#[async_trait]
impl Protocol for Handler {
    fn speaks(&self) -> &'static [Spoken] {
        const SPOKEN: &[Spoken] = &[Spoken {
            name: PROTOCOL,
            major: 1,
            minors: &[0],
            messages: &[("message", "BasicMessage")],
            about: About::AnythingElse,
        }];
        SPOKEN
    }

    async fn receive(
        &self,
        _agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let connection_id = &received.ready_connection()?.connection_id;
        let message = &received.message;
        let text = read(message)?;
        received.take_once(unit).await?;

        let mut payload = Map::new();
        payload.insert("connection_id".into(), json!(connection_id));
        payload.insert("message_id".into(), json!(message.id()));
        payload.insert("content".into(), json!(text.content));
        payload.insert("state".into(), json!("received"));
        let now = unit.now().to_text();
        payload.insert("sent_time".into(), json!(text.sent_time.unwrap_or(&now)));
        if let Some(locale) = text.locale {
            payload.insert("locale".into(), json!(locale));
        }
        unit.notify(TOPIC, connection_id, &Value::Object(payload));

        if let Some(content) = answer(unit, text.content) {
            let thid = message.thread_id().map(str::to_owned);
            let thread =
                Thread { thid, pthid: message.parent_thread_id().map(str::to_owned), ..Thread::default() };
            let reply = compose(unit, Some(&thread), message.get("~l10n"), &content);
            send_in_exchange(unit, Some(connection_id), thread.thid.as_deref().unwrap_or_default(), reply)
                .await?;
        }
        Ok(())
    }
}

/// `POST /connections/{conn_id}/send-message`.
#[derive(Clone, Debug, Deserialize)]
pub struct SendMessage {
    /// The connection.
    pub conn_id: String,
    /// The text.
    pub content: String,
}

/// `POST /connections/{conn_id}/send-message` -> `{}`; to a connection that isn't ready nothing is sent, as ACA-Py has it.
/// 404 unknown.
pub async fn send_message(agent: &Agent, tenant: &Tenant, command: SendMessage) -> Result<Value, AgentError> {
    let id = &command.conn_id;
    answer!(agent, tenant, |unit| {
        async {
        let connection = unit.peek::<Connection>(id).await?;
        let connection = connection.ok_or_else(|| AgentError::no_record(Connection::CATEGORY, id))?;
        if connection.is_ready() {
            let message = compose(&unit, None, None, &command.content);
            let thread = message.id().unwrap_or_default().to_owned();
            send_in_exchange(&mut unit, Some(id), &thread, message).await?;
        } else {
            tracing::info!(connection_id = %id, state = connection.state.word(), "not ready: the message is not sent");
        }
        Ok::<_, AgentError>(json!({}))
    }
    .await
    })
}
