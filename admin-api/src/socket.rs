//! The admin WebSocket: live events.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseReason, Message, MessageStream, Session};
use chancery_agent::ports::watch::Subscription;
use futures_util::{FutureExt, Stream, StreamExt, pin_mut, select, stream};
use serde_json::{Value, json};

use crate::auth::Auth;
use crate::failure::Failure;
use crate::server::refuse;
use crate::state::{Place, State};
use crate::texts;

/// A ping goes out after so much silence.
const SILENCE: Duration = Duration::from_secs(5);

/// `GET /ws`.
pub(crate) async fn open(state: Arc<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    if state.api.operations.stopping() {
        return refuse(&request, &Failure::busy(texts::STOPPING));
    }
    let Some(place) = state.socket_place() else {
        return refuse(&request, &Failure::busy("Too many WebSockets at once"));
    };
    let authenticated = state.api.auth.allows(request.headers());
    match actix_ws::handle(&request, payload) {
        Ok((response, session, frames)) => {
            let socket = Socket { state, session, authenticated, _place: place };
            actix_web::rt::spawn(socket.serve(frames));
            response
        }
        Err(error) => {
            let status = actix_web::http::StatusCode::BAD_REQUEST;
            let hint = "connect with a WebSocket client";
            refuse(&request, &Failure::new(status, "no-websocket", error.to_string()).hint(hint))
        }
    }
}

struct Socket {
    state: Arc<State>,
    session: Session,
    authenticated: bool,
    _place: Place,
}

/// The events as a stream: unlike a bare `next()`, an item is not lost when something else comes first.
fn events(subscription: Box<dyn Subscription>) -> impl Stream<Item = (String, Value)> {
    stream::unfold(subscription, |mut subscription| async move {
        subscription.next().await.map(|event| (event, subscription))
    })
}

impl Socket {
    async fn serve(mut self, frames: MessageStream) {
        let agent = self.state.api.agent.clone();
        let events = events(agent.watch().subscribe(agent.default_tenant())).fuse();
        let frames = frames.fuse();
        pin_mut!(events, frames);
        let mut message = self.greeting();
        // One turn per message that goes out; the silence is counted from there.
        while !self.state.api.operations.stopping() && self.send(&message).await {
            let silence = agent.watch().sleep(SILENCE).fuse();
            pin_mut!(silence);
            message = loop {
                select! {
                    frame = frames.next() => {
                        let Some(Ok(frame)) = frame else { return self.close().await };
                        if !self.hear(frame).await {
                            return self.close().await;
                        }
                    }
                    event = events.next() => match event {
                        Some((topic, payload)) if self.authenticated => {
                            break json!({ "topic": topic, "payload": payload });
                        }
                        Some(_) => {}
                        None => return self.close().await,
                    },
                    () = silence => break json!({ "topic": "ping", "authenticated": self.authenticated }),
                }
            };
        }
    }

    async fn close(self) {
        let _ = self.session.close(None::<CloseReason>).await;
    }

    fn greeting(&self) -> Value {
        let agent = &self.state.api.agent;
        let settings = agent.settings(agent.default_tenant());
        json!({ "topic": "settings", "payload": {
            "authenticated": self.authenticated,
            "label": settings.label,
            "endpoint": settings.endpoints.first(),
            "no_receive_invites": settings.no_receive_invites,
            "help_link": settings.help_link,
        }})
    }

    async fn hear(&mut self, frame: Message) -> bool {
        match frame {
            Message::Ping(bytes) => self.session.pong(&bytes).await.is_ok(),
            Message::Close(_) => false,
            Message::Text(text) => {
                self.authenticate(text.as_bytes());
                true
            }
            Message::Binary(bytes) => {
                self.authenticate(&bytes);
                true
            }
            _ => true,
        }
    }

    /// A frame may bring the key later on. Everything else is ignored.
    fn authenticate(&mut self, frame: &[u8]) {
        let Ok(frame) = serde_json::from_slice::<Value>(frame) else {
            tracing::debug!("a WebSocket frame that is not JSON");
            return;
        };
        let given = frame.get("x-api-key").and_then(Value::as_str);
        if let (Auth::Key(key), Some(given)) = (&self.state.api.auth, given) {
            self.authenticated = key.is(given.as_bytes());
        }
    }

    async fn send(&mut self, message: &Value) -> bool {
        self.session.text(message.to_string()).await.is_ok()
    }
}
