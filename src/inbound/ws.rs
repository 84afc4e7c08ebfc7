//! WebSocket: each frame is one message (`spec/didcomm-v1.md` section 8). Not committed: close 1013 (DECISIONS 11).

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Session};
use chancery_agent::edge::Client;
use futures_util::StreamExt;

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
    let (response, session, stream) = actix_ws::handle(&request, body)?;
    let most = endpoint.gate.limits.max_message_bytes;
    let stream = stream.max_frame_size(most).aggregate_continuations().max_continuation_size(most);
    actix_web::rt::spawn(async move {
        let _place = place;
        endpoint.figures.sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let reason = match endpoint.gate.socket() {
            Ok(_turn) => run(&endpoint, address, session.clone(), stream).await,
            Err(reason) => Some(again(reason)),
        };
        endpoint.figures.sessions.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        // The other side may already be gone.
        let _ = session.close(reason).await;
    });
    Ok(response)
}

async fn run(
    endpoint: &Endpoint,
    address: Option<Client>,
    mut session: Session,
    mut stream: actix_ws::AggregatedMessageStream,
) -> Option<CloseReason> {
    let mut beat = tokio::time::interval(endpoint.heartbeat);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            message = stream.next() => message?,
            _ = beat.tick() => {
                if heard.elapsed() > endpoint.ws_timeout || session.ping(b"").await.is_err() {
                    return None;
                }
                continue;
            }
        };
        heard = Instant::now();
        let outcome = match message {
            Ok(AggregatedMessage::Text(text)) => take(endpoint, address, &mut session, text.as_bytes()).await,
            Ok(AggregatedMessage::Binary(bytes)) => take(endpoint, address, &mut session, &bytes).await,
            Ok(AggregatedMessage::Ping(bytes)) => {
                let _ = session.pong(&bytes).await;
                Ok(())
            }
            Ok(AggregatedMessage::Pong(_)) => Ok(()),
            Ok(AggregatedMessage::Close(reason)) => return reason,
            Err(error) => {
                endpoint.no_message("broken-off");
                Err(CloseReason { code: CloseCode::Protocol, description: Some(error.to_string()) })
            }
        };
        if let Err(reason) = outcome {
            return Some(reason);
        }
    }
}

async fn take(
    endpoint: &Endpoint,
    address: Option<Client>,
    session: &mut Session,
    body: &[u8],
) -> Result<(), CloseReason> {
    let turn = endpoint.open().and_then(|()| {
        endpoint.gate.count(address.as_ref())?;
        endpoint.gate.handle()
    });
    let _turn = turn.map_err(|reason| {
        endpoint.turned_away(reason);
        again(reason)
    })?;
    match endpoint.step(body).await {
        Ok(receipt) => {
            if let Some(mut reply) = Reply::pack(&endpoint.agent, receipt.replies).await
                && session.binary(reply.bytes()).await.is_ok()
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
