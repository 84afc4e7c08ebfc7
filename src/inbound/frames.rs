//! Whole messages out of WebSocket frames, each within a size and a time.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use actix_ws::{CloseReason, Item, Message, MessageStream, ProtocolError, Session};
use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Busy;
use super::gate::{Buffered, Gate};

/// What the other side has sent.
pub enum Sent {
    /// A message, whole.
    Message(Vec<u8>),
    /// To be answered with the same.
    Ping(Bytes),
    /// The end.
    Close(Option<CloseReason>),
}

/// Why nothing more is read.
#[derive(Debug)]
pub enum Broken {
    /// No frames, or the connection broke.
    Off(ProtocolError),
    /// A message is larger than any may be, bytes.
    TooLarge(usize),
    /// A message was not whole in time.
    Slow(Duration),
    /// No room for it now.
    Busy(Busy),
}

/// When bytes came: frames are seen only once they are whole.
struct Pace {
    heard: Cell<Instant>,
    begun: Cell<Option<Instant>>,
    begins: Notify,
}

/// Reads one socket.
pub struct Frames<'g> {
    stream: MessageStream,
    pace: Rc<Pace>,
    gate: &'g Gate,
    fragments: Option<(Vec<u8>, Buffered<'g>)>,
}

/// An accepted socket.
pub struct Opened {
    stream: MessageStream,
    pace: Rc<Pace>,
}

/// Accepts a WebSocket.
///
/// Errors: the request asks for none.
pub async fn accept(
    request: &HttpRequest,
    body: web::Payload,
) -> actix_web::Result<(HttpResponse, Session, Opened)> {
    let pace = Pace { heard: Cell::new(Instant::now()), begun: Cell::default(), begins: Notify::new() };
    let pace = Rc::new(pace);
    let watched = {
        let pace = pace.clone();
        body.inspect(move |_| {
            let now = Instant::now();
            pace.heard.set(now);
            if pace.begun.get().is_none() {
                pace.begun.set(Some(now));
                pace.begins.notify_one();
            }
        })
    };
    // The only way to a body made of a stream.
    let mut watched = Payload::Stream { payload: watched.boxed_local() };
    let body = web::Payload::from_request(request, &mut watched).await?;
    let (response, session, stream) = actix_ws::handle(request, body)?;
    Ok((response, session, Opened { stream, pace }))
}

impl Opened {
    /// Reads it, with the gate's limits.
    pub fn read(self, gate: &Gate) -> Frames<'_> {
        let stream = self.stream.max_frame_size(gate.limits.max_message_bytes);
        Frames { stream, pace: self.pace, gate, fragments: None }
    }
}

impl Frames<'_> {
    /// How long nothing has come.
    pub fn silence(&self) -> Duration {
        self.pace.heard.get().elapsed()
    }

    /// Nothing was read while its last message was handled: that was not the other side's silence.
    pub fn handled(&self) {
        self.pace.heard.set(Instant::now());
    }

    /// The next one; `None` at the end. May be given up at any time and asked again.
    pub async fn next(&mut self) -> Option<Result<Sent, Broken>> {
        loop {
            let whole = match self.whole().await? {
                Ok(frame) => self.put_together(frame),
                Err(broken) => Err(broken),
            };
            if self.fragments.is_none() {
                // What has already come of the one after it is counted from its next byte.
                self.pace.begun.set(None);
            }
            if let Some(sent) = whole.transpose() {
                return Some(sent);
            }
        }
    }

    async fn whole(&mut self) -> Option<Result<Message, Broken>> {
        let most = self.gate.limits.body_time;
        loop {
            let frame = match self.pace.begun.get() {
                Some(begun) => match tokio::time::timeout_at(begun + most, self.stream.next()).await {
                    Ok(frame) => frame,
                    Err(_) => return Some(Err(Broken::Slow(most))),
                },
                None => tokio::select! {
                    frame = self.stream.next() => frame,
                    () = self.pace.begins.notified() => continue,
                },
            };
            return frame.map(|frame| {
                frame.map_err(|error| match error {
                    ProtocolError::Overflow => Broken::TooLarge(self.gate.limits.max_message_bytes),
                    error => Broken::Off(error),
                })
            });
        }
    }

    /// `Ok(None)`: there is more to come.
    fn put_together(&mut self, frame: Message) -> Result<Option<Sent>, Broken> {
        let (part, last) = match frame {
            Message::Text(text) => return Ok(Some(Sent::Message(text.as_bytes().to_vec()))),
            Message::Binary(bytes) => return Ok(Some(Sent::Message(bytes.to_vec()))),
            Message::Ping(bytes) => return Ok(Some(Sent::Ping(bytes))),
            Message::Close(reason) => return Ok(Some(Sent::Close(reason))),
            Message::Pong(_) | Message::Nop => return Ok(None),
            Message::Continuation(Item::Last(part)) => (part, true),
            Message::Continuation(Item::FirstText(part) | Item::FirstBinary(part) | Item::Continue(part)) => {
                (part, false)
            }
        };
        let (whole, buffered) = self.fragments.get_or_insert_with(|| (Vec::new(), self.gate.buffer()));
        let most = self.gate.limits.max_message_bytes;
        if whole.len() + part.len() > most {
            return Err(Broken::TooLarge(most));
        }
        buffered.grow(whole.len() + part.len()).map_err(Broken::Busy)?;
        whole.extend_from_slice(&part);
        let whole = if last { self.fragments.take() } else { None };
        Ok(whole.map(|(whole, _)| Sent::Message(whole)))
    }
}
