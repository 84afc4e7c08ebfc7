//! WebSocket: each message is one frame, or several fragments of it (`spec/didcomm-v1.md` section 8). Not committed: close 1013 (DECISIONS 11).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{CloseCode, CloseReason, Closed, Session};
use chancery_agent::edge::Client;
use chancery_agent::ports::trace::TARGET;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::frames::{self, Broken, Frames, Sent};
use super::http::busy;
use super::reply::Reply;
use super::{Busy, Endpoint};

pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/", web::get().to(open)).default_service(web::to(|| async {
        HttpResponse::build(StatusCode::NOT_FOUND)
            .content_type("text/plain; charset=utf-8")
            .body("404: Not Found")
    }));
}

async fn open(
    endpoint: web::Data<Endpoint>,
    request: HttpRequest,
    body: web::Payload,
) -> actix_web::Result<HttpResponse> {
    let address = endpoint.gate.address(&request);
    let place = match endpoint.open().and_then(|()| endpoint.gate.place(address.as_ref())) {
        Ok(place) => place,
        Err(reason) => {
            endpoint.turned_away(reason);
            return Ok(busy(reason));
        }
    };
    // Seen again by the socket itself, which needs a turn as long as it lives.
    if let Err(reason) = endpoint.gate.socket() {
        endpoint.turned_away(reason);
        return Ok(busy(reason));
    }
    // One message a socket is what peers do that trace: it belongs to the first.
    let traced =
        request.headers().get("traceparent").and_then(|value| value.to_str().ok().map(str::to_owned));
    let (response, session, opened) = frames::accept(&request, body).await?;
    actix_web::rt::spawn(async move {
        let _place = place;
        endpoint.figures.sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let reason = match endpoint.gate.socket() {
            Ok(_turn) => {
                let sender = Sender { address, traced };
                run(&endpoint, sender, session.clone(), opened.read(&endpoint.gate)).await
            }
            Err(reason) => Some(again(reason)),
        };
        endpoint.figures.sessions.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        // The other side may already be gone, or not read what it is sent.
        let _ = tokio::time::timeout(endpoint.ws_timeout, session.close(reason)).await;
    });
    Ok(response)
}

/// Whom a socket comes from.
struct Sender {
    address: Option<Client>,
    /// `traceparent` of the request that opened it, until its first message.
    traced: Option<String>,
}

async fn run(
    endpoint: &Endpoint,
    mut sender: Sender,
    mut session: Session,
    mut frames: Frames<'_>,
) -> Option<CloseReason> {
    let mut beat = tokio::time::interval(endpoint.heartbeat);
    loop {
        let sent = tokio::select! {
            sent = frames.next() => sent?,
            _ = beat.tick() => {
                if frames.silence() > endpoint.ws_timeout || !taken(endpoint, session.ping(b"")).await {
                    return None;
                }
                continue;
            }
        };
        match sent {
            Ok(Sent::Message(body)) => {
                if let Err(reason) = take(endpoint, &mut sender, &mut session, &body).await {
                    return Some(reason);
                }
            }
            Ok(Sent::Ping(bytes)) => {
                if !taken(endpoint, session.pong(&bytes)).await {
                    return None;
                }
            }
            Ok(Sent::Close(reason)) => return reason,
            Err(broken) => return Some(cut_off(endpoint, broken)),
        }
        frames.handled();
    }
}

/// Whether the other side takes what it is sent, in time.
async fn taken(endpoint: &Endpoint, sent: impl Future<Output = Result<(), Closed>>) -> bool {
    matches!(tokio::time::timeout(endpoint.ws_timeout, sent).await, Ok(Ok(())))
}

/// Counts why nothing more is read, and what the other side is told.
fn cut_off(endpoint: &Endpoint, broken: Broken) -> CloseReason {
    let (reason, code, text) = match broken {
        Broken::Busy(reason) => {
            endpoint.turned_away(reason);
            return again(reason);
        }
        Broken::Off(error) => ("broken-off", CloseCode::Protocol, error.to_string()),
        Broken::TooLarge(most) => {
            ("too-large", CloseCode::Size, format!("the message is larger than {most} bytes"))
        }
        Broken::Slow(most) => (
            "slow-body",
            CloseCode::Policy,
            format!("the message was not complete within {} s", most.as_secs()),
        ),
    };
    endpoint.no_message(reason);
    CloseReason { code, description: Some(text) }
}

async fn take(
    endpoint: &Endpoint,
    sender: &mut Sender,
    session: &mut Session,
    body: &[u8],
) -> Result<(), CloseReason> {
    let turn = endpoint.open().and_then(|()| {
        endpoint.gate.count(sender.address.as_ref())?;
        endpoint.gate.handle()
    });
    let _turn = turn.map_err(|reason| {
        endpoint.turned_away(reason);
        again(reason)
    })?;
    let span = tracing::trace_span!(
        target: TARGET, "didcomm", otel.kind = "server", otel.name = "WebSocket /", trace_id = Empty
    );
    endpoint.agent.trace().adopt(&span, sender.traced.take().as_deref());
    match endpoint.step(body).instrument(span).await {
        Ok(receipt) => {
            if let Some(mut reply) = Reply::pack(&endpoint.agent, receipt.replies).await
                && taken(endpoint, session.binary(reply.bytes())).await
            {
                reply.delivered();
            }
            Ok(())
        }
        Err(error) => Err(match endpoint.refused(&error) {
            Ok(reason) => again(reason),
            Err(text) => CloseReason { code: CloseCode::Unsupported, description: Some(text) },
        }),
    }
}

/// The sender should come again later (DECISIONS 11).
fn again(busy: Busy) -> CloseReason {
    let (Busy::Us(reason, _) | Busy::You(reason, _)) = busy;
    CloseReason { code: CloseCode::Again, description: Some(reason.to_owned()) }
}
