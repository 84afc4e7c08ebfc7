//! The admin WebSocket: live events.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseReason, Message, MessageStream, Session};
use chancery_agent::edge::{self, Client};
use chancery_agent::ports::watch::Subscription;
use futures_util::{FutureExt, Stream, StreamExt, pin_mut, select, stream};
use serde_json::{Value, json};

use crate::auth::Auth;
use crate::failure::Failure;
use crate::server::refuse;
use crate::state::{Place, State};
use crate::{rate, texts};

/// Who has no key in the request has so long to send it.
const TIME_FOR_A_KEY: Duration = Duration::from_secs(10);
/// A ping goes out after so much silence.
const SILENCE: Duration = Duration::from_secs(5);

/// `GET /ws`.
pub(crate) async fn open(state: Arc<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    if state.api.operations.stopping() {
        return refuse(&request, &Failure::busy(texts::STOPPING));
    }
    let authenticated = state.api.auth.allows(request.headers());
    let address = rate::address(&state, &request);
    if state.api.auth.guesses(request.headers()) {
        state.api.operations.rejected("wrong-key");
    }
    let place = match authenticated {
        true => state.socket_place().map(Seat::Known),
        false => state.stranger_place(address.as_ref()).map(Seat::Stranger),
    };
    let Some(seat) = place else {
        return refuse(&request, &Failure::busy("Too many WebSockets at once"));
    };
    match actix_ws::handle(&request, payload) {
        Ok((response, session, frames)) => {
            let socket = Socket { state, session, address, seat };
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

/// Where somebody sits; given back when dropped.
enum Seat {
    /// Has shown the key.
    Known(#[expect(dead_code, reason = "held")] Place),
    /// Has not, and has only so long to do so.
    Stranger(#[expect(dead_code, reason = "held")] (Place, edge::Place)),
}

struct Socket {
    state: Arc<State>,
    session: Session,
    address: Option<Client>,
    seat: Seat,
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
        let late = agent.watch().sleep(TIME_FOR_A_KEY).fuse();
        pin_mut!(late);
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
                        Some((topic, payload)) if self.authenticated() => {
                            break json!({ "topic": topic, "payload": payload });
                        }
                        Some(_) => {}
                        None => return self.close().await,
                    },
                    () = silence => break json!({ "topic": "ping", "authenticated": self.authenticated() }),
                    () = late => {
                        if !self.authenticated() {
                            return self.close().await;
                        }
                    }
                }
            };
        }
    }

    fn authenticated(&self) -> bool {
        matches!(self.seat, Seat::Known(_))
    }

    async fn close(self) {
        let _ = self.session.close(None::<CloseReason>).await;
    }

    fn greeting(&self) -> Value {
        let agent = &self.state.api.agent;
        let settings = agent.settings(agent.default_tenant());
        json!({ "topic": "settings", "payload": {
            "authenticated": self.authenticated(),
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
            Message::Text(text) => self.authenticate(text.as_bytes()).await,
            Message::Binary(bytes) => self.authenticate(&bytes).await,
            _ => true,
        }
    }

    /// A frame may bring the key later on. Everything else is ignored. Whether the socket may go on.
    async fn authenticate(&mut self, frame: &[u8]) -> bool {
        let Ok(frame) = serde_json::from_slice::<Value>(frame) else {
            tracing::debug!("a WebSocket frame that is not JSON");
            return true;
        };
        let given = frame.get("x-api-key").and_then(Value::as_str);
        let (Auth::Key(key), Some(given)) = (&self.state.api.auth, given) else { return true };
        let right = key.is(given.as_bytes());
        match (right, self.authenticated()) {
            (true, true) => true,
            (true, false) => match self.state.socket_place() {
                Some(place) => {
                    self.seat = Seat::Known(place);
                    true
                }
                None => false,
            },
            (false, authenticated) => {
                self.state.api.operations.rejected("wrong-key");
                let agent = &self.state.api.agent;
                let price = self.state.guesses.price(self.address.as_ref(), agent.clock());
                // Who had shown the right one takes it back.
                price.pay(agent.watch()).await && !authenticated
            }
        }
    }

    async fn send(&mut self, message: &Value) -> bool {
        self.session.text(message.to_string()).await.is_ok()
    }
}
