//! `GET /chancery/events` as Server-Sent Events. The store is what is read; live events only tell when to read it: so
//! nothing is left out or shown twice, however slow the reader is.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use chancery_agent::delivery::{Events, describe_event};
use chancery_agent::ports::watch::Subscription;
use futures_util::{FutureExt, pin_mut, select, stream};

use crate::failure::Failure;
use crate::operation::Call;
use crate::state::Place;

/// After so much silence a comment goes out, and it is seen whether the agent stops.
const SILENCE: Duration = Duration::from_secs(5);
/// Events read at once.
const PAGE: usize = 100;

struct Reader {
    call: Call,
    topic: Option<String>,
    /// Everything up to here was read.
    after: i64,
    ready: VecDeque<Bytes>,
    bell: Box<dyn Subscription>,
    _place: Place,
}

/// Answers with a stream.
pub(super) fn open(mut call: Call, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let place = call.state.socket_place().ok_or_else(|| Failure::busy("Too many streams at once"))?;
    let which: Events = call.command()?;
    let last = request.headers().get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    // Before the first look at the store: what is committed in between rings.
    let bell = call.agent().watch().subscribe(&call.tenant);
    let reader = Reader {
        topic: which.topic,
        after: last.or(which.after).unwrap_or(0),
        ready: VecDeque::new(),
        bell,
        _place: place,
        call,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let next = reader.next().await?;
        Some((Ok::<_, Infallible>(next), reader))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // Proxies would hold events back until there are many.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events))
}

impl Reader {
    /// The next event or comment; `None` when the agent stops or the store fails: the reader comes back with the last id.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.call.state.api.operations.stopping() {
                return None;
            }
            self.read().await?;
            if self.ready.is_empty() && !self.wait().await? {
                return Some(Bytes::from_static(b": nothing new\n\n"));
            }
        }
    }

    async fn read(&mut self) -> Option<()> {
        let store = self.call.agent().store();
        let tenant = Some(&self.call.tenant);
        let found = store.events(tenant, self.after, self.topic.as_deref(), false, PAGE).await;
        let found = found.inspect_err(|error| tracing::warn!(%error, "a stream of events ends")).ok()?;
        for event in found {
            self.after = event.number;
            // JSON on one line has no line feed that could end the event early.
            let data = describe_event(&event);
            self.ready.push_back(Bytes::from(format!(
                "id: {}\nevent: {}\ndata: {data}\n\n",
                event.number, event.topic
            )));
        }
        Some(())
    }

    /// Whether something was committed; `false` after a while of silence, `None` when the agent stops.
    async fn wait(&mut self) -> Option<bool> {
        let agent = self.call.state.api.agent.clone();
        let silence = agent.watch().sleep(SILENCE).fuse();
        let rung = self.bell.next().fuse();
        pin_mut!(silence, rung);
        select! {
            rung = rung => rung.map(|_| true),
            () = silence => Some(false),
        }
    }
}
