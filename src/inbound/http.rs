//! `POST /` (`spec/didcomm-v1.md` section 4).

use std::collections::HashMap;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, guard, web};
use chancery_agent::engine::ReceiveError;
use futures_util::StreamExt;

use super::reply::Reply;
use super::{Busy, Endpoint};

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/")
                .route(web::route().guard(guard::Post()).to(post))
                .route(web::route().guard(guard::Get()).to(get))
                .route(web::route().guard(guard::Head()).to(HttpResponse::Ok))
                .default_service(web::to(|| async {
                    let mut answer = status_text(StatusCode::METHOD_NOT_ALLOWED);
                    answer
                        .headers_mut()
                        .insert(header::ALLOW, header::HeaderValue::from_static("GET,HEAD,POST"));
                    answer
                })),
        )
        .default_service(web::to(|| async { status_text(StatusCode::NOT_FOUND) }));
}

fn status_text(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!(
        "{}: {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    ))
}

async fn get(query: web::Query<HashMap<String, String>>) -> HttpResponse {
    if query.contains_key("c_i") {
        return HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(
            "You have received a connection invitation. To accept the invitation, paste it into your agent application.",
        );
    }
    HttpResponse::Ok().finish()
}

fn later(reason: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, "1"))
        .content_type("text/plain; charset=utf-8")
        .body(format!("503: {reason}"))
}

async fn post(endpoint: web::Data<Endpoint>, payload: web::Payload) -> HttpResponse {
    let _turn = match endpoint.turn() {
        Ok(turn) => turn,
        Err(Busy(reason)) => {
            endpoint.figures.turned_away.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return later(reason);
        }
    };
    let body = match read(payload, endpoint.max_message_bytes).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    match endpoint.agent.receive(&body, true).await {
        Ok(receipt) => {
            endpoint.record(&receipt);
            match Reply::pack(&endpoint.agent, receipt.replies).await {
                Some(reply) => HttpResponse::Ok().content_type(crate::outbound::ENVELOPE_TYPE).body(reply),
                None => HttpResponse::Ok().finish(),
            }
        }
        Err(ReceiveError::Body(error)) => {
            endpoint.figures.not_understood.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            HttpResponse::BadRequest().content_type("text/plain; charset=utf-8").body(format!("400: {error}"))
        }
        Err(ReceiveError::Unavailable(reason)) => {
            endpoint.figures.turned_away.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tracing::warn!(reason, "a message was not taken");
            later("the agent can't store messages at present")
        }
    }
}

async fn read(mut payload: web::Payload, most: usize) -> Result<Vec<u8>, HttpResponse> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| status_text(StatusCode::BAD_REQUEST))?;
        if body.len() + chunk.len() > most {
            return Err(HttpResponse::PayloadTooLarge()
                .content_type("text/plain; charset=utf-8")
                .body(format!("Maximum request body size {most} exceeded.")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
