//! WebSocket: each frame is one message (`spec/didcomm-v1.md` section 8). Not committed: close 1013 (DECISIONS 11).

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, Session};
use chancery_agent::engine::ReceiveError;
use futures_util::StreamExt;

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
    let (response, session, stream) = actix_ws::handle(&request, body)?;
    let stream = stream.max_frame_size(endpoint.max_message_bytes).aggregate_continuations();
    let stream = stream.max_continuation_size(endpoint.max_message_bytes);
    actix_web::rt::spawn(async move {
        endpoint.figures.sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let reason = run(&endpoint, session.clone(), stream).await;
        endpoint.figures.sessions.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        // The other side may already be gone.
        let _ = session.close(reason).await;
    });
    Ok(response)
}

async fn run(
    endpoint: &Endpoint,
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
            Ok(AggregatedMessage::Text(text)) => take(endpoint, &mut session, text.as_bytes()).await,
            Ok(AggregatedMessage::Binary(bytes)) => take(endpoint, &mut session, &bytes).await,
            Ok(AggregatedMessage::Ping(bytes)) => {
                let _ = session.pong(&bytes).await;
                Ok(())
            }
            Ok(AggregatedMessage::Pong(_)) => Ok(()),
            Ok(AggregatedMessage::Close(reason)) => return reason,
            Err(error) => {
                Err(CloseReason { code: CloseCode::Protocol, description: Some(error.to_string()) })
            }
        };
        if let Err(reason) = outcome {
            return Some(reason);
        }
    }
}

async fn take(endpoint: &Endpoint, session: &mut Session, body: &[u8]) -> Result<(), CloseReason> {
    let again = |text: &str| CloseReason { code: CloseCode::Again, description: Some(text.to_owned()) };
    let _turn = endpoint.turn().map_err(|Busy(reason)| again(reason))?;
    match endpoint.agent.receive(body, true).await {
        Ok(receipt) => {
            endpoint.record(&receipt);
            if let Some(mut reply) = Reply::pack(&endpoint.agent, receipt.replies).await
                && session.binary(reply.bytes()).await.is_ok()
            {
                reply.delivered();
            }
            Ok(())
        }
        Err(ReceiveError::Body(error)) => {
            Err(CloseReason { code: CloseCode::Unsupported, description: Some(error.to_string()) })
        }
        Err(ReceiveError::Unavailable(reason)) => {
            tracing::warn!(reason, "a message was not taken");
            Err(again("the agent can't store messages at present"))
        }
    }
}
